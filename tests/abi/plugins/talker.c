/* Logs every call with its arguments, asks the host everything, and fails on demand: settings
 * "fail" make create fail. */
#include <moult/moult.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct moult_instance {
  const moult_host* host;
  moult_host_handle* handle;
};

static void say(const moult_host* host, moult_host_handle* handle, const char* what,
                const char* value) {
  moult_log_field field = {sizeof(moult_log_field), 0, "value", value};
  host->log(handle, MOULT_LOG_WARNING, what, &field, 1, sizeof field);
}

static moult_instance* create(const moult_host* host, moult_host_handle* handle,
                              const char* settings, uint32_t settings_size, const moult_lane* lane,
                              moult_error* error) {
  moult_instance* self;
  char where[128];
  if (strstr(settings, "fail") != NULL) {
    snprintf(error->text, error->capacity, "the database said no");
    return NULL;
  }
  if (strstr(settings, "mute") != NULL) return NULL;
  if (strstr(settings, "flood") != NULL) {
    memset(error->text, 'x', error->capacity); /* no NUL: a host must not run past it */
    return NULL;
  }
  snprintf(where, sizeof where, "%s/%d@%llu settings %s size %u", lane->topic, lane->partition,
           (unsigned long long)lane->epoch, settings, settings_size);
  say(host, handle, "create", where);
  self = malloc(sizeof *self);
  self->host = host;
  self->handle = handle;
  return self;
}

static void assigned(moult_instance* self, const moult_lane* lane) {
  say(self->host, self->handle, "assigned", lane->topic);
}

static int32_t consume(moult_instance* self, const moult_batch* batch) {
  char text[128];
  (void)batch;
  snprintf(text, sizeof text, "cancelled %d extension %d now %d",
           self->host->cancelled(self->handle),
           self->host->extension(self->handle, "draft.none") != NULL,
           self->host->now_ms(self->handle) > INT64_C(1600000000000));
  say(self->host, self->handle, "consume", text);
  return MOULT_FAILURE;
}

static void revoked(moult_instance* self, uint32_t reason, int64_t deadline_ms) {
  char text[64];
  snprintf(text, sizeof text, "reason %u deadline %d", reason, (int)deadline_ms);
  say(self->host, self->handle, "revoked", text);
}

static void destroy(moult_instance* self) {
  /* More than a line may hold. */
  static char big[8192];
  moult_log_field fields[20];
  int i;
  memset(big, 'b', sizeof big - 1);
  for (i = 0; i < 20; i++) {
    fields[i].struct_size = sizeof fields[i];
    fields[i].reserved = 0;
    fields[i].key = big;
    fields[i].value = big;
  }
  self->host->log(self->handle, MOULT_LOG_ERROR, big, fields, 20, sizeof fields[0]);
  self->host->log(self->handle, MOULT_LOG_DEBUG, "no fields", NULL, 0, 0);
  free(self);
}

static const moult_plugin table = {.struct_size = sizeof(moult_plugin),
                                   .create = create,
                                   .assigned = assigned,
                                   .consume = consume,
                                   .revoked = revoked,
                                   .destroy = destroy};

MOULT_PLUGIN(&table, "talker", "1.0.0", MOULT_CAP_HEADERS, MOULT_CAP_PADDED);
