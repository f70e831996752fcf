#pragma once

#include <string>

#include "runtime/config/preset.h"

namespace moult::config {

/// `aws.region`: a name as in eu-west-1.
void read_region(Reading& reading, const MaybeValue& value, std::string& into);

/// Refuses, in one `kafka` section, ports of MSK that answer to another preset, and properties that
/// IAM makes meaningless.
void check_msk(Reading& reading, const Preset& preset, const KafkaProperties& section);

/// Refuses a consumer (its sections merged) whose preset wants a name and a password that it lacks.
void require_msk_user(Reading& reading, const Preset& preset, TextPlace consumer,
                      const KafkaProperties& properties);

}  // namespace moult::config
