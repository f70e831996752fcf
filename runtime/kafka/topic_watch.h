#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/time.h"

namespace moult::kafka {

/// Whether topics are still those that they were. One that is deleted and made again under its name
/// has another id, and its offsets are other records. librdkafka takes the new id over and fetches
/// on at the old offset: where the new log is longer already, what lies before would never be
/// handled. It tells nobody of ids; the cluster does, when it is asked.
///
/// An id changes for librdkafka when a broker answers it with metadata, so that is when to ask, and
/// once more a little later: another broker may be behind. Belongs to the poller thread.
class TopicWatch {
 public:
#if RD_KAFKA_VERSION >= 0x020300ff
  static constexpr rd_kafka_event_type_t kAnswer = RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT;
#else
  static constexpr rd_kafka_event_type_t kAnswer = -1;  // it can't be asked for ids
#endif

  struct Anew {
    std::string topic;
    TimePoint since;  // when it was surely still the old one
  };

  /// `wake` is called on librdkafka's threads; it and the watch outlive the client.
  TopicWatch(Logger log, std::function<void()> wake) : log_(log), wake_(std::move(wake)) {}
  TopicWatch(const TopicWatch&) = delete;
  TopicWatch& operator=(const TopicWatch&) = delete;

  /// Before the client is made.
  void attach(rd_kafka_conf_t* conf);
  /// Topics were assigned.
  void look(TimePoint now) { next_ = now; }
  /// It is time to ask, and no question is under way.
  bool due(TimePoint now) const;
  /// The answer comes to `answers`. What is not among `topics` is forgotten.
  void ask(rd_kafka_t* client, const std::set<std::string>& topics, rd_kafka_queue_t* answers,
           TimePoint now);
  /// The topics that were made anew since they were asked for before.
  std::vector<Anew> on_answer(rd_kafka_event_t* event, TimePoint now);

 private:
  using Id = std::pair<std::int64_t, std::int64_t>;
  struct Known {
    Id id;
    Id former;  // brokers that are behind may tell of it for a while
    TimePoint confirmed;
  };

#if RD_KAFKA_VERSION >= 0x020300ff
  /// Since when.
  std::optional<TimePoint> made_anew(const std::string& topic, const rd_kafka_Uuid_t* uuid);
#endif

  static rd_kafka_resp_err_t on_new(rd_kafka_t* client, const rd_kafka_conf_t* conf, void* opaque,
                                    char* error, std::size_t size);
  static rd_kafka_resp_err_t on_response(rd_kafka_t* client, int socket, const char* broker,
                                         std::int32_t id, std::int16_t api, std::int16_t version,
                                         std::int32_t correlation, std::size_t size,
                                         std::int64_t rtt, rd_kafka_resp_err_t error, void* opaque);

  // Constant after construction.
  const Logger log_;
  const std::function<void()> wake_;

  std::atomic<std::uint64_t> told_{0};  // answers with metadata; counted on librdkafka's threads

  // The poller's.
  std::uint64_t heard_ = 0;  // of them, that need no further question
  bool asked_ = false;
  TimePoint asked_at_{};  // the last question
  TimePoint next_ = kNever;
  std::map<std::string, Known> known_;
};

}  // namespace moult::kafka
