#include "runtime/config/topics.h"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <regex>

#include "runtime/config/text.h"

namespace moult::config {
namespace {

constexpr std::size_t kMaxHandlerName = 100;
constexpr std::size_t kMaxRegexDepth = 20;
constexpr std::size_t kMaxRepeatDigits = 3;

bool is_topic_byte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
}

std::optional<std::string> topic_bytes_problem(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_topic_byte)) return std::nullopt;
  return "has characters other than letters, digits, '.', '_' and '-'";
}

std::optional<std::string> topic_name_problem(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name == "." || name == "..") return "is no legal topic name";
  if (name.size() > kMaxTopic) return fmt::format("is longer than {} characters", kMaxTopic);
  return topic_bytes_problem(name);
}

/// The index after the bracket expression that begins at `begin`. `]` stands for itself as its
/// first character, and inside [:classes:].
std::size_t skip_brackets(std::string_view regex, std::size_t begin) {
  std::size_t index = begin + 1;
  if (index < regex.size() && regex[index] == '^') ++index;
  if (index < regex.size() && regex[index] == ']') ++index;
  while (index < regex.size() && regex[index] != ']') {
    const bool opens = regex[index] == '[' && index + 1 < regex.size() &&
                       std::string_view(":.=").find(regex[index + 1]) != std::string_view::npos;
    const std::size_t end =
        opens ? regex.find(std::string{regex[index + 1], ']'}, index + 2) : std::string_view::npos;
    index = end == std::string_view::npos ? index + 1 : end + 2;
  }
  return index + 1;
}

/// Of the numbers between the { at `begin` and its }.
std::size_t longest_number(std::string_view regex, std::size_t begin) {
  std::size_t longest = 0;
  std::size_t digits = 0;
  for (std::size_t index = begin + 1; index < regex.size() && regex[index] != '}'; ++index) {
    const bool is_digit = regex[index] >= '0' && regex[index] <= '9';
    digits = is_digit ? digits + 1 : 0;
    longest = std::max(longest, digits);
  }
  return longest;
}

struct RegexShape {
  std::size_t depth = 0;          // of groups
  std::size_t repeats = 0;        // {…}
  std::size_t repeat_digits = 0;  // of the longest number in them
  bool bare_alternatives = false;
};

RegexShape shape_of(std::string_view regex) {
  RegexShape shape;
  std::size_t depth = 0;
  std::size_t index = 0;
  while (index < regex.size()) {
    const char byte = regex[index];
    if (byte == '(') shape.depth = std::max(shape.depth, ++depth);
    if (byte == ')' && depth > 0) --depth;
    if (byte == '{') {
      ++shape.repeats;
      shape.repeat_digits = std::max(shape.repeat_digits, longest_number(regex, index));
    }
    if (byte == '|' && depth == 0) shape.bare_alternatives = true;
    if (byte == '[') {
      index = skip_brackets(regex, index);
    } else {
      index += byte == '\\' ? 2 : 1;
    }
  }
  return shape;
}

std::optional<std::string> regex_syntax_problem(std::string_view regex) {
  try {
    const std::regex compiled(regex.begin(), regex.end(), std::regex::extended);
    return std::nullopt;
  } catch (const std::regex_error& error) {
    return fmt::format("is no POSIX extended regex: {}", error.what());
  }
}

std::optional<std::string> regex_problem(std::string_view regex) {
  if (regex.size() > kMaxRegex) return fmt::format("is longer than {} characters", kMaxRegex);
  const auto is_control = [](char byte) { return static_cast<unsigned char>(byte) < 0x20; };
  if (std::any_of(regex.begin(), regex.end(), is_control)) return "has control characters";
  const RegexShape shape = shape_of(regex);
  // The ^ and the prefix would belong to the first alternative alone.
  if (shape.bare_alternatives) return "needs its alternatives in parentheses: ^(a|b)";
  // Nested groups cost stack, nested {…} multiply and long numbers in them overflow, here and in
  // librdkafka.
  if (shape.depth > kMaxRegexDepth || shape.repeats > 1 || shape.repeat_digits > kMaxRepeatDigits) {
    return "is too complex";
  }
  return regex_syntax_problem(regex);
}

std::string regex_escaped(std::string_view text) {
  std::string out;
  for (const char byte : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(byte) != std::string_view::npos) out += '\\';
    out += byte;
  }
  return out;
}

}  // namespace

std::string with_prefix(std::string_view prefix, std::string_view topic) {
  if (!is_topic_regex(topic)) return std::string(prefix).append(topic);
  return "^" + regex_escaped(prefix) + std::string(topic.substr(1));
}

bool begins_with_prefix(std::string_view prefix, std::string_view topic) {
  if (!is_topic_regex(topic)) return topic.starts_with(prefix);
  return topic.substr(1).starts_with(prefix) || topic.substr(1).starts_with(regex_escaped(prefix));
}

bool is_read_by(const std::string& topic, const std::string& name) {
  if (!is_topic_regex(topic)) return topic == name;
  // Its repeats are written out when it is compiled: megabytes, for a check.
  if (topic.find('{') != std::string::npos) return false;
  // Not std::regex: its matching may take exponential time.
  regex_t compiled;
  if (regcomp(&compiled, topic.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
  const bool matches = regexec(&compiled, name.c_str(), 0, nullptr, 0) == 0;
  regfree(&compiled);
  return matches;
}

std::optional<std::string> topic_problem(std::string_view topic) {
  return is_topic_regex(topic) ? regex_problem(topic) : topic_name_problem(topic);
}

std::optional<std::string> prefix_problem(std::string_view prefix) {
  if (prefix.size() >= kMaxTopic) return fmt::format("is longer than {} characters", kMaxTopic - 1);
  return topic_bytes_problem(prefix);
}

std::optional<std::string> group_problem(std::string_view group) {
  if (group.empty()) return "is empty";
  if (group.size() > kMaxGroup) return fmt::format("is longer than {} bytes", kMaxGroup);
  const auto is_control = [](char byte) {
    return byte == '\t' || byte == '\n' || byte == '\r' || is_forbidden_control(byte);
  };
  if (std::any_of(group.begin(), group.end(), is_control)) return "has control characters";
  return std::nullopt;
}

std::optional<std::string> handler_name_problem(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxHandlerName) {
    return fmt::format("is longer than {} characters", kMaxHandlerName);
  }
  // It is a command-line argument and a part of file names.
  if (name.front() == '-' || name.front() == '.') return "begins with '.' or '-'";
  return topic_bytes_problem(name);
}

}  // namespace moult::config
