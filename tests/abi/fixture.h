#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/plugin/generation.h"
#include "runtime/plugin/load.h"

namespace moult::abi {

/// A directory of one test, removed with everything in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct LogLine {
  Component component;
  Severity severity;
  std::string message;
  std::map<std::string, std::string> fields;
  std::size_t field_count = 0;
};

/// Keeps what was logged. Thread-safe.
class RecordingSink final : public LogSink {
 public:
  bool enabled(Component, Severity severity) const noexcept override {
    return severity >= Severity::kDebug;
  }
  void write(Component component, Severity severity, std::string_view message,
             std::span<const Field> fields) noexcept override;

  std::vector<LogLine> lines() const;
  /// The last line with that message.
  std::optional<LogLine> find(const std::string& message) const;

 private:
  mutable std::mutex mutex_;
  std::vector<LogLine> lines_;  // guarded by mutex_
};

class FakeLaneHost final : public LaneHost {
 public:
  bool cancelled() const noexcept override { return value; }
  std::int32_t produce(const moult_message& message) noexcept override {
    produced.emplace_back(message.topic, message.topic_size);
    return MOULT_SUCCESS;
  }
  bool value = false;
  std::vector<std::string> produced;  // their topics
};

/// A built test plugin.
std::filesystem::path plugin_path(const std::string& name);

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& bytes);

/// Everything a test needs to load plugins.
struct Loader {
  TempDir dir;
  RecordingSink sink;
  Logger log{sink, Component::kPlugin};
  FakeLaneHost cancel;
  LaneIdentity lane{"orders.created", 3, 17};
  std::shared_ptr<UnloadCounts> unloads = std::make_shared<UnloadCounts>();

  std::filesystem::path staging() const { return dir / "staging"; }
  Result<std::shared_ptr<Generation>> load(const std::filesystem::path& plugin,
                                           const std::string& settings = "{}",
                                           std::uint32_t number = 1);
  /// The message of a refusal, or "" (which fails any test that looks for one).
  std::string refusal(const std::filesystem::path& plugin);
  /// How many copies there are.
  std::size_t staged() const;
};

/// A raw batch of records with these values.
class RawBatch {
 public:
  explicit RawBatch(const std::vector<std::string>& values);
  RawBatch(const RawBatch&) = delete;
  RawBatch& operator=(const RawBatch&) = delete;

  const moult_batch& raw() const { return batch_; }
  const std::vector<moult_outcome>& outcomes() const { return outcomes_; }

 private:
  std::vector<std::string> values_;
  std::vector<moult_record> records_;
  std::vector<moult_outcome> outcomes_;
  moult_batch batch_{};
};

}  // namespace moult::abi
