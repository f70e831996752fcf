#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/kafka/group_fixture.h"
#include "tests/support/reader.h"

namespace moult::testing {

/// A group whose handler gives records up, and the topic where they go.
class DeadLetters : public OneGroup {
 protected:
  using OneGroup::OneGroup;

  /// Batches of ten as they were sent; two attempts, unless said otherwise, with a short backoff.
  DaemonSpec giving_up(const Properties& settings) const {
    DaemonSpec daemon = spec(settings);
    handler(daemon).options["batch"] = "{max_records: 10, linger: 500ms}";
    handler(daemon).options["retry"] = "{max_attempts: 2, backoff: 20ms, backoff_max: 50ms}";
    handler(daemon).options["dead_letter"] = dead_topic_;
    daemon.consumers[0].kafka["message.timeout.ms"] = "30000";
    daemon.consumers[0].kafka["topic.metadata.propagation.max.ms"] = "500";
    return daemon;
  }

  /// Its lanes hear soon of what the broker does not take.
  static DaemonSpec hearing_soon(DaemonSpec daemon) {
    daemon.consumers[0].kafka["message.timeout.ms"] = "2000";
    return daemon;
  }

  void make_topics(int partitions) {
    make_topic(partitions);
    admin_.create_topic(dead_topic_, 1);
  }

  std::vector<ReadRecord> dead_letters() const {
    return records_in(cluster_.bootstrap(), {dead_topic_, 0});
  }

  /// Where the dead letters came from, by their headers. A copy may be there twice: a set.
  std::set<RecordId> dead_ids() const {
    std::set<RecordId> ids;
    for (const ReadRecord& record : dead_letters()) {
      ids.insert({{record.header("moult-topic"), std::stoi(record.header("moult-partition"))},
                  std::stoll(record.header("moult-offset"))});
    }
    return ids;
  }

  std::set<RecordId> ids(std::int32_t partition, const std::set<Offset>& offsets) const {
    std::set<RecordId> all;
    for (const Offset offset : offsets) all.insert({{topic_, partition}, offset});
    return all;
  }

  std::vector<Offset> offsets(Event event) {
    std::vector<Offset> found;
    for (const Entry& entry : of_event(ledger_.read(), event)) found.push_back(entry.offset);
    return found;
  }

  bool wait_caught_up() { return admin_.wait_caught_up(group_, {topic_}, kLong); }
  bool wait_committed(const OffsetsByPartition& committed) {
    return eventually([&] { return admin_.committed(group_) == committed; }, kLong);
  }

  /// Each record was handled, once, or given up; everything is committed.
  void expect_handled_or(const std::set<RecordId>& given_up) {
    EXPECT_THAT(violations(produced_without(given_up), ledger_.read(), admin_.committed(group_)),
                IsEmpty());
    EXPECT_THAT(unpaired(ledger_.read(), ended_), IsEmpty());
    EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
    expect_no_duplicates();
  }

  const std::string dead_topic_ = topic_ + "-dead";
};

}  // namespace moult::testing
