#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/dispatch/types.h"
#include "runtime/kafka/doctor_client.h"
#include "runtime/kafka/doctor_hosts.h"

namespace moult::kafka {

/// The part of an examination that one consumer has for itself, behind the connections: its group,
/// its topics, where it has come to. One thread.
class GroupExamination {
 public:
  /// All of them outlive it; `client` is the consumer's.
  GroupExamination(const ConsumerCase& about, DoctorClient& client, TimePoint until,
                   const TellStep& tell);

  void run();

 private:
  struct Progress {
    std::size_t committed = 0;  // partitions with an offset
    Offset lag = 0;             // of those
    Offset records = 0;         // that the whole topic holds
    std::string gone;           // a partition whose offset it does not have
  };

  bool look_at_cluster();
  void look_at_advertised(const rd_kafka_metadata_t& metadata);
  void look_at_replication(const rd_kafka_metadata_t& metadata);
  void look_at_coordinator();
  void look_at_topic(const std::string& topic, bool consumed);
  void look_at_regex(const std::string& regex);
  void look_at_fetching();
  void look_at_offsets();
  void look_at_lag(const std::string& topic, int partitions);

  Told<int> partition_count(const std::string& topic);
  Told<Progress> progress_of(const std::string& topic, int partitions);
  std::string group_with_prefix();
  std::string topic_with_prefix(const std::string& topic) const;
  bool lacks_prefix(const std::string& name) const;
  std::string prefix_note(const std::string& name) const;

  void well(const std::string& subject, std::string name, std::string found,
            const Diagnosis* remark = nullptr) const;
  void skip(const std::string& subject, std::string name, std::string why) const;
  void fail(const std::string& subject, std::string name, std::string found,
            const Diagnosis* diagnosis) const;

  // Constant after construction.
  const ConsumerCase& about_;
  DoctorClient& client_;
  const TimePoint until_;
  const TellStep& tell_;
  const std::string group_subject_;

  std::map<std::string, int> visible_;        // partitions of the topics that we may see
  std::map<std::string, int> consumed_;       // of those that the group consumes
  std::map<TopicPartition, Offset> offsets_;  // committed
  std::optional<std::size_t> members_;        // when known
};

}  // namespace moult::kafka
