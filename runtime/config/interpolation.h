#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace moult::config {

/// Whether a scalar holds anything that interpolation may change.
inline bool may_interpolate(std::string_view text) {
  return text.find('$') != std::string_view::npos;
}

/// Replaces, in one scalar,
///   ${VAR}           by the environment variable; unset is an error
///   ${VAR:-default}  by it, or by the default text when it is unset or empty
///   ${file:/path}    by the file's contents less one trailing newline
///   $$               by $
/// and leaves every other `$` as it is, so that a regex may end with one. What was put in is not
/// looked at again. The errors name variables and files, and repeat neither values nor the scalar,
/// which may be half a password.
class Interpolator {
 public:
  using Environment = std::function<std::optional<std::string>(std::string_view name)>;
  using Errors = std::vector<std::string>;

  static constexpr std::size_t kMaxFileBytes = 1024ULL * 1024;
  /// Of everything put into one config file: a secret named a thousand times must not fill memory.
  static constexpr std::size_t kMaxTotalBytes = 8ULL * 1024 * 1024;

  explicit Interpolator(Environment environment) : environment_(std::move(environment)) {}

  Result<std::string, Errors> resolve(std::string_view text);

 private:
  Result<std::string> expand(std::string_view expression);
  Result<std::string> expand_variable(std::string_view expression);
  Result<std::string> accept(std::string value, std::string_view what);

  const Environment environment_;
  std::size_t total_bytes_ = 0;
};

}  // namespace moult::config
