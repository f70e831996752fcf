#include "runtime/kafka/doctor_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "runtime/kafka/doctor_questions.h"
#include "runtime/kafka/errors.h"
#include "runtime/kafka/topic_router.h"

namespace moult::kafka {
namespace {

// Of one answer, within the whole time.
constexpr Duration kAnswer = std::chrono::seconds(5);
constexpr Duration kReaching = std::chrono::seconds(2);
constexpr std::size_t kMostAdvertised = 32;  // brokers
constexpr const char* kReplication = "default.replication.factor";

std::string topic_subject(const std::string& topic) { return fmt::format("topic '{}'", topic); }

/// Whether `name` is `wanted` behind a prefix as services give them, which end in a dot.
bool is_prefixed(std::string_view name, std::string_view wanted) {
  return name.size() > wanted.size() + 1 && name.ends_with(wanted) &&
         name[name.size() - wanted.size() - 1] == '.';
}

std::string_view reset_policy(const Properties& properties) {
  const auto at = properties.find("auto.offset.reset");
  return at == properties.end() ? std::string_view("largest") : at->second;
}

}  // namespace

GroupExamination::GroupExamination(const ConsumerCase& about, DoctorClient& client, TimePoint until,
                                   const TellStep& tell)
    : about_(about),
      client_(client),
      until_(until),
      tell_(tell),
      group_subject_(fmt::format("group '{}'", about.group)) {}

void GroupExamination::run() {
  if (!look_at_cluster()) return;
  look_at_coordinator();
  for (const std::string& topic : about_.topics) {
    is_regex(topic) ? look_at_regex(topic) : look_at_topic(topic, true);
  }
  for (const std::string& topic : about_.dead_letter_topics) look_at_topic(topic, false);
  look_at_fetching();
  look_at_offsets();
}

// ---- The cluster --------------------------------------------------------------------------------

bool GroupExamination::look_at_cluster() {
  const auto asked = client_.metadata(nullptr, at_most(2 * kAnswer, until_));
  if (!asked) {
    fail(group_subject_, "cluster", asked.error().text,
         diagnose(asked.error().code, asked.error().text));
    return false;
  }
  const rd_kafka_metadata_t& metadata = **asked;
  for (int i = 0; i < metadata.topic_cnt; ++i) {
    visible_.emplace(metadata.topics[i].topic, metadata.topics[i].partition_cnt);
  }
  well(group_subject_, "cluster",
       fmt::format("{} broker{}, {} topics that we may see", metadata.broker_cnt,
                   metadata.broker_cnt == 1 ? "" : "s", metadata.topic_cnt));
  look_at_advertised(metadata);
  look_at_replication(metadata);
  return true;
}

/// Clients go where the brokers say that they are, which need not be where the config says.
void GroupExamination::look_at_advertised(const rd_kafka_metadata_t& metadata) {
  const auto known = broker_addresses(bootstrap_servers(about_.properties));
  const auto brokers = std::min(static_cast<std::size_t>(metadata.broker_cnt), kMostAdvertised);
  for (std::size_t i = 0; i < brokers; ++i) {
    const rd_kafka_metadata_broker_t& broker = metadata.brokers[i];
    const BrokerAddress address{broker.host, std::to_string(broker.port)};
    if (std::ranges::find(known, address) != known.end()) continue;
    reach_host(address, at_most(kReaching, until_), tell_);
  }
}

void GroupExamination::look_at_replication(const rd_kafka_metadata_t& metadata) {
  if (metadata.broker_cnt == 0) return;
  const auto asked =
      broker_setting(client_, metadata.brokers[0].id, kReplication, at_most(kAnswer, until_));
  if (!asked) {
    return skip(group_subject_, "replication",
                fmt::format("can't ask for {}: {}", kReplication, asked.error().text));
  }
  int factor = 0;
  std::from_chars(asked->data(), asked->data() + asked->size(), factor);
  const std::string found =
      fmt::format("{} is {}, brokers are {}", kReplication, *asked, metadata.broker_cnt);
  if (factor <= metadata.broker_cnt) return well(group_subject_, "replication", found);
  fail(group_subject_, "replication", found, &diagnosis_of(Ailment::kReplicationFactor));
}

// ---- The group ----------------------------------------------------------------------------------

void GroupExamination::look_at_coordinator() {
  const auto asked = group_state(client_, about_.group, at_most(kAnswer, until_));
  if (!asked) {
    return fail(group_subject_, "coordinator", asked.error().text + prefix_note(about_.group),
                diagnose(asked.error().code, asked.error().text));
  }
  members_ = asked->members;
  well(group_subject_, "coordinator",
       asked->state == "Dead" ? "the group does not exist yet"
                              : fmt::format("{}, {} members", asked->state, asked->members));
}

void GroupExamination::look_at_offsets() {
  const auto asked = committed_offsets(client_, about_.group, at_most(kAnswer, until_));
  if (!asked) {
    fail(group_subject_, "offsets", asked.error().text + prefix_note(about_.group),
         diagnose(asked.error().code, asked.error().text));
    return skip(group_subject_, "lag", "after offsets failed");
  }
  offsets_ = *asked;
  const auto ours = std::ranges::count_if(
      offsets_, [&](const auto& each) { return consumed_.contains(each.first.topic); });
  const std::string found = fmt::format("committed in {} partitions", ours);
  const std::string other = ours == 0 ? group_with_prefix() : std::string();
  if (!other.empty()) {
    fail(group_subject_, "offsets", fmt::format("{}; there is a group '{}'", found, other),
         &diagnosis_of(Ailment::kPrefix));
  } else if (ours == 0 && lacks_prefix(about_.group)) {
    fail(group_subject_, "offsets", found + prefix_note(about_.group),
         &diagnosis_of(Ailment::kPrefix));
  } else if (ours == 0 && reset_policy(about_.properties) == "error") {
    fail(group_subject_, "offsets", found, &diagnosis_of(Ailment::kNoOffset));
  } else {
    well(group_subject_, "offsets", found, ours == 0 ? &diagnosis_of(Ailment::kNewGroup) : nullptr);
  }
  for (const auto& [topic, partitions] : consumed_) look_at_lag(topic, partitions);
}

std::string GroupExamination::group_with_prefix() {
  const auto names = group_names(client_, at_most(kAnswer, until_));
  if (!names) return {};  // it is a guess, and not everybody may ask
  const auto other = std::ranges::find_if(
      *names, [&](const std::string& name) { return is_prefixed(name, about_.group); });
  return other == names->end() ? std::string() : *other;
}

// ---- The topics ---------------------------------------------------------------------------------

Told<int> GroupExamination::partition_count(const std::string& topic) {
  const auto asked = client_.metadata(&topic, at_most(kAnswer, until_));
  if (!asked) return Unexpected(asked.error());
  const rd_kafka_metadata_t& metadata = **asked;
  const auto code = metadata.topic_cnt == 1 ? metadata.topics[0].err : RD_KAFKA_RESP_ERR__BAD_MSG;
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return metadata.topics[0].partition_cnt;
  return Unexpected(Complaint{code, std::string(error_text(code))});
}

void GroupExamination::look_at_topic(const std::string& topic, bool consumed) {
  const auto count = partition_count(topic);
  if (count) {
    if (consumed) consumed_.emplace(topic, *count);
    well(topic_subject(topic), "topic",
         fmt::format("{}{} partitions", consumed ? "" : "for dead letters, ", *count));
    if (!consumed) {
      skip(topic_subject(topic), "write", "whether we may can't be told without writing");
    }
    return;
  }
  const auto& [code, text] = count.error();
  const std::string other = topic_with_prefix(topic);
  const std::string found =
      other.empty() ? text + prefix_note(topic) : fmt::format("{}; there is '{}'", text, other);
  const bool misnamed = !other.empty() && classify(code) == Disposition::kUnknownTopic;
  fail(topic_subject(topic), "topic", found,
       misnamed ? &diagnosis_of(Ailment::kPrefix) : diagnose(code, text));
}

void GroupExamination::look_at_regex(const std::string& regex) {
  const auto router = TopicRouter::make({{regex}});
  if (!router) return fail(topic_subject(regex), "topic", router.error().message, nullptr);
  std::size_t matches = 0;
  for (const auto& [topic, partitions] : visible_) {
    if (!router->route(topic)) continue;
    consumed_.emplace(topic, partitions);
    ++matches;
  }
  if (matches > 0) {
    return well(topic_subject(regex), "topic", fmt::format("matches {} topics", matches));
  }
  fail(topic_subject(regex), "topic",
       "matches no topic that we may see" + prefix_note(regex.substr(1)),
       &diagnosis_of(Ailment::kNoSuchTopic));
}

std::string GroupExamination::topic_with_prefix(const std::string& topic) const {
  const auto other = std::ranges::find_if(
      visible_, [&](const auto& each) { return is_prefixed(each.first, topic); });
  return other == visible_.end() ? std::string() : other->first;
}

void GroupExamination::look_at_fetching() {
  std::vector<std::string> topics;
  for (const auto& [topic, partitions] : consumed_) topics.push_back(topic);
  const auto results = try_fetching(client_, topics, at_most(kAnswer, until_));
  for (const std::string& topic : topics) {
    const auto result = results.find(topic);
    if (result == results.end()) {
      fail(topic_subject(topic), "fetch", "nothing came of it in time", nullptr);
    } else if (const auto& [code, text] = result->second; code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      fail(topic_subject(topic), "fetch", text + prefix_note(topic), diagnose(code, text));
    } else {
      well(topic_subject(topic), "fetch", "the broker lets us read");
    }
  }
}

// ---- Lag ----------------------------------------------------------------------------------------

Told<GroupExamination::Progress> GroupExamination::progress_of(const std::string& topic,
                                                               int partitions) {
  Progress progress;
  for (std::int32_t partition = 0; partition < partitions; ++partition) {
    const TopicPartition place{topic, partition};
    const auto held = held_offsets(client_, place, at_most(kAnswer, until_));
    if (!held) return Unexpected(held.error());
    progress.records += held->end - held->begin;
    const auto committed = offsets_.find(place);
    if (committed == offsets_.end()) continue;
    ++progress.committed;
    const Offset at = committed->second;
    progress.lag += std::max<Offset>(held->end - at, 0);
    if (at >= held->begin && at <= held->end) continue;
    progress.gone = fmt::format("partition {}: the group is at {}, the topic holds {} to {}",
                                partition, at, held->begin, held->end);
  }
  return progress;
}

void GroupExamination::look_at_lag(const std::string& topic, int partitions) {
  const auto progress = progress_of(topic, partitions);
  const std::string subject = topic_subject(topic);
  if (!progress) {
    const auto& [code, text] = progress.error();
    return fail(subject, "lag", text, diagnose(code, text));
  }
  if (!progress->gone.empty()) {
    return fail(subject, "lag", progress->gone, &diagnosis_of(Ailment::kOffsetGone));
  }
  if (progress->committed == 0) {
    return well(subject, "lag",
                fmt::format("no offset of the group, {} records, auto.offset.reset is {}",
                            progress->records, reset_policy(about_.properties)),
                progress->records == 0 ? &diagnosis_of(Ailment::kNothingNew) : nullptr);
  }
  if (static_cast<int>(progress->committed) < partitions &&
      reset_policy(about_.properties) == "error") {
    return fail(subject, "lag",
                fmt::format("the group has offsets in {} of {} partitions", progress->committed,
                            partitions),
                &diagnosis_of(Ailment::kNoOffset));
  }
  const Diagnosis* remark = nullptr;
  if (progress->lag == 0) remark = &diagnosis_of(Ailment::kNothingNew);
  if (progress->lag > 0 && members_ == 0U) remark = &diagnosis_of(Ailment::kNoMember);
  well(subject, "lag",
       fmt::format("{} in {} of {} partitions", progress->lag, progress->committed, partitions),
       remark);
}

// ---- Telling ------------------------------------------------------------------------------------

bool GroupExamination::lacks_prefix(const std::string& name) const {
  return !about_.unused_prefix.empty() && !name.starts_with(about_.unused_prefix);
}

std::string GroupExamination::prefix_note(const std::string& name) const {
  if (!lacks_prefix(name)) return {};
  return fmt::format("; it does not begin with '{}', which the environment has as KAFKA_PREFIX",
                     about_.unused_prefix);
}

void GroupExamination::well(const std::string& subject, std::string name, std::string found,
                            const Diagnosis* remark) const {
  tell_({subject, std::move(name), Step::State::kOk, std::move(found), remark});
}

void GroupExamination::skip(const std::string& subject, std::string name, std::string why) const {
  tell_({subject, std::move(name), Step::State::kSkipped, std::move(why)});
}

void GroupExamination::fail(const std::string& subject, std::string name, std::string found,
                            const Diagnosis* diagnosis) const {
  tell_({subject, std::move(name), Step::State::kFailed, std::move(found), diagnosis});
}

}  // namespace moult::kafka
