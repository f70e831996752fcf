#include "runtime/observe/crash_time.h"

#include <time.h>

#include <chrono>

namespace moult {
namespace {

void add(CrashText& out, const CrashTime& time, std::string_view dash,
         std::string_view colon) noexcept {
  out.add_number(time.year, 4).add(dash).add_number(time.month, 2).add(dash);
  out.add_number(time.day, 2).add("T").add_number(time.hour, 2).add(colon);
  out.add_number(time.minute, 2).add(colon).add_number(time.second, 2).add("Z");
}

}  // namespace

CrashTime CrashTime::now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::chrono::sys_seconds seconds{std::chrono::seconds(now.tv_sec)};
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const int of_day = static_cast<int>((seconds - day).count());
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          of_day / 3600,
          of_day / 60 % 60,
          of_day % 60};
}

void add_readable(CrashText& out, const CrashTime& time) noexcept { add(out, time, "-", ":"); }

void add_compact(CrashText& out, const CrashTime& time) noexcept { add(out, time, "", ""); }

}  // namespace moult
