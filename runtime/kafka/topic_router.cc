#include "runtime/kafka/topic_router.h"

#include <fmt/format.h>

#include <array>
#include <set>

namespace moult::kafka {

std::string regex_of_broker(std::string_view subscription) {
  std::string text(subscription);
  if (!is_regex(text)) return text;
  const std::size_t before = text.find_last_not_of('\\', text.size() - 2);
  const bool is_escaped = (text.size() - 2 - before) % 2 != 0;
  const bool is_anchored = text.ends_with('$') && !is_escaped;
  return is_anchored ? text : text + ".*";
}

void TopicRouter::RegexRelease::operator()(regex_t* regex) const noexcept {
  regfree(regex);
  delete regex;
}

Result<TopicRouter> TopicRouter::make(const std::vector<std::vector<std::string>>& topics) {
  TopicRouter router;
  std::set<std::string> all;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const HandlerIndex handler{static_cast<std::uint32_t>(i)};
    for (const std::string& topic : topics[i]) {
      if (!all.insert(topic).second) {
        return failure(fmt::format("topic '{}' would be read by two handlers", topic));
      }
      if (!is_regex(topic)) {
        router.names_.try_emplace(topic, handler);
        continue;
      }
      auto compiled = std::make_unique<regex_t>();
      if (const int code = regcomp(compiled.get(), topic.c_str(), REG_EXTENDED | REG_NOSUB)) {
        std::array<char, 256> text{};
        regerror(code, compiled.get(), text.data(), text.size());
        return failure(fmt::format("topic regex '{}': {}", topic, text.data()));
      }
      router.patterns_.push_back(
          {std::unique_ptr<regex_t, RegexRelease>(compiled.release()), handler});
    }
  }
  return router;
}

std::optional<HandlerIndex> TopicRouter::route(const std::string& topic) const {
  if (const auto at = names_.find(topic); at != names_.end()) return at->second;
  for (const Pattern& pattern : patterns_) {
    if (regexec(pattern.regex.get(), topic.c_str(), 0, nullptr, 0) == 0) return pattern.handler;
  }
  return std::nullopt;
}

}  // namespace moult::kafka
