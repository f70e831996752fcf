#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/dispatch/types.h"
#include "runtime/kafka/doctor_client.h"

namespace moult::kafka {

// What the doctor asks the cluster beside metadata. None of it changes anything there.

struct GroupState {
  std::string state;        // as librdkafka names it; "Dead" for one that does not exist
  std::size_t members = 0;  // 0 as well for a group that does not exist
};

Told<GroupState> group_state(DoctorClient& client, const std::string& group, TimePoint until);

/// What the group has committed; partitions without a commit are not in it.
Told<std::map<TopicPartition, Offset>> committed_offsets(DoctorClient& client,
                                                         const std::string& group, TimePoint until);

/// Of the groups that we may see.
Told<std::vector<std::string>> group_names(DoctorClient& client, TimePoint until);

/// The value of one of a broker's settings.
Told<std::string> broker_setting(DoctorClient& client, std::int32_t broker, const char* name,
                                 TimePoint until);

/// What a partition holds.
Told<OffsetRange> held_offsets(DoctorClient& client, const TopicPartition& partition,
                               TimePoint until);

/// Begins to fetch at the end of the first partition of each topic, by hand, and stops again. What
/// came of it, by topic, is code 0 where fetching works; topics from which nothing has come by
/// `until` are missing.
std::map<std::string, Complaint> try_fetching(DoctorClient& client,
                                              const std::vector<std::string>& topics,
                                              TimePoint until);

}  // namespace moult::kafka
