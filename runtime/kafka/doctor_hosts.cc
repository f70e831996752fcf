#include "runtime/kafka/doctor_hosts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "runtime/base/lower_case.h"
#include "runtime/kafka/doctor_client.h"
#include "runtime/kafka/reach.h"

namespace moult::kafka {
namespace {

constexpr Duration kResolving = std::chrono::seconds(5);
constexpr Duration kConnecting = std::chrono::seconds(5);

/// How librdkafka sets up a connection once TCP has: what it calls the state, and what we do.
enum class Stage { kTls, kApiVersions, kSasl, kMetadata };
constexpr std::array<std::string_view, 4> kStageNames = {"tls", "api-versions", "sasl", "metadata"};

std::string security_protocol(const Properties& properties) {
  const auto at = properties.find("security.protocol");
  return at == properties.end() ? "plaintext" : lower_case(at->second);
}

bool takes_part(Stage stage, std::string_view protocol) {
  if (stage == Stage::kTls) return protocol.ends_with("ssl");
  return stage != Stage::kSasl || protocol.starts_with("sasl");
}

/// Librdkafka ends its texts with `(after 3ms in state AUTH_REQ)`. The first of the stages that
/// take part when it names none of them.
Stage stage_of(std::string_view text, std::string_view protocol) {
  const std::size_t at = text.rfind("in state ");
  const std::string_view state = at == text.npos ? std::string_view() : text.substr(at + 9);
  if (state.starts_with("APIVERSION_QUERY")) return Stage::kApiVersions;
  // Without a token it does not even connect.
  if (text.find("OAUTHBEARER token") != text.npos) return Stage::kSasl;
  if (state.starts_with("AUTH_")) return Stage::kSasl;
  if (state.starts_with("UP")) return Stage::kMetadata;
  return takes_part(Stage::kTls, protocol) ? Stage::kTls : Stage::kApiVersions;
}

std::string not_part(Stage stage, std::string_view protocol) {
  return fmt::format("security.protocol {} has no {}", protocol,
                     stage == Stage::kTls ? "TLS" : "SASL");
}

/// A listener with SASL lets nobody through to a first request who has not said who he is, and says
/// nothing itself.
const Diagnosis* diagnosis_at(Stage stage, std::string_view protocol, const Complaint& complaint) {
  const Diagnosis* known = diagnose(complaint.code, complaint.text);
  if (known != nullptr || stage != Stage::kMetadata || takes_part(Stage::kSasl, protocol)) {
    return known;
  }
  return &diagnosis_of(Ailment::kSaslListener);
}

/// The stages up to the one that failed, that one, and the others; without a failure all are well.
void tell_stages(const std::string& subject, const std::string& protocol,
                 const Complaint* complaint, const TellStep& tell) {
  const auto failed = complaint == nullptr
                          ? kStageNames.size()
                          : static_cast<std::size_t>(stage_of(complaint->text, protocol));
  for (std::size_t i = 0; i < kStageNames.size(); ++i) {
    Step step{subject, std::string(kStageNames.at(i))};
    if (!takes_part(static_cast<Stage>(i), protocol)) {
      step.state = Step::State::kSkipped;
      step.found = not_part(static_cast<Stage>(i), protocol);
    } else if (i > failed) {
      step.state = Step::State::kSkipped;
      step.found = fmt::format("after {} failed", kStageNames.at(failed));
    } else if (i == failed) {
      step.state = Step::State::kFailed;
      step.found = complaint->text;
      step.diagnosis = diagnosis_at(static_cast<Stage>(i), protocol, *complaint);
    }
    tell(step);
  }
}

Step failed_step(const std::string& subject, std::string name, const std::string& text) {
  return {subject, std::move(name), Step::State::kFailed, text, diagnose(0, text)};
}

void skip_stages(const std::string& subject, std::string_view after, const TellStep& tell) {
  for (const std::string_view name : kStageNames) {
    tell(
        {subject, std::string(name), Step::State::kSkipped, fmt::format("after {} failed", after)});
  }
}

}  // namespace

std::string broker_subject(const BrokerAddress& broker) { return "broker " + broker.to_string(); }

bool reach_host(const BrokerAddress& broker, TimePoint until, const TellStep& tell) {
  const std::string subject = broker_subject(broker);
  const auto addresses = resolve(broker, at_most(kResolving, until));
  if (!addresses) {
    tell(failed_step(subject, "resolve", addresses.error().message));
    tell({subject, "tcp", Step::State::kSkipped, "after resolve failed"});
    return false;
  }
  std::vector<std::string_view> texts;
  for (const SocketAddress& address : *addresses) texts.push_back(address.text);
  tell({subject, "resolve", Step::State::kOk, fmt::format("{}", fmt::join(texts, ", "))});
  const auto connected = connect_to(*addresses, at_most(kConnecting, until));
  tell(connected
           ? Step{subject, "tcp", Step::State::kOk, fmt::format("connected to {}", *connected)}
           : failed_step(subject, "tcp", connected.error().message));
  return connected.has_value();
}

bool examine_host(const BrokerAddress& broker, const ConsumerCase& about, TimePoint until,
                  const TellStep& tell) {
  const std::string subject = broker_subject(broker);
  if (!reach_host(broker, until, tell)) {
    skip_stages(subject, "tcp", tell);
    return false;
  }
  Properties alone = about.properties;
  alone.erase("metadata.broker.list");
  alone["bootstrap.servers"] = broker.to_string();
  const Duration connecting = std::max<Duration>((until - Clock::now()) / 2, Duration{0});
  const auto client =
      DoctorClient::make(about.group, alone, std::chrono::duration_cast<Milliseconds>(connecting));
  if (!client) {
    tell_stages(subject, security_protocol(alone), &client.error(), tell);
    return false;
  }
  const auto metadata = (*client)->metadata(nullptr, until);
  tell_stages(subject, security_protocol(alone), metadata ? nullptr : &metadata.error(), tell);
  return metadata.has_value();
}

}  // namespace moult::kafka
