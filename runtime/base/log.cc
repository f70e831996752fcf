#include "runtime/base/log.h"

#include "runtime/base/check.h"

namespace moult {

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::kTrace:
      return "trace";
    case Severity::kDebug:
      return "debug";
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
    case Severity::kCritical:
      return "critical";
  }
  MOULT_CHECK(false, "unknown severity");
}

std::string_view name_of(Component component) {
  switch (component) {
    case Component::kApp:
      return "app";
    case Component::kConfig:
      return "config";
    case Component::kDispatch:
      return "dispatch";
    case Component::kKafka:
      return "kafka";
    case Component::kLibrdkafka:
      return "librdkafka";
    case Component::kPlugin:
      return "plugin";
    case Component::kHandler:
      return "handler";
    case Component::kWorkers:
      return "workers";
    case Component::kReload:
      return "reload";
    case Component::kCount:
      break;
  }
  MOULT_CHECK(false, "unknown component");
}

void Logger::write(Severity severity, std::string_view message,
                   std::span<const Field> fields) const {
  if (enabled(severity)) sink_->write(component_, severity, message, fields);
}

void Logger::trace(std::string_view message, Fields fields) const {
  write(Severity::kTrace, message, {fields.begin(), fields.size()});
}
void Logger::debug(std::string_view message, Fields fields) const {
  write(Severity::kDebug, message, {fields.begin(), fields.size()});
}
void Logger::info(std::string_view message, Fields fields) const {
  write(Severity::kInfo, message, {fields.begin(), fields.size()});
}
void Logger::warning(std::string_view message, Fields fields) const {
  write(Severity::kWarning, message, {fields.begin(), fields.size()});
}
void Logger::error(std::string_view message, Fields fields) const {
  write(Severity::kError, message, {fields.begin(), fields.size()});
}
void Logger::critical(std::string_view message, Fields fields) const {
  write(Severity::kCritical, message, {fields.begin(), fields.size()});
}

}  // namespace moult
