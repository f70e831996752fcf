#include "runtime/app/staging.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace moult {
namespace {

std::filesystem::path choose(const std::filesystem::path& configured) {
  if (!configured.empty()) return configured;
  // Not /run: it is usually mounted noexec.
  if (const char* cache = std::getenv("CACHE_DIRECTORY")) {
    return std::filesystem::path(
               std::string_view(cache).substr(0, std::string_view(cache).find(':'))) /
           "plugins";
  }
  if (const char* cache = std::getenv("XDG_CACHE_HOME")) {
    return std::filesystem::path(cache) / "moult" / "plugins";
  }
  if (const char* home = std::getenv("HOME")) {
    return std::filesystem::path(home) / ".cache" / "moult" / "plugins";
  }
  return std::filesystem::temp_directory_path() / fmt::format("moult-{}", ::getuid()) / "plugins";
}

constexpr mode_t kPrivate = 0700;

/// One that is there stays as it is: it may be somebody else's, /tmp even. Whether it will do is
/// judged when a plugin is copied.
std::error_code make_private(const std::filesystem::path& path) {
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (error || ::mkdir(path.c_str(), kPrivate) == 0) return error;
  if (errno != EEXIST) return {errno, std::generic_category()};
  if (!std::filesystem::is_directory(path, error) && !error) {
    return std::make_error_code(std::errc::not_a_directory);
  }
  return error;
}

}  // namespace

std::filesystem::path crash_folder() {
  if (const char* logs = std::getenv("LOGS_DIRECTORY")) {
    return std::string_view(logs).substr(0, std::string_view(logs).find(':'));
  }
  return choose({}).parent_path();
}

Result<std::filesystem::path> prepare_staging(const std::filesystem::path& configured) {
  const std::filesystem::path path = choose(configured);
  if (const std::error_code error = make_private(path)) {
    return failure(
        fmt::format("{}: can't be the folder for copies of plugins: {}; set staging_path",
                    path.string(), error.message()));
  }
  return path;
}

}  // namespace moult
