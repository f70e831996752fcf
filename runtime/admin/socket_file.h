#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "runtime/admin/admin_message.h"
#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace moult {

/// A unix socket that listens at a path, with the right to that path: the lock of `PATH.lock`,
/// which the kernel takes back from a process that dies. Of two daemons that start at once one gets
/// it.
class SocketFile {
 public:
  /// Makes the folder when it is missing. Mode 0660.
  static Result<SocketFile> listen_at(const std::filesystem::path& path, bool private_folder);

  SocketFile(SocketFile&&) noexcept = default;
  SocketFile& operator=(SocketFile&&) = delete;
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;
  /// Removes the socket and the lock.
  ~SocketFile();

  /// The listening socket, once; whoever takes it closes it.
  [[nodiscard]] int release_listener() { return listener_.release(); }
  gid_t group() const { return group_; }

 private:
  SocketFile(std::filesystem::path path, UniqueFd lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  Status take_place();
  Status bind_and_listen();

  std::filesystem::path path_;
  UniqueFd lock_;
  UniqueFd listener_;
  gid_t group_ = 0;
  bool bound_ = false;  // the file at path_ is ours to remove
};

/// Why there is no connection.
struct ConnectFailure {
  int code = 0;  // errno
  std::string message;
};

/// Waits at most `timeout` where the listener's backlog is full.
Result<UniqueFd, ConnectFailure> connect_to_socket(const std::filesystem::path& path,
                                                   std::chrono::milliseconds timeout);

Result<PeerCredentials> peer_of(int socket);

/// Whether the process that connected `socket` was root, our own user or a member of `group`.
bool peer_allowed(int socket, const PeerCredentials& peer, gid_t group);

}  // namespace moult
