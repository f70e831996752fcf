#include "runtime/app/admin_client_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "runtime/admin/requests.h"
#include "runtime/admin/status.h"
#include "runtime/app/exit_code.h"
#include "runtime/app/load_command_config.h"
#include "runtime/config/admin_socket_place.h"
#include "runtime/config/load.h"
#include "runtime/observe/escape.h"

namespace moult {
namespace {

constexpr std::chrono::milliseconds kPatience{10'000};  // for what a daemon answers at once
/// A daemon answers at its deadline; the answer needs a moment to get here.
constexpr std::chrono::milliseconds kMargin{10'000};
/// How long one takes only the daemon knows. When it ends before, so does the connection.
constexpr std::chrono::milliseconds kLongestCanary{3'600'000};
constexpr std::chrono::milliseconds kRollbackTimeout{300'000};

/// What a daemon says must not steer the terminal; its lines stay lines.
std::string shown_lines(std::string_view text) {
  std::string out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (begin > 0) out += '\n';
    append_escaped(out, text.substr(begin, end - begin), Quotes::kKeep,
                   std::numeric_limits<std::size_t>::max());
    begin = end + 1;
  }
  return out;
}

int complain(std::string_view text) {
  fmt::print(stderr, "{}\n", shown_lines(text));
  return kExitFailed;
}

Result<AdminResponse> ask(const DaemonChoice& daemon, const AdminRequest& request,
                          std::chrono::milliseconds timeout) {
  const DaemonPlaces places = places_of(daemon);
  if (places.sockets.empty()) return failure(places.remark);
  auto response = ask_admin(places.sockets, request, timeout);
  if (response || places.remark.empty()) return response;
  return failure(response.error().message + "\n" + places.remark);
}

/// What a daemon says that refuses: its own words, or else only the status.
std::string words_of(const AdminResponse& response) {
  const auto answer = ActionAnswer::read(response.body);
  if (answer && !answer->text.empty()) return answer->text;
  return fmt::format("the daemon answered with HTTP status {}", response.status);
}

/// A request that changes something.
int act(const DaemonChoice& daemon, AdminRequest request, std::chrono::milliseconds timeout,
        bool json) {
  request.method = "POST";
  const auto response = ask(daemon, request, timeout);
  if (!response) return complain(response.error().message);
  const auto answer = ActionAnswer::read(response->body);
  const bool ok = response->status == 200 && answer && answer->ok;
  if (json) {
    fmt::print("{}", response->body);
  } else if (ok) {
    fmt::print("{}\n", shown_lines(answer->text));
  } else {
    complain(words_of(*response));
  }
  return ok ? kExitOk : kExitFailed;
}

int act_on_names(const DaemonChoice& daemon, const char* target,
                 const std::vector<std::string>& names) {
  return act(daemon, {.target = target, .body = NamesBody{names}.to_json()}, kPatience, false);
}

Result<AdminResponse> get(const DaemonChoice& daemon, const char* target) {
  return ask(daemon, {.method = "GET", .target = target}, kPatience);
}

}  // namespace

DaemonPlaces places_of(const DaemonChoice& daemon) {
  if (!daemon.socket.empty()) return {{{daemon.socket}}, {}};
  const auto section = load_admin_section(daemon.config, {environment_variable, nullptr});
  DaemonPlaces places;
  if (!section) {
    places.remark = fmt::format("The 'admin' section of the configuration can't be read: {}",
                                section.error().front().to_string());
  } else if (!section->enabled) {
    places.remark =
        fmt::format("{}: has no admin socket (admin.socket is none)", daemon.config.string());
  }
  const auto candidates = admin_socket_candidates(section ? *section : AdminConfig{}, daemon.config,
                                                  environment_variable, ::geteuid());
  for (const AdminSocketPlace& place : candidates) {
    places.sockets.push_back(
        {place.socket, place.guessed ? admin_config_key(daemon.config) : std::string()});
  }
  return places;
}

int status_command(const DaemonChoice& daemon, bool json) {
  const auto response = get(daemon, "/status");
  if (!response) return complain(response.error().message);
  if (response->status != 200) return complain(words_of(*response));
  if (json) {
    fmt::print("{}", response->body);
    return kExitOk;
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto text = status_as_text(
      response->body, std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  if (!text) return complain(text.error().message);
  fmt::print("{}", *text);
  return kExitOk;
}

int health_command(const DaemonChoice& daemon, bool live_alone) {
  const auto response = get(daemon, "/health");
  if (!response) return complain(response.error().message);
  const auto health = DaemonHealth::read(response->body);
  if (!health) return complain(words_of(*response));
  fmt::print("{}, {}\n", health->live ? "live" : "not live", health->ready ? "ready" : "not ready");
  for (const std::string& reason : health->reasons) fmt::print("{}\n", shown_lines(reason));
  return health->live && (live_alone || health->ready) ? kExitOk : kExitFailed;
}

int pause_command(const DaemonChoice& daemon, const std::vector<std::string>& names) {
  return act_on_names(daemon, "/pause", names);
}

int resume_command(const DaemonChoice& daemon, const std::vector<std::string>& names) {
  return act_on_names(daemon, "/resume", names);
}

int quiet_command(const DaemonChoice& daemon) {
  return act(daemon, {.target = "/quiet", .body = "{}"}, kPatience, false);
}

int reload_command(const DaemonChoice& daemon, const ReloadOptions& options) {
  const ReloadBody request{options.handlers, options.force, options.timeout};
  return act(daemon, {.target = "/reload", .body = request.to_json()},
             options.timeout + kLongestCanary + kMargin, options.json);
}

int rollback_command(const DaemonChoice& daemon, const std::string& handler, bool json) {
  return act(daemon, {.target = "/rollback", .body = RollbackBody{handler}.to_json()},
             kRollbackTimeout, json);
}

}  // namespace moult
