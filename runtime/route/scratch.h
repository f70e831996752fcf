#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace moult::route {

/// How many bytes a payload needs readable behind it to be parsed where it lies.
inline constexpr std::size_t kPadding = 64;

/// A record's value as it came. Whoever knows that kPadding bytes behind it may be read (whatever
/// they are) says so and spares a copy.
struct Payload {
  std::string_view bytes;
  bool padded = false;
};

/// The parser and buffers that matching reuses from record to record. One a worker thread; holds
/// what the largest payload needed, up to kKeptBytes of payload.
class Scratch {
 public:
  static constexpr std::size_t kKeptBytes = 1024UL * 1024;

  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  struct Buffers;
  Buffers& buffers() { return *buffers_; }

 private:
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace moult::route
