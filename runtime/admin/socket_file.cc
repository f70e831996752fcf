#include "runtime/admin/socket_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace moult {
namespace {

using std::filesystem::path;

constexpr mode_t kSocketMode = 0660;
constexpr mode_t kLockMode = 0600;
constexpr mode_t kFolderMode = 0755;
constexpr mode_t kPrivateFolderMode = 0700;
/// Each time another daemon has to end between our opening of its lock and our taking it.
constexpr int kLockAttempts = 16;
constexpr std::chrono::milliseconds kProbeTimeout{1'000};

std::string reason(int code) { return std::generic_category().message(code); }

Unexpected<Error> failed(const path& place, std::string_view what, int code) {
  return failure(fmt::format("{}: {}: {}", place.string(), what, reason(code)));
}

Result<sockaddr_un> address_of(const path& place) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = place.native();
  if (text.size() >= sizeof address.sun_path) {
    return failure(
        fmt::format("{}: too long for a unix socket ({} bytes, at most {}); set a "
                    "shorter one as admin.socket",
                    text, text.size(), sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Status check_private(const path& folder) {
  struct stat found {};
  if (::lstat(folder.c_str(), &found) != 0) return failed(folder, "can't be looked at", errno);
  if (!S_ISDIR(found.st_mode) || found.st_uid != ::geteuid() || (found.st_mode & 022) != 0) {
    return failure(
        fmt::format("{}: must be a folder of ours that nobody else may write to, for the "
                    "admin socket; set another place as admin.socket",
                    folder.string()));
  }
  return Ok{};
}

Status make_folder(const path& folder, bool is_private) {
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) {
    std::filesystem::create_directories(folder.parent_path(), error);
    if (error)
      return failed(folder.parent_path(), "can't be made for the admin socket", error.value());
    const mode_t mode = is_private ? kPrivateFolderMode : kFolderMode;
    if (::mkdir(folder.c_str(), mode) != 0 && errno != EEXIST) {
      return failed(folder, "can't be made for the admin socket", errno);
    }
  }
  return is_private ? check_private(folder) : Status(Ok{});
}

path lock_of(const path& socket) { return socket.native() + ".lock"; }

/// Whether `lock` is what stands at `place`: its last owner may have removed it meanwhile.
bool stands_at(const UniqueFd& lock, const path& place) {
  struct stat ours {};
  struct stat there {};
  return ::fstat(lock.get(), &ours) == 0 && ::stat(place.c_str(), &there) == 0 &&
         ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

Unexpected<Error> taken(const path& socket, const UniqueFd& lock) {
  std::array<char, 16> pid{};
  const ssize_t size = ::pread(lock.get(), pid.data(), pid.size(), 0);
  const std::string owner(pid.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return failure(
      fmt::format("{}: another moult listens there{}; stop it, or set another place as "
                  "admin.socket",
                  socket.string(), owner.empty() ? "" : fmt::format(" (pid {})", owner)));
}

Result<UniqueFd> take_lock(const path& socket) {
  const path place = lock_of(socket);
  for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
    UniqueFd lock(::open(place.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kLockMode));
    if (!lock) return failed(place, "can't be made", errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return taken(socket, lock);
      return failed(place, "can't be locked", errno);
    }
    if (!stands_at(lock, place)) continue;
    const std::string pid = std::to_string(::getpid());
    // Only for the message that another daemon gives.
    if (::ftruncate(lock.get(), 0) == 0) {
      [[maybe_unused]] const ssize_t size = ::pwrite(lock.get(), pid.data(), pid.size(), 0);
    }
    return lock;
  }
  return failure(fmt::format("{}: other daemons come and go there", socket.string()));
}

}  // namespace

Result<SocketFile> SocketFile::listen_at(const path& place, bool private_folder) {
  if (auto address = address_of(place); !address) return Unexpected(address.error());
  if (auto made = make_folder(place.parent_path(), private_folder); !made) {
    return Unexpected(made.error());
  }
  auto lock = take_lock(place);
  if (!lock) return Unexpected(lock.error());
  SocketFile file(place, std::move(*lock));
  if (auto done = file.take_place(); !done) return Unexpected(done.error());
  if (auto done = file.bind_and_listen(); !done) return Unexpected(done.error());
  return file;
}

SocketFile::~SocketFile() {
  if (!lock_) return;
  if (bound_) ::unlink(path_.c_str());
  ::unlink(lock_of(path_).c_str());
}

/// Ours is the lock, so what stands there is a dead daemon's, or no daemon's of ours.
Status SocketFile::take_place() {
  struct stat found {};
  if (::lstat(path_.c_str(), &found) != 0) {
    return errno == ENOENT ? Status(Ok{}) : failed(path_, "can't be looked at", errno);
  }
  if (!S_ISSOCK(found.st_mode)) {
    return failure(fmt::format("{}: is no socket; remove it, or set another place as admin.socket",
                               path_.string()));
  }
  const auto connected = connect_to_socket(path_, kProbeTimeout);
  if (connected) {
    return failure(
        fmt::format("{}: another program listens there; stop it, or set another place "
                    "as admin.socket",
                    path_.string()));
  }
  if (connected.error().code != ECONNREFUSED) {
    return failed(path_, "can't tell whether a program listens there", connected.error().code);
  }
  if (::unlink(path_.c_str()) != 0) return failed(path_, "can't be removed", errno);
  return Ok{};
}

Status SocketFile::bind_and_listen() {
  const auto address = address_of(path_);
  if (!address) return Unexpected(address.error());
  listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_) return failed(path_, "no socket", errno);
  if (::bind(listener_.get(), generic(*address), sizeof *address) != 0) {
    return failed(path_, "can't be made", errno);
  }
  bound_ = true;
  // Nobody can connect before listen(), so nobody comes by the mode that the umask left.
  if (::chmod(path_.c_str(), kSocketMode) != 0) return failed(path_, "can't get its mode", errno);
  struct stat made {};
  if (::stat(path_.c_str(), &made) != 0) return failed(path_, "can't be looked at", errno);
  group_ = made.st_gid;
  if (::listen(listener_.get(), SOMAXCONN) != 0) return failed(path_, "can't listen", errno);
  return Ok{};
}

Result<UniqueFd, ConnectFailure> connect_to_socket(const path& place,
                                                   std::chrono::milliseconds timeout) {
  const auto address = address_of(place);
  if (!address) return Unexpected(ConnectFailure{ENAMETOOLONG, address.error().message});
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Unexpected(ConnectFailure{errno, reason(errno)});
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  timeval bound{};
  bound.tv_sec = seconds.count();
  bound.tv_usec = std::chrono::microseconds(timeout - seconds).count();
  // For a unix socket this bounds connect() as well.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
  if (::connect(fd.get(), generic(*address), sizeof *address) != 0) {
    const int code = errno;
    return Unexpected(ConnectFailure{code, reason(code)});
  }
  return fd;
}

Result<PeerCredentials> peer_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return failure(fmt::format("no credentials of the peer: {}", reason(errno)));
  }
  return PeerCredentials{peer.pid, peer.uid, peer.gid};
}

bool peer_allowed(int socket, const PeerCredentials& peer, gid_t group) {
  if (peer.uid == 0 || peer.uid == ::geteuid() || peer.gid == group) return true;
  socklen_t size = 0;
  // The first call says how much room it needs.
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, nullptr, &size) == 0) return false;
  if (errno != ERANGE) return false;
  std::vector<gid_t> groups(size / sizeof(gid_t));
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) return false;
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

}  // namespace moult
