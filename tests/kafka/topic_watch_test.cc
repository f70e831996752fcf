// A topic's identity, asked of a real broker: librdkafka's mock cluster has no controller to ask.
#include "runtime/kafka/topic_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/kafka/client.h"
#include "tests/support/admin.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/scratch.h"
#include "tests/support/wait.h"
#include "tests/unit/dispatcher_script.h"

namespace moult::kafka {
namespace {

using std::chrono::seconds;
using testing::eventually;

class TopicWatchTest : public ::testing::Test {
 protected:
  TopicWatchTest() {
    admin_.create_topic(topic_, 1);
    ClientConf conf{ConfHandle(rd_kafka_conf_new())};
    rd_kafka_conf_set(conf.get(), "bootstrap.servers", bootstrap_.c_str(), nullptr, 0);
    watch_.attach(conf.get());
    client_ = *make_client(RD_KAFKA_PRODUCER, std::move(conf));
    answers_.reset(rd_kafka_queue_new(client_.get()));
    watch_.look(Clock::now());
  }

  /// What the poller does now and again.
  void serve() {
    if (watch_.due(Clock::now())) {
      watch_.ask(client_.get(), {topic_}, answers_.get(), Clock::now());
      ++asked_;
    }
    if (const EventHandle event{rd_kafka_queue_poll(answers_.get(), 20)}) {
      ++answered_;
      anew_ += watch_.on_answer(event.get(), Clock::now()).size();
    }
  }
  void serve_for(Duration time) {
    for (const TimePoint end = Clock::now() + time; Clock::now() < end;) serve();
  }
  /// As librdkafka does now and again, and when a fetch fails.
  void hear_of_topics() {
    const rd_kafka_metadata_t* metadata = nullptr;
    rd_kafka_metadata(client_.get(), 1, nullptr, &metadata, 10'000);
    const MetadataHandle owned(metadata);
  }

  const std::string bootstrap_ = testing::KafkaCluster::shared().bootstrap();
  const std::string topic_ = testing::unique_name("topic");
  testing::Admin admin_{bootstrap_};
  dispatch_test::NullSink sink_;
  TopicWatch watch_{Logger(sink_, Component::kKafka), [] {}};
  ClientHandle client_;
  QueueHandle answers_;
  int asked_ = 0;
  int answered_ = 0;
  std::size_t anew_ = 0;
};

TEST_F(TopicWatchTest, N6_ItAsksUntilItKnowsAndNotForEver) {
  const auto is_answered = [this] { return serve(), answered_ > 0; };
  ASSERT_TRUE(eventually(is_answered, seconds(30)));
  serve_for(seconds(3));
  EXPECT_LE(asked_, 4) << "a client's start brings a few answers with metadata, then it is quiet";
  hear_of_topics();
  const int before = asked_;
  serve_for(seconds(2));
  EXPECT_EQ(asked_, before + 1);
  EXPECT_EQ(anew_, 0U) << "it is the same all the time";
}

TEST_F(TopicWatchTest, N6_ItTellsEachTimeOnce) {
  ASSERT_TRUE(eventually([&] { return serve(), answered_ > 0; }, seconds(30)));
  for (std::size_t times = 1; times <= 3; ++times) {
    ASSERT_TRUE(admin_.remake_topic(topic_, 1, seconds(30)));
    hear_of_topics();
    ASSERT_TRUE(eventually([&] { return serve(), anew_ >= times; }, seconds(30)));
    serve_for(seconds(1));
    ASSERT_EQ(anew_, times);
  }
}

}  // namespace
}  // namespace moult::kafka
