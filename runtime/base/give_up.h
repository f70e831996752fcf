#pragma once

#include <cstdint>

namespace moult {

// GCC takes a scoped enumerator for one that hides moult::kNever.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
/// What becomes of a record whose attempts are used up, or that its handler gives up.
enum class GiveUp : std::uint8_t {
  kNever,       // it is tried for ever
  kDeadLetter,  // its copy goes to the dead-letter topic
  kSkip,        // it counts as finished, with a word in the log
  kStop,        // its lane stops
};
#pragma GCC diagnostic pop

}  // namespace moult
