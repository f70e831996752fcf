#pragma once

#include "runtime/observe/crash_text.h"

namespace moult {

/// A moment in UTC, by arithmetic alone: gmtime() takes a lock.
struct CrashTime {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;

  static CrashTime now() noexcept;
};

void add_readable(CrashText& out, const CrashTime& time) noexcept;  // 2026-11-27T02:04:17Z
void add_compact(CrashText& out, const CrashTime& time) noexcept;   // 20261127T020417Z

}  // namespace moult
