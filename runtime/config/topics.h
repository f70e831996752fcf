#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace moult::config {

inline constexpr std::size_t kMaxTopic = 249;  // Kafka's own limit
inline constexpr std::size_t kMaxGroup = 255;
inline constexpr std::size_t kMaxRegex = 512;

/// What is wrong with a name that begins with the prefix of a preset.
inline constexpr std::string_view kHasPrefix =
    "has the prefix already, which the preset puts in front once; write the name without it";

inline bool is_topic_regex(std::string_view topic) { return topic.starts_with('^'); }

/// The topic name or regex with the prefix: a regex gets it after its ^, escaped.
std::string with_prefix(std::string_view prefix, std::string_view topic);

/// Whether the topic name or regex (as with_prefix() takes it) begins with the prefix already.
bool begins_with_prefix(std::string_view prefix, std::string_view topic);

/// Whether who reads `topic` (a good name or regex) reads the topic `name`. No, if that is costly
/// to find out.
bool is_read_by(const std::string& topic, const std::string& name);

/// What is wrong with a topic name, a topic regex (POSIX extended), a prefix, a group or a
/// handler's name, without repeating it; nothing if it is good.
std::optional<std::string> topic_problem(std::string_view topic);
std::optional<std::string> prefix_problem(std::string_view prefix);
std::optional<std::string> group_problem(std::string_view group);
std::optional<std::string> handler_name_problem(std::string_view name);

}  // namespace moult::config
