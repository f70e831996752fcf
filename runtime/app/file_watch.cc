#include "runtime/app/file_watch.h"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace moult {
namespace {

// Longer than a linker needs between two files of one build.
constexpr Duration kQuiet = std::chrono::milliseconds(200);

// A file that is written, or put in place: moved, or linked.
constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE;
constexpr std::uint32_t kGone = IN_DELETE_SELF | IN_MOVE_SELF;  // the folder

}  // namespace

Result<FileWatch> FileWatch::open(const std::vector<std::filesystem::path>& files) {
  UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd) return failure(fmt::format("can't watch files: {}", std::strerror(errno)));
  FileWatch watch(std::move(fd), files);
  if (const Status added = watch.add_all(); !added) return Unexpected(added.error());
  return watch;
}

/// Also again: links may lead elsewhere, and folders may be other ones.
Status FileWatch::add_all() {
  names_.clear();
  for (const std::filesystem::path& file : files_) {
    if (Status added = add(file); !added) return added;
    std::error_code unknown;
    const std::filesystem::path real = std::filesystem::canonical(file, unknown);
    if (unknown || real == file) continue;
    if (Status added = add(real); !added) return added;
  }
  return Ok{};
}

/// By its folder: what replaces a file is another inode.
Status FileWatch::add(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const int watch = ::inotify_add_watch(fd_.get(), folder.c_str(), kChanges | kGone | IN_ONLYDIR);
  if (watch < 0) {
    return failure(fmt::format("can't watch {}: {}", folder.string(), std::strerror(errno)));
  }
  names_[watch].insert(file.filename().string());
  return Ok{};
}

void FileWatch::look(TimePoint now) {
  alignas(inotify_event) std::array<char, 4096> events;
  for (;;) {
    const ssize_t size = ::read(fd_.get(), events.data(), events.size());
    if (size <= 0) return;
    std::size_t at = 0;
    while (at < static_cast<std::size_t>(size)) {
      inotify_event event;
      std::memcpy(&event, events.data() + at, sizeof event);
      const char* name = events.data() + at + sizeof event;
      const auto names = names_.find(event.wd);
      const bool overflowed = (event.mask & IN_Q_OVERFLOW) != 0;  // any of them, then
      const bool ours = event.len > 0 && names != names_.end() && names->second.contains(name);
      const bool gone = (event.mask & (kGone | IN_UNMOUNT)) != 0;
      if (overflowed || ours || gone) due_ = now + kQuiet;
      at += sizeof event + event.len;
    }
  }
}

bool FileWatch::take(TimePoint now) {
  if (!due_ || now < *due_) return false;
  // While a folder is missing nothing tells of it.
  if (!add_all()) {
    due_ = now + kQuiet;
    return false;
  }
  due_.reset();
  return true;
}

}  // namespace moult
