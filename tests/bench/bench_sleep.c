/* A handler that takes a millisecond for each record, as one that asks a database does. */
#include <errno.h>
#include <moult/moult.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/window.h"

struct moult_instance {
  int unused;
};

static moult_instance* create(const moult_host* host, moult_host_handle* handle,
                              const char* settings, uint32_t settings_size, const moult_lane* lane,
                              moult_error* error) {
  (void)host, (void)handle, (void)settings, (void)settings_size, (void)lane, (void)error;
  return calloc(1, sizeof(moult_instance));
}

static int32_t consume(moult_instance* instance, const moult_batch* batch) {
  uint32_t i;
  (void)instance;
  bench_window_open();
  for (i = 0; i < batch->record_count; i++) {
    struct timespec left = {0, 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
  }
  moult_all_ok(batch);
  bench_window_add(batch->record_count);
  return MOULT_SUCCESS;
}

static void destroy(moult_instance* instance) { free(instance); }

static const moult_plugin table = {
    .struct_size = sizeof(moult_plugin), .create = create, .consume = consume, .destroy = destroy};

MOULT_PLUGIN(&table, "bench_sleep", "1.0.0", 0, 0);
