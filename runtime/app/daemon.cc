#include "runtime/app/daemon.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "runtime/admin/admin_server.h"
#include "runtime/app/admin_requests.h"
#include "runtime/app/control.h"
#include "runtime/app/exit_code.h"
#include "runtime/app/handler_plans.h"
#include "runtime/app/live_config.h"
#include "runtime/app/load_command_config.h"
#include "runtime/app/reload_text.h"
#include "runtime/app/service_report.h"
#include "runtime/app/staging.h"
#include "runtime/app/summary.h"
#include "runtime/base/alt_stack.h"
#include "runtime/config/admin_socket_place.h"
#include "runtime/kafka/version.h"
#include "runtime/observe/crash_report.h"
#include "runtime/observe/service_notifier.h"
#include "runtime/plugin/rules.h"
#include "runtime/plugin/stage.h"

namespace moult {
namespace {

constexpr Milliseconds kLastFlush{500};
constexpr Milliseconds kLastReload{500};

Result<Control::Memberships> make_memberships(const Config& config,
                                              const std::filesystem::path& staging, Logger log) {
  Control::Memberships memberships;
  for (const ConsumerConfig& consumer : config.consumers) {
    auto made = Membership::make(config, consumer, staging, log);
    if (!made) return Unexpected(made.error());
    memberships.push_back(std::move(*made));
  }
  return memberships;
}

/// Of a start that failed. What a person has to mend is not tried again; a full disk may be cleared
/// a moment later, and a file be whole.
int exit_code_of(const Error& error) {
  const std::string_view rule = refusing_rule(error.message);
  constexpr std::array kPassing = {rules::kChanged.id, rules::kStagingSpace.id,
                                   rules::kStagingIo.id, rules::kTooManyFiles.id};
  const bool passes = std::ranges::find(kPassing, rule) != kPassing.end();
  return rule.empty() || passes ? kExitFailed : kExitConfig;
}

bool all_idle(const Control::Memberships& memberships, TimePoint until) {
  return std::ranges::all_of(memberships,
                             [&](const auto& membership) { return membership->wait_idle(until); });
}

/// The config as it stands in its file now, unless that needs a restart.
Result<std::vector<HandlerPlan>> live_plans(const Config& running, const FixedKeys& fixed,
                                            const DaemonHooks& hooks) {
  const auto wanted = hooks.reread();
  if (!wanted) return Unexpected(wanted.error());
  auto plans = plans_of(*wanted);
  if (!plans) return plans;
  auto changes = changes_that_need_a_restart(running, *wanted);
  for (const HandlerPlan& plan : *plans) {
    for (const std::string& key : changed_keys(fixed, plan.fixed)) changes.push_back(key);
  }
  if (changes.empty()) return plans;
  return failure(fmt::format("{}: what changed needs a restart: {}", running.file.string(),
                             fmt::join(changes, ", ")));
}

/// What the consumers tell goes to the reloader, which is made before they start.
std::unique_ptr<Reloader> make_reloader(Control::Memberships& memberships, const Config& config,
                                        const std::filesystem::path& staging,
                                        const DaemonHooks& hooks, ServiceReport& service,
                                        Logger log) {
  std::vector<ReloadGroup> groups;
  for (const auto& membership : memberships) groups.push_back(membership->reload_group());
  ReloaderOptions options;
  options.staging = staging;
  options.on_begin = [&service] { service.reload_began(); };
  options.on_report = [&service, log](const ReloadReport& report) {
    log_reload(log, report);
    service.reload_ended();
  };
  auto reloader = std::make_unique<Reloader>(
      std::move(groups),
      [&](const FixedKeys& running) { return live_plans(config, running, hooks); },
      std::move(options), log);
  for (std::size_t i = 0; i < memberships.size(); ++i) {
    memberships[i]->consumer().on_handover(
        [to = reloader.get(), i](const HandoverProgress& progress) { to->moved(i, progress); });
  }
  return reloader;
}

/// Null where the config wants none.
Result<std::unique_ptr<AdminServer>> open_admin(const Config& config, AdminRequests& requests,
                                                const Logger& log) {
  const auto place =
      admin_socket_place(config.admin, config.file, environment_variable, ::getuid());
  if (!place) return std::unique_ptr<AdminServer>();
  AdminServerOptions options;
  options.socket = place->socket;
  options.private_folder = place->private_folder;
  options.config_key = admin_config_key(config.file);
  return AdminServer::open(
      std::move(options),
      [&requests](const AdminRequest& request, AdminReply reply) {
        requests.answer(request, std::move(reply));
      },
      log);
}

}  // namespace

DaemonEnd run_daemon(const Config& config, AsyncLogSink& sink, const DaemonHooks& hooks) {
  const Logger log(sink, Component::kApp);
  const AltStack alt_stack;
  if (const Status installed = install_crash_report({crash_folder(), MOULT_VERSION}); !installed) {
    log.warning("no crash report", {{"error", installed.error().message}});
  }
  auto signals = SignalQueue::open();
  if (!signals) {
    log.error(signals.error().message);
    return {kExitFailed, {}};
  }
  auto staging = prepare_staging(config.staging_path);
  if (!staging) {
    log.error("can't start", {{"error", staging.error().message}});
    return {kExitFailed, {}};
  }
  // What a daemon that was killed left there.
  if (const auto swept = sweep_staging(*staging); swept > 0) {
    log.info("removed plugin copies that ended processes left behind",
             {{"directory", staging->native()}, {"count", swept}});
  }
  auto memberships = make_memberships(config, *staging, log);
  if (!memberships) {
    log.error("can't start", {{"error", memberships.error().message}});
    return {exit_code_of(memberships.error()), {}};
  }
  log.info("started", {{"version", MOULT_VERSION},
                       {"librdkafka", kafka::loaded_version()},
                       {"config", config.file.string()},
                       {"pid", ::getpid()}});
  ServiceReport service(ServiceNotifier::from_environment(), log);
  const auto reloader = make_reloader(*memberships, config, *staging, hooks, service, log);
  AdminRequests requests(*memberships, *reloader);
  service.ask_by([&](auto then) { requests.inspect(std::move(then)); });
  auto admin = open_admin(config, requests, log);
  if (!admin) {
    log.error("can't start", {{"error", admin.error().message}});
    return {kExitFailed, {}};
  }
  Control control(*memberships, *reloader, *signals, service, config.drain_deadline, log);
  if (hooks.watched) {
    const Status watching = control.watch([&] { return FileWatch::open(hooks.watched()); });
    if (!watching) {
      log.error("can't start", {{"error", watching.error().message}});
      return {kExitFailed, {}};
    }
  }
  if (hooks.done) control.stop_when([&] { return hooks.done(totals_of(*memberships)); });
  const int code = control.run();
  admin->reset();
  const auto totals = totals_of(*memberships);
  log_summary(log, totals);
  log.info("stopped", {{"exit_code", code}});
  // What a reload still does with a plugin's code can't be stopped, only left behind.
  const TimePoint last = Clock::now() + kLastReload;
  if (!control.all_closed() || !reloader->wait_stopped(last) || !all_idle(*memberships, last)) {
    sink.flush(kLastFlush);
    ::_exit(code);
  }
  return {code, totals};
}

}  // namespace moult
