#include "runtime/config/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "runtime/base/nearest.h"
#include "runtime/config/text.h"
#include "runtime/config/units.h"

namespace moult::config {
namespace {

constexpr std::string_view kUnlimited = "unlimited";

std::optional<std::string> read_scalar(Reading& reading, const MaybeValue& value,
                                       std::string_view expected) {
  if (!value || !expect_kind(reading, *value, YamlNode::Kind::kScalar, expected)) {
    return std::nullopt;
  }
  return resolve_scalar(reading, *value);
}

template <typename T>
bool accept_within(Reading& reading, const Value& value, Range<T> range, T number,
                   std::string (*format)(T), T& into) {
  if (number < range.low || number > range.high) {
    add_problem(reading, value,
                fmt::format("is out of range: {} to {}", format(range.low), format(range.high)));
    return false;
  }
  into = number;
  return true;
}

std::string format_integer(std::uint32_t number) { return fmt::format("{}", number); }

std::optional<std::uint64_t> parse_integer(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range) return UINT64_MAX;
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

bool accept_integer(Reading& reading, const Value& value, std::string_view text,
                    std::string_view otherwise, Range<std::uint32_t> range, std::uint32_t& into) {
  // Quotes say that a value is text; but inside {} an interpolation can't be written without them.
  const bool is_text = !value.node->plain && !may_interpolate(value.node->text);
  const auto number = parse_integer(text);
  if (is_text || !number) {
    add_problem(reading, value, is_text ? "is text; write the number without quotes" : otherwise);
    return false;
  }
  const auto bounded = static_cast<std::uint32_t>(std::min<std::uint64_t>(*number, UINT32_MAX));
  return accept_within(reading, value, range, bounded, &format_integer, into);
}

}  // namespace

void add_problem(Reading& reading, const Value& value, std::string_view what) {
  reading.problems.add(value.place,
                       fmt::format("'{}': {} {}", value.key, in_quotes(value.node->text), what));
}

std::optional<std::string> resolve_scalar(Reading& reading, const Value& value) {
  auto text = reading.interpolator.resolve(value.node->text);
  if (text) return std::move(*text);
  for (const std::string& error : text.error()) {
    reading.problems.add(value.place, fmt::format("{}: {}", in_quotes(value.key), error));
  }
  return std::nullopt;
}

bool read_text(Reading& reading, const MaybeValue& value, std::string& into) {
  auto text = read_scalar(reading, value, "text");
  if (!text) return false;
  into = std::move(*text);
  return true;
}

bool read_integer(Reading& reading, const MaybeValue& value, Range<std::uint32_t> range,
                  std::uint32_t& into) {
  const auto text = read_scalar(reading, value, "a whole number");
  return text && accept_integer(reading, *value, *text, "is not a whole number", range, into);
}

bool read_limit(Reading& reading, const MaybeValue& value, Range<std::uint32_t> range,
                std::uint32_t& into) {
  const auto text = read_scalar(reading, value, "a whole number or 'unlimited'");
  if (!text) return false;
  if (*text != kUnlimited) {
    return accept_integer(reading, *value, *text, "is neither a whole number nor 'unlimited'",
                          range, into);
  }
  into = 0;
  return true;
}

bool read_percent(Reading& reading, const MaybeValue& value, Range<std::uint32_t> range,
                  std::uint32_t& into) {
  const auto text = read_scalar(reading, value, "a percentage such as 10%");
  if (!text) return false;
  if (!text->ends_with('%')) {
    add_problem(reading, *value, "has no percent sign; write 10%");
    return false;
  }
  return accept_integer(reading, *value, text->substr(0, text->size() - 1),
                        "is not a whole percentage", range, into);
}

bool read_duration(Reading& reading, const MaybeValue& value,
                   Range<std::chrono::milliseconds> range, std::chrono::milliseconds& into) {
  const auto text = read_scalar(reading, value, "a duration such as 50ms, 1s, 5m or 2h");
  if (!text) return false;
  const auto duration = parse_duration(*text);
  if (!duration) {
    add_problem(reading, *value, duration.error().message);
    return false;
  }
  return accept_within(reading, *value, range, *duration, &format_duration, into);
}

bool read_size(Reading& reading, const MaybeValue& value, Range<std::uint64_t> range,
               std::uint64_t& into) {
  const auto text = read_scalar(reading, value, "a size such as 512KiB, 1MiB or 1MB");
  if (!text) return false;
  const auto size = parse_size(*text);
  if (!size) {
    add_problem(reading, *value, size.error().message);
    return false;
  }
  return accept_within(reading, *value, range, *size, &format_size, into);
}

bool read_path(Reading& reading, const MaybeValue& value, const std::filesystem::path& folder,
               std::filesystem::path& into) {
  const auto text = read_scalar(reading, value, "a path");
  if (!text) return false;
  if (text->empty() || text->find('\0') != std::string::npos) {
    add_problem(reading, *value, "is not a path");
    return false;
  }
  // Not normalised: `current/..` means something else when `current` is a symlink.
  into = folder / *text;
  return true;
}

std::optional<std::size_t> read_choice(Reading& reading, const MaybeValue& value,
                                       std::span<const std::string_view> names) {
  const auto text = read_scalar(reading, value, "text");
  if (!text) return std::nullopt;
  const auto found = std::find(names.begin(), names.end(), *text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  // A suggestion tells something about the text: made for what the file shows only.
  const std::string_view shown = value->node->text;
  add_problem(reading, *value, "is not known" + suggestion(shown, names));
  return std::nullopt;
}

}  // namespace moult::config
