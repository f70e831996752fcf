#include "runtime/plugin/state_sink.h"

#include <cstring>
#include <exception>
#include <string>
#include <utility>

namespace moult {
namespace {

StateSink& of(moult_state_sink* sink) { return *reinterpret_cast<StateSink*>(sink); }

std::int32_t host_begin(moult_state_sink* sink, const char* schema,
                        std::uint32_t version) noexcept {
  return sink == nullptr ? MOULT_FAILURE : of(sink).begin(schema, version);
}

std::int32_t host_write(moult_state_sink* sink, const std::uint8_t* bytes,
                        std::uint64_t size) noexcept {
  return sink == nullptr ? MOULT_FAILURE : of(sink).write(bytes, size);
}

}  // namespace

moult_state_writer StateSink::writer() {
  return {sizeof(moult_state_writer), 0, reinterpret_cast<moult_state_sink*>(this), host_begin,
          host_write};
}

Status StateSink::refusal() const {
  if (!refused_.empty()) return failure(std::string(refused_));
  return Ok{};
}

Result<HandedState> StateSink::take() {
  if (!has_begun_) return failure("it began no state");
  return std::move(state_);
}

std::int32_t StateSink::begin(const char* schema, std::uint32_t version) noexcept {
  if (has_begun_) return refuse("it began its state twice");
  const std::size_t size = schema == nullptr ? 0 : ::strnlen(schema, MOULT_NAME_SIZE);
  if (size == 0) return refuse("its state has no schema");
  if (size == MOULT_NAME_SIZE) return refuse("the name of its state's schema is too long");
  try {
    state_.schema.assign(schema, size);
  } catch (const std::exception&) {
    return refuse("there is no memory for its state");
  }
  state_.version = version;
  has_begun_ = true;
  return MOULT_SUCCESS;
}

std::int32_t StateSink::write(const std::uint8_t* bytes, std::uint64_t size) noexcept {
  if (!refused_.empty()) return MOULT_FAILURE;
  if (!has_begun_) return refuse("it wrote state before it began one");
  if (size == 0) return MOULT_SUCCESS;
  if (bytes == nullptr) return refuse("it wrote state from nowhere");
  if (size > MOULT_STATE_MAX - state_.bytes.size()) return refuse("its state is over 64 MiB");
  try {
    state_.bytes.append(reinterpret_cast<const char*>(bytes), size);
  } catch (const std::exception&) {
    return refuse("there is no memory for its state");
  }
  return MOULT_SUCCESS;
}

/// The first reason stays: what came later follows from it.
std::int32_t StateSink::refuse(std::string_view why) noexcept {
  if (refused_.empty()) refused_ = why;
  return MOULT_FAILURE;
}

}  // namespace moult
