#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/dispatch/types.h"
#include "runtime/kafka/handles.h"

namespace moult::testing {

using Properties = std::map<std::string, std::string>;
using OffsetsByPartition = std::map<TopicPartition, Offset>;

struct GroupMember {
  std::string id;
  std::string client_id;
  std::string instance_id;  // of a static member, else empty
  std::vector<TopicPartition> partitions;
};

struct GroupDescription {
  std::string state;  // "Stable", "Empty", "PreparingRebalance", "Reconciling", "Dead", …
  std::vector<GroupMember> members;

  std::size_t partitions() const;
};

/// What the cluster says about topics and groups, by a client of its own that shares nothing with
/// the runtime under test. All calls wait for their answer and throw std::runtime_error when it is
/// an error.
class Admin {
 public:
  explicit Admin(const std::string& bootstrap, const Properties& properties = {});

  /// Returns when every partition has a leader.
  void create_topic(const std::string& topic, int partitions, const Properties& config = {},
                    int replicas = 1);
  /// `total`: how many there are afterwards.
  void add_partitions(const std::string& topic, int total);
  void delete_topic(const std::string& topic);
  /// Deletes it, and makes another one of its name as soon as there can be one. Brokers may tell of
  /// the old one for a while. False when there could be none in time.
  bool remake_topic(const std::string& topic, int partitions, Duration bound);
  /// Everything below `before` is gone, as if retention had passed.
  void delete_records(const TopicPartition& partition, Offset before);

  /// What the group has committed; partitions without a commit are not in it.
  OffsetsByPartition committed(const std::string& group);
  OffsetsByPartition end_offsets(const std::string& topic);
  /// As one broker knows it; 0 when it does not know the topic.
  int partition_count(const std::string& topic);
  /// The node that leads each partition; -1 where none does. Waits for a topic that was just made:
  /// of several brokers one may not know it yet.
  std::vector<std::int32_t> leaders(const std::string& topic);
  /// Records of the topics between the commits of the group and the ends. A partition without a
  /// commit counts from 0.
  Offset lag(const std::string& group, const std::vector<std::string>& topics);
  GroupDescription describe(const std::string& group);

  /// Waits until the group is stable with this many members that have this many partitions.
  bool wait_stable(const std::string& group, std::size_t members, std::size_t partitions,
                   Duration bound);
  bool wait_caught_up(const std::string& group, const std::vector<std::string>& topics,
                      Duration bound);

 private:
  kafka::EventHandle answer();
  /// Null while the group's coordinator comes up and says so in place of the whole answer (it may
  /// also say so in it, of the group).
  kafka::EventHandle coordinators_answer();
  kafka::EventHandle any_answer();
  static void expect_success(const kafka::EventHandle& event);
  // Nothing: ask again, the coordinator is on its way.
  std::optional<OffsetsByPartition> ask_committed(const std::string& group);
  std::optional<GroupDescription> ask_description(const std::string& group);
  template <typename Ask>
  auto ask_coordinator(const std::string& what, Ask&& ask);
  void expect_topic_done(const kafka::EventHandle& event, const std::string& what) const;
  std::vector<std::int32_t> ask_leaders(const std::string& topic);
  void wait_leaders(const std::string& topic, int partitions);

  kafka::ClientHandle client_;
  kafka::QueueHandle queue_;
};

/// A client configuration with `properties`; throws what librdkafka says against one.
kafka::ConfHandle client_conf(const std::string& bootstrap, const Properties& properties);
/// A client of that configuration. Throws when it can't be made.
kafka::ClientHandle require_client(rd_kafka_type_t type, kafka::ConfHandle conf);

}  // namespace moult::testing
