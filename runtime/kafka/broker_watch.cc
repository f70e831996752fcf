#include "runtime/kafka/broker_watch.h"

#include "runtime/kafka/group_offsets.h"
#include "runtime/kafka/partition_list.h"

namespace moult::kafka {
namespace {

constexpr Duration kHiccup = std::chrono::seconds(2);
constexpr Duration kIntervalInDoubt = std::chrono::seconds(1);
constexpr Duration kInterval = std::chrono::seconds(10);
constexpr int kDescribeMs = 10'000;

/// Codes of librdkafka's own are negative: no broker said so.
bool from_broker(rd_kafka_resp_err_t code) { return code >= RD_KAFKA_RESP_ERR_NO_ERROR; }

}  // namespace

void BrokerWatch::doubt(TimePoint now) {
  if (!doubted_since_) doubted_since_ = now;
}

bool BrokerWatch::unreachable(TimePoint now) const {
  return doubted_since_ && now >= *doubted_since_ + kHiccup;
}

/// What it asks for is of no interest; a member of the group may ask for it.
void BrokerWatch::ask(rd_kafka_t* client, const std::string& group, const std::string& topic,
                      rd_kafka_queue_t* answers, TimePoint now) {
  if (asked_ || now < asked_at_ + (doubted_since_ ? kIntervalInDoubt : kInterval)) return;
  const auto list = to_list({{topic, 0}});
  const ListOffsets question(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), list.get()));
  const AdminOptions options(
      rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), kDescribeMs, nullptr, 0);
  rd_kafka_ListConsumerGroupOffsets_t* questions[] = {question.get()};
  rd_kafka_ListConsumerGroupOffsets(client, questions, 1, options.get(), answers);
  asked_ = true;
  asked_at_ = now;
}

void BrokerWatch::on_answer(rd_kafka_event_t* event) {
  asked_ = false;
  if (from_broker(rd_kafka_event_error(event))) {
    doubted_since_.reset();
  } else {
    doubt(asked_at_);
  }
}

}  // namespace moult::kafka
