#include "runtime/plugin/host_side.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string_view>
#include <vector>

namespace moult {
namespace {

// What moult.h promises to keep of a log line.
constexpr std::size_t kMaxMessage = 4096;
constexpr std::size_t kMaxKey = 64;
constexpr std::size_t kMaxValue = 1024;
constexpr std::uint32_t kMaxFields = 16;
constexpr std::size_t kOwnFields = 4;

std::string_view bounded(const char* text, std::size_t most) {
  if (text == nullptr) return {};
  return {text, ::strnlen(text, most)};
}

Severity severity_of(std::uint32_t level) {
  switch (level) {
    case MOULT_LOG_DEBUG:
      return Severity::kDebug;
    case MOULT_LOG_WARNING:
      return Severity::kWarning;
    case MOULT_LOG_ERROR:
      return Severity::kError;
    default:
      return Severity::kInfo;
  }
}

const moult_log_field& field_at(const moult_log_field* fields, std::uint32_t index,
                                std::uint32_t stride) {
  const auto* bytes = reinterpret_cast<const char*>(fields) + std::size_t{index} * stride;
  return *reinterpret_cast<const moult_log_field*>(bytes);
}

void host_log(moult_host_handle* handle, std::uint32_t level, const char* message,
              const moult_log_field* fields, std::uint32_t field_count,
              std::uint32_t field_stride) noexcept {
  if (handle == nullptr) return;
  HostSide::of(handle)->log(level, message, fields, field_count, field_stride);
}

std::int64_t host_now_ms(moult_host_handle*) noexcept {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::int32_t host_cancelled(moult_host_handle* handle) noexcept {
  return handle != nullptr && HostSide::of(handle)->cancelled() ? 1 : 0;
}

const void* host_extension(moult_host_handle*, const char*) noexcept { return nullptr; }

std::int32_t host_produce(moult_host_handle* handle, const moult_message* message) noexcept {
  if (handle == nullptr || message == nullptr) return MOULT_PRODUCE_REFUSED;
  return HostSide::of(handle)->produce(*message);
}

constexpr moult_host kHost = {sizeof(moult_host), MOULT_ABI_MINOR, host_log,    host_now_ms,
                              host_cancelled,     host_extension,  host_produce};

}  // namespace

const moult_host& host_table() { return kHost; }

void HostSide::log(std::uint32_t level, const char* message, const moult_log_field* fields,
                   std::uint32_t field_count, std::uint32_t field_stride) const {
  const Severity severity = severity_of(level);
  if (!log_.enabled(severity)) return;
  std::vector<Field> all;
  all.reserve(kOwnFields + kMaxFields);
  all.emplace_back("handler", handler_);
  if (lane_ != nullptr) {
    all.emplace_back("topic", lane_->topic);
    all.emplace_back("partition", lane_->partition);
  }
  all.emplace_back("generation", generation_);
  const std::uint32_t count = fields == nullptr ? 0 : std::min(field_count, kMaxFields);
  for (std::uint32_t i = 0; i < count; i++) {
    const moult_log_field& field = field_at(fields, i, field_stride);
    all.emplace_back(bounded(field.key, kMaxKey), bounded(field.value, kMaxValue));
  }
  log_.write(severity, bounded(message, kMaxMessage), all);
}

}  // namespace moult
