#pragma once

#include <cstring>
#include <memory>
#include <string_view>

#include "runtime/route/scratch.h"

namespace moult::route {

/// A payload with exactly kPadding readable bytes behind it, in memory of its own so that
/// sanitizers see a read past them.
class PaddedPayload {
 public:
  PaddedPayload(std::string_view text, char padding)
      : size_(text.size()), bytes_(std::make_unique<char[]>(text.size() + kPadding)) {
    std::memcpy(bytes_.get(), text.data(), text.size());
    std::memset(bytes_.get() + size_, padding, kPadding);
  }

  Payload payload() const { return {.bytes = {bytes_.get(), size_}, .padded = true}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

}  // namespace moult::route
