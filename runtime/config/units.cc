#include "runtime/config/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <span>
#include <vector>

#include "runtime/base/nearest.h"

namespace moult::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// In rising order: formatting takes the biggest that divides the value.
constexpr std::array<Unit, 4> kDurationUnits = {{
    {"ms", 1},
    {"s", 1'000},
    {"m", 60'000},
    {"h", 3'600'000},
}};
constexpr std::array<Unit, 7> kSizeUnits = {{
    {"B", 1},
    {"kB", 1'000},
    {"KiB", 1ULL << 10},
    {"MB", 1'000'000},
    {"MiB", 1ULL << 20},
    {"GB", 1'000'000'000},
    {"GiB", 1ULL << 30},
}};
constexpr std::string_view kKiloWithCapital = "KB";

std::string_view canonical(std::string_view unit) {
  return unit == kKiloWithCapital ? std::string_view("kB") : unit;
}

std::vector<std::string_view> names_of(std::span<const Unit> units) {
  std::vector<std::string_view> names;
  for (const Unit& unit : units) names.push_back(unit.name);
  return names;
}

Result<std::uint64_t> scale(std::uint64_t number, std::string_view unit_name,
                            std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (unit.name != canonical(unit_name)) continue;
    std::uint64_t product = 0;
    if (__builtin_mul_overflow(number, unit.factor, &product)) return failure("is too large");
    return product;
  }
  return failure("has an unknown unit" + suggestion(unit_name, names_of(units)));
}

Result<std::uint64_t> parse_quantity(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range) return failure("is too large");
  if (error != std::errc()) return failure("is not a whole number followed by a unit");
  if (rest == end) {
    return failure(fmt::format("lacks a unit ({})", fmt::join(names_of(units), ", ")));
  }
  return scale(number, {rest, static_cast<std::size_t>(end - rest)}, units);
}

std::string format_quantity(std::uint64_t amount, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (amount != 0 && amount % unit.factor == 0) best = &unit;
  }
  return fmt::format("{}{}", amount / best->factor, best->name);
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto count = parse_quantity(text, kDurationUnits);
  if (!count) return failure(count.error().message);
  using Rep = std::chrono::milliseconds::rep;
  if (*count > static_cast<std::uint64_t>(std::numeric_limits<Rep>::max())) {
    return failure("is too large");
  }
  return std::chrono::milliseconds(static_cast<Rep>(*count));
}

Result<std::uint64_t> parse_size(std::string_view text) { return parse_quantity(text, kSizeUnits); }

std::string format_duration(std::chrono::milliseconds duration) {
  return format_quantity(static_cast<std::uint64_t>(duration.count()), kDurationUnits);
}

std::string format_size(std::uint64_t bytes) { return format_quantity(bytes, kSizeUnits); }

}  // namespace moult::config
