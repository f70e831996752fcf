// What a consumer tells people about itself.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runtime/kafka/consumer.h"

namespace moult::kafka {

void Consumer::handle(const RequestInspect& request) {
  ConsumerSnapshot snapshot{options_.group, quiet_, all_paused(), unready(), {}};
  for (const LaneId id : dispatcher_.assigned_lanes()) {
    snapshot.lanes.push_back(snapshot_of(dispatcher_.lane(id)));
  }
  request.tell(std::move(snapshot));
}

/// Of the handlers that read something.
bool Consumer::all_paused() const {
  bool all = true;
  for (std::size_t i = 0; i < topics_.size(); ++i) {
    if (topics_[i].empty()) continue;
    all = all && dispatcher_.paused(HandlerIndex{static_cast<std::uint32_t>(i)});
  }
  return all;
}

std::vector<std::string> Consumer::describe_unfinished(const std::vector<LaneId>& lanes) const {
  std::vector<std::string> lines;
  for (const LaneId id : lanes) {
    const LaneActivity activity = executor_.activity(id);
    const TopicPartition& partition = dispatcher_.lane(id).partition;
    const std::string lane =
        fmt::format("handler {} (build id {})", activity.handler, activity.build_id);
    if (activity.running.empty()) {
      lines.push_back(
          fmt::format("{} has not ended on {}[{}]: its call of `revoked` runs, or waits for a "
                      "worker that is busy with another lane",
                      lane, partition.topic, partition.partition));
      continue;
    }
    lines.push_back(fmt::format("{} still runs on {}[{}], offsets {} to {}, for {} ms", lane,
                                partition.topic, partition.partition, activity.running.begin,
                                activity.running.end - 1, to_ms(activity.running_for)));
  }
  return lines;
}

std::vector<std::string> Consumer::describe_uncommitted() const {
  std::vector<std::string> lines;
  for (const auto& [partition, id] : dispatcher_.assignment()) {
    const Lane& lane = dispatcher_.lane(id);
    if (!lane.owes_commit()) continue;
    lines.push_back(fmt::format(
        "{}[{}] is finished up to offset {}, committed up to {}", partition.topic,
        partition.partition, *lane.finished_to - 1,
        lane.acknowledged ? std::to_string(*lane.acknowledged - 1) : "where it was taken over"));
  }
  return lines;
}

LaneSnapshot Consumer::snapshot_of(const Lane& lane) const {
  const LaneActivity activity = executor_.activity(lane.id);
  LaneSnapshot seen;
  seen.partition = lane.partition;
  seen.part = lane.is_intake() ? "intake" : lane.is_slot() ? "slot" : "whole";
  const bool held = dispatcher_.paused(lane.handler) && !lane.busy();
  seen.state = held ? "paused" : name_of(lane.state);
  seen.handler = activity.handler;
  seen.build_id = activity.build_id;
  seen.epoch = lane.epoch;
  seen.generation = lane.generation;
  seen.watermark = lane.tracker.watermark().value_or(-1);
  seen.committed = lane.acknowledged.value_or(-1);
  std::int64_t low = -1;
  rd_kafka_get_watermark_offsets(client_.get(), lane.partition.topic.c_str(),
                                 lane.partition.partition, &low, &seen.high_watermark);
  seen.high_watermark = std::max<Offset>(seen.high_watermark, -1);
  seen.running = activity.running;
  seen.running_for = activity.running_for;
  seen.failures = lane.failures;
  return seen;
}

std::vector<std::string> Consumer::unready() const {
  std::vector<std::string> reasons;
  const auto add = [&](bool holds, std::string reason) {
    if (holds) reasons.push_back(std::move(reason));
  };
  add(reported_.lanes.stopped > 0, fmt::format("{} lanes stopped", reported_.lanes.stopped));
  add(reported_.lanes.overdue > 0,
      fmt::format("{} lanes with a batch over its deadline", reported_.lanes.overdue));
  add(reported_.unreadable > 0,
      fmt::format("{} partitions that can't be read", reported_.unreadable));
  add(reported_.denied, "its group may not be used");
  add(reported_.unreachable, "no broker answers");
  add(reported_.fatal, "the membership ended");
  add(stopping_, "it stops");
  return reasons;
}

void Consumer::dump_lanes() const {
  for (const LaneId id : dispatcher_.assigned_lanes()) {
    const LaneSnapshot lane = snapshot_of(dispatcher_.lane(id));
    log_.info("lane", {{"group", options_.group},
                       {"topic", lane.partition.topic},
                       {"partition", lane.partition.partition},
                       {"part", lane.part},
                       {"epoch", lane.epoch},
                       {"state", lane.state},
                       {"handler", lane.handler},
                       {"generation", static_cast<std::uint32_t>(lane.generation)},
                       {"build_id", lane.build_id},
                       {"watermark", lane.watermark},
                       {"committed", lane.committed},
                       {"running_from", lane.running.begin},
                       {"running_to", lane.running.end},
                       {"running_ms", to_ms(lane.running_for)},
                       {"failures", lane.failures}});
  }
}

void Consumer::dump_threads() const {
  log_.info("thread", {{"group", options_.group},
                       {"name", kPollerName},
                       {"thread", ::gettid()},
                       {"state", "polls"}});
  for (const WorkerActivity& worker : executor_.workers()) {
    std::vector<Field> fields = {{"group", options_.group},
                                 {"name", worker.name},
                                 {"thread", worker.thread},
                                 {"handler", worker.handler},
                                 {"state", worker.partition ? "busy" : "waits"}};
    if (worker.partition) {
      fields.insert(fields.end(), {{"topic", worker.partition->topic},
                                   {"partition", worker.partition->partition},
                                   {"busy_ms", to_ms(worker.busy_for)}});
    }
    log_.write(Severity::kInfo, "thread", fields);
  }
}

}  // namespace moult::kafka
