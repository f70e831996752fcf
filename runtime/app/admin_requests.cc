#include "runtime/app/admin_requests.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runtime/app/reload_text.h"

namespace moult {
namespace {

std::int64_t unix_ms(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

DaemonStatus::Lane lane_of(const kafka::LaneSnapshot& seen) {
  DaemonStatus::Lane lane;
  lane.topic = seen.partition.topic;
  lane.partition = seen.partition.partition;
  lane.part = seen.part;
  lane.state = seen.state;
  lane.handler = seen.handler;
  lane.generation = static_cast<std::uint32_t>(seen.generation);
  lane.watermark = seen.watermark;
  lane.committed = seen.committed;
  lane.high_watermark = seen.high_watermark;
  lane.running_ms = seen.running.empty() ? -1 : to_ms(seen.running_for);
  lane.failures = seen.failures;
  return lane;
}

DaemonHealth health_of(const std::vector<kafka::ConsumerSnapshot>& snapshots) {
  DaemonHealth health;
  health.live = true;  // every poller answered
  for (const kafka::ConsumerSnapshot& consumer : snapshots) {
    for (const std::string& reason : consumer.unready) {
      health.reasons.push_back("consumer " + consumer.group + ": " + reason);
    }
  }
  health.ready = health.reasons.empty();
  return health;
}

DaemonStatus::Handler handler_of(const Reloader::TargetState& state) {
  DaemonStatus::Handler handler;
  handler.name = state.handler;
  handler.group = state.group;
  handler.plugin = state.active.plugin;
  handler.version = state.active.version;
  handler.build_id = state.active.build_id;
  handler.generation = static_cast<std::uint32_t>(state.active.number);
  if (state.kept) handler.kept_generation = static_cast<std::uint32_t>(state.kept->number);
  handler.pinned_unloads = static_cast<std::int64_t>(state.pinned);
  return handler;
}

void add_totals(DaemonStatus::Handler& handler, const HandlerTotals& totals) {
  handler.records = static_cast<std::int64_t>(totals.records);
  handler.batches = static_cast<std::int64_t>(totals.batches);
  handler.failures = static_cast<std::int64_t>(totals.failures);
  handler.dead_letters = static_cast<std::int64_t>(totals.dead_letters);
  handler.lanes = static_cast<std::int64_t>(totals.lanes);
}

}  // namespace

void AdminRequests::answer(const AdminRequest& request, AdminReply reply) {
  const bool reads = request.method == "GET";
  const bool acts = request.method == "POST";
  if (reads && request.target == "/status") return status(std::move(reply));
  if (reads && request.target == "/health") return health(std::move(reply));
  if (acts && request.target == "/quiet") return quiet(reply);
  if (acts && request.target == "/pause") return pause(request, true, reply);
  if (acts && request.target == "/resume") return pause(request, false, reply);
  if (acts && request.target == "/reload") return reload(request, std::move(reply));
  if (acts && request.target == "/rollback") return rollback(request, std::move(reply));
  reply(refusal(reads || acts ? 404 : 405,
                "this daemon does not know " + request.method + " " + request.target));
}

void AdminRequests::inspect_all(std::function<void(Snapshots)> then) {
  struct Gathering {
    std::mutex mutex;
    Snapshots snapshots;
    std::size_t missing = 0;
    std::function<void(Snapshots)> then;
  };
  const auto gathering = std::make_shared<Gathering>();
  gathering->snapshots.resize(memberships_.size());
  gathering->missing = memberships_.size();
  gathering->then = std::move(then);
  for (std::size_t i = 0; i < memberships_.size(); ++i) {
    memberships_[i]->consumer().inspect([gathering, i](kafka::ConsumerSnapshot snapshot) {
      {
        const std::lock_guard lock(gathering->mutex);
        gathering->snapshots[i] = std::move(snapshot);
        if (--gathering->missing > 0) return;
      }
      gathering->then(std::move(gathering->snapshots));
    });
  }
}

void AdminRequests::status(AdminReply reply) {
  inspect([reply = std::move(reply)](const DaemonStatus& status) {
    reply({200, status.to_json()});
  });
}

void AdminRequests::inspect(std::function<void(DaemonStatus)> then) {
  inspect_all(
      [this, then = std::move(then)](const Snapshots& snapshots) { then(status_of(snapshots)); });
}

void AdminRequests::health(AdminReply reply) {
  inspect_all([reply = std::move(reply)](const Snapshots& snapshots) {
    reply({200, health_of(snapshots).to_json()});
  });
}

DaemonStatus AdminRequests::status_of(const Snapshots& snapshots) {
  DaemonStatus status;
  status.version = MOULT_VERSION;
  status.pid = ::getpid();
  status.started_ms = unix_ms(started_);
  status.health = health_of(snapshots);
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    DaemonStatus::Consumer& consumer = status.consumers.emplace_back();
    consumer.group = snapshots[i].group;
    consumer.ready = snapshots[i].unready.empty();
    consumer.quiet = snapshots[i].quiet;
    consumer.paused = snapshots[i].paused;
    for (const kafka::LaneSnapshot& lane : snapshots[i].lanes) {
      consumer.lanes.push_back(lane_of(lane));
    }
  }
  const std::vector<HandlerTotals> totals = totals_of(memberships_);
  for (const Reloader::TargetState& state : reloader_.states()) {
    DaemonStatus::Handler& handler = status.handlers.emplace_back(handler_of(state));
    const auto its = std::ranges::find_if(totals, [&](const HandlerTotals& each) {
      return each.group == state.group && each.handler == state.handler;
    });
    if (its != totals.end()) add_totals(handler, *its);
  }
  if (const auto last = reloader_.last_report()) {
    status.last_reload = {last->report.ok, reload_as_text(last->report), unix_ms(last->ended)};
  }
  return status;
}

void AdminRequests::quiet(const AdminReply& reply) {
  for (const auto& membership : memberships_) membership->consumer().quiet();
  reply({200,
         ActionAnswer{true, "quiet: no further batch starts, the memberships stay", {}}.to_json()});
}

void AdminRequests::pause(const AdminRequest& request, bool paused, const AdminReply& reply) {
  const auto body = NamesBody::read(request.body);
  if (!body) return reply(refusal(400, body.error().message));
  if (const auto name = unknown(body->names)) {
    return reply(refusal(404, "there is no group and no handler '" + *name + "': nothing changed"));
  }
  std::vector<std::string> meant;
  for (const auto& membership : memberships_) {
    for (std::string& name : membership->pause(body->names, paused)) {
      meant.push_back(std::move(name));
    }
  }
  const std::string text =
      fmt::format("{}: {}", paused ? "paused" : "resumed", fmt::join(meant, ", "));
  reply({200, ActionAnswer{true, text, {}}.to_json()});
}

std::optional<std::string> AdminRequests::unknown(const std::vector<std::string>& names) const {
  const auto states = reloader_.states();
  for (const std::string& name : names) {
    const bool known = std::ranges::any_of(
        states, [&](const auto& state) { return state.group == name || state.handler == name; });
    if (!known) return name;
  }
  return std::nullopt;
}

Reloader::Done AdminRequests::answer_with(AdminReply reply) {
  return [reply = std::move(reply)](const ReloadReport& report) {
    const std::string text = reload_as_text(report);
    reply({200, ActionAnswer{report.ok, text, reload_as_json(report)}.to_json()});
  };
}

void AdminRequests::reload(const AdminRequest& request, AdminReply reply) {
  auto body = ReloadBody::read(request.body);
  if (!body) return reply(refusal(400, body.error().message));
  reloader_.reload({std::move(body->handlers), body->force, body->timeout},
                   answer_with(std::move(reply)));
}

void AdminRequests::rollback(const AdminRequest& request, AdminReply reply) {
  auto body = RollbackBody::read(request.body);
  if (!body) return reply(refusal(400, body.error().message));
  reloader_.rollback(std::move(body->handler), answer_with(std::move(reply)));
}

}  // namespace moult
