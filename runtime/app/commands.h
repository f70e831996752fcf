#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace moult {

struct DevOptions {
  std::filesystem::path config;
  int partitions = 4;
  /// `TOPIC=FILE`: each line of the file is produced as one record.
  std::vector<std::string> produce;
  std::uint64_t count = 0;  // records to produce for each; 0: once through the file
  bool exit_when_done = false;
};

struct DoctorOptions {
  std::filesystem::path config;
  std::chrono::milliseconds timeout{30'000};  // of the whole examination
  bool json = false;
};

struct DlqListOptions {
  std::filesystem::path config;
  std::string handler;  // empty: all that have a dead-letter topic
  std::string error;    // empty: any; else the error's code or a part of its text
  std::size_t count = 20;
  bool json = false;
};

struct DlqReplayOptions {
  std::filesystem::path config;
  std::string handler;
  std::string error;        // as above
  std::uint64_t limit = 0;  // 0: none
  bool dry_run = false;
};

struct PluginsVerifyOptions {
  std::vector<std::filesystem::path> files;
  std::string settings = "{}";  // JSON, for create
  std::optional<uid_t> owner;   // trusted beside root; nothing: our own user
  bool manifest_required = false;
  std::chrono::milliseconds bound{30'000};  // of each file's preflight
  bool json = false;
};

/// Which daemon a command asks.
struct DaemonChoice {
  std::filesystem::path config;
  std::filesystem::path socket;  // empty: where the config's daemon listens
};

struct ReloadOptions {
  std::vector<std::string> handlers;  // empty: all
  bool force = false;
  bool json = false;
  std::chrono::milliseconds timeout{300'000};
};

// Each returns the process's exit code.
int run_command(const std::filesystem::path& config);
int dev_command(const DevOptions& options);
int check_command(const std::filesystem::path& config, bool print);
int doctor_command(const DoctorOptions& options);
int version_command();
int dlq_list_command(const DlqListOptions& options);
int dlq_replay_command(const DlqReplayOptions& options);
int plugins_verify_command(const PluginsVerifyOptions& options);
int plugins_list_command(const std::filesystem::path& config, bool json);
int status_command(const DaemonChoice& daemon, bool json);
int health_command(const DaemonChoice& daemon, bool live_alone);
int pause_command(const DaemonChoice& daemon, const std::vector<std::string>& names);
int resume_command(const DaemonChoice& daemon, const std::vector<std::string>& names);
int quiet_command(const DaemonChoice& daemon);
int reload_command(const DaemonChoice& daemon, const ReloadOptions& options);
int rollback_command(const DaemonChoice& daemon, const std::string& handler, bool json);
int preflight_command();  // hidden: the throw-away process

/// Reads the command line and runs what it asks for.
int run_command_line(int argc, char** argv);

}  // namespace moult
