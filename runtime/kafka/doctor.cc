#include "runtime/kafka/doctor.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/kafka/bootstrap.h"
#include "runtime/kafka/doctor_client.h"
#include "runtime/kafka/doctor_group.h"
#include "runtime/kafka/doctor_hosts.h"

namespace moult::kafka {
namespace {

constexpr Duration kMostForOneHost = std::chrono::seconds(10);

/// An even part of the time that is left.
TimePoint share(TimePoint until, std::size_t sharers) {
  return Clock::now() + std::max((until - Clock::now()) / static_cast<int>(sharers), Duration{0});
}

/// Whether librdkafka takes the properties, and all of the list of brokers.
bool look_at_client(const ConsumerCase& about, const TellStep& tell) {
  const std::string subject = "bootstrap.servers";
  const auto client = DoctorClient::make(about.group, about.properties, Milliseconds{1'000});
  if (!client) {
    const auto& [code, text] = client.error();
    tell({subject, "client", Step::State::kFailed, text, diagnose(code, text)});
    return false;
  }
  const auto complaints = (*client)->complaints();
  const auto parsed =
      std::ranges::find(complaints, RD_KAFKA_RESP_ERR__INVALID_ARG, &Complaint::code);
  const auto brokers = broker_addresses(bootstrap_servers(about.properties));
  if (parsed != complaints.end()) {
    // It begins with the entry as it was written, which may hold more than an address.
    const std::size_t at = parsed->text.find("parse error");
    tell({subject, "client", Step::State::kFailed,
          at == std::string::npos ? "" : parsed->text.substr(at),
          diagnose(parsed->code, parsed->text)});
    return false;
  }
  if (brokers.empty()) {
    tell({subject, "client", Step::State::kFailed, "no broker is named", nullptr});
    return false;
  }
  tell({subject, "client", Step::State::kOk, fmt::format("{} named", brokers.size())});
  return true;
}

/// Everything that consumers with the same properties share; whether a broker was reached.
bool examine_brokers(const ConsumerCase& about, std::size_t others, TimePoint until,
                     const TellStep& tell) {
  const auto brokers = broker_addresses(bootstrap_servers(about.properties));
  std::size_t left = brokers.size() + others;
  bool reached = false;
  for (const BrokerAddress& broker : brokers) {
    const TimePoint bound = std::min(share(until, left--), Clock::now() + kMostForOneHost);
    reached = examine_host(broker, about, bound, tell) || reached;
  }
  return reached;
}

void skip_group(const ConsumerCase& about, const std::string& why, const TellStep& tell) {
  const std::string subject = fmt::format("group '{}'", about.group);
  for (const char* name : {"cluster", "coordinator", "topic", "fetch", "offsets", "lag"}) {
    tell({subject, name, Step::State::kSkipped, why});
  }
}

/// What is known of a set of properties that a consumer before had as well.
struct Examined {
  const Properties* properties;
  std::string hindrance;  // why its groups can't be looked at; empty: nothing
};

std::string examine_connection(const ConsumerCase& about, std::size_t others, TimePoint until,
                               const TellStep& tell) {
  const bool usable = look_at_client(about, tell);
  const bool reached = examine_brokers(about, others, until, tell);
  if (!usable) return "after client failed";
  return reached ? "" : "no broker was reached";
}

void examine_group(const ConsumerCase& about, TimePoint until, const TellStep& tell) {
  const auto client =
      DoctorClient::make(about.group, about.properties,
                         std::chrono::duration_cast<Milliseconds>((until - Clock::now()) / 2));
  if (!client) return skip_group(about, client.error().text, tell);
  GroupExamination(about, **client, until, tell).run();
}

}  // namespace

void examine(const std::vector<ConsumerCase>& cases, TimePoint until, const TellStep& tell) {
  std::vector<Examined> examined;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const ConsumerCase& about = cases[i];
    const TimePoint bound = share(until, cases.size() - i);
    auto known = std::ranges::find_if(
        examined, [&](const Examined& each) { return *each.properties == about.properties; });
    if (known == examined.end()) {
      examined.push_back({&about.properties, examine_connection(about, 2, bound, tell)});
      known = std::prev(examined.end());
    }
    if (known->hindrance.empty()) {
      examine_group(about, bound, tell);
    } else {
      skip_group(about, known->hindrance, tell);
    }
  }
}

}  // namespace moult::kafka
