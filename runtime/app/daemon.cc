#include "runtime/app/daemon.h"

#include <unistd.h>

#include <utility>

#include "runtime/app/control.h"
#include "runtime/app/exit_code.h"
#include "runtime/app/staging.h"
#include "runtime/app/summary.h"
#include "runtime/base/alt_stack.h"
#include "runtime/kafka/version.h"
#include "runtime/observe/crash_report.h"

namespace moult {
namespace {

constexpr Milliseconds kLastFlush{500};

Result<Control::Memberships> make_memberships(const Config& config, Logger log) {
  auto staging = prepare_staging(config.staging_path);
  if (!staging) return Unexpected(staging.error());
  Control::Memberships memberships;
  for (const ConsumerConfig& consumer : config.consumers) {
    auto made = Membership::make(config, consumer, *staging, log);
    if (!made) return Unexpected(made.error());
    memberships.push_back(std::move(*made));
  }
  return memberships;
}

std::vector<HandlerTotals> totals_of(const Control::Memberships& memberships) {
  std::vector<HandlerTotals> totals;
  for (const auto& membership : memberships) {
    for (HandlerTotals& total : membership->totals()) totals.push_back(std::move(total));
  }
  return totals;
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
  auto memberships = make_memberships(config, log);
  if (!memberships) {
    log.error("can't start", {{"error", memberships.error().message}});
    return {kExitFailed, {}};
  }
  log.info("started", {{"version", MOULT_VERSION},
                       {"librdkafka", kafka::loaded_version()},
                       {"config", config.file.string()},
                       {"pid", ::getpid()}});
  Control control(*memberships, *signals, config.drain_deadline, log);
  if (hooks.done) control.stop_when([&] { return hooks.done(totals_of(*memberships)); });
  const int code = control.run();
  const auto totals = totals_of(*memberships);
  log_summary(log, totals);
  log.info("stopped", {{"exit_code", code}});
  if (!control.all_closed()) {
    sink.flush(kLastFlush);
    ::_exit(code);
  }
  return {code, totals};
}

}  // namespace moult
