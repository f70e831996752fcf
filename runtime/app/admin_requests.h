#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/admin/admin_message.h"
#include "runtime/admin/requests.h"
#include "runtime/admin/status.h"
#include "runtime/app/membership.h"
#include "runtime/reload/reloader.h"

namespace moult {

/// What the admin socket asks of a daemon. Called on the admin thread; never blocks.
class AdminRequests {
 public:
  /// All outlive it.
  AdminRequests(const std::vector<std::unique_ptr<Membership>>& memberships, Reloader& reloader)
      : memberships_(memberships), reloader_(reloader) {}

  void answer(const AdminRequest& request, AdminReply reply);

  /// Any thread. `then` runs on the poller thread that answers last; not when one has ended.
  void inspect(std::function<void(DaemonStatus)> then);

 private:
  using Snapshots = std::vector<kafka::ConsumerSnapshot>;

  void status(AdminReply reply);
  void health(AdminReply reply);
  void quiet(const AdminReply& reply);
  void pause(const AdminRequest& request, bool paused, const AdminReply& reply);
  /// The first name that is neither a group nor a handler.
  std::optional<std::string> unknown(const std::vector<std::string>& names) const;
  void reload(const AdminRequest& request, AdminReply reply);
  void rollback(const AdminRequest& request, AdminReply reply);
  Reloader::Done answer_with(AdminReply reply);
  /// Asks every consumer; `then` runs on the poller thread that answers last.
  void inspect_all(std::function<void(Snapshots)> then);
  DaemonStatus status_of(const Snapshots& snapshots);

  // Constant after construction.
  const std::vector<std::unique_ptr<Membership>>& memberships_;
  Reloader& reloader_;
  const std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
};

}  // namespace moult
