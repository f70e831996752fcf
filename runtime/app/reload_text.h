#pragma once

#include <string>

#include "runtime/base/log.h"
#include "runtime/reload/reload_report.h"

namespace moult {

/// For a person: a line for each handler, then one for each lane that lags.
std::string reload_as_text(const ReloadReport& report);
/// A line for each handler.
void log_reload(Logger log, const ReloadReport& report);
/// One JSON object.
std::string reload_as_json(const ReloadReport& report);

}  // namespace moult
