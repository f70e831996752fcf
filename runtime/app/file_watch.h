#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/time.h"
#include "runtime/base/unique_fd.h"

namespace moult {

/// Tells when files were written or replaced, a moment after the last of a row of changes: a build
/// touches several. One thread.
class FileWatch {
 public:
  /// The folders of the files must exist, the files need not. A symbolic link is watched at both
  /// its ends. A folder that goes is watched again when it is back, and its files have changed
  /// then.
  static Result<FileWatch> open(const std::vector<std::filesystem::path>& files);

  /// Readable when something happened in one of the folders: call look() then.
  int fd() const { return fd_.get(); }
  void look(TimePoint now);

  /// When take() is true at the earliest; kNever while nothing changed.
  TimePoint due() const { return due_.value_or(kNever); }
  /// Whether something changed and it has been quiet since; once for each.
  bool take(TimePoint now);

 private:
  FileWatch(UniqueFd fd, std::vector<std::filesystem::path> files)
      : files_(std::move(files)), fd_(std::move(fd)) {}
  Status add(const std::filesystem::path& file);
  Status add_all();

  std::vector<std::filesystem::path> files_;
  UniqueFd fd_;
  std::map<int, std::set<std::string>> names_;  // by watch, the files of that folder
  std::optional<TimePoint> due_;
};

}  // namespace moult
