#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "runtime/plugin/source.h"

namespace moult {

/// The private copy of a plugin file, under a name that this process never uses again: dlopen gives
/// the old code for a known name, whatever the file holds by now. Holds a shared lock on the copy,
/// which tells sweep_staging() that it is in use. Removed at the end; what is mapped stays mapped.
class StagedPlugin {
 public:
  StagedPlugin(std::filesystem::path source, std::filesystem::path path, UniqueFd fd)
      : source_(std::move(source)), path_(std::move(path)), fd_(std::move(fd)) {}
  /// A copy that another process made, and removes. It does not go before this does.
  static StagedPlugin borrow(std::filesystem::path source, std::filesystem::path path, UniqueFd fd,
                             std::uint64_t size) {
    StagedPlugin copy(std::move(source), std::move(path), std::move(fd));
    copy.size_ = size;
    copy.borrowed_ = true;
    return copy;
  }
  StagedPlugin(StagedPlugin&&) noexcept = default;
  StagedPlugin& operator=(StagedPlugin&&) = delete;
  ~StagedPlugin();

  const std::filesystem::path& source() const { return source_; }  // symlinks resolved
  const std::filesystem::path& path() const { return path_; }
  int fd() const { return fd_.get(); }
  std::uint64_t size() const { return size_; }
  const std::string& content_hash() const { return content_hash_; }  // XXH3-128, hex

  /// What stood in FILE.sample: values of records, one a line, to try the plugin with.
  const std::optional<std::string>& sample() const { return sample_; }
  void keep_sample(std::optional<std::string> sample) { sample_ = std::move(sample); }

  /// After the copy is complete: gives it its final name.
  Status publish(std::string content_hash, std::uint64_t size);

 private:
  std::filesystem::path source_;
  std::filesystem::path path_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::string content_hash_;
  std::optional<std::string> sample_;
  bool borrowed_ = false;
};

/// Copies what `plugin` resolves to into `staging` (made with mode 0700 when it is missing) as
/// `<content hash>-<pid>-<n>.so`, mode 0500. A file that changes meanwhile is refused, and one that
/// somebody else could change (see PluginTrust). Not synced to disk: after a crash of the machine
/// nobody wants the copy.
Result<StagedPlugin> stage_plugin(const std::filesystem::path& plugin,
                                  const std::filesystem::path& staging,
                                  const PluginTrust& trust = {});

/// Removes copies that processes which died left behind; returns how many. Safe beside other
/// daemons that stage into the same directory.
std::uint32_t sweep_staging(const std::filesystem::path& staging);

}  // namespace moult
