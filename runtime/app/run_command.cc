#include "runtime/app/commands.h"
#include "runtime/app/daemon.h"
#include "runtime/app/exit_code.h"
#include "runtime/app/load_command_config.h"

namespace moult {

int run_command(const std::filesystem::path& file) {
  SignalQueue::block();
  const auto config = load_command_config(file);
  if (!config) return kExitConfig;
  const auto log = make_log(config->log);
  if (!log) return kExitFailed;
  DaemonHooks hooks;
  hooks.reread = [&] { return reload_command_config(file); };
  return run_daemon(*config, *log, hooks).exit_code;
}

}  // namespace moult
