#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/base/log.h"

namespace moult::kafka {

/// What a librdkafka or broker error means for a consumer.
enum class Disposition : std::uint8_t {
  kIgnore,        // no error for us: end of partition, an answer that came too late
  kTransient,     // librdkafka goes on trying; we stay up, not ready
  kUnknownTopic,  // a topic is missing; it is consumed once it exists
  kDenied,        // not authorized or wrong credentials: a person has to act, we stay up
  kDataLoss,      // records are gone before we read them, or no offset says where to begin: loud
  kFatal,         // no commit is possible any more: leave, non-zero
};

/// The one place where that is decided. `code` is an rd_kafka_resp_err_t.
Disposition classify(int code);

/// Whether a commit failed only because the group moved on: the records come again elsewhere.
bool commit_overtaken(int code);

/// Whether a group has no coordinator yet, as in a young cluster, or after a broker's start.
bool coordinator_comes(int code);

/// Whether a partition gives no records after this, until somebody has done something.
bool leaves_unread(int code);

/// Whether `auto.offset.reset: error` was asked for an offset that is gone; else the group had
/// none.
bool offset_is_gone(std::string_view reason);

/// Whether a broker could not be talked to: the others may be no better.
bool connection_failed(int code);

/// Whether a log line of librdkafka's says that the group's next records no longer exist. With
/// `auto.offset.reset` other than `error` it tells that in no other way.
bool tells_of_lost_records(std::string_view facility, std::string_view text);

std::string_view error_text(int code);

/// Of librdkafka's own log lines.
Severity severity_of_syslog(int level);

/// Logs an error as loudly as its disposition asks for; `fields` say where.
void report_error(const Logger& log, int code, std::string_view reason, Logger::Fields fields);

}  // namespace moult::kafka
