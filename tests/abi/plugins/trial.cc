// Plugins that nothing is wrong with until they run: one for each TRIAL_… macro.
#include <dlfcn.h>
#include <fcntl.h>
#include <moult/moult.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cstddef>
#include <string>

namespace {

[[maybe_unused]] void hang() {
  for (;;) ::pause();
}
[[maybe_unused]] void crash() { ::abort(); }
[[maybe_unused]] void leave() { ::exit(0); }

#if defined(TRIAL_CRASH)
#define MISBEHAVE crash()
#elif defined(TRIAL_HANG)
#define MISBEHAVE hang()
#elif defined(TRIAL_EXIT)
#define MISBEHAVE leave()
#else
#define MISBEHAVE
#endif

[[maybe_unused]] void* sleep_for_ever(void*) {
  hang();
  return nullptr;
}

/// In code of the plugin, which an unload takes away.
[[maybe_unused]] void* spin_for_ever(void*) {
  volatile bool goes_on = true;
  while (goes_on) {
  }
  return nullptr;
}

[[maybe_unused]] void start(void* (*body)(void*)) {
  pthread_t thread;
  ::pthread_create(&thread, nullptr, body, nullptr);
  ::pthread_detach(thread);
}

[[maybe_unused]] void on_signal(int) {}

#if defined(TRIAL_THREAD_LOCAL_AT_LOAD) || defined(TRIAL_THREAD_LOCAL_AT_UNLOAD)
thread_local std::string of_thread = "with a destructor";
#endif

#if defined(TRIAL_PINNED)
/// A handle on itself, which nobody closes.
void pin() {
  Dl_info self;
  ::dladdr(reinterpret_cast<void*>(&pin), &self);
  [[maybe_unused]] void* const handle = ::dlopen(self.dli_fname, RTLD_NOW);
}
#endif

__attribute__((constructor)) void at_load() {
#if defined(IN_CONSTRUCTOR)
  MISBEHAVE;
#endif
#if defined(TRIAL_SEGV)
  ::raise(SIGSEGV);
#endif
#if defined(TRIAL_QUIET_EXIT)
  ::_exit(0);
#endif
#if defined(TRIAL_PINNED)
  pin();
#endif
#if defined(TRIAL_THREAD_LOCAL_AT_LOAD)
  of_thread += "!";
#endif
#if defined(TRIAL_FORK)
  if (::fork() == 0) hang();
#endif
#if defined(TRIAL_SPEAKS_OVER_STDOUT)
  [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, "done\nrefused no\n", 16);
#endif
}

__attribute__((destructor)) void at_unload() {
#if defined(IN_UNLOAD)
  MISBEHAVE;
#endif
#if defined(TRIAL_THREAD_LOCAL_AT_UNLOAD)
  of_thread += "!";
#endif
}

}  // namespace

struct moult_instance {
  int unused;
};

namespace {

moult_instance* create(const moult_host*, moult_host_handle*, const char* settings, uint32_t,
                       const moult_lane*, moult_error* error) {
#if defined(IN_CREATE)
  MISBEHAVE;
#endif
#if defined(TRIAL_NOT_CREATED)
  ::strncpy(error->text, settings, error->capacity - 1);
  return nullptr;
#endif
#if defined(TRIAL_THREAD)
  start(sleep_for_ever);
#endif
#if defined(TRIAL_BUSY_THREAD)
  start(spin_for_ever);
#endif
#if defined(TRIAL_DESCRIPTOR)
  [[maybe_unused]] const int fd = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
#endif
#if defined(TRIAL_SIGNAL_HANDLER)
  ::signal(SIGUSR2, on_signal);
#endif
  (void)settings;
  (void)error;
  static moult_instance one;
  return &one;
}

void assigned(moult_instance*, const moult_lane*) {
#if defined(IN_ASSIGNED)
  MISBEHAVE;
#endif
}

int32_t consume(moult_instance*, const moult_batch* batch) {
#if defined(IN_SAMPLE)
  MISBEHAVE;
#endif
  moult_all_ok(batch);
#if defined(TRIAL_SAMPLE_FAILS)
  moult_outcome* last = moult_outcome_at(batch, batch->record_count - 1);
  last->code = MOULT_RETRY;
  last->error =
      reinterpret_cast<const char*>(moult_record_at(batch, batch->record_count - 1)->value);
  last->error_size = moult_record_at(batch, batch->record_count - 1)->value_size;
#endif
  return MOULT_SUCCESS;
}

void revoked(moult_instance*, uint32_t, int64_t) {
#if defined(IN_REVOKED)
  MISBEHAVE;
#endif
}

void destroy(moult_instance*) {
#if defined(IN_DESTROY)
  MISBEHAVE;
#endif
}

[[maybe_unused]] int32_t say(moult_error* error, const char* why) {
  ::strncpy(error->text, why, error->capacity - 1);
  return MOULT_FAILURE;
}

int32_t self_test(moult_instance*, moult_error* error) {
#if defined(IN_SELF_TEST)
  MISBEHAVE;
#endif
#if defined(TRIAL_SELF_TEST_FAILS) || defined(TRIAL_OLD_TABLE)
  return say(error, "the table orders is missing");
#endif
  (void)error;
  return MOULT_SUCCESS;
}

int32_t state_export(moult_instance*, const moult_state_writer* writer, moult_error* error) {
#if defined(IN_STATE_EXPORT)
  MISBEHAVE;
#endif
#if defined(TRIAL_EXPORT_FAILS)
  return say(error, "there is too much to say");
#endif
  (void)error;
  return writer->begin(writer->sink, "trial", 1);
}

int32_t state_import(moult_instance*, const moult_state*, moult_error* error) {
#if defined(IN_STATE_IMPORT)
  MISBEHAVE;
#endif
#if defined(TRIAL_IMPORT_FAILS)
  return say(error, "what is that?");
#endif
  (void)error;
  return MOULT_SUCCESS;
}

#if defined(TRIAL_OLD_TABLE)
constexpr std::uint32_t kTableSize = offsetof(moult_plugin, self_test);
#else
constexpr std::uint32_t kTableSize = sizeof(moult_plugin);
#endif
const moult_plugin table = {kTableSize, 0,       create,    assigned,     consume,
                            revoked,    destroy, self_test, state_export, state_import};

}  // namespace

#if defined(IN_ENTRY)
MOULT_NOTE_SECTION static const moult_note note = {
    MOULT_NOTE_OWNER_SIZE,
    sizeof(moult_descriptor),
    MOULT_NOTE_TYPE,
    MOULT_NOTE_OWNER,
    {sizeof(moult_descriptor), MOULT_ABI_MAJOR, MOULT_ABI_MINOR, 0, 0, 0, "trial", "1"}};
MOULT_DECLARE_ENTRY;
MOULT_DECLARE_ENTRY {
  (void)host;
  (void)handle;
  MISBEHAVE;
  *descriptor = &note.descriptor;
  return &table;
}
#elif defined(TRIAL_OLD_TABLE)
MOULT_PLUGIN(&table, "trial", "1", 0, 0);
#else
MOULT_PLUGIN(&table, "trial", "1", MOULT_CAP_STATE, 0);
#endif
