#pragma once

#include <signal.h>
#include <sys/types.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/time.h"

namespace moult {

/// SIGSEGV, say; `signal 34` where it has no name.
std::string name_of_signal(int number);

/// What a plugin could leave behind in this process.
struct ProcessState {
  static ProcessState take();

  std::set<pid_t> threads;
  std::map<int, std::string> descriptors;  // with what they refer to
  std::array<const void*, NSIG> handlers{};
  std::set<std::string> mapped_files;
};

/// What is there in `after` and was not in `before`, in words; empty: nothing.
std::string new_threads(const ProcessState& before, const ProcessState& after);
std::string new_descriptors(const ProcessState& before, const ProcessState& after);
std::string new_handlers(const ProcessState& before, const ProcessState& after);
std::string new_mappings(const ProcessState& before, const ProcessState& after);

// A thread that was joined may be seen a moment longer: the kernel wakes who joins it before it
// forgets it. These wait, for `bound` at most, until that one is gone, or until no thread is there
// that wasn't in `before`.
void await_end_of(pid_t thread, Duration bound);
void await_thread_ends(const ProcessState& before, Duration bound);

}  // namespace moult
