#pragma once

#include <filesystem>
#include <string>

namespace moult::testing {

/// A file system of its own, small enough to be filled. Look at mounted() first: not everybody may
/// mount one.
class SmallDisk {
 public:
  /// `size` as the mount option says it: "64k".
  SmallDisk(std::filesystem::path path, const std::string& size);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  bool full() const { return std::filesystem::space(path_).available == 0; }
  /// Takes all that is left.
  void fill() const;
  void free() const;

 private:
  const std::filesystem::path path_;
  bool mounted_ = false;
};

}  // namespace moult::testing
