#include "runtime/observe/terminate_note.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <typeinfo>

namespace moult {

constinit thread_local TerminateNote terminate_note;

namespace {

void note_what(TerminateNote& note, const char* what) noexcept {
  if (what == nullptr) return;
  std::copy_n(what, ::strnlen(what, note.what.size() - 1), note.what.data());
}

/// Not in a signal handler yet, so that asking the exception for its what() is no worse than what
/// libstdc++ does here. Should it crash, the report of that has the type of the exception.
[[noreturn]] void take_note() {
  TerminateNote& note = terminate_note;
  if (note.terminated) std::abort();  // by what() itself
  note.terminated = true;
  if (const std::type_info* type = abi::__cxa_current_exception_type()) {
    note.type = type->name();
    try {
      throw;
    } catch (const std::exception& error) {
      note_what(note, error.what());
    } catch (...) {
      // Not everything that is thrown has a text.
    }
  }
  std::abort();
}

}  // namespace

void note_terminations() noexcept { std::set_terminate(take_note); }

}  // namespace moult
