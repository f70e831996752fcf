// What a consumer's group reads, and how that changes without leaving the group.

#include <fmt/format.h>

#include <algorithm>

#include "runtime/kafka/consumer.h"
#include "runtime/kafka/errors.h"
#include "runtime/kafka/partition_list.h"

namespace moult::kafka {
namespace {

// A rebalance is over long before the topics have changed so often.
constexpr std::size_t kRememberedRouters = 8;

}  // namespace

Status Consumer::subscribe(const Topics& topics) {
  const bool by_broker = uses_consumer_protocol(options_.properties);
  std::vector<TopicPartition> list;
  for (const auto& of_handler : topics) {
    for (const std::string& topic : of_handler) {
      list.push_back({by_broker ? regex_of_broker(topic) : topic, RD_KAFKA_PARTITION_UA});
    }
  }
  const auto code = rd_kafka_subscribe(client_.get(), to_list(list).get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return failure(
        fmt::format("group '{}': can't subscribe: {}", options_.group, error_text(code)));
  }
  return Ok{};
}

void Consumer::handle(const RequestTopics& request) { request.done(accept(request)); }

Status Consumer::accept(const RequestTopics& request) {
  if (stopping_) return failure("the consumer stops");
  if (std::ranges::all_of(request.topics, [](const auto& it) { return it.empty(); })) {
    return failure(fmt::format("group '{}' would read nothing", options_.group));
  }
  auto router = TopicRouter::make(request.topics);
  if (!router) return Unexpected(router.error());
  if (const auto topic = moved_topic(*router)) {
    return failure(
        fmt::format("topic '{}' would go to another handler of group '{}' while its "
                    "partitions are assigned; that needs a restart",
                    *topic, options_.group));
  }
  if (!request.apply) return Ok{};
  if (Status subscribed = subscribe(request.topics); !subscribed) return subscribed;
  log_.info("topics changed", {{"group", options_.group}});
  topics_ = request.topics;
  routers_.push_front(std::move(*router));
  if (routers_.size() > kRememberedRouters) routers_.pop_back();
  return Ok{};
}

/// A topic whose lanes are one handler's, or which was left alone, and would be another's.
std::optional<std::string> Consumer::moved_topic(const TopicRouter& router) const {
  for (const auto& [partition, lane] : dispatcher_.assignment()) {
    const auto handler = router.route(partition.topic);
    if (handler && *handler != dispatcher_.lane(lane).handler) return partition.topic;
  }
  for (const TopicPartition& partition : unclaimed_) {
    if (router.route(partition.topic)) return partition.topic;
  }
  return std::nullopt;
}

/// Where all are paused, the group is: one that comes waits like them.
void Consumer::handle(const AddHandler& event) {
  const bool paused = all_paused();
  forgotten_.erase(event.handler);
  dispatcher_.on(event, Clock::now());
  if (paused) dispatcher_.on(Pause{event.handler, true}, Clock::now());
}

void Consumer::handle(const RequestForget& request) {
  const auto index = static_cast<std::size_t>(request.handler);
  if (index < topics_.size() && !topics_[index].empty()) {
    return request.done(failure("it reads topics"));
  }
  if (dispatcher_.has_lanes(request.handler)) return request.done(failure("it has lanes"));
  forgotten_.insert(request.handler);
  request.done(Ok{});
}

/// A rebalance that was under way when the topics changed may bring one that is read no longer: it
/// goes with the next. Nothing when whoever read it is forgotten.
std::optional<HandlerIndex> Consumer::handler_of(const std::string& topic) const {
  for (const TopicRouter& router : routers_) {
    const auto handler = router.route(topic);
    if (handler) return forgotten_.contains(*handler) ? std::nullopt : handler;
  }
  return std::nullopt;
}

/// Nobody is to wait for an answer while stopping.
void Consumer::watch_topics() {
  const TimePoint now = Clock::now();
  if (stopping_ || !topic_watch_.due(now)) return;
  std::set<std::string> topics;
  for (const auto& [partition, lane] : dispatcher_.assignment()) topics.insert(partition.topic);
  topic_watch_.ask(client_.get(), topics, answer_queue_.get(), now);
}

void Consumer::on_topics_described(rd_kafka_event_t* event) {
  for (const auto& anew : topic_watch_.on_answer(event, Clock::now())) begin_anew(anew);
}

/// Also with `latest`: whatever the new topic holds came while its name was being consumed. Nothing
/// where librdkafka's offset was out of the new log's range, and it began again by itself; with
/// `latest` it did so at the end. Not at the logical beginning: librdkafka may take the old log's.
void Consumer::begin_anew(const TopicWatch::Anew& anew) {
  const auto policy = options_.properties.find("auto.offset.reset");
  const std::string chosen = policy == options_.properties.end() ? "" : policy->second;
  const bool stands = chosen == "error";
  const bool at_end = chosen == "latest" || chosen == "largest" || chosen == "end";
  const Offset to = stands ? RD_KAFKA_OFFSET_INVALID : 0;
  const TimePoint since = at_end ? kNever : anew.since;
  std::int64_t again = 0;
  for (const auto& [partition, lane] : dispatcher_.assignment()) {
    const auto gate = gates_.find(partition);
    if (partition.topic != anew.topic || gate == gates_.end()) continue;
    const bool is_sent = gate->second->begin_again(to, since);
    if (is_sent && !stands) dispatcher_.on(BegunAgain{partition, to}, Clock::now());
    again += is_sent ? 1 : 0;
  }
  const Field fields[] = {{"group", options_.group}, {"topic", anew.topic}, {"partitions", again}};
  log_.write(stands ? Severity::kError : Severity::kWarning,
             stands ? "topic was deleted and made anew: no offset says where to begin"
                    : "topic was deleted and made anew: it is handled from its first record on",
             fields);
}

}  // namespace moult::kafka
