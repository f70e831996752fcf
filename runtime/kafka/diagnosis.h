#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace moult::kafka {

/// What can be wrong between a consumer and its cluster, as far as a person can mend it.
enum class Ailment : std::uint8_t {
  kUnsupportedProtocol,
  kOtherProtocol,
  kNoSuchHost,
  kConnectTimeout,
  kConnectRefused,
  kHandshakeTimeout,
  kTlsListener,
  kPlainListener,
  kSaslListener,
  kCertificate,
  kClientCertificate,
  kPem,
  kMechanism,
  kAuthentication,
  kNoToken,
  kReplicationFactor,
  kTopicAuthorization,
  kGroupAuthorization,
  kClusterAuthorization,
  kNoSuchTopic,
  kPrefix,
  kNoOffset,
  kOffsetGone,
  kNewGroup,
  kNothingNew,
  kNoMember,
};

/// One ailment for a person: sentences without a value of the configuration in them.
struct Diagnosis {
  Ailment ailment;
  std::string_view name;  // for programs; stays as it is
  std::string_view what;
  std::string_view why;
  std::string_view cure;
};

/// The one table of them, for `moult doctor` and for the daemon's log.
std::span<const Diagnosis> diagnoses();
const Diagnosis& diagnosis_of(Ailment ailment);

/// The diagnosis of a symptom: an rd_kafka_resp_err_t, and what librdkafka said with it. Null when
/// nothing better is known than that text.
const Diagnosis* diagnose(int code, std::string_view text);

}  // namespace moult::kafka
