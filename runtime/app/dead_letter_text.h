#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/kafka/dead_letter_list.h"
#include "runtime/kafka/dead_letter_replay.h"

namespace moult {

/// How many records wait for a replay of one handler.
struct WaitingLetters {
  std::string handler;
  std::string topic;
  std::int64_t count = 0;
  bool shared = false;  // other handlers' letters may be among them
  bool topic_exists = true;
};

/// What `moult dlq list` prints for a person, and for a program.
std::string dead_letters_as_text(const std::vector<kafka::ListedDeadLetter>& letters,
                                 const std::vector<WaitingLetters>& waiting);
std::string dead_letters_as_json(const std::vector<kafka::ListedDeadLetter>& letters,
                                 const std::vector<WaitingLetters>& waiting);

/// The last line of `moult dlq replay`.
std::string replay_summary(const kafka::ReplayCounts& counts, bool dry_run);

}  // namespace moult
