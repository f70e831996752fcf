#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/config.h"

namespace moult {

/// One place of an admin socket.
struct AdminSocketPlace {
  std::filesystem::path socket;
  /// The folder is one user's own: made with mode 0700, and nobody else may write to it.
  bool private_folder = false;
  /// For who asks: the place is a guess, where also the daemon of another configuration may be.
  bool guessed = false;
};

using Environment = std::function<std::optional<std::string>(std::string_view name)>;

/// What a daemon's configuration is known by. Made from the file's absolute path as it is given,
/// symlinks unresolved: at a deploy `current/…` becomes another real file, under a daemon that goes
/// on.
std::string admin_config_key(const std::filesystem::path& file);

/// Where the daemon of a config file listens; nothing when its section says `none`.
std::optional<AdminSocketPlace> admin_socket_place(const AdminConfig& admin,
                                                   const std::filesystem::path& file,
                                                   const Environment& environment, uid_t user);

/// Where that daemon may listen, the likeliest first, seen by someone whose environment may be
/// another one (an operator's shell has no RUNTIME_DIRECTORY). Empty with `none`.
std::vector<AdminSocketPlace> admin_socket_candidates(const AdminConfig& admin,
                                                      const std::filesystem::path& file,
                                                      const Environment& environment, uid_t user);

}  // namespace moult
