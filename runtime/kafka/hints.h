#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "runtime/base/log.h"
#include "runtime/kafka/diagnosis.h"

namespace moult::kafka {

/// Whether lines of librdkafka's log with this facility tell of symptoms: of broken connections,
/// some of which come as an error as well, and of a wrong list of brokers.
inline bool tells_of_symptoms(std::string_view facility) {
  return facility == "FAIL" || facility == "BROKER";
}

/// Puts a diagnosis beside an error in the daemon's log: once for each ailment until forget(), not
/// at each of librdkafka's attempts. Any thread may call.
class Hints {
 public:
  /// `whose`: a field that every line gets, e.g. {"group", "orders"}; its texts are copied.
  Hints(Logger log, std::string_view whose, std::string_view name)
      : log_(log), whose_(whose), name_(name) {}

  /// An error of librdkafka's, or (with code 0) a line of its log.
  void on_symptom(int code, std::string_view text);
  /// Things have changed: what comes now is worth telling again. Costs next to nothing when nothing
  /// was told.
  void forget();

 private:
  const Logger log_;
  const std::string whose_;
  const std::string name_;

  std::atomic<bool> any_{false};
  std::mutex mutex_;
  std::set<Ailment> told_;  // guarded by mutex_
};

}  // namespace moult::kafka
