#include "runtime/config/units.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <string>

namespace moult::config {
namespace {

using std::chrono::milliseconds;
__extension__ using Wide = unsigned __int128;

struct NamedFactor {
  const char* name;
  std::uint64_t factor;
};
constexpr std::array<NamedFactor, 4> kDurations = {
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::array<NamedFactor, 7> kSizes = {{{"B", 1},
                                                {"kB", 1'000},
                                                {"KiB", 1ULL << 10},
                                                {"MB", 1'000'000},
                                                {"MiB", 1ULL << 20},
                                                {"GB", 1'000'000'000},
                                                {"GiB", 1ULL << 30}}};

/// Numbers of every magnitude: the generator's own stay small.
rc::Gen<std::uint64_t> any_magnitude() {
  return rc::gen::apply([](std::uint64_t bits, int shift) { return bits >> shift; },
                        rc::gen::resize(rc::kNominalSize * 10, rc::gen::arbitrary<std::uint64_t>()),
                        rc::gen::inRange(0, 64));
}

RC_GTEST_PROP(ConfigUnitsProperty, DurationsSurviveFormatting, ()) {
  const auto count = static_cast<milliseconds::rep>(*any_magnitude() >> 1);
  RC_ASSERT(parse_duration(format_duration(milliseconds(count))).value().count() == count);
}

RC_GTEST_PROP(ConfigUnitsProperty, SizesSurviveFormatting, ()) {
  const std::uint64_t bytes = *any_magnitude();
  RC_ASSERT(parse_size(format_size(bytes)).value() == bytes);
}

RC_GTEST_PROP(ConfigUnitsProperty, ADurationIsExactOrTooLarge, ()) {
  const std::uint64_t number = *any_magnitude();
  const NamedFactor unit = *rc::gen::elementOf(kDurations);
  const auto parsed = parse_duration(std::to_string(number) + unit.name);
  const Wide exact = static_cast<Wide>(number) * unit.factor;
  RC_ASSERT(parsed.has_value() == (exact <= static_cast<Wide>(INT64_MAX)));
  if (parsed) RC_ASSERT(static_cast<Wide>(parsed->count()) == exact);
}

RC_GTEST_PROP(ConfigUnitsProperty, ASizeIsExactOrTooLarge, ()) {
  const std::uint64_t number = *any_magnitude();
  const NamedFactor unit = *rc::gen::elementOf(kSizes);
  const auto parsed = parse_size(std::to_string(number) + unit.name);
  const Wide exact = static_cast<Wide>(number) * unit.factor;
  RC_ASSERT(parsed.has_value() == (exact <= static_cast<Wide>(UINT64_MAX)));
  if (parsed) RC_ASSERT(static_cast<Wide>(*parsed) == exact);
}

RC_GTEST_PROP(ConfigUnitsProperty, OnlyDigitsAndAUnitParse, (const std::string& text)) {
  const auto first = text.find_first_not_of("0123456789");
  const std::string unit = first == std::string::npos ? "" : text.substr(first);
  const bool known = std::any_of(kDurations.begin(), kDurations.end(),
                                 [&unit](const NamedFactor& named) { return unit == named.name; });
  RC_ASSERT(!parse_duration(text).has_value() || (known && first > 0));
}

}  // namespace
}  // namespace moult::config
