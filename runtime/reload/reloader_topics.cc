// How a reload changes what a group reads.

#include <algorithm>
#include <utility>

#include "runtime/reload/reloader.h"

namespace moult {
namespace {

// A poller that is not ended answers at once.
constexpr Duration kAnswerWait = std::chrono::seconds(10);

}  // namespace

/// Of the handlers that the report is about; the others read what they read.
std::vector<Reloader::TopicChange> Reloader::topic_changes(
    const ReloadReport& report, const std::vector<HandlerPlan>& plans) const {
  std::vector<TopicChange> changes;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const ReloadTarget& target = targets_[i];
    if (changes.empty() || changes.back().port != target.port) {
      changes.push_back({target.port, {}, {}});
    }
    const bool meant = std::ranges::any_of(
        report.handlers, [&](const HandlerReload& entry) { return is_about(entry, target); });
    const bool other = meant && plans[i].topics != versions_[i].topics;
    changes.back().topics.push_back(other ? plans[i].topics : versions_[i].topics);
    if (other) changes.back().targets.push_back(i);
  }
  std::erase_if(changes, [](const TopicChange& change) { return change.targets.empty(); });
  return changes;
}

/// Before anything moves.
Status Reloader::check_topics(const std::vector<TopicChange>& changes) {
  for (const TopicChange& change : changes) {
    const Status possible = ask_topics(change, &kafka::HandoverPort::check_topics);
    if (!possible) return possible;
  }
  return Ok{};
}

bool Reloader::change_topics(const std::vector<TopicChange>& changes, ReloadReport& report) {
  bool all = true;
  for (const TopicChange& change : changes) {
    const Status changed = ask_topics(change, &kafka::HandoverPort::change_topics);
    all = all && changed;
    for (const std::size_t i : change.targets) {
      HandlerReload& entry = entry_of(i, report);
      if (changed) {
        versions_[i].topics = entry.topics =
            change.topics[static_cast<std::size_t>(targets_[i].index)];
      } else {
        entry.refused = "its topics: " + changed.error().message;
      }
    }
  }
  return all;
}

Status Reloader::ask_topics(const TopicChange& change, AskTopics ask) {
  std::unique_lock lock(mutex_);
  topics_answer_.reset();
  const std::uint64_t question = ++topics_question_;
  lock.unlock();
  (change.port->*ask)(change.topics, [this, question](const Status& status) {
    const std::lock_guard answering(mutex_);
    if (question == topics_question_) topics_answer_ = status;
    changed_.notify_all();
  });
  lock.lock();
  changed_.wait_until(lock, Clock::now() + kAnswerWait,
                      [this] { return topics_answer_ || stopping_; });
  if (topics_answer_) return *topics_answer_;
  return failure(stopping_ ? kReloaderStopping : "the consumer does not answer");
}

}  // namespace moult
