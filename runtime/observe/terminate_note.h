#pragma once

#include <array>

namespace moult {

/// Why std::terminate ran in this thread, for the report of the SIGABRT that it ends in.
struct TerminateNote {
  bool terminated = false;
  const char* type = nullptr;  // mangled, as demangling allocates; nullptr: there was no exception
  std::array<char, 256> what{};
};

/// Static state for the reason given at in_hand.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local TerminateNote terminate_note;

/// Makes std::terminate take this note and abort, for all threads. A plugin that brings its own
/// copy of the C++ runtime keeps its own: what it does is still an abort, only without the note.
void note_terminations() noexcept;

}  // namespace moult
