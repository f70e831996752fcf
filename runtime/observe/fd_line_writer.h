#pragma once

#include <string_view>

#include "runtime/base/unique_fd.h"

namespace moult {

/// Writes whole lines to a descriptor of its own. One thread at a time.
class FdLineWriter {
 public:
  /// Duplicates `fd`; if that fails, every line is lost.
  explicit FdLineWriter(int fd);

  /// `line` ends in a newline. May block; false if the line is lost. The calling thread has
  /// SIGPIPE blocked.
  bool write(std::string_view line) noexcept;

 private:
  bool write_all(std::string_view bytes) noexcept;

  UniqueFd fd_;
  bool torn_ = false;  // the last line failed half-way: the next one must not be glued to it
};

}  // namespace moult
