#include "runtime/workers/lane_table.h"

#include <utility>

#include "runtime/base/check.h"

namespace moult {

LaneTable::Entry& LaneTable::find(LaneId lane) {
  const auto at = lanes_.find(lane);
  MOULT_CHECK(at != lanes_.end(), "a command for a lane that is not open");
  return at->second;
}

void LaneTable::open(const OpenLane& lane, std::unique_ptr<kafka::PartitionSource> source) {
  ActiveHandler* handler = handlers_.at(static_cast<std::size_t>(lane.handler));
  Entry entry{handler, {lane.partition.topic, lane.partition.partition, lane.epoch}, {}, {}};
  if (handler->settings.spread.slots > 0) {
    auto intake = std::make_unique<Intake>(lane, std::move(source), handler->settings.spread);
    entry.board = intake->board();
    entry.work = std::move(intake);
  } else {
    entry.work = make_runner(lane.lane, *handler, entry.identity,
                             std::make_unique<PartitionInlet>(std::move(source)));
  }
  lanes_.emplace(lane.lane, std::move(entry));
}

void LaneTable::open_slot(const OpenSlot& slot) {
  const Entry& intake = find(slot.intake);
  Entry entry{intake.handler, intake.identity, {}, {}};
  entry.work = make_runner(slot.lane, *intake.handler, intake.identity,
                           std::make_unique<SlotInlet>(intake.board, slot.slot));
  lanes_.emplace(slot.lane, std::move(entry));
}

std::unique_ptr<LaneWork> LaneTable::make_runner(LaneId lane, ActiveHandler& handler,
                                                 const LaneIdentity& identity,
                                                 std::unique_ptr<RecordInlet> inlet) {
  const LaneTools tools{handler.settings, handler.counters, outbox_, log_};
  auto resume = [lane, workers = handler.workers.get(), answers = answers_](LaneRunner& runner) {
    workers->post(lane, [&runner, answers](WorkerScratch&) {
      if (auto done = runner.resume()) answers->post(std::move(*done));
    });
  };
  return std::make_unique<LaneRunner>(lane, identity, std::move(inlet), handler.generation, tools,
                                      std::move(resume));
}

void LaneTable::create(LaneId lane) {
  const Entry& entry = find(lane);
  entry.handler->workers->post(lane, [work = entry.work.get(), answers = answers_](WorkerScratch&) {
    answers->post(work->create());
  });
}

void LaneTable::run(const RunTurn& turn) {
  const Entry& entry = find(turn.lane);
  entry.handler->workers->post(
      turn.lane, [work = entry.work.get(), answers = answers_, turn](WorkerScratch& scratch) {
        if (auto done = work->turn(scratch, turn)) answers->post(std::move(*done));
      });
}

void LaneTable::end(LaneId lane, EndReason reason, TimePoint deadline) {
  const Entry& entry = find(lane);
  entry.handler->workers->post(
      lane, [work = entry.work.get(), answers = answers_, reason, deadline](WorkerScratch&) {
        answers->post(work->end(reason, deadline));
      });
}

void LaneTable::overdue(LaneId lane) { find(lane).work->overdue(); }

void LaneTable::cancel(LaneId lane) { find(lane).work->cancel(); }

void LaneTable::close(LaneId lane) { lanes_.erase(lane); }

kafka::LaneActivity LaneTable::activity(LaneId lane) const {
  const auto at = lanes_.find(lane);
  if (at == lanes_.end()) return {};
  const Entry& entry = at->second;
  return {entry.handler->settings.handler, entry.handler->generation->build_id(),
          entry.work->running(), entry.work->running_for()};
}

std::vector<kafka::WorkerActivity> LaneTable::workers() const {
  std::vector<kafka::WorkerActivity> found;
  for (const ActiveHandler* handler : handlers_) {
    for (const WorkerPool::Activity& activity : handler->workers->activities()) {
      kafka::WorkerActivity& worker = found.emplace_back();
      worker.name = handler->workers->name();
      worker.handler = handler->settings.handler;
      worker.thread = activity.thread;
      const auto at = lanes_.find(activity.lane);
      if (at == lanes_.end()) continue;
      worker.partition = {at->second.identity.topic, at->second.identity.partition};
      worker.busy_for = activity.busy_for;
    }
  }
  return found;
}

}  // namespace moult
