#pragma once

#include <string>

#include "runtime/observe/log_line.h"

namespace moult {

/// Appends `message key=value …` on one line, values quoted where they need it.
void append_message_and_fields(std::string& out, const LogLine& line);

}  // namespace moult
