/* A handler that takes a millisecond for each record, and fails the record POISON of partition 0
 * for ever where $MOULT_BENCH_POISON is set. The window is of the other partitions alone. */
#include <errno.h>
#include <moult/moult.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/window.h"

#define POISON 100

struct moult_instance {
  int poisoned;
};

static moult_instance* create(const moult_host* host, moult_host_handle* handle,
                              const char* settings, uint32_t settings_size, const moult_lane* lane,
                              moult_error* error) {
  moult_instance* instance = calloc(1, sizeof(moult_instance));
  (void)host, (void)handle, (void)settings, (void)settings_size, (void)error;
  if (instance) instance->poisoned = lane->partition == 0 && getenv("MOULT_BENCH_POISON") != NULL;
  return instance;
}

static int32_t consume(moult_instance* instance, const moult_batch* batch) {
  uint32_t i;
  if (batch->partition != 0) bench_window_open();
  moult_all_ok(batch);
  for (i = 0; i < batch->record_count; i++) {
    struct timespec left = {0, 1000000};
    if (instance->poisoned && moult_record_at(batch, i)->offset == POISON) {
      moult_outcome_at(batch, i)->code = MOULT_RETRY;
    }
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
  }
  if (batch->partition != 0) bench_window_add(batch->record_count);
  return MOULT_SUCCESS;
}

static void destroy(moult_instance* instance) { free(instance); }

static const moult_plugin table = {
    .struct_size = sizeof(moult_plugin), .create = create, .consume = consume, .destroy = destroy};

MOULT_PLUGIN(&table, "bench_poison", "1.0.0", 0, 0);
