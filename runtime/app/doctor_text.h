#pragma once

#include <string>
#include <vector>

#include "runtime/kafka/doctor.h"

namespace moult {

/// What `moult doctor` prints of one step, for a person: a heading where the subject is another one
/// than that of the step before (null: there was none), and one line or a few.
std::string step_as_text(const kafka::Step& step, const kafka::Step* before);

/// The last line, for a person.
std::string steps_summary(const std::vector<kafka::Step>& steps);

/// All of it for a program, as one JSON object.
std::string steps_as_json(const std::vector<kafka::Step>& steps);

bool all_well(const std::vector<kafka::Step>& steps);

}  // namespace moult
