#include "runtime/config/regular_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "runtime/base/unique_fd.h"

namespace moult::config {
namespace {

Unexpected<Error> system_failure(int code) {
  return failure(std::generic_category().message(code));
}

Result<UniqueFd> open_regular(const std::filesystem::path& file) {
  struct stat status = {};
  if (::stat(file.c_str(), &status) != 0) return system_failure(errno);
  if (S_ISDIR(status.st_mode)) return system_failure(EISDIR);
  if (!S_ISREG(status.st_mode)) return failure("Not a regular file");
  // O_NONBLOCK: the file may have become a pipe since.
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return system_failure(errno);
  return fd;
}

}  // namespace

Result<std::string> read_regular_file(const std::filesystem::path& file, std::size_t max_bytes) {
  const auto fd = open_regular(file);
  if (!fd) return failure(fd.error().message);
  std::string contents;
  std::array<char, 16'384> chunk;
  while (contents.size() <= max_bytes) {
    const ssize_t size = ::read(fd->get(), chunk.data(), chunk.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_failure(errno);
    if (size == 0) return contents;
    contents.append(chunk.data(), static_cast<std::size_t>(size));
  }
  return failure(fmt::format("Larger than {} bytes", max_bytes));
}

}  // namespace moult::config
