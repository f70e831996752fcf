#pragma once

#include <string_view>

#include "runtime/base/result.h"
#include "runtime/route/pointer_tree.h"
#include "runtime/route/scratch.h"

namespace moult::route {

/// What a payload has as its ordering key.
struct Found {
  enum class What { kKey, kMissing, kNotJson };
  What what = What::kMissing;
  /// Of a string its bytes, escapes resolved; of anything else what stands in the payload (so 1 and
  /// 1.0 are two keys, and "1" and 1 are one). Lives until the payload goes or the Scratch is used
  /// again.
  std::string_view key;
};

/// Takes the ordering key out of a JSON payload. What counts as JSON, and of duplicate names, is as
/// for Where. Constant once parsed: any thread may use it, each with a Scratch of its own.
class KeyPointer {
 public:
  static constexpr std::size_t kMaxBytes = 1024;

  /// A JSON pointer (RFC 6901), not the empty one. The error says what is wrong with the text
  /// without repeating it.
  static Result<KeyPointer> parse(std::string_view text);

  Found find(Payload payload, Scratch& scratch) const;

 private:
  explicit KeyPointer(PointerTree pointers) : pointers_(std::move(pointers)) {}

  PointerTree pointers_;
};

}  // namespace moult::route
