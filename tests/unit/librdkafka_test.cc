// What we count on in librdkafka, where it was not so: tools/patches.
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
// In this order.
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "runtime/base/time.h"
#include "runtime/kafka/client.h"
#include "runtime/kafka/handles.h"
#include "runtime/kafka/partition_list.h"

namespace moult::kafka {
namespace {

constexpr const char* kTopic = "topic";
constexpr Milliseconds kSlow{400};

/// A consumer of one partition of its own mock cluster.
class Librdkafka : public ::testing::Test {
 protected:
  Librdkafka() {
    consumer_ = client(
        RD_KAFKA_CONSUMER,
        {{"test.mock.num.brokers", "1"}, {"group.id", "group"}, {"enable.auto.commit", "false"}});
    mock_ = rd_kafka_handle_mock_cluster(consumer_.get());
    rd_kafka_mock_topic_create(mock_, kTopic, 1, 1);
    producer_ =
        client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock_)}});
    topic_.reset(rd_kafka_topic_new(producer_.get(), kTopic, nullptr));
    queue_.reset(rd_kafka_queue_get_partition(consumer_.get(), kTopic, 0));
  }

  static ClientHandle client(rd_kafka_type_t type, const Properties& properties) {
    ClientConf conf{ConfHandle(rd_kafka_conf_new())};
    for (const auto& [name, value] : properties) {
      rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), nullptr, 0);
    }
    return *make_client(type, std::move(conf));
  }

  void assign(std::int64_t offset) {
    const PartitionListHandle list = to_list({{kTopic, 0}});
    list->elems[0].offset = offset;
    rd_kafka_assign(consumer_.get(), list.get());
    // What an assignment leaves in the partition's queue is for whoever has that.
    rd_kafka_queue_forward(queue_.get(), nullptr);
  }
  void give_back() { rd_kafka_assign(consumer_.get(), nullptr); }

  void answer_after(Milliseconds delay) {
    rd_kafka_mock_broker_set_rtt(mock_, 1, static_cast<int>(delay.count()));
  }

  void produce() {
    std::string value = "x";
    rd_kafka_produce(topic_.get(), 0, RD_KAFKA_MSG_F_COPY, value.data(), value.size(), nullptr, 0,
                     nullptr);
    rd_kafka_flush(producer_.get(), 60'000);
  }

  /// Whether the partition brings a record, while some come.
  bool brings_one(Milliseconds within) {
    for (const TimePoint end = Clock::now() + within; Clock::now() < end;) {
      produce();
      rd_kafka_consumer_poll(consumer_.get(), 0);
      rd_kafka_message_t* message = nullptr;
      if (rd_kafka_consume_batch_queue(queue_.get(), 20, &message, 1) < 1) continue;
      const MessageHandle owned(message);
      if (owned->err == RD_KAFKA_RESP_ERR_NO_ERROR) return true;
    }
    return false;
  }

  ClientHandle consumer_;
  rd_kafka_mock_cluster_t* mock_ = nullptr;
  ClientHandle producer_;
  TopicHandle topic_;
  QueueHandle queue_;
};

TEST_F(Librdkafka, R5_APartitionThatWasGivenBackWhileItsEndWasAskedForBringsNothing) {
#if !MOULT_MENDED_RDKAFKA
  GTEST_SKIP() << "this librdkafka is without what tools/patches mends";
#endif
  assign(0);
  ASSERT_TRUE(brings_one(std::chrono::seconds(60)));
  give_back();
  answer_after(kSlow);
  assign(RD_KAFKA_OFFSET_END);
  std::this_thread::sleep_for(kSlow / 4);
  give_back();
  std::this_thread::sleep_for(kSlow);  // the answer has come
  answer_after(Milliseconds{0});
  EXPECT_FALSE(brings_one(std::chrono::milliseconds(1500))) << "librdkafka asks again after 500";
}

}  // namespace
}  // namespace moult::kafka
