#pragma once

#include <string>
#include <vector>

#include "tests/support/admin.h"

namespace moult::testing {

/// The offsets of all records that a plain consumer sees from the beginning of a partition to its
/// end. Throws when it does not get there.
std::vector<Offset> offsets_in(const std::string& bootstrap, const TopicPartition& partition,
                               const Properties& properties = {});

}  // namespace moult::testing
