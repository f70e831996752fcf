#pragma once

#include <regex.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/dispatch/types.h"

namespace moult::kafka {

/// Whether a subscription is a regex (as librdkafka tells), or the name of a topic.
inline bool is_regex(std::string_view topic) { return topic.starts_with('^'); }

/// How a subscription is told to a broker that matches regexes itself (KIP-848). Brokers want a
/// regex to match a whole name, we and librdkafka its beginning.
std::string regex_of_broker(std::string_view subscription);

/// Tells which handler of a group a topic belongs to. A literal name wins over a regex, an earlier
/// handler over a later one. Constant after construction.
class TopicRouter {
 public:
  /// `topics[i]` are the subscriptions of handler i: names, or POSIX extended regexes that begin
  /// with ^ (as librdkafka reads them); none twice.
  static Result<TopicRouter> make(const std::vector<std::vector<std::string>>& topics);

  std::optional<HandlerIndex> route(const std::string& topic) const;

 private:
  struct RegexRelease {
    void operator()(regex_t* regex) const noexcept;
  };
  struct Pattern {
    std::unique_ptr<regex_t, RegexRelease> regex;
    HandlerIndex handler;
  };

  std::map<std::string, HandlerIndex> names_;
  std::vector<Pattern> patterns_;
};

}  // namespace moult::kafka
