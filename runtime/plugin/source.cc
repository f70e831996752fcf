#include "runtime/plugin/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <system_error>
#include <utility>

#include "runtime/plugin/rules.h"

namespace moult {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxPluginBytes = 1024ULL * 1024 * 1024;
constexpr std::size_t kMaxBesideBytes = 1024ULL * 1024;
constexpr int kMaxLinks = 40;  // as the kernel
constexpr std::size_t kMaxParts = 1'000;

const Rule& rule_of_source(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return rules::kMissingFile;
    case EMFILE:
    case ENFILE:
      return rules::kTooManyFiles;
    case ENXIO:
    case ENODEV:
      return rules::kNotAFile;
    default:
      return rules::kUnreadable;
  }
}

/// The way from the root to a file, one name after the other.
class Walk {
 public:
  Walk(const fs::path& plugin, const PluginTrust& trust)
      : plugin_(plugin), owner_(trust.owner.value_or(::geteuid())) {}

  Result<PluginSource> open() {
    std::error_code error;
    const fs::path absolute = fs::absolute(plugin_, error);
    if (error) return failed(error.value());
    push(absolute.native());
    if (Status started = restart(); !started) return Unexpected<Error>{started.error()};
    while (!parts_.empty()) {
      const std::string part = std::exchange(parts_.front(), {});
      parts_.pop_front();
      if (Status stepped = step(part); !stepped) return Unexpected<Error>{stepped.error()};
    }
    if (!file_) return refuse(plugin_, rules::kNotAFile, "not a regular file");
    return open_file();
  }

 private:
  Unexpected<Error> failed(int error) const {
    return refuse(plugin_, rule_of_source(error), std::generic_category().message(error));
  }

  bool trusts(const struct stat& status) const {
    return status.st_uid == 0 || status.st_uid == owner_;
  }

  /// Puts the names of `path` in front of what is left to go.
  void push(std::string_view path) {
    std::deque<std::string> names;
    while (!path.empty()) {
      const std::size_t slash = path.find('/');
      const std::string_view name = path.substr(0, slash);
      if (!name.empty() && name != ".") names.emplace_back(name);
      path = slash == path.npos ? std::string_view() : path.substr(slash + 1);
    }
    parts_.insert(parts_.begin(), names.begin(), names.end());
  }

  Status restart() {
    way_ = "/";
    UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return failed(errno);
    return descend(std::move(root));
  }

  Status step(const std::string& part) {
    if (parts_.size() > kMaxParts) return failed(ENAMETOOLONG);
    UniqueFd next(::openat(folder_.get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!next || ::fstat(next.get(), &status) != 0) return failed(errno);
    if (part == "..") {
      way_ = way_.parent_path();
      return descend(std::move(next));
    }
    if (S_ISLNK(status.st_mode)) return follow(next.get(), status, part);
    if (S_ISDIR(status.st_mode) && !parts_.empty()) {
      way_ /= part;
      return descend(std::move(next));
    }
    if (!parts_.empty()) return failed(ENOTDIR);
    name_ = part;
    file_ = std::move(next);
    return Ok{};
  }

  Status follow(int link, const struct stat& status, const std::string& name) {
    if (++links_ > kMaxLinks) return failed(ELOOP);
    // In a sticky folder such as /tmp anybody may have made it.
    if (!trusts(status)) {
      return refuse(
          plugin_, rules::kParentOwner,
          fmt::format("the symlink {} belongs to user {}", (way_ / name).string(), status.st_uid));
    }
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(link, "", target.data(), target.size());
    if (size <= 0) return failed(size == 0 ? ENOENT : errno);
    const std::string_view path(target.data(), static_cast<std::size_t>(size));
    push(path);
    return path.front() == '/' ? restart() : Status(Ok{});
  }

  Status descend(UniqueFd folder) {
    struct stat status {};
    if (::fstat(folder.get(), &status) != 0) return failed(errno);
    if (!trusts(status)) {
      return refuse(plugin_, rules::kParentOwner,
                    fmt::format("{} belongs to user {}", way_.string(), status.st_uid));
    }
    // In a sticky folder only the owners of what lies in it may replace that, and they are judged.
    const bool is_sticky = (status.st_mode & S_ISVTX) != 0;
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !is_sticky) {
      return refuse(plugin_, rules::kParentWritable,
                    fmt::format("others may write to {}", way_.string()));
    }
    folder_ = std::move(folder);
    return Ok{};
  }

  Status check_owner(const struct stat& status, std::string_view what) const {
    if (!trusts(status)) {
      return refuse(plugin_, rules::kOwner,
                    fmt::format("{} belongs to user {}", what, status.st_uid));
    }
    if ((status.st_mode & S_IWOTH) != 0) {
      return refuse(plugin_, rules::kWorldWritable, fmt::format("everybody may write to {}", what));
    }
    if ((status.st_mode & S_IWGRP) != 0) {
      return refuse(plugin_, rules::kGroupWritable, fmt::format("its group may write to {}", what));
    }
    return Ok{};
  }

  Status check_file(const struct stat& status) const {
    if (!S_ISREG(status.st_mode)) return refuse(plugin_, rules::kNotAFile, "not a regular file");
    if (Status checked = check_owner(status, "it"); !checked) return checked;
    if (status.st_size == 0) return refuse(plugin_, rules::kEmptyFile, "it has no bytes");
    if (static_cast<std::uint64_t>(status.st_size) > kMaxPluginBytes) {
      return refuse(plugin_, rules::kTooLarge, fmt::format("it has {} bytes", status.st_size));
    }
    return Ok{};
  }

  Result<PluginSource> open_file() {
    PluginSource source;
    source.path = way_ / name_;
    if (::fstat(file_.get(), &source.before) != 0) return failed(errno);
    if (Status checked = check_file(source.before); !checked) {
      return Unexpected<Error>{checked.error()};
    }
    // The same file again, by the descriptor that was judged, now to be read.
    const std::string again = fmt::format("/proc/self/fd/{}", file_.get());
    source.fd = UniqueFd(::open(again.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!source.fd) return failed(errno);
    if (Status read = read_beside(".sha256", source.manifest); !read) {
      return Unexpected<Error>{read.error()};
    }
    if (Status read = read_beside(".sample", source.sample); !read) {
      return Unexpected<Error>{read.error()};
    }
    return source;
  }

  /// A small file beside the plugin, judged as the plugin is. It may be missing.
  Status read_beside(std::string_view suffix, std::optional<std::string>& into) const {
    const std::string name = fmt::format("{}{}", name_, suffix);
    const UniqueFd fd(
        ::openat(folder_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return errno == ENOENT ? Status(Ok{}) : Status(beside_failed(name, errno));
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return beside_failed(name, errno);
    if (!S_ISREG(status.st_mode)) return beside_failed(name, ENODEV);
    if (Status checked = check_owner(status, name); !checked) return checked;
    if (static_cast<std::uint64_t>(status.st_size) > kMaxBesideBytes) {
      return refuse(
          plugin_, rules::kTooLarge,
          fmt::format("{} has {} bytes, the most is {}", name, status.st_size, kMaxBesideBytes));
    }
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    const ssize_t count = ::pread(fd.get(), text.data(), text.size(), 0);
    if (count < 0) return beside_failed(name, errno);
    text.resize(static_cast<std::size_t>(count));
    into = std::move(text);
    return Ok{};
  }

  Unexpected<Error> beside_failed(const std::string& name, int error) const {
    return refuse(plugin_, rule_of_source(error),
                  fmt::format("{}: {}", name, std::generic_category().message(error)));
  }

  const fs::path& plugin_;
  const uid_t owner_;
  std::deque<std::string> parts_;  // left to go
  fs::path way_;                   // gone, without symlinks
  UniqueFd folder_;                // the end of it
  UniqueFd file_;                  // set at the end
  std::string name_;               // the file's
  int links_ = 0;
};

}  // namespace

Result<PluginSource> open_plugin_source(const fs::path& plugin, const PluginTrust& trust) {
  return Walk(plugin, trust).open();
}

}  // namespace moult
