#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "runtime/dispatch/dispatcher.h"

namespace moult::dispatch_test {

using namespace std::chrono_literals;

class NullSink final : public LogSink {
 public:
  bool enabled(Component, Severity) const noexcept override { return false; }
  void write(Component, Severity, std::string_view, std::span<const Field>) noexcept override {}
};

/// What a turn reports, put together as a sentence: `Turn().got(0, 5).done_to(5).more()`.
class Turn {
 public:
  Turn& got(Offset begin, Offset end) {
    report_.received = {begin, end};
    return *this;
  }
  Turn& done_to(Offset offset) {
    report_.finished = {{0, offset}};
    return *this;
  }
  Turn& finished(Offset begin, Offset end) {
    report_.finished.push_back({begin, end});
    return *this;
  }
  /// Of an intake: a record for each slot named.
  Turn& fills(std::initializer_list<std::uint32_t> slots) {
    for (const std::uint32_t slot : slots) report_.fills.push_back({SlotIndex{slot}, 1});
    report_.received_records = static_cast<std::uint32_t>(slots.size());
    report_.received_bytes = 10 * slots.size();
    return *this;
  }
  Turn& went_back() {
    report_.went_back = true;
    return more();
  }
  Turn& stops_at(Offset offset) {
    fails_at(offset);
    report_.next = TurnDone::Next::kStopped;
    return *this;
  }
  Turn& end_at(Offset offset) {
    report_.end = offset;
    return *this;
  }
  Turn& more() {
    report_.next = TurnDone::Next::kMore;
    return *this;
  }
  Turn& lingers(TimePoint until) {
    report_.next = TurnDone::Next::kLinger;
    report_.linger_until = until;
    return *this;
  }
  Turn& fails_at(Offset offset, Duration retry_after = Duration{0}) {
    report_.next = TurnDone::Next::kFailed;
    report_.failure = {offset, retry_after, 7, "broken"};
    return *this;
  }

  TurnDone of(std::uint64_t lane) const {
    TurnDone report = report_;
    report.lane = LaneId{lane};
    return report;
  }

 private:
  TurnDone report_;
};

/// Says what each command says: "open 1 p0", "run 1 #2", "commit 1: 1@5".
struct Words {
  static std::uint64_t number(LaneId id) { return static_cast<std::uint64_t>(id); }
  static std::uint32_t number(GenerationNumber generation) {
    return static_cast<std::uint32_t>(generation);
  }

  std::string operator()(const OpenLane& it) const {
    return fmt::format("open {} p{}", number(it.lane), it.partition.partition);
  }
  std::string operator()(const CreateInstance& it) const {
    return fmt::format("create {}", number(it.lane));
  }
  std::string operator()(const OpenSlot& it) const {
    return fmt::format("open {} slot {} of {}", number(it.lane),
                       static_cast<std::uint32_t>(it.slot), number(it.intake));
  }
  std::string operator()(const RunTurn& it) const {
    if (it.room > 0) return fmt::format("take {} room {}", number(it.lane), it.room);
    if (it.drains) return fmt::format("drain {} <{}", number(it.lane), it.below);
    return fmt::format("run {} #{}", number(it.lane), it.attempt);
  }
  std::string operator()(const HoldBack& it) const {
    return fmt::format("hold back {}", number(it.lane));
  }
  std::string operator()(const Overdue& it) const {
    return fmt::format("overdue {}{}", number(it.lane), it.exit ? ", exit" : "");
  }
  std::string operator()(const CancelLane& it) const {
    return fmt::format("cancel {}", number(it.lane));
  }
  std::string operator()(const Retarget& it) const {
    return fmt::format("retarget {} to {}", number(it.lane), number(it.generation));
  }
  std::string operator()(const CreateStandby& it) const {
    return fmt::format("standby {} of {}", number(it.lane), number(it.generation));
  }
  std::string operator()(const DropStandby& it) const {
    return fmt::format("drop {}", number(it.lane));
  }
  std::string operator()(const SwapLane& it) const {
    return fmt::format("swap {}", number(it.lane));
  }
  std::string operator()(const HandoverProgress& it) const {
    const char* const phases[] = {"prepared", "canary", "active"};
    std::string text = fmt::format("{} {}: {}/{}", phases[static_cast<int>(it.phase)],
                                   number(it.generation), it.there, it.lanes);
    if (it.refused) text += fmt::format(" ({})", *it.refused);
    return text;
  }
  std::string operator()(const EndLane& it) const {
    const char* const reasons[] = {"?", "revoked", "lost", "stopping"};
    return fmt::format("end {} {}", number(it.lane), reasons[static_cast<int>(it.reason)]);
  }
  std::string operator()(const CloseLane& it) const {
    return fmt::format("close {}", number(it.lane));
  }
  std::string operator()(const Commit& it) const {
    std::vector<std::string> parts;
    for (const CommitOffset& part : it.offsets) {
      parts.push_back(fmt::format("{}@{}", number(part.lane), part.offset));
    }
    return fmt::format("commit {}: {}", static_cast<std::uint64_t>(it.commit),
                       fmt::join(parts, " "));
  }
  std::string operator()(const Unassign& it) const {
    std::vector<std::string> names;
    for (const TopicPartition& name : it.partitions) {
      names.push_back(fmt::format("p{}", name.partition));
    }
    return fmt::format("unassign {}", fmt::join(names, " "));
  }
  std::string operator()(const Stopped& it) const {
    std::string text = "stopped";
    for (const LaneId id : it.unfinished) text += fmt::format(" {}", number(id));
    return text;
  }
};

/// A dispatcher and a clock. Each event answers with the commands that it caused, in words.
class Script {
 public:
  using Partitions = std::initializer_list<std::int32_t>;

  Script() : Script(standard()) {}
  explicit Script(DispatcherOptions options)
      : dispatcher_(std::move(options), Logger(sink_, Component::kDispatch)) {}

  static DispatcherOptions standard() {
    DispatcherOptions options;
    options.handlers = {{.backoff = 1s, .backoff_max = 4s}};
    options.commit_interval = 1s;
    options.revoke_deadline = 10s;
    options.commit_timeout = 5s;
    return options;
  }

  template <typename Event>
  std::string on(const Event& event) {
    dispatcher_.on(event, now_);
    return words();
  }

  std::string assign(Partitions partitions) {
    Assigned event;
    for (const std::int32_t p : partitions) event.partitions.push_back({name(p), HandlerIndex{0}});
    return on(event);
  }
  std::string revoke(Partitions partitions) { return on(Revoked{names(partitions)}); }
  std::string lose(Partitions partitions) { return on(Lost{names(partitions)}); }
  std::string begun_again(Partitions partitions) {
    std::string said;
    for (const TopicPartition& each : names(partitions)) said += on(BegunAgain{each, 0});
    return said;
  }
  std::string ready(std::uint64_t lane) { return on(Ready{LaneId{lane}}); }
  std::string created(std::uint64_t lane) { return on(InstanceCreated{LaneId{lane}, true}); }
  std::string create_failed(std::uint64_t lane) { return on(InstanceCreated{LaneId{lane}, false}); }
  std::string done(std::uint64_t lane, const Turn& turn) { return on(turn.of(lane)); }
  std::string done(const TurnDone& report) { return on(report); }
  std::string ended(std::uint64_t lane) { return on(LaneEnded{LaneId{lane}}); }
  std::string committed(std::uint64_t commit) { return on(CommitDone{CommitId{commit}, true}); }
  std::string commit_overtaken(std::uint64_t commit) {
    return on(CommitDone{CommitId{commit}, false, true});
  }
  std::string commit_failed(std::uint64_t commit) {
    return on(CommitDone{CommitId{commit}, false});
  }
  std::string prepare(std::uint32_t generation) {
    return on(Prepare{HandlerIndex{0}, GenerationNumber{generation}});
  }
  std::string activate(std::uint32_t generation) {
    return activate(generation, standard().handlers[0]);
  }
  std::string activate(std::uint32_t generation, const HandlerPolicy& policy) {
    return on(Activate{HandlerIndex{0}, GenerationNumber{generation}, policy});
  }
  std::string canary(std::size_t lanes, std::uint32_t percent = 0) {
    return on(Canary{HandlerIndex{0}, lanes, percent});
  }
  std::string add(std::uint32_t handler, const HandlerPolicy& policy) {
    return on(AddHandler{HandlerIndex{handler}, policy});
  }
  std::string discard() { return on(Discard{HandlerIndex{0}}); }
  std::string standby_created(std::uint64_t lane) {
    return on(StandbyCreated{LaneId{lane}, true, {}});
  }
  std::string standby_failed(std::uint64_t lane) {
    return on(StandbyCreated{LaneId{lane}, false, "no"});
  }
  std::string swapped(std::uint64_t lane) { return on(LaneSwapped{LaneId{lane}, true, {}}); }
  std::string swap_refused(std::uint64_t lane) {
    return on(LaneSwapped{LaneId{lane}, false, "no"});
  }
  std::string younger(std::uint64_t lane, Duration running_for) {
    return on(BatchYounger{LaneId{lane}, running_for});
  }
  std::string quiet() { return on(Quiet{}); }
  std::string pause(bool paused) { return on(Pause{HandlerIndex{0}, paused}); }
  std::string stop(Duration within) { return on(Stop{now_ + within}); }
  std::string stop(Duration within, Duration commit) {
    return on(Stop{now_ + within, now_ + within + commit});
  }

  /// The clock goes on and the dispatcher is called once.
  std::string pass(Duration time) {
    now_ += time;
    dispatcher_.tick(now_);
    return words();
  }

  std::string tick() { return pass(Duration{0}); }

  /// Lanes 1 … n on the partitions 0 … n - 1, all idle.
  void with_idle_lanes(std::int32_t lanes) {
    for (std::int32_t p = 0; p < lanes; ++p) {
      assign({p});
      created(static_cast<std::uint64_t>(p) + 1);
    }
  }

  /// Every lane has a standby of the generation, which is not active yet.
  void with_prepared(std::uint32_t generation) {
    prepare(generation);
    for (const LaneId lane : dispatcher_.assigned_lanes()) {
      const bool asked = dispatcher_.lane(lane).standby.state == Standby::State::kCreating;
      if (asked) standby_created(static_cast<std::uint64_t>(lane));
    }
    tick();
  }

  /// A turn that finishes [begin, end).
  std::string work(std::uint64_t lane, Offset begin, Offset end) {
    ready(lane);
    return done(lane, Turn().got(begin, end).done_to(end));
  }

  /// Time until the next tick; below zero when none is due ever.
  Duration wait() const {
    const TimePoint next = dispatcher_.next_wakeup();
    return next == kNever ? Duration{-1} : next - now_;
  }

  TimePoint now() const { return now_; }
  const Dispatcher& dispatcher() const { return dispatcher_; }
  /// What was told last of a handover.
  const HandoverProgress& progress() const { return progress_; }

 private:
  static TopicPartition name(std::int32_t p) { return {"orders", p}; }
  static std::vector<TopicPartition> names(Partitions partitions) {
    std::vector<TopicPartition> all;
    for (const std::int32_t p : partitions) all.push_back(name(p));
    return all;
  }

  std::string words() {
    std::vector<std::string> said;
    for (const Command& command : dispatcher_.take_commands()) {
      if (const auto* told = std::get_if<HandoverProgress>(&command)) progress_ = *told;
      said.push_back(std::visit(Words{}, command));
    }
    return fmt::format("{}", fmt::join(said, ", "));
  }

  NullSink sink_;
  Dispatcher dispatcher_;
  HandoverProgress progress_;
  TimePoint now_ = TimePoint{} + 1h;
};

constexpr Duration kNothingDue{-1};

}  // namespace moult::dispatch_test
