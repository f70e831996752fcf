#include "tests/kafka/group_fixture.h"

#include <algorithm>

namespace moult::testing {

std::string name_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::kEager:
      return "eager";
    case Protocol::kCooperative:
      return "cooperative";
    case Protocol::kConsumer:
      return "consumer";
  }
  return "?";
}

Group::Group(KafkaCluster& cluster)
    : cluster_(cluster),
      topic_(unique_name("topic")),
      group_(unique_name("group")),
      admin_(cluster_.bootstrap()),
      producer_(cluster_.bootstrap()),
      ledger_(scratch_ / "ledger") {}

Properties Group::protocol() const {
  // The broker sets the times of this protocol: tests/support/server.properties.
  if (GetParam() == Protocol::kConsumer) return {{"group.protocol", "consumer"}};
  return {{"partition.assignment.strategy",
           GetParam() == Protocol::kEager ? "range" : "cooperative-sticky"},
          {"session.timeout.ms", "6000"},
          {"heartbeat.interval.ms", "300"}};
}

void Group::never_missed(DaemonSpec& daemon) const {
  constexpr const char* kSession = "45000";
  Properties& kafka = daemon.consumers[0].kafka;
  if (kafka.contains("group.protocol")) {  // the broker's to say
    cluster_.tool({"configs", "--alter", "--entity-type", "groups", "--entity-name", group_,
                   "--add-config", std::string("consumer.session.timeout.ms=") + kSession});
  } else {
    kafka["session.timeout.ms"] = kSession;
  }
}

DaemonSpec Group::spec(const Properties& settings) const {
  HandlerSpec handler{.topics = {topic_}, .options = {{"workers", "4"}}, .settings = settings};
  handler.settings["ledger"] = (scratch_ / "ledger").string();
  DaemonSpec daemon;
  daemon.kafka = {{"bootstrap.servers", cluster_.bootstrap()},
                  {"auto.offset.reset", "earliest"},
                  {"topic.metadata.refresh.interval.ms", "500"}};
  daemon.options = {{"commit_interval", "200ms"}};
  daemon.consumers.push_back({group_, protocol(), {handler}});
  return daemon;
}

std::unique_ptr<Daemon> Group::start(const DaemonSpec& spec) {
  return std::make_unique<Daemon>(scratch_, "daemon" + std::to_string(++started_), spec);
}

void Group::make_topic(int partitions) {
  partitions_ = partitions;
  admin_.create_topic(topic_, partitions);
}

bool Group::wait_stable(std::size_t members) {
  return admin_.wait_stable(group_, members, static_cast<std::size_t>(partitions_), kLong);
}

bool Group::works(const Daemon& daemon) {
  return std::ranges::any_of(ledger_.read(), [&](const Entry& entry) {
    return entry.lane.pid == daemon.pid() && entry.event == Event::kRecord;
  });
}

bool Group::wait_works(const Daemon& daemon) {
  return eventually([&] { return works(daemon); }, kLong);
}

bool Group::send_until_works(const Daemon& daemon) {
  return eventually(
      [&] {
        send(40 * partitions_);
        return works(daemon);
      },
      kLong);
}

bool Group::wait_all_handled() {
  return ledger_.wait(
      [&](const Entries& entries) { return missing(producer_.produced(), entries).empty(); },
      kLong);
}

void Group::stop_cleanly(Daemon& daemon) {
  EXPECT_EQ(daemon.stop(), 0);
  ended_.insert(daemon.pid());
}

std::vector<Offset> Group::handled(std::int32_t partition) {
  std::vector<Offset> found;
  for (const Entry& entry : of_event(ledger_.read(), Event::kRecord)) {
    if (entry.partition().partition == partition) found.push_back(entry.offset);
  }
  return found;
}

Produced Group::produced_without(const std::set<RecordId>& given_up) const {
  Produced rest = producer_.produced();
  std::erase_if(rest, [&](const auto& each) { return given_up.contains(each.first); });
  return rest;
}

void Group::expect_complete(Unused unused) {
  EXPECT_THAT(violations(producer_.produced(), ledger_.read(), admin_.committed(group_)),
              IsEmpty());
  EXPECT_THAT(unpaired(ledger_.read(), ended_, unused), IsEmpty());
  EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
}

void Group::expect_complete_with_rollbacks() {
  EXPECT_THAT(
      violations_with_rollbacks(producer_.produced(), ledger_.read(), admin_.committed(group_)),
      IsEmpty());
  EXPECT_EQ(admin_.lag(group_, {topic_}), 0);
}

}  // namespace moult::testing
