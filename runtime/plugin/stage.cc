#include "runtime/plugin/stage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <memory>
#include <regex>
#include <string>
#include <system_error>
#include <vector>

#include "runtime/base/time.h"
#include "runtime/plugin/manifest.h"
#include "runtime/plugin/rules.h"

namespace moult {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCopyBytes = 256ULL * 1024;
constexpr int kMaxNameTries = 16;
constexpr mode_t kCopyMode = 0500;
constexpr mode_t kStagingMode = 0700;

std::string describe_errno(int error) { return std::generic_category().message(error); }

const Rule& rule_of_staging(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return rules::kStagingSpace;
    case EMFILE:
    case ENFILE:
      return rules::kTooManyFiles;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
      return rules::kStagingDirectory;
    default:
      return rules::kStagingIo;
  }
}

Unexpected<Error> read_failure(const fs::path& plugin, int error) {
  return refuse(plugin, rules::kUnreadable, describe_errno(error));
}

Unexpected<Error> staging_failure(const fs::path& plugin, const fs::path& place, int error) {
  return refuse(plugin, rule_of_staging(error),
                fmt::format("{}: {}", place.string(), describe_errno(error)));
}

bool same_file_state(const struct stat& a, const struct stat& b) {
  const auto same_time = [](const timespec& x, const timespec& y) {
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
  };
  // Not the change time: an atomic rename over the source alters it, and the open file is still
  // the whole old version.
  return a.st_size == b.st_size && same_time(a.st_mtim, b.st_mtim);
}

Status check_staging(const fs::path& plugin, const fs::path& staging, int directory) {
  struct stat status {};
  if (::fstat(directory, &status) != 0) return staging_failure(plugin, staging, errno);
  if (status.st_uid != ::geteuid()) {
    return refuse(plugin, rules::kStagingDirectory,
                  fmt::format("{} belongs to another user", staging.string()));
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refuse(plugin, rules::kStagingDirectory,
                  fmt::format("others may write to {}", staging.string()));
  }
  struct statvfs mount {};
  if (::fstatvfs(directory, &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0) {
    return refuse(plugin, rules::kStagingNoexec,
                  fmt::format("{} is on a noexec mount", staging.string()));
  }
  return Ok{};
}

Result<UniqueFd> open_staging(const fs::path& plugin, const fs::path& staging) {
  std::error_code error;
  if (staging.has_parent_path()) fs::create_directories(staging.parent_path(), error);
  if (::mkdir(staging.c_str(), kStagingMode) != 0 && errno != EEXIST) {
    return staging_failure(plugin, staging, errno);
  }
  UniqueFd directory(::open(staging.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return staging_failure(plugin, staging, errno);
  if (Status checked = check_staging(plugin, staging, directory.get()); !checked) {
    return Unexpected<Error>{checked.error()};
  }
  return directory;
}

/// The name's changing part. The monotonic clock never repeats in a process, and O_EXCL guards two
/// threads that read the same tick.
std::string next_stamp() {
  return fmt::format("{}-{}", ::getpid(), Clock::now().time_since_epoch().count());
}

/// Makes and locks the copy's file. The directory's lock keeps a sweep from coming in between.
Result<StagedPlugin> make_copy_file(const PluginSource& source, const fs::path& plugin,
                                    const fs::path& staging) {
  Result<UniqueFd> directory = open_staging(plugin, staging);
  if (!directory) return Unexpected<Error>{directory.error()};
  if (::flock(directory->get(), LOCK_SH) != 0) return staging_failure(plugin, staging, errno);
  for (int i = 0; i < kMaxNameTries; i++) {
    const fs::path path = staging / (next_stamp() + ".part");
    UniqueFd fd(
        ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kCopyMode));
    if (!fd && errno == EEXIST) continue;
    if (!fd) return staging_failure(plugin, staging, errno);
    StagedPlugin copy(source.path, path, std::move(fd));
    // A umask may have taken the permissions away.
    if (::fchmod(copy.fd(), kCopyMode) != 0 || ::flock(copy.fd(), LOCK_SH | LOCK_NB) != 0) {
      return staging_failure(plugin, staging, errno);
    }
    return copy;
  }
  return refuse(plugin, rules::kStagingIo, "no free name in " + staging.string());
}

bool write_all(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

struct StateFree {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

std::string hex_digest(const XXH3_state_t& state) {
  const XXH128_hash_t digest = XXH3_128bits_digest(&state);
  return fmt::format("{:016x}{:016x}", digest.high64, digest.low64);
}

/// Ends with the source's end, or just past the size that it had: what grows is refused anyway.
Status copy_bytes(const PluginSource& source, const fs::path& plugin, StagedPlugin& copy) {
  const std::unique_ptr<XXH3_state_t, StateFree> hash(XXH3_createState());
  MOULT_CHECK(hash != nullptr && XXH3_128bits_reset(hash.get()) == XXH_OK, "out of memory");
  std::vector<char> buffer(kCopyBytes);
  std::uint64_t total = 0;
  while (total <= static_cast<std::uint64_t>(source.before.st_size)) {
    const ssize_t count = ::read(source.fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return read_failure(plugin, errno);
    if (count == 0) break;
    const auto size = static_cast<std::size_t>(count);
    if (!write_all(copy.fd(), buffer.data(), size)) {
      return staging_failure(plugin, copy.path().parent_path(), errno);
    }
    XXH3_128bits_update(hash.get(), buffer.data(), size);
    total += size;
  }
  struct stat after {};
  if (::fstat(source.fd.get(), &after) != 0) return read_failure(plugin, errno);
  if (!same_file_state(source.before, after) ||
      total != static_cast<std::uint64_t>(source.before.st_size)) {
    return refuse(plugin, rules::kChanged, "somebody writes to it");
  }
  return copy.publish(hex_digest(*hash), total);
}

bool is_copy_name(const std::string& name) {
  static const std::regex kCopyName("([0-9a-f]{32}-)?[0-9]+-[0-9]+\\.(so|part)");
  return std::regex_match(name, kCopyName);
}

bool remove_if_abandoned(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && ::unlink(path.c_str()) == 0;
}

}  // namespace

StagedPlugin::~StagedPlugin() {
  if (fd_ && !borrowed_) ::unlink(path_.c_str());  // a moved-from one has no descriptor
}

Status StagedPlugin::publish(std::string content_hash, std::uint64_t size) {
  const fs::path final_path =
      path_.parent_path() / fmt::format("{}-{}.so", content_hash, path_.stem().string());
  if (::rename(path_.c_str(), final_path.c_str()) != 0) {
    return staging_failure(source_, final_path, errno);
  }
  path_ = final_path;
  content_hash_ = std::move(content_hash);
  size_ = size;
  return Ok{};
}

Result<StagedPlugin> stage_plugin(const fs::path& plugin, const fs::path& staging,
                                  const PluginTrust& trust) {
  Result<PluginSource> source = open_plugin_source(plugin, trust);
  if (!source) return Unexpected<Error>{source.error()};
  if (trust.manifest_required && !source->manifest) {
    return refuse(plugin, rules::kManifestMissing, "there is no .sha256 beside it");
  }
  Result<StagedPlugin> copy = make_copy_file(*source, plugin, fs::absolute(staging));
  if (!copy) return copy;
  if (Status copied = copy_bytes(*source, plugin, *copy); !copied) {
    return Unexpected<Error>{copied.error()};
  }
  if (source->manifest) {
    Status checked =
        check_manifest(copy->fd(), *source->manifest, plugin, source->path.filename().native());
    if (!checked) return Unexpected<Error>{checked.error()};
  }
  copy->keep_sample(std::move(source->sample));
  return copy;
}

std::uint32_t sweep_staging(const fs::path& staging) {
  const UniqueFd directory(::open(staging.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Whoever holds the lock is making a copy now: the next sweep is soon enough.
  if (!directory || ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return 0;
  std::uint32_t removed = 0;
  std::error_code error;
  for (fs::directory_iterator entry(staging, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_copy_name(entry->path().filename().string()) && remove_if_abandoned(entry->path())) {
      removed++;
    }
  }
  return removed;
}

}  // namespace moult
