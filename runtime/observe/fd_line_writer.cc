#include "runtime/observe/fd_line_writer.h"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>

namespace moult {
namespace {

// Never one of 0, 1, 2: a standard stream that is closed stays closed.
constexpr int kLowestFd = 3;

/// Whether a failed write may be tried again: the descriptor may have been made non-blocking by
/// another process that shares it.
bool can_retry(int fd) noexcept {
  if (errno == EINTR) return true;
  if (errno != EAGAIN) return false;
  pollfd writable{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&writable, 1, -1) == 1 || errno == EINTR;
}

}  // namespace

FdLineWriter::FdLineWriter(int fd) : fd_(::fcntl(fd, F_DUPFD_CLOEXEC, kLowestFd)) {}

bool FdLineWriter::write(std::string_view line) noexcept {
  if (torn_ && !write_all("\n")) return false;
  torn_ = false;
  return write_all(line);
}

bool FdLineWriter::write_all(std::string_view bytes) noexcept {
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_.get(), rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (!can_retry(fd_.get())) {
      torn_ = torn_ || rest.size() < bytes.size();
      return false;
    }
  }
  return true;
}

}  // namespace moult
