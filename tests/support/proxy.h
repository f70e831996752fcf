#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/base/time.h"

namespace moult::testing {

/// What a link between clients and one broker does.
struct LinkState {
  enum class Mode : std::uint8_t {
    kPass,
    kDelay,      // each piece of data waits `delay` before it goes on
    kDrop,       // connections are reset, those that come as well
    kBlackHole,  // connections are taken and nothing comes through, no data, no FIN, no RST, until
                 // the mode changes: then everything that was held goes on
  };

  Mode mode = Mode::kPass;
  Milliseconds delay{0};
};

/// A TCP proxy in front of each broker of a cluster. Runs on a thread of its own; the calls are for
/// any thread and take effect at once. All connections end with it.
class Proxy {
 public:
  /// Both are host:port[,…] with numeric hosts, one for each broker: where clients come, and where
  /// the brokers are.
  Proxy(const std::string& listen, const std::string& brokers);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  std::size_t size() const { return size_; }
  /// The first broker's link is 0.
  void set(std::size_t link, LinkState state);
  void set_all(LinkState state);

 private:
  class Links;

  std::unique_ptr<Links> links_;
  std::size_t size_ = 0;
};

}  // namespace moult::testing
