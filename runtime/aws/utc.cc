#include "runtime/aws/utc.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace moult::aws {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::floor;
using std::chrono::hh_mm_ss;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";

bool is_utc_digit(char byte) { return byte >= '0' && byte <= '9'; }

bool has_form(std::string_view text) {
  if (text.size() != kForm.size()) return false;
  return std::equal(text.begin(), text.end(), kForm.begin(), [](char byte, char form) {
    return form == 'd' ? is_utc_digit(byte) : byte == form;
  });
}

/// Of digits alone.
unsigned number_at(std::string_view text, std::size_t begin, std::size_t size) {
  unsigned number = 0;
  std::from_chars(text.data() + begin, text.data() + begin + size, number);
  return number;
}

}  // namespace

UtcTime utc_now() { return floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

std::string compact_utc(UtcTime time) {
  const auto date = floor<days>(time);
  const year_month_day ymd(date);
  const hh_mm_ss clock(time - date);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(ymd.year()),
                     static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::optional<UtcTime> parse_utc(std::string_view text) {
  if (!text.ends_with('Z')) return std::nullopt;
  text.remove_suffix(1);
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string_view fraction = text.substr(point);
  const bool is_number =
      std::all_of(fraction.begin() + (fraction.empty() ? 0 : 1), fraction.end(), is_utc_digit);
  text = text.substr(0, point);
  if (!is_number || !has_form(text)) return std::nullopt;
  const year_month_day date(year(static_cast<int>(number_at(text, 0, 4))),
                            month(number_at(text, 5, 2)), day(number_at(text, 8, 2)));
  const unsigned hours = number_at(text, 11, 2);
  const unsigned minutes = number_at(text, 14, 2);
  const unsigned seconds = number_at(text, 17, 2);
  if (!date.ok() || hours > 23 || minutes > 59 || seconds > 60) return std::nullopt;
  return sys_days(date) + std::chrono::hours(hours) + std::chrono::minutes(minutes) +
         std::chrono::seconds(seconds);
}

}  // namespace moult::aws
