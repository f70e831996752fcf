#include "runtime/kafka/errors.h"

#include <librdkafka/rdkafka.h>

#include <vector>

namespace moult::kafka {
namespace {

// Of the Kafka protocol; librdkafka 2.0 has no names for them.
constexpr int kUnknownTopicId = 100;
constexpr int kStaleMemberEpoch = 113;

std::string_view text_of_loss(int code, std::string_view reason) {
  const bool gone = code != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || offset_is_gone(reason);
  return gone ? "records are gone before they were handled"
              : "nothing is consumed: the group has no offset, and auto.offset.reset is error";
}

}  // namespace

Disposition classify(int code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
    case RD_KAFKA_RESP_ERR__NO_OFFSET:
      return Disposition::kIgnore;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case kUnknownTopicId:
      return Disposition::kUnknownTopic;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return Disposition::kDenied;
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return Disposition::kDataLoss;
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      return Disposition::kFatal;
    default:
      return Disposition::kTransient;
  }
}

bool commit_overtaken(int code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
    case kStaleMemberEpoch:
      return true;
    default:
      return false;
  }
}

bool coordinator_comes(int code) {
  return code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
         code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
         code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
}

bool leaves_unread(int code) {
  return code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || classify(code) == Disposition::kDenied;
}

bool offset_is_gone(std::string_view reason) {
  return reason.find(error_text(RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)) != reason.npos;
}

bool connection_failed(int code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      return true;
    default:
      return false;
  }
}

bool tells_of_lost_records(std::string_view facility, std::string_view text) {
  return facility == "OFFSET" && text.find(": offset reset ") != text.npos && offset_is_gone(text);
}

std::string_view error_text(int code) {
  return rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(code));
}

Severity severity_of_syslog(int level) {
  if (level <= 2) return Severity::kCritical;
  if (level == 3) return Severity::kError;
  if (level == 4) return Severity::kWarning;
  if (level <= 6) return Severity::kInfo;
  return Severity::kDebug;
}

void report_error(const Logger& log, int code, std::string_view reason, Logger::Fields fields) {
  std::vector<Field> all(fields);
  all.emplace_back("error", error_text(code));
  all.emplace_back("reason", reason);
  switch (classify(code)) {
    case Disposition::kIgnore:
      return;
    case Disposition::kTransient:
      return log.write(Severity::kWarning, "kafka error, librdkafka goes on trying", all);
    case Disposition::kUnknownTopic:
      return log.write(Severity::kWarning, "topic is missing: it is consumed once it exists", all);
    case Disposition::kDenied:
      return log.write(Severity::kError, "kafka denies access", all);
    case Disposition::kDataLoss:
      return log.write(Severity::kError, text_of_loss(code, reason), all);
    case Disposition::kFatal:
      return log.write(Severity::kCritical,
                       "fatal kafka error: no offset can be committed any more", all);
  }
}

}  // namespace moult::kafka
