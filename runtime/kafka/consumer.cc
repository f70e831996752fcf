#include "runtime/kafka/consumer.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/kafka/client.h"
#include "runtime/kafka/errors.h"
#include "runtime/kafka/fetch_budget.h"
#include "runtime/kafka/partition_list.h"

namespace moult::kafka {
namespace {

// Each lane has at most one answer and one Ready under way; the rest are requests of people.
constexpr std::size_t kMailboxBound = 1'000'000;
// librdkafka wants its consumer queue served at least this often.
constexpr Duration kLongestWait = std::chrono::seconds(1);
// A cluster that is there answers in a fraction of it; one that is not must not keep a daemon from
// starting.
constexpr Milliseconds kPartitionCountTimeout{2'000};
// The end of a stop's time, which is kept for the last commit and for leaving the group. It is a
// quarter where there is little time altogether.
constexpr Duration kCloseAllowance = std::chrono::seconds(2);

}  // namespace

// ---- Making and starting ------------------------------------------------------------------------

Result<std::unique_ptr<Consumer>> Consumer::make(ConsumerOptions options, LaneExecutor& executor,
                                                 Logger log) {
  auto router = TopicRouter::make(options.topics);
  if (!router) return Unexpected(router.error());
  std::unique_ptr<Consumer> consumer(
      new Consumer(std::move(options), std::move(*router), executor, log));
  if (const auto made = consumer->make_client(); !made) return Unexpected(made.error());
  return consumer;
}

Consumer::Consumer(ConsumerOptions options, TopicRouter router, LaneExecutor& executor, Logger log)
    : options_(std::move(options)),
      executor_(executor),
      log_(log.for_component(Component::kKafka)),
      mailbox_(kMailboxBound),
      hints_(log_, "group", options_.group),
      dispatcher_(options_.dispatch, log.for_component(Component::kDispatch)),
      topics_(options_.topics),
      topic_watch_(log_, [this] { mailbox_.wake(); }) {
  routers_.push_front(std::move(router));
}

Consumer::~Consumer() {
  if (thread_.joinable()) thread_.join();
}

Result<Ok> Consumer::make_client() {
  const std::size_t partitions = count_partitions(options_.group, options_.properties,
                                                  routers_.front(), kPartitionCountTimeout, log_);
  dispatcher_.limit_ahead(ahead_limit(options_.memory_budget, partitions));
  Properties properties = options_.properties;
  properties.merge(fetch_limits(options_.memory_budget, partitions, options_.properties));
  auto conf = consumer_conf(options_.group, properties);
  if (!conf) return Unexpected(conf.error());
  rd_kafka_conf_set_opaque(conf->get(), this);
  rd_kafka_conf_set_rebalance_cb(conf->get(), rebalance_callback);
  rd_kafka_conf_set_error_cb(conf->get(), error_callback);
  rd_kafka_conf_set_log_cb(conf->get(), log_callback);
  topic_watch_.attach(conf->get());
  auto client = kafka::make_client(RD_KAFKA_CONSUMER, std::move(*conf));
  if (!client) {
    return failure(fmt::format("group '{}': {}", options_.group, client.error().message));
  }
  client_ = std::move(*client);
  rd_kafka_poll_set_consumer(client_.get());
  consumer_queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  answer_queue_.reset(rd_kafka_queue_new(client_.get()));
  // librdkafka writes this word to our eventfd: one descriptor wakes the poller for everything.
  static constexpr std::uint64_t kOne = 1;
  rd_kafka_queue_io_event_enable(consumer_queue_.get(), mailbox_.wake_fd(), &kOne, sizeof kOne);
  rd_kafka_queue_io_event_enable(answer_queue_.get(), mailbox_.wake_fd(), &kOne, sizeof kOne);
  return Ok{};
}

void Consumer::start(EndedCallback ended) {
  on_end_ = std::move(ended);
  thread_ = std::thread([this] { run(); });
}

// ---- Other threads ------------------------------------------------------------------------------

void Consumer::quiet() { mailbox_.post(RequestQuiet{}); }
void Consumer::stop(TimePoint deadline) { mailbox_.post(RequestStop{deadline}); }
void Consumer::dump() { mailbox_.post(RequestDump{}); }
void Consumer::inspect(std::function<void(ConsumerSnapshot)> tell) {
  mailbox_.post(RequestInspect{std::move(tell)});
}
void Consumer::post(LaneAnswer answer) {
  std::visit([&](auto& event) { mailbox_.post(Message(std::move(event))); }, answer);
}

/// Runs on a librdkafka thread, under the partition queue's lock.
void Consumer::ready_callback(rd_kafka_t*, void* opaque) {
  auto* signal = static_cast<ReadySignal*>(opaque);
  if (signal->posted.exchange(true)) return;
  signal->consumer->mailbox_.post(Ready{signal->lane});
}

// ---- The poller's loop --------------------------------------------------------------------------

void Consumer::run() noexcept {
  pthread_setname_np(pthread_self(), kPollerName);
  poller_.check();
  join_group();
  while (!ended_) {
    wait();
    mailbox_.take_all(inbox_);
    for (const Message& message : inbox_) {
      std::visit([this](const auto& what) { handle(what); }, message);
    }
    apply_commands();
    serve_client();
    serve_answers();
    dispatcher_.tick(Clock::now());
    apply_commands();
    shed_stale_fetches();
    watch_brokers();
    watch_topics();
    report_readiness();
  }
  on_end_(std::move(end_));
}

/// The patterns and names were judged before: what is refused all the same nothing here can mend.
void Consumer::join_group() {
  const Status subscribed = subscribe(topics_);
  if (subscribed) return;
  log_.critical("the group can't be joined", {{"error", subscribed.error().message}});
  end_by_itself();
}

/// The membership is of no use any more.
void Consumer::end_by_itself() {
  if (!fatal_.exchange(true)) begin_stop(Clock::now() + options_.dispatch.revoke_deadline);
}

void Consumer::wait() {
  const TimePoint now = Clock::now();
  const TimePoint next = std::min(dispatcher_.next_wakeup(), now + kLongestWait);
  pollfd fd{mailbox_.wake_fd(), POLLIN, 0};
  // Not ppoll: where the process was stopped and goes on it waits for all that was left.
  ::poll(&fd, 1, poll_ms(next - now));
}

void Consumer::handle(const Ready& event) {
  if (const auto at = signals_.find(event.lane); at != signals_.end()) at->second->posted = false;
  dispatcher_.on(event, Clock::now());
}

void Consumer::handle(const RequestStop& request) { begin_stop(request.deadline); }

void Consumer::handle(const RequestQuiet&) {
  quiet_ = true;
  log_.info("quiet: no further batch starts, the membership stays", {{"group", options_.group}});
  dispatcher_.on(Quiet{}, Clock::now());
}

void Consumer::handle(const RequestDump&) {
  dump_lanes();
  dump_threads();
}

void Consumer::handle(const StandbyCreated& event) {
  if (!event.ok) executor_.forget_standby(event.lane);
  dispatcher_.on(event, Clock::now());
}

void Consumer::begin_stop(TimePoint deadline) {
  if (std::exchange(stopping_, true)) return;
  const TimePoint now = Clock::now();
  const Duration left = std::max(deadline - now, Duration{0});
  const Duration allowance = std::min(kCloseAllowance, left / 4);
  close_deadline_ = deadline - allowance / 4;
  dispatcher_.on(Stop{deadline - allowance, deadline - allowance / 2}, now);
}

void Consumer::serve_client() {
  if (closing_) return;
  while (const MessageHandle message{rd_kafka_consumer_poll(client_.get(), 0)}) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      on_consumer_error(*message);
      continue;
    }
    // Only while stopping are partitions assigned without a lane; their records stay uncommitted.
    MOULT_CHECK(stopping_, "a record came past its partition queue");
  }
}

/// One of a single partition leaves it out of the fetching until it is assigned anew.
void Consumer::on_consumer_error(const rd_kafka_message_t& message) {
  on_error(message.err, rd_kafka_message_errstr(&message));
  if (message.err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) denied_ = true;
  if (message.rkt == nullptr || !leaves_unread(message.err)) return;
  const auto& assigned = dispatcher_.assignment();
  const auto at = assigned.find({rd_kafka_topic_name(message.rkt), message.partition});
  if (at != assigned.end()) unreadable_.insert(at->second);
}

void Consumer::serve_answers() {
  while (const EventHandle event{rd_kafka_queue_poll(answer_queue_.get(), 0)}) {
    switch (rd_kafka_event_type(event.get())) {
      case RD_KAFKA_EVENT_OFFSET_COMMIT:
        on_commit_answer(event.get());
        break;
      case RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT:
        brokers_.on_answer(event.get());
        break;
      case TopicWatch::kAnswer:
        on_topics_described(event.get());
        break;
      default:
        break;
    }
  }
}

// ---- Commands -----------------------------------------------------------------------------------

void Consumer::apply_commands() {
  // Carrying out one command may lead to others: a commit that is refused at once, say.
  for (auto commands = dispatcher_.take_commands(); !commands.empty();
       commands = dispatcher_.take_commands()) {
    for (const Command& command : commands) {
      std::visit([this](const auto& what) { apply(what); }, command);
    }
  }
}

void Consumer::apply(const OpenLane& command) {
  auto& gate = gates_[command.partition] =
      std::make_shared<FetchGate>(client_.get(), command.partition, pulled_, log_);
  auto source = std::make_unique<PartitionSource>(client_.get(), command.partition, gate, log_,
                                                  tell_of(command));
  auto& signal = signals_[command.lane] = std::make_unique<ReadySignal>(this, command.lane);
  source->enable_events(ready_callback, signal.get());
  executor_.open(command, std::move(source));
  topic_watch_.look(Clock::now());
  // The event tells that an empty queue got something. What an earlier assignment left in there
  // would swallow it: the lane's first turn clears the queue, whatever it holds.
  ready_callback(client_.get(), signal.get());
}

/// Called on workers.
PartitionSource::Told Consumer::tell_of(const OpenLane& command) {
  return {.error = [this](int code, const char* text) { hints_.on_symptom(code, text); },
          .readable =
              [this, lane = command.lane](bool readable) {
                mailbox_.post(Readable{lane, readable});
              }};
}

/// It may cross with the end of its lane.
void Consumer::handle(const Readable& event) {
  if (event.readable) {
    unreadable_.erase(event.lane);
  } else if (signals_.contains(event.lane)) {
    unreadable_.insert(event.lane);
  }
}

void Consumer::apply(const CreateInstance& command) { executor_.create(command.lane); }
void Consumer::apply(const OpenSlot& command) { executor_.open_slot(command); }
void Consumer::apply(const RunTurn& command) { executor_.run(command); }
void Consumer::apply(const CancelLane& command) { executor_.cancel(command.lane); }
void Consumer::apply(const Retarget& command) { executor_.retarget(command); }
void Consumer::apply(const CreateStandby& command) { executor_.create_standby(command); }
void Consumer::apply(const DropStandby& command) { executor_.drop_standby(command.lane); }
void Consumer::apply(const SwapLane& command) { executor_.swap(command.lane); }
void Consumer::apply(const HandoverProgress& progress) {
  if (on_handover_) on_handover_(progress);
}

void Consumer::apply(const HoldBack& command) { executor_.hold_back(command.lane); }

void Consumer::apply(const Overdue& command) {
  const LaneActivity activity = executor_.activity(command.lane);
  if (activity.running_for < command.deadline) {
    return dispatcher_.on(BatchYounger{command.lane, activity.running_for}, Clock::now());
  }
  executor_.overdue(command.lane);
  const TopicPartition& partition = dispatcher_.lane(command.lane).partition;
  log_.error("batch over its deadline, still running",
             {{"group", options_.group},
              {"handler", activity.handler},
              {"build_id", activity.build_id},
              {"topic", partition.topic},
              {"partition", partition.partition},
              {"offset", activity.running.begin},
              {"to_offset", activity.running.end - 1},
              {"running_ms", to_ms(activity.running_for)}});
  if (!command.exit) return;
  ended_by_deadline_ = describe_unfinished({command.lane});
  log_.critical("on_deadline: exit: what is finished is committed, then the daemon ends");
  begin_stop(Clock::now() + options_.dispatch.revoke_deadline);
}

/// Not while stopping: nobody is to wait for an answer then.
void Consumer::watch_brokers() {
  if (stopping_) return;
  const auto reads = std::ranges::find_if(topics_, [](const auto& it) { return !it.empty(); });
  brokers_.ask(client_.get(), options_.group, reads->front(), answer_queue_.get(), Clock::now());
}

/// Of those that are ours: a lane may outlive its assignment.
std::size_t Consumer::unreadable_partitions() const {
  if (unreadable_.empty()) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(
      dispatcher_.assignment(),
      [this](const auto& assigned) { return unreadable_.contains(assigned.second); }));
}

/// Tells when the consumer stops being as good as it should, and when it is again.
void Consumer::report_readiness() {
  const Unready now{dispatcher_.trouble(), unreadable_partitions(), denied_,
                    brokers_.unreachable(Clock::now()), fatal_};
  if (now == reported_) return;
  reported_ = now;
  const bool ready = now == Unready{};
  if (ready) hints_.forget();
  const Field fields[] = {{"group", options_.group},
                          {"stopped_lanes", now.lanes.stopped},
                          {"overdue_lanes", now.lanes.overdue},
                          {"unreadable_partitions", now.unreadable},
                          {"denied", now.denied},
                          {"unreachable", now.unreachable},
                          {"fatal", now.fatal}};
  log_.write(ready ? Severity::kInfo : Severity::kError, ready ? "ready again" : "not ready",
             fields);
}

void Consumer::apply(const EndLane& command) {
  executor_.end(command.lane, command.reason, command.deadline);
}

void Consumer::apply(const CloseLane& command) {
  executor_.close(command.lane);
  signals_.erase(command.lane);
  unreadable_.erase(command.lane);
}

void Consumer::apply(const Commit& command) {
  PartitionListHandle list(
      rd_kafka_topic_partition_list_new(static_cast<int>(command.offsets.size())));
  for (const CommitOffset& commit : command.offsets) {
    rd_kafka_topic_partition_list_add(list.get(), commit.partition.topic.c_str(),
                                      commit.partition.partition)
        ->offset = commit.offset;
  }
  auto* opaque = reinterpret_cast<void*>(static_cast<std::uintptr_t>(command.commit));  // NOLINT
  const auto code =
      rd_kafka_commit_queue(client_.get(), list.get(), answer_queue_.get(), nullptr, opaque);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  log_.warning("commit refused", {{"group", options_.group}, {"error", error_text(code)}});
  dispatcher_.on(CommitDone{command.commit, false}, Clock::now());
}

void Consumer::on_commit_answer(rd_kafka_event_t* event) {
  const auto code = rd_kafka_event_error(event);
  const CommitId commit{reinterpret_cast<std::uintptr_t>(rd_kafka_event_opaque(event))};  // NOLINT
  // Librdkafka gives one partition's error to all of the commit: which of them the broker took
  // nobody can tell.
  const bool ok = code == RD_KAFKA_RESP_ERR_NO_ERROR;
  const bool overtaken = commit_overtaken(code);
  if (ok) overtaken_ = false;
  if (overtaken) {
    overtaken_ = stopping_;
    log_.info("commit overtaken by a rebalance: its records may be handled again elsewhere",
              {{"group", options_.group}, {"error", error_text(code)}});
  } else if (!ok) {
    log_.warning("commit failed, it is sent again",
                 {{"group", options_.group}, {"error", error_text(code)}});
  }
  dispatcher_.on(CommitDone{commit, ok, overtaken}, Clock::now());
}

void Consumer::apply(const Unassign& command) {
  for (const TopicPartition& partition : command.partitions) {
    log_.info("partition released", {{"group", options_.group},
                                     {"topic", partition.topic},
                                     {"partition", partition.partition}});
    if (const auto gate = gates_.extract(partition)) gate.mapped()->reopen();
  }
  change_assignment(false, to_list(take_claimed(command.partitions)).get());
}

void Consumer::apply(const Stopped& command) {
  end_.blocked = describe_unfinished(command.unfinished);
  // After a rebalance the partitions' next owners handle the records again: nothing failed.
  if (!overtaken_) end_.uncommitted = describe_uncommitted();
  close();
}

// ---- Errors -------------------------------------------------------------------------------------

void Consumer::error_callback(rd_kafka_t*, int code, const char* text, void* opaque) {
  static_cast<Consumer*>(opaque)->on_error(code, text);
}

void Consumer::on_error(int code, const char* text) {
  report_error(log_, code, text, {{"group", options_.group}});
  hints_.on_symptom(code, text);
  if (connection_failed(code)) brokers_.doubt(Clock::now());
  if (classify(code) == Disposition::kFatal) end_by_itself();
}

void Consumer::log_callback(const rd_kafka_t* client, int level, const char* facility,
                            const char* text) {
  auto* consumer = static_cast<Consumer*>(rd_kafka_opaque(client));
  if (tells_of_symptoms(facility)) consumer->hints_.on_symptom(0, text);
  const Field fields[] = {{"group", consumer->options_.group}, {"facility", facility}};
  if (tells_of_lost_records(facility, text)) {
    consumer->log_.error("records are gone before they were handled",
                         {{"group", consumer->options_.group}, {"reason", text}});
  }
  consumer->log_.for_component(Component::kLibrdkafka)
      .write(severity_of_syslog(level), text, fields);
}

// ---- Ending -------------------------------------------------------------------------------------

/// With a lane unfinished the client can't be destroyed (it waits for the messages in that lane's
/// hands), nor while it waits for a broker: then the process has to go.
void Consumer::close() {
  closing_ = true;
  end_.fatal = fatal_;
  end_.closed = leave_group() && end_.blocked.empty();
  // Also when the batch ended after all: whoever restarts the daemon must see a failure.
  if (end_.blocked.empty()) end_.blocked = std::move(ended_by_deadline_);
  for (const LaneId id : dispatcher_.assigned_lanes()) {
    if (dispatcher_.lane(id).state == LaneState::kEnded) {
      executor_.close(id);
      signals_.erase(id);
    }
  }
  ended_ = true;
}

/// False when it did not end in time. Without a broker librdkafka keeps a commit for the whole
/// session timeout before it lets go.
bool Consumer::leave_group() {
  leave_when_idle();
  const QueueHandle queue(rd_kafka_queue_new(client_.get()));
  const ErrorHandle error(rd_kafka_consumer_close_queue(client_.get(), queue.get()));
  if (error) {
    log_.warning("leaving the group failed",
                 {{"group", options_.group}, {"error", rd_kafka_error_string(error.get())}});
    return true;  // it never will be otherwise
  }
  while (rd_kafka_consumer_closed(client_.get()) == 0) {
    const Duration left = std::min(close_deadline_ - Clock::now(), kLongestWait);
    if (left <= Duration{0}) {
      log_.warning("the group could not be left in time, it notices at the session's timeout",
                   {{"group", options_.group}});
      return false;
    }
    rd_kafka_queue_poll_callback(queue.get(), poll_ms(left));
  }
  return true;
}

/// A cooperative member without partitions would not say that it goes: librdkafka's close sends no
/// LeaveGroup for it, and the next rebalance would wait for its session to end. Unsubscribing does.
/// A static member has to keep its place.
void Consumer::leave_when_idle() {
  rd_kafka_topic_partition_list_t* partitions = nullptr;
  if (rd_kafka_assignment(client_.get(), &partitions) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const PartitionListHandle assignment(partitions);
  const bool is_static = options_.properties.contains("group.instance.id");
  if (assignment->cnt == 0 && incremental() && !is_static) rd_kafka_unsubscribe(client_.get());
}

}  // namespace moult::kafka
