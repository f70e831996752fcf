#include "runtime/workers/intake.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <string_view>

#include "runtime/base/check.h"

namespace moult {
namespace {

// Enough for every slot to get a batch, little enough for the first of them not to wait for long.
constexpr std::uint64_t kMostATurn = 1'000;

}  // namespace

Intake::Intake(const OpenLane& lane, std::unique_ptr<kafka::PartitionSource> source,
               GenerationUse generation)
    : id_(lane.lane),
      settings_(generation->settings().spread),
      board_(std::make_shared<SlotBoard>(settings_.slots)),
      generation_(std::move(generation)),
      source_(std::move(source)),
      counts_(settings_.slots) {}

InstanceCreated Intake::create() { MOULT_CHECK(false, "an intake has no instance"); }
std::optional<TurnDone> Intake::resume() { MOULT_CHECK(false, "an intake waits for nothing"); }

std::optional<TurnDone> Intake::turn(WorkerScratch& scratch, const RunTurn& command) {
  TurnDone done;
  done.lane = id_;
  if (held_back_) {
    done.next = TurnDone::Next::kMore;
    done.went_back = !incoming_.empty();
    return done;
  }
  std::ranges::fill(counts_, 0U);
  const bool drained = pull(std::min(command.room, kMostATurn));
  board_->set_high_watermark(source_->high_watermark());
  spread(scratch.routing, done);
  for (std::uint32_t slot = 0; slot < counts_.size(); ++slot) {
    if (counts_[slot] > 0) done.fills.push_back({SlotIndex{slot}, counts_[slot]});
  }
  done.end = source_->take_end(incoming_);
  // The partition made anew may begin below the end that was told, yet above the last record.
  if (done.end) last_ = std::max(last_, *done.end - 1);
  done.went_back = !incoming_.empty();
  if (!drained || done.went_back) done.next = TurnDone::Next::kMore;
  return done;
}

/// True when the queue is known to be empty.
bool Intake::pull(std::uint64_t room) {
  // What was left is the begin of a partition made anew, and everything before it is finished.
  if (!incoming_.empty()) last_ = -1;
  const std::lock_guard lock(pulling_);
  if (cancelled_) return true;
  const std::uint64_t held = incoming_.size();
  if (held >= room) return false;
  return source_->pull(static_cast<std::uint32_t>(room - held), incoming_).drained;
}

void Intake::spread(route::Scratch& scratch, TurnDone& done) {
  const TimePoint now = Clock::now();
  while (!incoming_.empty() && incoming_.offset(0) > last_) {
    last_ = incoming_.offset(0);
    if (done.received.empty()) {
      done.received.begin = last_;
    } else if (last_ > done.received.end) {
      // Slots finish their records one by one; nobody else would finish what does not exist.
      done.finished.push_back({done.received.end, last_});
    }
    done.received.end = last_ + 1;
    ++done.received_records;
    done.received_bytes += incoming_.bytes(0);
    const SlotIndex slot = slot_of(scratch);
    ++counts_[static_cast<std::size_t>(slot)];
    board_->put(slot, incoming_, now);
  }
}

/// Records without a key have no order to keep. One whose payload is not JSON neither: its lane
/// will see that, too.
SlotIndex Intake::slot_of(route::Scratch& scratch) {
  if (!settings_.by_key) return next_slot();
  auto key = incoming_.key(0);
  if (settings_.pointer) {
    const auto found = settings_.pointer->find({incoming_.value(0).value_or("")}, scratch);
    key = found.what == route::Found::What::kKey ? std::optional(found.key) : std::nullopt;
  }
  if (!key) return next_slot();
  return SlotIndex{
      static_cast<std::uint32_t>(XXH3_64bits(key->data(), key->size()) % board_->slots())};
}

SlotIndex Intake::next_slot() {
  turn_slot_ = (turn_slot_ + 1) % settings_.slots;
  return SlotIndex{turn_slot_};
}

LaneEnded Intake::end(EndReason, TimePoint) {
  incoming_.drop_front(incoming_.size());
  return {id_};
}

void Intake::cancel() {
  const std::lock_guard lock(pulling_);
  cancelled_ = true;
  source_->disable_events();
}

}  // namespace moult
