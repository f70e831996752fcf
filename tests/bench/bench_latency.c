/* A handler that looks at its clock, for bench_pace's records. */
#include <moult/moult.h>

#include "tests/bench/samples.h"

static char nothing;

static moult_instance* create(const moult_host* host, moult_host_handle* handle,
                              const char* settings, uint32_t settings_size, const moult_lane* lane,
                              moult_error* error) {
  (void)host;
  (void)handle;
  (void)settings;
  (void)settings_size;
  (void)lane;
  (void)error;
  return (moult_instance*)(void*)&nothing;
}

static int32_t consume(moult_instance* self, const moult_batch* batch) {
  uint32_t i;
  (void)self;
  for (i = 0; i < batch->record_count; i++) {
    const moult_record* record = moult_record_at(batch, i);
    bench_sample(record->value, record->value_size);
  }
  moult_all_ok(batch);
  return MOULT_SUCCESS;
}

static void destroy(moult_instance* self) { (void)self; }

static const moult_plugin table = {
    .struct_size = sizeof(moult_plugin), .create = create, .consume = consume, .destroy = destroy};

MOULT_PLUGIN(&table, "bench_latency", "1.0.0", 0, 0);
