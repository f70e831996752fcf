#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace moult {

/// The private copy of a plugin file, under a name that this process never uses again: dlopen gives
/// the old code for a known name, whatever the file holds by now. Holds a shared lock on the copy,
/// which tells sweep_staging() that it is in use. Removed at the end; what is mapped stays mapped.
class StagedPlugin {
 public:
  StagedPlugin(std::filesystem::path source, std::filesystem::path path, UniqueFd fd)
      : source_(std::move(source)), path_(std::move(path)), fd_(std::move(fd)) {}
  StagedPlugin(StagedPlugin&&) noexcept = default;
  StagedPlugin& operator=(StagedPlugin&&) = delete;
  ~StagedPlugin();

  const std::filesystem::path& source() const { return source_; }  // symlinks resolved
  const std::filesystem::path& path() const { return path_; }
  int fd() const { return fd_.get(); }
  std::uint64_t size() const { return size_; }
  const std::string& content_hash() const { return content_hash_; }  // XXH3-128, hex

  /// After the copy is complete: gives it its final name.
  Status publish(std::string content_hash, std::uint64_t size);

 private:
  std::filesystem::path source_;
  std::filesystem::path path_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::string content_hash_;
};

/// Copies what `plugin` resolves to into `staging` (made with mode 0700 when it is missing) as
/// `<content hash>-<pid>-<n>.so`, mode 0500. A file that changes meanwhile is refused. Not synced
/// to disk: after a crash of the machine nobody wants the copy.
Result<StagedPlugin> stage_plugin(const std::filesystem::path& plugin,
                                  const std::filesystem::path& staging);

/// Removes copies that processes which died left behind; returns how many. Safe beside other
/// daemons that stage into the same directory.
std::uint32_t sweep_staging(const std::filesystem::path& staging);

}  // namespace moult
