#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/log.h"
#include "runtime/plugin/generation.h"
#include "sdk/include/moult/moult.h"

namespace moult {

/// What stands behind a plugin's moult_host_handle: one for the whole generation (no lane), one for
/// each instance. Constant after construction, read from any thread of the plugin's.
class HostSide {
 public:
  /// What is passed by reference outlives this; `lane` and `host` may be null.
  HostSide(Logger log, const std::string& handler, std::uint32_t generation,
           const LaneIdentity* lane, LaneHost* host)
      : log_(log.for_component(Component::kHandler)),
        handler_(handler),
        generation_(generation),
        lane_(lane),
        host_(host) {}
  HostSide(const HostSide&) = delete;
  HostSide& operator=(const HostSide&) = delete;

  moult_host_handle* handle() { return reinterpret_cast<moult_host_handle*>(this); }
  static const HostSide* of(const moult_host_handle* handle) {
    return reinterpret_cast<const HostSide*>(handle);
  }

  void log(std::uint32_t level, const char* message, const moult_log_field* fields,
           std::uint32_t field_count, std::uint32_t field_stride) const;
  bool cancelled() const noexcept { return host_ != nullptr && host_->cancelled(); }
  std::int32_t produce(const moult_message& message) const noexcept {
    return host_ == nullptr ? MOULT_PRODUCE_NOT_NOW : host_->produce(message);
  }

 private:
  const Logger log_;
  const std::string& handler_;
  const std::uint32_t generation_;
  const LaneIdentity* const lane_;
  LaneHost* const host_;
};

/// The functions that every plugin gets.
const moult_host& host_table();

}  // namespace moult
