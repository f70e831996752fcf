// How a reload changes what a group reads.

#include <algorithm>
#include <utility>

#include "runtime/reload/reloader.h"

namespace moult {
namespace {

// A poller that is not ended answers at once.
constexpr Duration kAnswerWait = std::chrono::seconds(10);

}  // namespace

/// Handlers that nothing is wanted of read what they read.
std::vector<Reloader::TopicChange> Reloader::topic_changes(const WantedTopics& wanted) const {
  std::vector<TopicChange> changes;
  for (const ReloadGroup& group : groups_) {
    changes.push_back({group.port, kafka::Topics(group.handlers->size()), {}});
  }
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const Target& target = targets_[i];
    TopicChange& change = changes[target.group];
    const auto its = wanted.find(i);
    const bool other = its != wanted.end() && its->second != target.topics;
    change.topics[static_cast<std::size_t>(target.index)] = other ? its->second : target.topics;
    if (other) change.targets.push_back(i);
  }
  std::erase_if(changes, [](const TopicChange& change) { return change.targets.empty(); });
  return changes;
}

/// Before anything moves.
Status Reloader::check_topics(const std::vector<TopicChange>& changes) {
  for (const TopicChange& change : changes) {
    const Status possible = ask([&](kafka::HandoverPort::Answered answered) {
      change.port->check_topics(change.topics, std::move(answered));
    });
    if (!possible) return possible;
  }
  return Ok{};
}

bool Reloader::change_topics(const std::vector<TopicChange>& changes, ReloadReport& report) {
  bool all = true;
  for (const TopicChange& change : changes) {
    const Status changed = ask([&](kafka::HandoverPort::Answered answered) {
      change.port->change_topics(change.topics, std::move(answered));
    });
    all = all && changed;
    for (const std::size_t i : change.targets) {
      HandlerReload& entry = entry_of(i, report);
      if (changed) {
        Target& target = targets_[i];
        read(target, change.topics[static_cast<std::size_t>(target.index)], entry);
      } else {
        entry.refused = "its topics: " + changed.error().message;
      }
    }
  }
  return all;
}

/// A handler is there while it reads something.
void Reloader::read(Target& target, const std::vector<std::string>& topics, HandlerReload& entry) {
  target.topics = entry.topics = topics;
  if (topics.empty()) {
    target.presence = Presence::kLeaving;
    entry.result = HandlerReload::Result::kRemoved;
  } else if (target.presence != Presence::kThere) {
    target.presence = Presence::kThere;
    entry.result = HandlerReload::Result::kAdded;
  }
}

/// Waits for the poller's answer.
Status Reloader::ask(const Question& question) {
  std::unique_lock lock(mutex_);
  answer_.reset();
  const std::uint64_t number = ++question_;
  lock.unlock();
  question([this, number](const Status& status) {
    const std::lock_guard answering(mutex_);
    if (number == question_) answer_ = status;
    changed_.notify_all();
  });
  lock.lock();
  changed_.wait_until(lock, Clock::now() + kAnswerWait, [this] { return answer_ || stopping_; });
  if (answer_) return *answer_;
  return failure(stopping_ ? kReloaderStopping : "the consumer does not answer");
}

}  // namespace moult
