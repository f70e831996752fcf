#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/time.h"
#include "runtime/kafka/client_config.h"
#include "runtime/kafka/handles.h"

namespace moult::kafka {

/// What librdkafka or a broker said against something.
struct Complaint {
  int code = 0;  // an rd_kafka_resp_err_t
  std::string text;
};

template <typename T>
using Told = Result<T, Complaint>;

/// A client that looks and never touches: no member of a group, no commits, no topics made by
/// asking for them. What goes wrong with its connections is kept. One thread; every call is over
/// soon after its `until`.
class DoctorClient {
 public:
  /// `connecting`: how long librdkafka may take to set up one connection.
  static Told<std::unique_ptr<DoctorClient>> make(const std::string& group,
                                                  const Properties& properties,
                                                  Milliseconds connecting);

  rd_kafka_t* get() const { return client_.get(); }

  /// Of the whole cluster; of one topic with `topic`. The complaint is that of a connection, where
  /// one failed meanwhile.
  Told<MetadataHandle> metadata(const std::string* topic, TimePoint until);
  /// The answer to a question of the admin interface that goes to queue(); null when there is none
  /// in time.
  EventHandle answer(TimePoint until);
  rd_kafka_queue_t* queue() const { return queue_.get(); }

  /// Of the list of brokers (code _INVALID_ARG), and of the connections so far; the newest last.
  std::vector<Complaint> complaints();

 private:
  DoctorClient() = default;

  void keep(int code, std::string_view text);
  static void on_error(rd_kafka_t* client, int code, const char* text, void* opaque);
  static void on_log(const rd_kafka_t* client, int level, const char* facility, const char* text);

  std::mutex mutex_;
  std::vector<Complaint> complaints_;  // guarded by mutex_: librdkafka logs on its own threads
  ClientHandle client_;                // behind what its destruction may still call back
  QueueHandle queue_;                  // holds the client
};

/// The moment that is `share` from now, but no later than `until`.
TimePoint at_most(Duration share, TimePoint until);

/// For librdkafka's calls: at least 1, so that one that may not wait still asks.
int ms_until(TimePoint until);

}  // namespace moult::kafka
