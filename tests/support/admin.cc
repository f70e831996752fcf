#include "tests/support/admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <stdexcept>

#include "runtime/kafka/client.h"
#include "runtime/kafka/partition_list.h"
#include "tests/support/wait.h"

namespace moult::testing {
namespace {

// More than librdkafka takes to give up by itself: an answer that comes after we have gone would be
// taken for that of the next request.
constexpr int kAnswerMs = 65'000;
constexpr std::chrono::seconds kSettled{30};

template <typename T, void (*Release)(T*)>
using Owned = std::unique_ptr<T, kafka::Releaser<T, Release>>;

using NewTopic = Owned<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using NewPartitions = Owned<rd_kafka_NewPartitions_t, rd_kafka_NewPartitions_destroy>;
using DeleteTopic = Owned<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>;
using DeleteRecords = Owned<rd_kafka_DeleteRecords_t, rd_kafka_DeleteRecords_destroy>;
using ListOffsets =
    Owned<rd_kafka_ListConsumerGroupOffsets_t, rd_kafka_ListConsumerGroupOffsets_destroy>;

/// What a request failed with.
class RequestFailed : public std::runtime_error {
 public:
  RequestFailed(rd_kafka_resp_err_t code, const std::string& what)
      : std::runtime_error(what), code_(code) {}
  rd_kafka_resp_err_t code() const { return code_; }

 private:
  rd_kafka_resp_err_t code_;
};

void check(rd_kafka_resp_err_t code, const std::string& what, const char* detail = nullptr) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  throw RequestFailed(
      code, fmt::format("{}: {}", what, detail != nullptr ? detail : rd_kafka_err2str(code)));
}

void check(const rd_kafka_error_t* error, const std::string& what) {
  if (error == nullptr) return;
  const auto code = rd_kafka_error_code(error);
  check(code, fmt::format("{}: {}", what, rd_kafka_err2name(code)), rd_kafka_error_string(error));
}

bool coordinator_comes(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
         code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
         code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
}

/// Passes by itself: a leader is being chosen, a broker is away.
bool passes(rd_kafka_resp_err_t code) {
  return coordinator_comes(code) || code == RD_KAFKA_RESP_ERR_NOT_LEADER_OR_FOLLOWER ||
         code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
         code == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

bool coordinator_comes(const rd_kafka_error_t* error) {
  return error != nullptr && coordinator_comes(rd_kafka_error_code(error));
}

GroupMember member_of(const rd_kafka_MemberDescription_t* description) {
  GroupMember member;
  member.id = rd_kafka_MemberDescription_consumer_id(description);
  member.client_id = rd_kafka_MemberDescription_client_id(description);
  const char* instance = rd_kafka_MemberDescription_group_instance_id(description);
  if (instance != nullptr) member.instance_id = instance;
  const auto* assignment = rd_kafka_MemberDescription_assignment(description);
  const auto* partitions =
      assignment != nullptr ? rd_kafka_MemberAssignment_partitions(assignment) : nullptr;
  if (partitions != nullptr) member.partitions = kafka::from_list(partitions);
  return member;
}

}  // namespace

kafka::ConfHandle client_conf(const std::string& bootstrap, const Properties& properties) {
  kafka::ConfHandle conf(rd_kafka_conf_new());
  Properties all = properties;
  all["bootstrap.servers"] = bootstrap;
  for (const auto& [name, value] : all) {
    std::array<char, 512> error{};
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), error.data(), error.size()) !=
        RD_KAFKA_CONF_OK) {
      throw std::runtime_error(error.data());
    }
  }
  return conf;
}

kafka::ClientHandle require_client(rd_kafka_type_t type, kafka::ConfHandle conf) {
  auto client = kafka::make_client(type, std::move(conf));
  if (!client) throw std::runtime_error(client.error().message);
  return std::move(*client);
}

std::size_t GroupDescription::partitions() const {
  return std::accumulate(
      members.begin(), members.end(), std::size_t{0},
      [](std::size_t sum, const GroupMember& member) { return sum + member.partitions.size(); });
}

Admin::Admin(const std::string& bootstrap, const Properties& properties) {
  // A consumer, of a group that it never joins: in a producer's client librdkafka 2.14 crashes on
  // the answer of a coordinator that is still loading, for want of the group that it wants to
  // refresh.
  Properties all = properties;
  all.emplace("group.id", "admin");
  client_ = require_client(RD_KAFKA_CONSUMER, client_conf(bootstrap, all));
  queue_.reset(rd_kafka_queue_new(client_.get()));
}

kafka::EventHandle Admin::any_answer() {
  kafka::EventHandle event(rd_kafka_queue_poll(queue_.get(), kAnswerMs));
  if (!event) throw std::runtime_error("no answer from the cluster");
  return event;
}

kafka::EventHandle Admin::answer() {
  kafka::EventHandle event = any_answer();
  expect_success(event);
  return event;
}

kafka::EventHandle Admin::coordinators_answer() {
  kafka::EventHandle event = any_answer();
  if (coordinator_comes(rd_kafka_event_error(event.get()))) return nullptr;
  expect_success(event);
  return event;
}

void Admin::expect_success(const kafka::EventHandle& event) {
  check(rd_kafka_event_error(event.get()), "admin request",
        rd_kafka_event_error_string(event.get()));
}

// ---- Topics -------------------------------------------------------------------------------------

void Admin::expect_topic_done(const kafka::EventHandle& event, const std::string& what) const {
  std::size_t count = 0;
  const rd_kafka_topic_result_t** topics = nullptr;
  if (const auto* created = rd_kafka_event_CreateTopics_result(event.get())) {
    topics = rd_kafka_CreateTopics_result_topics(created, &count);
  } else if (const auto* grown = rd_kafka_event_CreatePartitions_result(event.get())) {
    topics = rd_kafka_CreatePartitions_result_topics(grown, &count);
  } else if (const auto* deleted = rd_kafka_event_DeleteTopics_result(event.get())) {
    topics = rd_kafka_DeleteTopics_result_topics(deleted, &count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    check(rd_kafka_topic_result_error(topics[i]), what,
          rd_kafka_topic_result_error_string(topics[i]));
  }
}

void Admin::create_topic(const std::string& topic, int partitions, const Properties& config,
                         int replicas) {
  std::array<char, 512> error{};
  const NewTopic request(
      rd_kafka_NewTopic_new(topic.c_str(), partitions, replicas, error.data(), error.size()));
  if (!request) throw std::runtime_error(error.data());
  for (const auto& [name, value] : config) {
    check(rd_kafka_NewTopic_set_config(request.get(), name.c_str(), value.c_str()), name);
  }
  rd_kafka_NewTopic_t* requests[] = {request.get()};
  rd_kafka_CreateTopics(client_.get(), requests, 1, nullptr, queue_.get());
  expect_topic_done(answer(), "create " + topic);
  wait_leaders(topic, partitions);
}

void Admin::add_partitions(const std::string& topic, int total) {
  std::array<char, 512> error{};
  const NewPartitions request(rd_kafka_NewPartitions_new(
      topic.c_str(), static_cast<std::size_t>(total), error.data(), error.size()));
  if (!request) throw std::runtime_error(error.data());
  rd_kafka_NewPartitions_t* requests[] = {request.get()};
  rd_kafka_CreatePartitions(client_.get(), requests, 1, nullptr, queue_.get());
  expect_topic_done(answer(), "add partitions to " + topic);
  wait_leaders(topic, total);
}

void Admin::delete_topic(const std::string& topic) {
  const DeleteTopic request(rd_kafka_DeleteTopic_new(topic.c_str()));
  rd_kafka_DeleteTopic_t* requests[] = {request.get()};
  rd_kafka_DeleteTopics(client_.get(), requests, 1, nullptr, queue_.get());
  expect_topic_done(answer(), "delete " + topic);
}

bool Admin::remake_topic(const std::string& topic, int partitions, Duration bound) {
  delete_topic(topic);
  const auto made = [&] {
    try {
      create_topic(topic, partitions);
      return true;
    } catch (const std::runtime_error&) {
      return false;  // its deletion is under way
    }
  };
  return eventually(made, bound, std::chrono::milliseconds(50));
}

void Admin::delete_records(const TopicPartition& partition, Offset before) {
  const kafka::PartitionListHandle list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
      ->offset = before;
  const DeleteRecords request(rd_kafka_DeleteRecords_new(list.get()));
  rd_kafka_DeleteRecords_t* requests[] = {request.get()};
  rd_kafka_DeleteRecords(client_.get(), requests, 1, nullptr, queue_.get());
  const auto event = answer();
  const auto* offsets =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event.get()));
  for (int i = 0; i < offsets->cnt; ++i) check(offsets->elems[i].err, "delete records");
}

std::vector<std::int32_t> Admin::leaders(const std::string& topic) {
  std::vector<std::int32_t> found;
  const bool known = eventually(
      [&] {
        found = ask_leaders(topic);
        return !found.empty();
      },
      kSettled);
  if (!known) throw std::runtime_error("no partition of " + topic + " is known");
  return found;
}

/// Nothing for a topic that the broker that answers does not know.
std::vector<std::int32_t> Admin::ask_leaders(const std::string& topic) {
  const kafka::TopicHandle handle(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  check(rd_kafka_metadata(client_.get(), 0, handle.get(), &metadata, kAnswerMs), "metadata");
  const kafka::MetadataHandle owned(metadata);
  const rd_kafka_metadata_topic_t& described = metadata->topics[0];
  std::vector<std::int32_t> found(static_cast<std::size_t>(described.partition_cnt), -1);
  for (int i = 0; i < described.partition_cnt; ++i) {
    const rd_kafka_metadata_partition_t& partition = described.partitions[i];
    found.at(static_cast<std::size_t>(partition.id)) = partition.leader;
  }
  return found;
}

/// Those that have a leader; 0 for an unknown topic.
int Admin::partition_count(const std::string& topic) {
  return static_cast<int>(
      std::ranges::count_if(ask_leaders(topic), [](std::int32_t leader) { return leader >= 0; }));
}

void Admin::wait_leaders(const std::string& topic, int partitions) {
  const bool there = eventually([&] { return partition_count(topic) == partitions; }, kSettled);
  if (!there) throw std::runtime_error("a partition of " + topic + " has no leader");
}

// ---- Offsets and groups -------------------------------------------------------------------------

/// A young cluster makes the topic of the groups at the first question about one.
template <typename Ask>
auto Admin::ask_coordinator(const std::string& what, Ask&& ask) {
  decltype(ask()) result;
  const bool answered = eventually(
      [&] {
        result = ask();
        return result.has_value();
      },
      kSettled, std::chrono::milliseconds(50));
  if (!answered) throw std::runtime_error(what + ": the group has no coordinator");
  return *result;
}

OffsetsByPartition Admin::committed(const std::string& group) {
  return ask_coordinator("offsets of " + group, [&] { return ask_committed(group); });
}

std::optional<OffsetsByPartition> Admin::ask_committed(const std::string& group) {
  const ListOffsets request(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr));
  rd_kafka_ListConsumerGroupOffsets_t* requests[] = {request.get()};
  rd_kafka_ListConsumerGroupOffsets(client_.get(), requests, 1, nullptr, queue_.get());
  const auto event = coordinators_answer();
  if (!event) return std::nullopt;
  std::size_t count = 0;
  const auto* groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event.get()), &count);
  if (count != 1) throw std::runtime_error("no offsets of group " + group);
  const auto* error = rd_kafka_group_result_error(groups[0]);
  if (coordinator_comes(error)) return std::nullopt;
  check(error, "offsets of " + group);
  const auto* list = rd_kafka_group_result_partitions(groups[0]);
  OffsetsByPartition offsets;
  for (int i = 0; i < list->cnt; ++i) {
    const auto& at = list->elems[i];
    check(at.err, "offsets of " + group);
    if (at.offset >= 0) offsets[{at.topic, at.partition}] = at.offset;
  }
  return offsets;
}

OffsetsByPartition Admin::end_offsets(const std::string& topic) {
  OffsetsByPartition ends;
  const auto partitions = static_cast<std::int32_t>(leaders(topic).size());
  for (std::int32_t partition = 0; partition < partitions; ++partition) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    check(rd_kafka_query_watermark_offsets(client_.get(), topic.c_str(), partition, &low, &high,
                                           kAnswerMs),
          "end of " + topic);
    ends[{topic, partition}] = high;
  }
  return ends;
}

Offset Admin::lag(const std::string& group, const std::vector<std::string>& topics) {
  const auto offsets = committed(group);
  Offset sum = 0;
  for (const std::string& topic : topics) {
    for (const auto& [partition, end] : end_offsets(topic)) {
      const auto at = offsets.find(partition);
      sum += end - (at == offsets.end() ? 0 : at->second);
    }
  }
  return sum;
}

GroupDescription Admin::describe(const std::string& group) {
  return ask_coordinator("describe " + group, [&] { return ask_description(group); });
}

std::optional<GroupDescription> Admin::ask_description(const std::string& group) {
  const char* groups[] = {group.c_str()};
  rd_kafka_DescribeConsumerGroups(client_.get(), groups, 1, nullptr, queue_.get());
  const auto event = coordinators_answer();
  if (!event) return std::nullopt;
  std::size_t count = 0;
  const auto* descriptions = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(event.get()), &count);
  if (count != 1) throw std::runtime_error("no description of group " + group);
  const auto* description = descriptions[0];
  // A group that nobody has joined yet does not exist.
  const auto* error = rd_kafka_ConsumerGroupDescription_error(description);
  if (error != nullptr && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
    return GroupDescription{"Dead", {}};
  }
  if (coordinator_comes(error)) return std::nullopt;
  check(error, "describe " + group);
  GroupDescription result;
  result.state =
      rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(description));
  const std::size_t members = rd_kafka_ConsumerGroupDescription_member_count(description);
  for (std::size_t i = 0; i < members; ++i) {
    result.members.push_back(member_of(rd_kafka_ConsumerGroupDescription_member(description, i)));
  }
  return result;
}

bool Admin::wait_stable(const std::string& group, std::size_t members, std::size_t partitions,
                        Duration bound) {
  return eventually(
      [&] {
        const GroupDescription now = describe(group);
        return now.state == "Stable" && now.members.size() == members &&
               now.partitions() == partitions;
      },
      bound, std::chrono::milliseconds(50));
}

bool Admin::wait_caught_up(const std::string& group, const std::vector<std::string>& topics,
                           Duration bound) {
  const auto caught_up = [&] {
    try {
      return lag(group, topics) == 0;
    } catch (const RequestFailed& failed) {
      if (passes(failed.code())) return false;
      throw;
    }
  };
  return eventually(caught_up, bound, std::chrono::milliseconds(50));
}

}  // namespace moult::testing
