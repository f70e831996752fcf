#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <ostream>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include "runtime/kafka/client.h"
#include "runtime/kafka/client_config.h"
#include "runtime/kafka/mock_broker.h"
#include "runtime/kafka/partition_list.h"
#include "runtime/kafka/sample_producer.h"
#include "runtime/kafka/version.h"
#include "runtime/workers/lane_runner.h"
#include "tests/unit/dispatcher_script.h"

namespace moult {

/// How many records of a lane's partition its test takes itself, before the lane's turns: with them
/// go the marks that librdkafka puts in front of what it fetches, so that what is left in the
/// partition queue can be counted. Tests count offsets from behind them.
inline constexpr Offset kTaken = 1;

/// Nothing of a batch test is as large.
inline constexpr BatchLimits kWide{};

/// A batch as its handler saw it.
struct SeenBatch {
  std::vector<Offset> offsets;
  std::uint32_t attempt = 0;  // of the first record

  friend bool operator==(const SeenBatch&, const SeenBatch&) = default;
};

inline void PrintTo(const SeenBatch& batch, std::ostream* out) {
  *out << fmt::format("attempt {} of {}", batch.attempt, fmt::join(batch.offsets, ","));
}

/// What the handler of a test does, and what it saw. Outlives its instances.
struct FakeHandler {
  std::function<bool(const moult_batch&)> consume = [](const moult_batch& batch) {
    moult_all_ok(&batch);
    return true;
  };
  bool can_create = true;

  std::vector<SeenBatch> batches;
  std::vector<std::string> calls;  // all but consume

  std::vector<std::vector<Offset>> offsets() const {
    std::vector<std::vector<Offset>> all;
    for (const SeenBatch& batch : batches) all.push_back(batch.offsets);
    return all;
  }
};

class FakeInstance final : public Instance {
 public:
  explicit FakeInstance(FakeHandler& handler) : handler_(handler) {}
  ~FakeInstance() override { handler_.calls.emplace_back("destroyed"); }
  FakeInstance(const FakeInstance&) = delete;
  FakeInstance& operator=(const FakeInstance&) = delete;

  void assigned() noexcept override { handler_.calls.emplace_back("assigned"); }
  void revoked(EndReason reason, std::int64_t) noexcept override {
    handler_.calls.push_back(fmt::format("revoked for {}", static_cast<int>(reason)));
  }
  bool consume(const moult_batch& batch) noexcept override {
    SeenBatch seen;
    seen.attempt = moult_record_at(&batch, 0)->attempt;
    for (std::uint32_t i = 0; i < batch.record_count; ++i) {
      seen.offsets.push_back(moult_record_at(&batch, i)->offset - kTaken);
    }
    handler_.batches.push_back(std::move(seen));
    return handler_.consume(batch);
  }
  Status self_test() noexcept override { return Ok{}; }
  Result<HandedState> export_state() noexcept override { return failure("it keeps no state"); }
  Status import_state(const HandedState&) noexcept override { return failure("it keeps no state"); }

 private:
  FakeHandler& handler_;
};

class FakeGeneration final : public Generation {
 public:
  explicit FakeGeneration(FakeHandler& handler) : handler_(handler) {}

  std::uint32_t number() const override { return 1; }
  const std::string& plugin_name() const override { return name_; }
  const std::string& plugin_version() const override { return name_; }
  const std::string& build_id() const override { return name_; }
  std::uint64_t capabilities() const override { return 0; }
  Result<std::unique_ptr<Instance>> create(const LaneIdentity&, LaneHost&) override {
    if (!handler_.can_create) return failure("no database");
    return std::unique_ptr<Instance>(std::make_unique<FakeInstance>(handler_));
  }

 private:
  FakeHandler& handler_;
  const std::string name_ = "fake";
};

/// What a turn reported, with its ranges as one offset: everything below is finished.
struct SeenTurn : TurnDone {
  std::optional<Offset> done_to;
};

/// A lane over a real partition queue: librdkafka's own broker and a consumer that the test assigns
/// by hand. Each test has a topic of its own.
class LaneTest : public ::testing::Test {
 private:
  inline static std::unique_ptr<kafka::MockBroker> broker_;

  dispatch_test::NullSink sink_;
  const Logger log_{sink_, Component::kWorkers};
  std::string topic_;
  const std::string name_ = "lanes";
  WorkerScratch scratch_;
  std::atomic<std::uint64_t> pulled_{0};
  kafka::ClientHandle client_;
  kafka::QueueHandle queue_;
  std::counting_semaphore<> resumable_{0};
  std::unique_ptr<Outbox> outbox_;

 protected:
  FakeHandler handler_;
  HandlerCounters counters_;
  LaneSettings settings_;        // before the lane is opened
  kafka::Properties producing_;  // likewise, of what it produces
  std::deque<RunningGeneration> generations_;
  std::unique_ptr<LaneRunner> lane_;
  std::size_t waits_ = 0;  // for acknowledgements

  static kafka::MockBroker& broker() { return *broker_; }

  static void SetUpTestSuite() {
    auto broker = kafka::MockBroker::start();
    ASSERT_TRUE(broker.has_value()) << broker.error().message;
    broker_ = std::move(*broker);
  }
  static void TearDownTestSuite() { broker_.reset(); }

  void SetUp() override {
    topic_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    ASSERT_TRUE(broker_->create_topic(topic_, 1).has_value());
    auto conf = kafka::consumer_conf("lanes", {{"bootstrap.servers", broker_->bootstrap_servers()},
                                               {"auto.offset.reset", "earliest"},
                                               {"fetch.wait.max.ms", "10"}});
    ASSERT_TRUE(conf.has_value()) << conf.error().message;
    auto client = kafka::make_client(RD_KAFKA_CONSUMER, std::move(*conf));
    ASSERT_TRUE(client.has_value()) << client.error().message;
    client_ = std::move(*client);
  }

  void TearDown() override {
    if (lane_) lane_->end(EndReason::kStopping, Clock::now());
  }

  /// Opens the lane over a partition that holds `values`, all of them fetched.
  void open(const BatchLimits& limits, const std::vector<std::string>& values) {
    std::vector<kafka::Sample> samples;
    samples.reserve(values.size());
    for (const std::string& value : values) samples.push_back({"", value});
    open_with(limits, samples);
  }

  void open_with(const BatchLimits& limits, const std::vector<kafka::Sample>& samples) {
    std::vector<kafka::Sample> all = {{"", "taken by the test"}};
    all.insert(all.end(), samples.begin(), samples.end());
    produce(all);
    lane_ = new_lane(limits);
    ASSERT_TRUE(lane_->create().ok);
    queue_.reset(rd_kafka_queue_get_partition(client_.get(), topic_.c_str(), 0));
    const kafka::PartitionListHandle list = partition_at(0);
    ASSERT_EQ(rd_kafka_assign(client_.get(), list.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
    take_first();
    wait_for(samples.size() + 1);
  }

  /// One more record, fetched.
  void append(const std::string& value) {
    const std::size_t before = fetched();
    produce({{"", value}});
    wait_for(before + 2);
  }

  /// The partition goes on from `offset`, with `records` records, as it does when it was made anew.
  /// Nothing may be left in the queue.
  void go_back(Offset offset, std::size_t records) {
    ASSERT_EQ(fetched(), 0U);
    const kafka::PartitionListHandle list = partition_at(offset);  // the one before, to be taken
    // Before librdkafka 2.2 it waits for microseconds instead.
    const int timeout = kafka::loaded_version_number() < 0x020200ff ? 10'000'000 : 10'000;
    const kafka::ErrorHandle error(rd_kafka_seek_partitions(client_.get(), list.get(), timeout));
    ASSERT_EQ(error, nullptr) << rd_kafka_error_string(error.get());
    take_first();
    wait_for(records + 1);
  }

  /// With the settings as they are now, and without workers: the test takes every turn itself.
  RunningGeneration& new_generation() {
    return generations_.emplace_back(settings_, std::make_shared<FakeGeneration>(handler_), 0U);
  }

  /// The lane goes over to a generation with the settings as they are now.
  void swap_generation() {
    const std::shared_ptr<Seat> old = lane_->leave();
    auto next = std::make_shared<Seat>(GenerationUse(new_generation()), LaneIdentity{topic_, 0, 1});
    ASSERT_TRUE(next->create().has_value());
    lane_->take_seat(std::move(next));
    old->destroy();
  }

  std::unique_ptr<LaneRunner> new_lane(const BatchLimits& limits) {
    const TopicPartition partition{topic_, 0};
    settings_.limits = limits;
    if (!outbox_) {
      producing_["bootstrap.servers"] = broker_->bootstrap_servers();
      outbox_ = std::make_unique<Outbox>(producing_, log_);
    }
    return std::make_unique<LaneRunner>(
        LaneId{1}, LaneIdentity{topic_, 0, 1},
        std::make_unique<PartitionInlet>(std::make_unique<kafka::PartitionSource>(
            client_.get(), partition,
            std::make_shared<kafka::FetchGate>(client_.get(), partition, pulled_, log_), log_)),
        GenerationUse(new_generation()), LaneTools{name_, counters_, *outbox_, log_},
        [this](LaneRunner&) { resumable_.release(); });
  }

  /// Waits for what the turn waits for.
  SeenTurn turn(std::uint32_t attempt = 1) {
    auto ended = lane_->turn(scratch_, RunTurn{LaneId{1}, attempt});
    while (!ended) {
      ++waits_;
      resumable_.acquire();
      ended = lane_->resume();
    }
    SeenTurn done{std::move(*ended), {}};
    if (!done.received.empty()) done.received = behind_taken(done.received);
    if (!done.finished.empty()) done.done_to = done.finished.back().end - kTaken;
    if (done.end) *done.end -= kTaken;
    const bool failed =
        done.next == TurnDone::Next::kFailed || done.next == TurnDone::Next::kStopped;
    if (failed) done.failure.offset -= kTaken;
    return done;
  }

  static OffsetRange behind_taken(const OffsetRange& range) {
    return {range.begin - kTaken, range.end - kTaken};
  }

  /// Turns until there is nothing more to take. How many.
  std::size_t drain() {
    std::size_t turns = 1;
    while (turn().next == TurnDone::Next::kMore) ++turns;
    return turns;
  }

  /// How much waits in the partition queue: records, and the partition's end.
  std::size_t fetched() const { return rd_kafka_queue_length(queue_.get()); }

 private:
  void produce(const std::vector<kafka::Sample>& samples) {
    if (samples.empty()) return;
    const auto count = kafka::produce_samples(broker_->bootstrap_servers(), topic_, samples);
    ASSERT_TRUE(count.has_value()) << count.error().message;
  }

  kafka::PartitionListHandle partition_at(Offset offset) const {
    kafka::PartitionListHandle list = kafka::to_list({{topic_, 0}});
    list->elems[0].offset = offset;
    return list;
  }

  void take_first() {
    rd_kafka_message_t* first = nullptr;
    ASSERT_EQ(rd_kafka_consume_batch_queue(queue_.get(), 30'000, &first, 1), 1);
    const kafka::MessageHandle owned(first);
    ASSERT_EQ(owned->err, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_message_errstr(first);
  }

  void wait_for(std::size_t entries) {
    const TimePoint deadline = Clock::now() + std::chrono::seconds(30);
    while (fetched() < entries && Clock::now() < deadline) {
      const kafka::MessageHandle event(rd_kafka_consumer_poll(client_.get(), 1));
    }
    ASSERT_EQ(fetched(), entries);
  }
};

}  // namespace moult
