#include "runtime/config/admin_socket_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <system_error>

namespace moult {
namespace {

constexpr std::string_view kSocketName = "admin.sock";
/// What systemd makes of `RuntimeDirectory=moult`.
constexpr std::string_view kUsualRuntimeDirectory = "/run/moult";
/// The path of a socket has room for 107 bytes.
constexpr std::size_t kMaxStem = 24;

/// FNV-1a: the same in every version of moult and on every machine.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (const char byte : text) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x0000'0100'0000'01b3;
  }
  return hash;
}

std::string plain_stem(const std::filesystem::path& file) {
  std::string stem = file.stem().string().substr(0, kMaxStem);
  std::replace_if(
      stem.begin(), stem.end(),
      [](unsigned char byte) { return byte >= 0x80 || (std::isalnum(byte) == 0 && byte != '-'); },
      '_');
  return stem;
}

std::optional<std::string> non_empty(const Environment& environment, std::string_view name) {
  auto value = environment(name);
  if (value && value->empty()) return std::nullopt;
  return value;
}

/// The places by the environment, the likeliest first; the last one always exists.
std::vector<AdminSocketPlace> places_by_environment(const std::filesystem::path& file,
                                                    const Environment& environment, uid_t user) {
  std::vector<AdminSocketPlace> places;
  const std::string name = admin_config_key(file) + ".sock";
  if (const auto folders = non_empty(environment, "RUNTIME_DIRECTORY")) {
    const std::filesystem::path first = folders->substr(0, folders->find(':'));
    places.push_back({.socket = first / kSocketName});
  }
  if (const auto folder = non_empty(environment, "XDG_RUNTIME_DIR")) {
    places.push_back(
        {.socket = std::filesystem::path(*folder) / "moult" / name, .private_folder = true});
  }
  if (const auto home = non_empty(environment, "HOME")) {
    places.push_back({.socket = std::filesystem::path(*home) / ".cache" / "moult" / name,
                      .private_folder = true});
  }
  const auto temporary = non_empty(environment, "TMPDIR").value_or("/tmp");
  places.push_back(
      {.socket = std::filesystem::path(temporary) / fmt::format("moult-{}", user) / name,
       .private_folder = true});
  return places;
}

}  // namespace

std::string admin_config_key(const std::filesystem::path& file) {
  std::error_code no_folder;
  const auto absolute = std::filesystem::absolute(file, no_folder).lexically_normal();
  return fmt::format("{}-{:016x}", plain_stem(file), hash_of(absolute.native()));
}

std::optional<AdminSocketPlace> admin_socket_place(const AdminConfig& admin,
                                                   const std::filesystem::path& file,
                                                   const Environment& environment, uid_t user) {
  if (!admin.enabled) return std::nullopt;
  if (!admin.socket.empty()) return AdminSocketPlace{.socket = admin.socket};
  return places_by_environment(file, environment, user).front();
}

std::vector<AdminSocketPlace> admin_socket_candidates(const AdminConfig& admin,
                                                      const std::filesystem::path& file,
                                                      const Environment& environment, uid_t user) {
  if (!admin.enabled) return {};
  if (!admin.socket.empty()) return {{.socket = admin.socket}};
  auto places = places_by_environment(file, environment, user);
  const auto usual = std::filesystem::path(kUsualRuntimeDirectory) / kSocketName;
  const bool there = std::any_of(places.begin(), places.end(),
                                 [&](const auto& place) { return place.socket == usual; });
  if (!there) places.push_back({.socket = usual, .guessed = true});
  return places;
}

}  // namespace moult
