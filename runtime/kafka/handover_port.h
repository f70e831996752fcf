#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/dispatch/events.h"

namespace moult::kafka {

/// What each handler of a group reads, by HandlerIndex: names, or regexes beginning with ^.
using Topics = std::vector<std::vector<std::string>>;

/// How the lanes of one consumer's handlers are asked to go over to another generation, and its
/// group to read other topics, of handlers that come and go. Thread-safe.
class HandoverPort {
 public:
  virtual ~HandoverPort() = default;
  virtual void add(const AddHandler& request) = 0;
  virtual void prepare(const Prepare& request) = 0;
  virtual void canary(const Canary& request) = 0;
  virtual void activate(const Activate& request) = 0;
  virtual void discard(const Discard& request) = 0;

  /// `done` is called on the poller thread; never when the consumer ends before.
  using Answered = std::function<void(const Status&)>;
  /// Whether the group can change to these topics without leaving.
  virtual void check_topics(Topics topics, Answered done) = 0;
  /// It does: the rebalance that follows brings what is new and takes what is no longer wanted.
  virtual void change_topics(Topics topics, Answered done) = 0;
  /// Of a handler that reads nothing: whether no lane of it is left. Then none comes any more.
  virtual void forget(HandlerIndex handler, Answered done) = 0;
};

}  // namespace moult::kafka
