/* One bad plugin for each BAD_… macro; what is not mentioned is right. */
#include <moult/moult.h>
#include <stdlib.h>

struct moult_instance {
  int unused;
};

#if defined(BAD_UNRESOLVED)
void nobody_defines_this(void);
#endif
#if defined(BAD_LIBRARY)
void gone(void);
#endif
#if defined(BAD_STATIC_TLS)
__thread int in_thread;
#endif
#if defined(BAD_EXPORTS)
int helper_of_the_plugin(void);
int helper_of_the_plugin(void) { return 7; }
#endif
#if defined(BAD_TWO_NOTES)
MOULT_NOTE_SECTION static const moult_note second_note = {
    MOULT_NOTE_OWNER_SIZE,
    sizeof(moult_descriptor),
    MOULT_NOTE_TYPE,
    MOULT_NOTE_OWNER,
    {sizeof(moult_descriptor), MOULT_ABI_MAJOR, MOULT_ABI_MINOR, 0, 0, 0, "bad", "1"}};
#endif
#if defined(BAD_TEXTREL)
__attribute__((used)) static int target;
__asm__(".text\n.quad target\n");
#endif

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
  (void)self;
#if defined(BAD_UNRESOLVED)
  nobody_defines_this();
#endif
#if defined(BAD_LIBRARY)
  gone();
#endif
#if defined(BAD_STATIC_TLS)
  in_thread++;
#endif
  moult_all_ok(batch);
  return MOULT_SUCCESS;
}

static void destroy(moult_instance* self) { free(self); }

#if defined(BAD_NO_IMPORT) || defined(BAD_OLD_WITH_STATE)
static int32_t state_export(moult_instance* self, const moult_state_writer* writer,
                            moult_error* error) {
  (void)self;
  (void)error;
  return writer->begin(writer->sink, "bad", 1);
}
#endif
#if defined(BAD_NO_EXPORT) || defined(BAD_OLD_WITH_STATE)
static int32_t state_import(moult_instance* self, const moult_state* state, moult_error* error) {
  (void)self;
  (void)state;
  (void)error;
  return MOULT_SUCCESS;
}
#endif

static const moult_plugin table = {
#if defined(BAD_TABLE_SIZE)
    .struct_size = 8,
#elif defined(BAD_OLD_WITH_STATE)
    .struct_size = offsetof(moult_plugin, self_test),
#else
    .struct_size = sizeof(moult_plugin),
#endif
    .create = create,
#if !defined(BAD_NO_CONSUME)
    .consume = consume,
#endif
#if defined(BAD_NO_IMPORT) || defined(BAD_OLD_WITH_STATE)
    .state_export = state_export,
#endif
#if defined(BAD_NO_EXPORT) || defined(BAD_OLD_WITH_STATE)
    .state_import = state_import,
#endif
    .destroy = destroy};

#if defined(BAD_NO_NOTE)
static const moult_descriptor descriptor_only = {
    sizeof(moult_descriptor), MOULT_ABI_MAJOR, MOULT_ABI_MINOR, 0, 0, 0, "bad", "1"};
MOULT_DECLARE_ENTRY;
MOULT_DECLARE_ENTRY {
  (void)host;
  (void)handle;
  *descriptor = &descriptor_only;
  return &table;
}
#elif defined(BAD_ENTRY_NULL) || defined(BAD_DESCRIPTOR) || defined(BAD_NO_DESCRIPTOR)
MOULT_NOTE_SECTION static const moult_note note = {
    MOULT_NOTE_OWNER_SIZE,
    sizeof(moult_descriptor),
    MOULT_NOTE_TYPE,
    MOULT_NOTE_OWNER,
    {sizeof(moult_descriptor), MOULT_ABI_MAJOR, MOULT_ABI_MINOR, 0, 0, 0, "bad", "1"}};
static const moult_descriptor other = {
    sizeof(moult_descriptor), MOULT_ABI_MAJOR, MOULT_ABI_MINOR, 0, 0, 0, "bad", "2"};
MOULT_DECLARE_ENTRY;
MOULT_DECLARE_ENTRY {
  (void)host;
  (void)handle;
#if defined(BAD_DESCRIPTOR)
  *descriptor = &other;
#elif defined(BAD_ENTRY_NULL)
  *descriptor = &note.descriptor;
#endif
  (void)other;
  (void)note;
#if defined(BAD_ENTRY_NULL)
  return NULL;
#else
  return &table;
#endif
}
#elif defined(BAD_NO_ENTRY)
MOULT_NOTE_SECTION static const moult_note note = {
    MOULT_NOTE_OWNER_SIZE,
    sizeof(moult_descriptor),
    MOULT_NOTE_TYPE,
    MOULT_NOTE_OWNER,
    {sizeof(moult_descriptor), MOULT_ABI_MAJOR, MOULT_ABI_MINOR, 0, 0, 0, "bad", "1"}};
/* The entry of another major: a plugin that a later SDK made. */
MOULT_EXPORT const moult_plugin* moult_entry_2(void);
MOULT_EXPORT const moult_plugin* moult_entry_2(void) { return note.type ? &table : NULL; }
#elif defined(BAD_NO_IMPORT) || defined(BAD_NO_EXPORT) || defined(BAD_OLD_WITH_STATE)
MOULT_PLUGIN(&table, "bad", "1", MOULT_CAP_STATE, 0);
#else
MOULT_PLUGIN(&table, "bad", "1", 0, 0);
#endif
