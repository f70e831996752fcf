/* A handler that writes down when it handled what. It is built twice, with another
 * BENCH_RELOAD_BUILD each, so that a reload from one to the other changes code.
 *
 * A batch takes $MOULT_BENCH_WORK_US, as a call to a database does; the files go to
 * $MOULT_BENCH_FOLDER. In C, and not with the settings, for the least work beside. */
#include <moult/moult.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/batch_file.h"
#include "tests/bench/samples.h"

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

/* Some hundred batches at once. */
enum { BUFFER_SIZE = 1 << 16 };

struct moult_instance {
  FILE* file;
  int64_t work_ns;
  int64_t epoch_ns; /* the clock's time at the Unix epoch: before zero */
  char buffer[BUFFER_SIZE];
};

/* A file of its own: an instance in the trial process, and one that takes a lane again, too. */
static FILE* open_file(const moult_instance* self) {
  const char* folder = getenv("MOULT_BENCH_FOLDER");
  char path[4096];
  if (folder == NULL) return NULL;
  snprintf(path, sizeof path, "%s/%lld-%p.batches", folder, (long long)bench_now_ns(),
           (const void*)self);
  return fopen(path, "wx");
}

static int64_t clock_at_epoch_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return bench_now_ns() - ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
}

static moult_instance* create(const moult_host* host, moult_host_handle* handle,
                              const char* settings, uint32_t settings_size, const moult_lane* lane,
                              moult_error* error) {
  const struct bench_instance_head head = {lane->partition, BENCH_RELOAD_BUILD};
  const char* work_us = getenv("MOULT_BENCH_WORK_US");
  moult_instance* self = calloc(1, sizeof *self);
  (void)host;
  (void)handle;
  (void)settings;
  (void)settings_size;
  if (self != NULL) self->file = open_file(self);
  if (self == NULL || self->file == NULL) {
    free(self);
    snprintf(error->text, error->capacity, "no file in $MOULT_BENCH_FOLDER");
    return NULL;
  }
  setvbuf(self->file, self->buffer, _IOFBF, sizeof self->buffer);
  fwrite(&head, sizeof head, 1, self->file);
  self->epoch_ns = clock_at_epoch_ns();
  self->work_ns = work_us != NULL ? strtoll(work_us, NULL, 10) * 1000 : 0;
  return self;
}

/* Until a moment, so that what a wake-up takes too long is not added to each batch. */
static void work_until(int64_t when) {
  struct timespec at;
  at.tv_sec = when / 1000000000;
  at.tv_nsec = when % 1000000000;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0) {
  }
}

static void write_record(const moult_instance* self, const moult_record* record) {
  struct bench_record_seen seen = {record->offset, 0,
                                   record->timestamp_ms * 1000000 + self->epoch_ns};
  struct bench_stamp stamp;
  if (record->value_size >= sizeof stamp) {
    memcpy(&stamp, record->value, sizeof stamp);
    seen.sent_ns = stamp.sent_ns;
  }
  fwrite_unlocked(&seen, sizeof seen, 1, self->file);
}

static int32_t consume(moult_instance* self, const moult_batch* batch) {
  struct bench_batch_head head = {bench_now_ns(), 0, batch->record_count};
  uint32_t i;
  if (self->work_ns > 0) work_until(head.begin_ns + self->work_ns);
  moult_all_ok(batch);
  head.end_ns = bench_now_ns();
  fwrite_unlocked(&head, sizeof head, 1, self->file);
  for (i = 0; i < batch->record_count; i++) write_record(self, moult_record_at(batch, i));
  return MOULT_SUCCESS;
}

static void destroy(moult_instance* self) {
  fclose(self->file);
  free(self);
}

static const moult_plugin table = {
    .struct_size = sizeof(moult_plugin), .create = create, .consume = consume, .destroy = destroy};

MOULT_PLUGIN(&table, "bench_reload", STRING(BENCH_RELOAD_BUILD) ".0.0", 0, 0);
