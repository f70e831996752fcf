#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/mailbox.h"
#include "runtime/base/result.h"
#include "runtime/base/thread_checker.h"
#include "runtime/base/time.h"
#include "runtime/dispatch/dispatcher.h"
#include "runtime/kafka/broker_watch.h"
#include "runtime/kafka/client_config.h"
#include "runtime/kafka/consumer_snapshot.h"
#include "runtime/kafka/handles.h"
#include "runtime/kafka/handover_port.h"
#include "runtime/kafka/hints.h"
#include "runtime/kafka/lane_executor.h"
#include "runtime/kafka/partition_source.h"
#include "runtime/kafka/topic_router.h"
#include "runtime/kafka/topic_watch.h"

namespace moult::kafka {

struct ConsumerOptions {
  std::string group;
  Properties properties;
  Topics topics;
  std::uint64_t memory_budget = 256ULL * 1024 * 1024;  // bytes, of records fetched
  DispatcherOptions dispatch;
};

/// How a consumer ended; the lists are in words.
struct ConsumerEnd {
  bool fatal = false;                    // librdkafka gave up on this membership
  bool closed = false;                   // else the client may not be destroyed: it would wait
  std::vector<std::string> blocked;      // work that did not end by the deadline
  std::vector<std::string> uncommitted;  // finished work that the broker may not know of
};

/// One membership of one group: owns the librdkafka client, the dispatcher and every partition's
/// state, all on its poller thread. The poller runs no handler, so that a long handler never costs
/// the membership. Everybody else posts.
class Consumer final : public LaneAnswers, public HandoverPort {
 public:
  /// `ended` is called once, on the poller thread, when the consumer is closed or could not be.
  using EndedCallback = std::function<void(ConsumerEnd)>;

  /// Makes the client, which joins nothing yet: a start that fails elsewhere leaves the group as it
  /// was. Asks the cluster for the number of partitions first, for a moment.
  /// `executor` outlives the consumer.
  static Result<std::unique_ptr<Consumer>> make(ConsumerOptions options, LaneExecutor& executor,
                                                Logger log);
  ~Consumer() override;

  /// Before start(): called on the poller thread whenever lanes came nearer to another generation.
  void on_handover(std::function<void(const HandoverProgress&)> moved) {
    on_handover_ = std::move(moved);
  }

  /// Starts the poller thread, which joins the group.
  void start(EndedCallback ended);

  // Any thread.
  void quiet();
  void pause(HandlerIndex handler, bool paused) { mailbox_.post(Pause{handler, paused}); }
  /// Drains, commits, leaves the group, and has ended by `deadline`.
  void stop(TimePoint deadline);
  void dump();
  /// `tell` is called on the poller thread; never when the consumer ends before.
  void inspect(std::function<void(ConsumerSnapshot)> tell);
  /// As the dispatcher's events: how far it gets comes to `on_handover`.
  void add(const AddHandler& request) override { mailbox_.post(request); }
  void prepare(const Prepare& request) override { mailbox_.post(request); }
  void canary(const Canary& request) override { mailbox_.post(request); }
  void activate(const Activate& request) override { mailbox_.post(request); }
  void discard(const Discard& request) override { mailbox_.post(request); }
  void check_topics(Topics topics, Answered done) override {
    mailbox_.post(RequestTopics{std::move(topics), false, std::move(done)});
  }
  void change_topics(Topics topics, Answered done) override {
    mailbox_.post(RequestTopics{std::move(topics), true, std::move(done)});
  }
  void forget(HandlerIndex handler, Answered done) override {
    mailbox_.post(RequestForget{handler, std::move(done)});
  }
  void post(LaneAnswer answer) override;
  bool fatal() const { return fatal_; }

 private:
  struct RequestQuiet {};
  struct RequestStop {
    TimePoint deadline;
  };
  struct RequestDump {};
  struct RequestTopics {
    Topics topics;
    bool apply;  // else only checked
    Answered done;
  };
  struct RequestForget {
    HandlerIndex handler;
    Answered done;
  };
  struct RequestInspect {
    std::function<void(ConsumerSnapshot)> tell;
  };
  struct Readable {
    LaneId lane;
    bool readable;  // its partition
  };
  using Message =
      std::variant<InstanceCreated, TurnDone, StandbyCreated, LaneSwapped, LaneEnded, Ready, Pause,
                   AddHandler, Prepare, Canary, Activate, Discard, RequestQuiet, RequestStop,
                   RequestDump, RequestInspect, RequestTopics, RequestForget, Readable>;

  /// What keeps a consumer from being ready.
  struct Unready {
    Trouble lanes;
    std::size_t unreadable = 0;  // partitions
    bool denied = false;         // the group
    bool unreachable = false;    // the cluster
    bool fatal = false;

    friend bool operator==(const Unready&, const Unready&) = default;
  };

  /// What a partition queue's event reaches: one Ready under way at most.
  struct ReadySignal {
    ReadySignal(Consumer* its_consumer, LaneId its_lane) : consumer(its_consumer), lane(its_lane) {}

    Consumer* const consumer;
    const LaneId lane;
    std::atomic<bool> posted{false};
  };

  Consumer(ConsumerOptions options, TopicRouter router, LaneExecutor& executor, Logger log);

  Result<Ok> make_client();
  Status subscribe(const Topics& topics);
  void run() noexcept;
  void wait();
  /// What the dispatcher takes as it is.
  template <typename Event>
  void handle(const Event& event) {
    dispatcher_.on(event, Clock::now());
  }
  void handle(const Ready& event);
  void handle(const RequestStop& request);
  void handle(const RequestQuiet& request);
  void handle(const RequestDump& request);
  void handle(const RequestInspect& request);
  void handle(const RequestTopics& request);
  void handle(const RequestForget& request);
  void handle(const AddHandler& event);
  void handle(const Readable& event);
  bool all_paused() const;
  std::vector<TopicPartition> take_claimed(std::vector<TopicPartition> partitions);
  Status accept(const RequestTopics& request);
  std::optional<std::string> moved_topic(const TopicRouter& router) const;
  void handle(const StandbyCreated& event);
  void begin_stop(TimePoint deadline);
  void join_group();
  void end_by_itself();
  void serve_client();
  void on_consumer_error(const rd_kafka_message_t& message);
  std::size_t unreadable_partitions() const;
  void report_readiness();
  void watch_brokers();
  void watch_topics();
  void on_topics_described(rd_kafka_event_t* event);
  void begin_anew(const TopicWatch::Anew& anew);
  void shed_stale_fetches();
  bool stands_still(const Lane& lane) const;
  void serve_answers();

  void apply_commands();
  void apply(const OpenLane& command);
  void apply(const OpenSlot& command);
  void apply(const CreateInstance& command);
  void apply(const RunTurn& command);
  void apply(const HoldBack& command);
  void apply(const Overdue& command);
  void apply(const CancelLane& command);
  void apply(const Retarget& command);
  void apply(const CreateStandby& command);
  void apply(const DropStandby& command);
  void apply(const SwapLane& command);
  void apply(const HandoverProgress& progress);
  void apply(const EndLane& command);
  void apply(const CloseLane& command);
  void apply(const Commit& command);
  void apply(const Unassign& command);
  void apply(const Stopped& command);

  void on_rebalance(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* partitions);
  void on_assigned(rd_kafka_topic_partition_list_t* partitions);
  std::optional<HandlerIndex> handler_of(const std::string& topic) const;
  void on_taken(const rd_kafka_topic_partition_list_t* partitions);
  void on_error(int code, const char* text);
  void on_commit_answer(rd_kafka_event_t* event);
  PartitionSource::Told tell_of(const OpenLane& command);
  bool incremental() const;
  void change_assignment(bool assign, const rd_kafka_topic_partition_list_t* partitions);
  std::vector<std::string> describe_unfinished(const std::vector<LaneId>& lanes) const;
  std::vector<std::string> describe_uncommitted() const;
  void close();
  bool leave_group();
  void leave_when_idle();
  LaneSnapshot snapshot_of(const Lane& lane) const;
  std::vector<std::string> unready() const;
  void dump_lanes() const;
  void dump_threads() const;

  static void rebalance_callback(rd_kafka_t* client, rd_kafka_resp_err_t code,
                                 rd_kafka_topic_partition_list_t* partitions, void* opaque);
  static void error_callback(rd_kafka_t* client, int code, const char* text, void* opaque);
  static void log_callback(const rd_kafka_t* client, int level, const char* facility,
                           const char* text);
  static void ready_callback(rd_kafka_t* client, void* opaque);

  static constexpr const char* kPollerName = "moult-poller";

  // Constant after construction.
  const ConsumerOptions options_;
  LaneExecutor& executor_;
  const Logger log_;

  Mailbox<Message> mailbox_;
  Hints hints_;
  std::atomic<bool> fatal_{false};

  // Owned by the poller thread (by the maker until start()).
  ThreadChecker poller_;
  Dispatcher dispatcher_;
  Topics topics_;
  std::deque<TopicRouter> routers_;  // the first is of topics_, the others were before it
  std::set<HandlerIndex> forgotten_;
  std::set<TopicPartition> unclaimed_;  // that the group gave us for a handler that is forgotten
  std::unordered_map<LaneId, std::unique_ptr<ReadySignal>> signals_;
  std::set<LaneId> unreadable_;  // whose partitions give no records until things change
  bool denied_ = false;          // the group, since the last assignment
  std::vector<Message> inbox_;
  BrokerWatch brokers_;
  TopicWatch topic_watch_;
  Unready reported_;
  bool quiet_ = false;
  bool stopping_ = false;
  TimePoint close_deadline_ = kNever;  // once stopping
  bool overtaken_ = false;             // while stopping, a commit by a rebalance
  bool closing_ = false;
  bool ended_ = false;
  ConsumerEnd end_;
  std::vector<std::string> ended_by_deadline_;  // the batch that `on_deadline: exit` ended us for
  EndedCallback on_end_;
  std::function<void(const HandoverProgress&)> on_handover_;

  // Behind what its callbacks use: its destruction may still call back. Its queues hold references
  // on it, which it would wait for.
  ClientHandle client_;
  std::atomic<std::uint64_t> pulled_{0};  // bytes of all partitions; any thread
  std::uint64_t pulled_when_shed_ = 0;    // when shed_stale_fetches() looked last
  std::map<TopicPartition, std::shared_ptr<FetchGate>> gates_;  // of the assignment
  QueueHandle consumer_queue_;
  QueueHandle answer_queue_;  // to commits and questions

  std::thread thread_;  // last: it uses everything above
};

}  // namespace moult::kafka
