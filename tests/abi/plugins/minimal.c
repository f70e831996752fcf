/* The least good plugin: also the file that the tests patch to make bad ones. */
#include <moult/moult.h>
#include <stdlib.h>

struct moult_instance {
  uint64_t records;
};

static moult_instance* create(const moult_host* host, moult_host_handle* handle,
                              const char* settings, uint32_t settings_size, const moult_lane* lane,
                              moult_error* error) {
  (void)host;
  (void)handle;
  (void)settings;
  (void)settings_size;
  (void)lane;
  (void)error;
  return calloc(1, sizeof(moult_instance));
}

static int32_t consume(moult_instance* self, const moult_batch* batch) {
  self->records += batch->record_count;
  moult_all_ok(batch);
  return MOULT_SUCCESS;
}

static void destroy(moult_instance* self) { free(self); }

static const moult_plugin table = {
    .struct_size = sizeof(moult_plugin), .create = create, .consume = consume, .destroy = destroy};

MOULT_PLUGIN(&table, "minimal", "1.2.3", 0, 0);
