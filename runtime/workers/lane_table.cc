#include "runtime/workers/lane_table.h"

#include "runtime/base/check.h"

namespace moult {

LaneTable::Entry& LaneTable::find(LaneId lane) {
  const auto at = lanes_.find(lane);
  MOULT_CHECK(at != lanes_.end(), "a command for a lane that is not open");
  return at->second;
}

void LaneTable::open(const OpenLane& lane, std::unique_ptr<kafka::PartitionSource> source) {
  ActiveHandler* handler = handlers_.at(static_cast<std::size_t>(lane.handler));
  auto runner = std::make_unique<LaneRunner>(lane, std::move(source), handler->generation,
                                             handler->limits, handler->counters, log_);
  lanes_.emplace(lane.lane, Entry{handler, std::move(runner)});
}

void LaneTable::create(LaneId lane) {
  const Entry& entry = find(lane);
  entry.handler->workers->post([runner = entry.runner.get(), answers = answers_](BatchView&) {
    answers->post(runner->create());
  });
}

void LaneTable::run(LaneId lane, std::uint32_t attempt) {
  const Entry& entry = find(lane);
  entry.handler->workers->post(
      [runner = entry.runner.get(), answers = answers_, attempt](BatchView& view) {
        answers->post(runner->turn(view, attempt));
      });
}

void LaneTable::end(LaneId lane, EndReason reason, TimePoint deadline) {
  const Entry& entry = find(lane);
  entry.handler->workers->post([runner = entry.runner.get(), answers = answers_, reason, deadline](
                                   BatchView&) { answers->post(runner->end(reason, deadline)); });
}

void LaneTable::cancel(LaneId lane) { find(lane).runner->cancel(); }

void LaneTable::close(LaneId lane) { lanes_.erase(lane); }

kafka::PartitionSource& LaneTable::source(LaneId lane) { return find(lane).runner->source(); }

kafka::LaneActivity LaneTable::activity(LaneId lane) const {
  const auto at = lanes_.find(lane);
  if (at == lanes_.end()) return {};
  const Entry& entry = at->second;
  return {entry.handler->name, entry.handler->generation->build_id(), entry.runner->running(),
          entry.runner->running_for()};
}

}  // namespace moult
