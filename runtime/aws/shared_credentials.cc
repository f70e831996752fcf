#include "runtime/aws/shared_credentials.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "runtime/base/parts.h"

namespace moult::aws {
namespace {

constexpr std::size_t kMaxFileBytes = 1024UL * 1024;

/// The name in `[name]`; the file of the settings writes `[profile name]`, this one does not.
std::optional<std::string_view> section_of(std::string_view line) {
  if (!line.starts_with('[')) return std::nullopt;
  const std::size_t end = line.find(']');
  return end == std::string_view::npos ? std::nullopt
                                       : std::optional(trimmed(line.substr(1, end - 1)));
}

std::string* member_named(Credentials& credentials, std::string_view key) {
  if (key == "aws_access_key_id") return &credentials.access_key_id;
  if (key == "aws_secret_access_key") return &credentials.secret_access_key;
  if (key == "aws_session_token") return &credentials.session_token;
  return nullptr;
}

void take_line(Credentials& credentials, std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return;
  std::string* member = member_named(credentials, trimmed(line.substr(0, equals)));
  if (member != nullptr) *member = trimmed(line.substr(equals + 1));
}

}  // namespace

Result<std::optional<Credentials>> find_profile(std::string_view text, std::string_view profile) {
  Credentials credentials;
  bool found = false;
  bool inside = false;
  for (const std::string_view line : parts_of(text, '\n')) {
    if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
    if (const auto section = section_of(line)) {
      inside = *section == profile;
      found = found || inside;
    } else if (inside) {
      take_line(credentials, line);
    }
  }
  if (!found) return std::optional<Credentials>();
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    return failure(
        fmt::format("profile '{}' has no aws_access_key_id or no aws_secret_access_key (profiles "
                    "with a role, SSO or a process are not supported)",
                    profile));
  }
  return std::optional(std::move(credentials));
}

Result<std::optional<Credentials>> read_profile(const std::filesystem::path& file,
                                                std::string_view profile) {
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<Credentials>();
    return failure(fmt::format("can't read {}: {}", file.string(), std::strerror(errno)));
  }
  std::string text(kMaxFileBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kMaxFileBytes) {
    return failure(fmt::format("{} has more than {} bytes", file.string(), kMaxFileBytes));
  }
  auto found = find_profile(text, profile);
  if (!found) return failure(fmt::format("{}: {}", file.string(), found.error().message));
  return found;
}

}  // namespace moult::aws
