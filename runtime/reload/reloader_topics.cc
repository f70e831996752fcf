// How a reload changes what a group reads.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/kafka/topic_router.h"
#include "runtime/reload/reloader.h"

namespace moult {
namespace {

std::vector<std::string> sorted(std::vector<std::string> topics) {
  std::ranges::sort(topics);
  return topics;
}

}  // namespace

/// A topic goes to the first handler with a regex that matches, in the order of the file; here, in
/// the order in which they came. Where these differ another member would route otherwise.
Status Reloader::check_order(const std::vector<HandlerPlan>& plans,
                             const WantedTopics& wanted) const {
  std::map<std::size_t, HandlerIndex> last;  // with a regex, by group
  for (const HandlerPlan& plan : plans) {
    const auto i = find_target(plan.settings.group, plan.spec.handler);
    if (!i) continue;
    const Target& target = targets_[*i];
    const auto its = wanted.find(*i);
    const auto& topics = its == wanted.end() ? target.topics : its->second;
    if (std::ranges::none_of(topics, kafka::is_regex)) continue;
    const auto [before, first] = last.try_emplace(target.group, target.index);
    if (!first && target.index < before->second) {
      return failure(fmt::format(
          "handler '{}' of group '{}' stands behind another one with a regex that came later: the "
          "order decides who gets a topic that both match; that needs a restart",
          target.handler->name(), group_of(target)));
    }
    before->second = target.index;
  }
  return Ok{};
}

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
    const bool other = its != wanted.end() && sorted(its->second) != sorted(target.topics);
    change.topics[static_cast<std::size_t>(target.index)] = other ? its->second : target.topics;
    if (other) change.targets.push_back(i);
  }
  std::erase_if(changes, [](const TopicChange& change) { return change.targets.empty(); });
  return changes;
}

/// Before anything moves.
Status Reloader::check_topics(const std::vector<TopicChange>& changes) {
  for (const TopicChange& change : changes) {
    Status possible = ask([&](kafka::HandoverPort::Answered answered) {
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
  // Without a bound: what was asked for is done whenever the poller comes to it. One that hangs is
  // the watchdog's business, and one that ends stops the daemon.
  changed_.wait(lock, [this] { return answer_ || stopping_; });
  if (answer_) return *answer_;
  return failure(kReloaderStopping);
}

}  // namespace moult
