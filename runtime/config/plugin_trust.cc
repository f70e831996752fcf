#include <pwd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "runtime/config/fields.h"
#include "runtime/config/sections.h"

namespace moult::config {
namespace {

constexpr std::array<std::string_view, 2> kManifests = {"optional", "required"};
constexpr std::size_t kUserBytes = 64ULL * 1024;  // of one entry of the user database

bool is_number(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char byte) { return byte >= '0' && byte <= '9'; });
}

/// A user's number by the name or by itself; nothing when there is no such user.
std::optional<uid_t> user_id(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (is_number(text)) {
    uid_t id = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
    // The largest one means "no user" to the system.
    if (parsed.ec != std::errc() || id == static_cast<uid_t>(-1)) return std::nullopt;
    return id;
  }
  std::vector<char> buffer(kUserBytes);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(text.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0)
    found = nullptr;
  return found == nullptr ? std::nullopt : std::optional<uid_t>(entry.pw_uid);
}

}  // namespace

PluginTrustConfig read_plugin_trust(Reading& reading, const MaybeValue& owner,
                                    const MaybeValue& manifest) {
  PluginTrustConfig trust;
  if (read_text(reading, owner, trust.owner_text)) {
    trust.owner = user_id(trust.owner_text);
    if (!trust.owner) add_problem(reading, *owner, "is neither a user of this system nor a number");
  }
  const auto index = read_choice(reading, manifest, kManifests);
  if (index) trust.manifest_required = *index == 1;
  return trust;
}

}  // namespace moult::config
