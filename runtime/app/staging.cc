#include "runtime/app/staging.h"

#include <fmt/format.h>
#include <unistd.h>

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

}  // namespace

std::filesystem::path crash_folder() {
  if (const char* logs = std::getenv("LOGS_DIRECTORY")) {
    return std::string_view(logs).substr(0, std::string_view(logs).find(':'));
  }
  return choose({}).parent_path();
}

Result<std::filesystem::path> prepare_staging(const std::filesystem::path& configured) {
  const std::filesystem::path path = choose(configured);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) {
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  }
  if (error) {
    return failure(
        fmt::format("{}: can't be the folder for copies of plugins: {}; set staging_path",
                    path.string(), error.message()));
  }
  return path;
}

}  // namespace moult
