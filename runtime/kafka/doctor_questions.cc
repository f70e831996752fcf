#include "runtime/kafka/doctor_questions.h"

#include <fmt/format.h>

#include <functional>
#include <string_view>

#include "runtime/kafka/errors.h"
#include "runtime/kafka/group_offsets.h"

namespace moult::kafka {
namespace {

constexpr int kCoordinatorPauseMs = 200;
constexpr int kFetchPollMs = 100;

using Setting = Owned<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy>;

Complaint complaint_of(const rd_kafka_error_t* error) {
  const int code = rd_kafka_error_code(error);
  const char* text = error == nullptr ? "" : rd_kafka_error_string(error);
  return {code, *text == '\0' ? std::string(error_text(code)) : text};
}

Complaint complaint_of(rd_kafka_resp_err_t code, const char* text = nullptr) {
  return {code, text == nullptr ? std::string(error_text(code)) : text};
}

/// Posts a question whose answer goes to client.queue(); gets options with the time that is left.
using Sending = std::function<void(const rd_kafka_AdminOptions_t* options)>;

Told<EventHandle> ask_once(DoctorClient& client, rd_kafka_admin_op_t what, const Sending& sending,
                           TimePoint until) {
  const AdminOptions options(rd_kafka_AdminOptions_new(client.get(), what));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), ms_until(until), nullptr, 0);
  sending(options.get());
  // It ends by itself in that time: the answer must not be taken for that of the next sending.
  EventHandle event = client.answer(until + std::chrono::seconds(5));
  if (!event) return Unexpected(complaint_of(RD_KAFKA_RESP_ERR__TIMED_OUT));
  const auto code = rd_kafka_event_error(event.get());
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return event;
  return Unexpected(complaint_of(code, rd_kafka_event_error_string(event.get())));
}

/// `read` makes a Told<…> of the answer. Asks again while the coordinator is on its way.
template <typename Read>
auto ask_coordinator(DoctorClient& client, rd_kafka_admin_op_t what, const Sending& sending,
                     TimePoint until, Read&& read) -> decltype(read(EventHandle())) {
  for (;;) {
    auto event = ask_once(client, what, sending, until);
    auto answer = event ? read(*event) : decltype(read(*event))(Unexpected(event.error()));
    if (answer || !coordinator_comes(answer.error().code) || Clock::now() >= until) return answer;
    const EventHandle nothing(rd_kafka_queue_poll(client.queue(), kCoordinatorPauseMs));
  }
}

Told<GroupState> read_state(const EventHandle& event) {
  std::size_t count = 0;
  const auto* const* groups = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(event.get()), &count);
  if (count != 1) return Unexpected(complaint_of(RD_KAFKA_RESP_ERR__BAD_MSG));
  const rd_kafka_error_t* error = rd_kafka_ConsumerGroupDescription_error(groups[0]);
  const int code = rd_kafka_error_code(error);
  if (code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return GroupState{"Dead", 0};
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return Unexpected(complaint_of(error));
  return GroupState{
      rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(groups[0])),
      rd_kafka_ConsumerGroupDescription_member_count(groups[0])};
}

Told<std::map<TopicPartition, Offset>> read_offsets(const EventHandle& event) {
  const rd_kafka_group_result_t* group = only_group(event);
  if (group == nullptr) return Unexpected(complaint_of(RD_KAFKA_RESP_ERR__BAD_MSG));
  const rd_kafka_error_t* error = rd_kafka_group_result_error(group);
  if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Unexpected(complaint_of(error));
  }
  std::map<TopicPartition, Offset> offsets;
  const auto* list = rd_kafka_group_result_partitions(group);
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& at = list->elems[i];
    if (at.offset >= 0) offsets[{at.topic, at.partition}] = at.offset;
  }
  return offsets;
}

Told<std::string> read_setting(const EventHandle& event, std::string_view name) {
  std::size_t count = 0;
  const auto* const* resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  if (count != 1) return Unexpected(complaint_of(RD_KAFKA_RESP_ERR__BAD_MSG));
  const auto code = rd_kafka_ConfigResource_error(resources[0]);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return Unexpected(complaint_of(code));
  const auto* const* entries = rd_kafka_ConfigResource_configs(resources[0], &count);
  for (std::size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    if (name == rd_kafka_ConfigEntry_name(entries[i]) && value != nullptr)
      return std::string(value);
  }
  return Unexpected(complaint_of(RD_KAFKA_RESP_ERR__NOENT, "the broker does not tell it"));
}

}  // namespace

Told<GroupState> group_state(DoctorClient& client, const std::string& group, TimePoint until) {
  const auto sending = [&](const rd_kafka_AdminOptions_t* options) {
    const char* groups[] = {group.c_str()};
    rd_kafka_DescribeConsumerGroups(client.get(), groups, 1, options, client.queue());
  };
  return ask_coordinator(client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, sending, until,
                         read_state);
}

Told<std::map<TopicPartition, Offset>> committed_offsets(DoctorClient& client,
                                                         const std::string& group,
                                                         TimePoint until) {
  const auto sending = [&](const rd_kafka_AdminOptions_t* options) {
    const ListOffsets request(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr));
    rd_kafka_ListConsumerGroupOffsets_t* requests[] = {request.get()};
    rd_kafka_ListConsumerGroupOffsets(client.get(), requests, 1, options, client.queue());
  };
  return ask_coordinator(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, sending, until,
                         read_offsets);
}

Told<std::vector<std::string>> group_names(DoctorClient& client, TimePoint until) {
  const auto sending = [&](const rd_kafka_AdminOptions_t* options) {
    rd_kafka_ListConsumerGroups(client.get(), options, client.queue());
  };
  const auto event = ask_once(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, sending, until);
  if (!event) return Unexpected(event.error());
  std::size_t count = 0;
  const auto* const* groups = rd_kafka_ListConsumerGroups_result_valid(
      rd_kafka_event_ListConsumerGroups_result(event->get()), &count);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    names.emplace_back(rd_kafka_ConsumerGroupListing_group_id(groups[i]));
  }
  return names;
}

Told<std::string> broker_setting(DoctorClient& client, std::int32_t broker, const char* name,
                                 TimePoint until) {
  const Setting setting(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, std::to_string(broker).c_str()));
  const auto sending = [&](const rd_kafka_AdminOptions_t* options) {
    rd_kafka_ConfigResource_t* settings[] = {setting.get()};
    rd_kafka_DescribeConfigs(client.get(), settings, 1, options, client.queue());
  };
  const auto event = ask_once(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, sending, until);
  if (!event) return Unexpected(event.error());
  return read_setting(*event, name);
}

Told<OffsetRange> held_offsets(DoctorClient& client, const TopicPartition& partition,
                               TimePoint until) {
  OffsetRange held;
  const auto code =
      rd_kafka_query_watermark_offsets(client.get(), partition.topic.c_str(), partition.partition,
                                       &held.begin, &held.end, ms_until(until));
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return held;
  return Unexpected(complaint_of(code));
}

std::map<std::string, Complaint> try_fetching(DoctorClient& client,
                                              const std::vector<std::string>& topics,
                                              TimePoint until) {
  std::map<std::string, Complaint> results;
  const PartitionListHandle list(
      rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const std::string& topic : topics) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), 0)->offset = RD_KAFKA_OFFSET_END;
  }
  rd_kafka_assign(client.get(), list.get());
  while (results.size() < topics.size() && Clock::now() < until) {
    const MessageHandle message(rd_kafka_consumer_poll(client.get(), kFetchPollMs));
    if (!message || message->rkt == nullptr) continue;
    Complaint result;
    if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF &&
        message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      result = complaint_of(message->err, rd_kafka_message_errstr(message.get()));
    }
    results.emplace(rd_kafka_topic_name(message->rkt), std::move(result));
  }
  rd_kafka_assign(client.get(), nullptr);
  return results;
}

}  // namespace moult::kafka
