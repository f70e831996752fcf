/* Counts records, in plain C: the least that a handler can be. */
#include <moult/moult.h>
#include <stdio.h>
#include <stdlib.h>

struct moult_instance {
  const moult_host* host;
  moult_host_handle* handle;
  uint64_t records;
  uint64_t bytes;
};

static moult_instance* create(const moult_host* host, moult_host_handle* handle,
                              const char* settings, uint32_t settings_size, const moult_lane* lane,
                              moult_error* error) {
  moult_instance* self = calloc(1, sizeof *self);
  (void)settings;
  (void)settings_size;
  (void)lane;
  if (self == NULL) {
    snprintf(error->text, error->capacity, "out of memory");
    return NULL;
  }
  self->host = host;
  self->handle = handle;
  return self;
}

static int32_t consume(moult_instance* self, const moult_batch* batch) {
  uint32_t i;
  for (i = 0; i < batch->record_count; i++) self->bytes += moult_record_at(batch, i)->value_size;
  self->records += batch->record_count;
  moult_all_ok(batch);
  return MOULT_SUCCESS;
}

static void destroy(moult_instance* self) {
  char records[32];
  char bytes[32];
  moult_log_field fields[2] = {{sizeof(moult_log_field), 0, "records", records},
                               {sizeof(moult_log_field), 0, "bytes", bytes}};
  snprintf(records, sizeof records, "%llu", (unsigned long long)self->records);
  snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)self->bytes);
  self->host->log(self->handle, MOULT_LOG_INFO, "counted", fields, 2, sizeof fields[0]);
  free(self);
}

static const moult_plugin table = {
    .struct_size = sizeof(moult_plugin), .create = create, .consume = consume, .destroy = destroy};

MOULT_PLUGIN(&table, "count", "1.0.0", 0, 0);
