#include "runtime/kafka/topic_watch.h"

#include <utility>

#include "runtime/kafka/group_offsets.h"

namespace moult::kafka {
namespace {

// Of a burst of answers, while a topic is missing say.
constexpr Duration kLeastBetween = std::chrono::milliseconds(200);
// A broker that is further behind is no part of a cluster that works.
constexpr Duration kBehind = std::chrono::seconds(5);
// What such a broker says is for so long no proof that a topic is still the old one.
constexpr Duration kRumour = 2 * kBehind;
constexpr int kDescribeMs = 10'000;
constexpr std::int16_t kMetadata = 3;  // the protocol's key of these requests
// librdkafka tells of one answer twice: on the broker's thread and on its main one.
constexpr std::uint64_t kTimesTold = 2;

}  // namespace

void TopicWatch::attach(rd_kafka_conf_t* conf) {
  rd_kafka_conf_interceptor_add_on_new(conf, "moult-topic-watch", on_new, this);
}

rd_kafka_resp_err_t TopicWatch::on_new(rd_kafka_t* client, const rd_kafka_conf_t*, void* opaque,
                                       char*, std::size_t) {
  return rd_kafka_interceptor_add_on_response_received(client, "moult-topic-watch", on_response,
                                                       opaque);
}

/// Before the answer is looked at, also of our own question.
rd_kafka_resp_err_t TopicWatch::on_response(rd_kafka_t*, int, const char*, std::int32_t,
                                            std::int16_t api, std::int16_t, std::int32_t,
                                            std::size_t, std::int64_t, rd_kafka_resp_err_t error,
                                            void* opaque) {
  if (api == kMetadata && error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    auto* watch = static_cast<TopicWatch*>(opaque);
    ++watch->told_;
    watch->wake_();
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool TopicWatch::due(TimePoint now) const {
  return !asked_ && now >= asked_at_ + kLeastBetween && (told_ != heard_ || now >= next_);
}

// From librdkafka 2.3 on a client can ask for ids.
#if RD_KAFKA_VERSION >= 0x020300ff

namespace {

using TopicNames = Owned<rd_kafka_TopicCollection_t, rd_kafka_TopicCollection_destroy>;

TopicNames to_names(const std::set<std::string>& topics) {
  std::vector<const char*> names;
  names.reserve(topics.size());
  for (const std::string& topic : topics) names.push_back(topic.c_str());
  return TopicNames(rd_kafka_TopicCollection_of_topic_names(names.data(), names.size()));
}

}  // namespace

void TopicWatch::ask(rd_kafka_t* client, const std::set<std::string>& topics,
                     rd_kafka_queue_t* answers, TimePoint now) {
  const std::uint64_t told = told_;
  next_ = std::exchange(heard_, told) == told ? kNever : now + kBehind;
  std::erase_if(known_, [&](const auto& known) { return !topics.contains(known.first); });
  if (topics.empty()) return;
  asked_at_ = now;
  const AdminOptions options(rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), kDescribeMs, nullptr, 0);
  rd_kafka_DescribeTopics(client, to_names(topics).get(), options.get(), answers);
  asked_ = true;
}

std::vector<TopicWatch::Anew> TopicWatch::on_answer(rd_kafka_event_t* event, TimePoint now) {
  asked_ = false;
  // With others than the one to the question itself, one of them may have come behind it.
  const std::uint64_t told = told_;
  if (told <= heard_ + kTimesTold) heard_ = told;
  std::vector<Anew> anew;
  const auto* result = rd_kafka_event_DescribeTopics_result(event);
  if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR || result == nullptr) {
    heard_ = told;
    next_ = now + kBehind;
    return anew;
  }
  std::size_t count = 0;
  const auto* const* topics = rd_kafka_DescribeTopics_result_topics(result, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* id = rd_kafka_TopicDescription_topic_id(topics[i]);
    if (rd_kafka_TopicDescription_error(topics[i]) != nullptr || id == nullptr) continue;
    const std::string topic = rd_kafka_TopicDescription_name(topics[i]);
    if (const auto since = made_anew(topic, id)) anew.push_back({topic, *since});
  }
  return anew;
}

std::optional<TimePoint> TopicWatch::made_anew(const std::string& topic,
                                               const rd_kafka_Uuid_t* uuid) {
  const Id id{rd_kafka_Uuid_most_significant_bits(uuid),
              rd_kafka_Uuid_least_significant_bits(uuid)};
  if (id == Id{}) return std::nullopt;  // a broker without ids
  const auto at = known_.find(topic);
  if (at != known_.end() && id != at->second.id && id == at->second.former) return std::nullopt;
  if (at == known_.end() || id != at->second.id) {
    log_.debug("topic is known by its id",
               {{"topic", topic}, {"id", rd_kafka_Uuid_base64str(uuid)}});
  }
  if (at == known_.end()) {
    known_.emplace(topic, Known{id, id, asked_at_});
    return std::nullopt;
  }
  Known& known = at->second;
  const TimePoint confirmed = std::exchange(known.confirmed, asked_at_);
  if (id == known.id) return std::nullopt;
  known.former = std::exchange(known.id, id);
  return confirmed - kRumour;
}

#else

void TopicWatch::ask(rd_kafka_t*, const std::set<std::string>&, rd_kafka_queue_t*, TimePoint now) {
  heard_ = told_;
  asked_at_ = now;
  next_ = kNever;
}

std::vector<TopicWatch::Anew> TopicWatch::on_answer(rd_kafka_event_t*, TimePoint) { return {}; }

#endif

}  // namespace moult::kafka
