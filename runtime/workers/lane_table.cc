#include "runtime/workers/lane_table.h"

#include <utility>

#include "runtime/base/check.h"
#include "runtime/workers/lane_swap.h"

namespace moult {

// ---- Lanes --------------------------------------------------------------------------------------

LaneTable::Entry& LaneTable::find(LaneId lane) {
  const auto at = lanes_.find(lane);
  MOULT_CHECK(at != lanes_.end(), "a command for a lane that is not open");
  return at->second;
}

void LaneTable::open(const OpenLane& lane, std::unique_ptr<kafka::PartitionSource> source) {
  ActiveHandler* handler = &handlers_.at(lane.handler);
  Entry entry{handler, {lane.partition.topic, lane.partition.partition, lane.epoch}, {}, {}, {},
              {}};
  GenerationUse generation = handler->use(lane.generation);
  if (generation->settings().spread.slots > 0) {
    auto intake = std::make_unique<Intake>(lane, std::move(source), std::move(generation));
    entry.board = intake->board();
    entry.work = std::move(intake);
  } else {
    seat_runner(entry, lane.lane, lane.generation,
                std::make_unique<PartitionInlet>(std::move(source)));
  }
  lanes_.emplace(lane.lane, std::move(entry));
}

void LaneTable::open_slot(const OpenSlot& slot) {
  const Entry& intake = find(slot.intake);
  Entry entry{intake.handler, intake.identity, {}, {}, {}, {}};
  seat_runner(entry, slot.lane, slot.generation,
              std::make_unique<SlotInlet>(intake.board, slot.slot));
  lanes_.emplace(slot.lane, std::move(entry));
}

void LaneTable::seat_runner(Entry& entry, LaneId lane, GenerationNumber generation,
                            std::unique_ptr<RecordInlet> inlet) {
  ActiveHandler& handler = *entry.handler;
  const LaneTools tools{handler.name(), handler.counters(), outbox_, log_};
  auto resume = [lane, answers = answers_](LaneRunner& runner) {
    runner.workers().post(lane, [&runner, answers](WorkerScratch&) {
      if (auto done = runner.resume()) answers->post(std::move(*done));
    });
  };
  auto runner = std::make_unique<LaneRunner>(lane, entry.identity, std::move(inlet),
                                             handler.use(generation), tools, std::move(resume));
  entry.runner = runner.get();
  entry.work = std::move(runner);
}

void LaneTable::create(LaneId lane) {
  const Entry& entry = find(lane);
  entry.work->workers().post(lane, [work = entry.work.get(), answers = answers_](WorkerScratch&) {
    answers->post(work->create());
  });
}

void LaneTable::run(const RunTurn& turn) {
  const Entry& entry = find(turn.lane);
  entry.work->hold_back(false);
  entry.work->workers().post(
      turn.lane, [work = entry.work.get(), answers = answers_, turn](WorkerScratch& scratch) {
        if (auto done = work->turn(scratch, turn)) answers->post(std::move(*done));
      });
}

void LaneTable::end(LaneId lane, EndReason reason, TimePoint deadline) {
  Entry& entry = find(lane);
  if (entry.standby) destroy_later(lane, std::move(entry.standby));
  entry.work->workers().post(
      lane, [work = entry.work.get(), answers = answers_, reason, deadline](WorkerScratch&) {
        answers->post(work->end(reason, deadline));
      });
}

// ---- Another generation -------------------------------------------------------------------------

void LaneTable::retarget(const Retarget& command) {
  const Entry& entry = find(command.lane);
  entry.work->retarget(entry.handler->use(command.generation));
}

void LaneTable::create_standby(const CreateStandby& command) {
  Entry& entry = find(command.lane);
  entry.standby = std::make_shared<Seat>(entry.handler->use(command.generation), entry.identity);
  entry.standby->run().workers().post(command.lane, [lane = command.lane, seat = entry.standby,
                                                     answers = answers_](WorkerScratch&) {
    const Status made = seat->create();
    answers->post(StandbyCreated{lane, made.has_value(), made ? "" : made.error().message});
  });
}

void LaneTable::drop_standby(LaneId lane) { destroy_later(lane, std::move(find(lane).standby)); }

void LaneTable::forget_standby(LaneId lane) {
  const auto at = lanes_.find(lane);
  if (at != lanes_.end()) at->second.standby.reset();
}

void LaneTable::swap(LaneId lane) {
  Entry& entry = find(lane);
  std::make_shared<LaneSwap>(lane, *entry.runner, std::move(entry.standby), *answers_)->start();
}

void LaneTable::hold_back(LaneId lane) { find(lane).work->hold_back(true); }

void LaneTable::overdue(LaneId lane) { find(lane).work->overdue(); }

void LaneTable::cancel(LaneId lane) { find(lane).work->cancel(); }

void LaneTable::close(LaneId lane) { lanes_.erase(lane); }

kafka::LaneActivity LaneTable::activity(LaneId lane) const {
  const auto at = lanes_.find(lane);
  if (at == lanes_.end()) return {};
  const Entry& entry = at->second;
  return {entry.handler->name(), entry.work->build_id(), entry.work->running(),
          entry.work->running_for()};
}

std::vector<kafka::WorkerActivity> LaneTable::workers() const {
  std::vector<kafka::WorkerActivity> found;
  for (const ActiveHandler* handler : handlers_.all()) {
    for (const ActiveHandler::WorkersSeen& seen : handler->workers()) {
      for (const WorkerPool::Activity& activity : seen.activities) {
        kafka::WorkerActivity& worker = found.emplace_back();
        worker.name = seen.name;
        worker.handler = handler->name();
        worker.thread = activity.thread;
        const auto at = lanes_.find(activity.lane);
        if (at == lanes_.end()) continue;
        worker.partition = {at->second.identity.topic, at->second.identity.partition};
        worker.busy_for = activity.busy_for;
      }
    }
  }
  return found;
}

}  // namespace moult
