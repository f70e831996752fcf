#pragma once

#include <cstddef>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/kafka/dead_letter_reader.h"
#include "runtime/kafka/found_dead_letter.h"

namespace moult::kafka {

struct ListedDeadLetter {
  FoundDeadLetter letter;
  bool replayed = false;
};

struct DeadLetterPage {
  std::vector<ListedDeadLetter> letters;  // the newest first
  /// Records of the topic that no replay of this handler has dealt with: its letters, and those of
  /// others that share the topic.
  Offset waiting = 0;
  bool topic_exists = true;
};

/// The newest `limit` dead letters of a handler that match. Reads from the ends of the topic
/// backwards, no further than it has to, and holds no more than those.
Result<DeadLetterPage> list_dead_letters(const DeadLetterSource& source, const std::string& error,
                                         std::size_t limit);

/// Puts the newest first and drops those beyond `limit`.
void keep_newest(std::vector<ListedDeadLetter>& letters, std::size_t limit);

}  // namespace moult::kafka
