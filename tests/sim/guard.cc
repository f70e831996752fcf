#include "tests/sim/guard.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>

namespace moult::sim {
namespace {

/// Written by the child, read by the parent after it ended.
struct Progress {
  std::uint64_t seed = 0;
  bool failed = false;
  std::array<char, 256> why{};
};

/// Memory that parent and child share.
class SharedProgress {
 public:
  SharedProgress()
      : memory_(::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    new (memory_) Progress();
  }
  ~SharedProgress() { ::munmap(memory_, sizeof(Progress)); }
  SharedProgress(const SharedProgress&) = delete;
  SharedProgress& operator=(const SharedProgress&) = delete;

  Progress& operator*() { return *static_cast<Progress*>(memory_); }

 private:
  void* memory_;
};

void run_all(Progress& progress, std::uint64_t first, std::uint64_t count,
             const HistoryOptions& options) {
  for (std::uint64_t i = 0; i < count; ++i) {
    progress.seed = first + i;
    const HistoryResult result = run_history(progress.seed, options);
    if (!result.violation) continue;
    progress.failed = true;
    result.violation->copy(progress.why.data(), progress.why.size() - 1);
    return;
  }
}

}  // namespace

std::optional<Failed> find_failure(std::uint64_t first, std::uint64_t count,
                                   const HistoryOptions& options) {
  SharedProgress progress;
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork() failed");
  if (child == 0) {
    run_all(*progress, first, count, options);
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const bool died = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  if (died) return Failed{(*progress).seed, "a CHECK of the dispatcher failed (see above)"};
  if ((*progress).failed) return Failed{(*progress).seed, (*progress).why.data()};
  return std::nullopt;
}

}  // namespace moult::sim
