#pragma once

#include <filesystem>
#include <string>

namespace moult::testing {

/// A folder of its own. Removed at the end, unless it is one of a test that has failed by then:
/// that stays, and its path is printed.
class Scratch {
 public:
  enum class Keep : bool { kNever, kOfFailedTest };

  explicit Scratch(Keep keep = Keep::kOfFailedTest);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  const Keep keep_;
  std::filesystem::path path_;
};

/// Everything in the file; empty when there is none.
std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& text);

/// `prefix` with something behind it that no other test has: for names of topics and groups.
std::string unique_name(const std::string& prefix);

}  // namespace moult::testing
