#include "runtime/kafka/hints.h"

namespace moult::kafka {

void Hints::on_symptom(int code, std::string_view text) {
  const Diagnosis* diagnosis = diagnose(code, text);
  if (diagnosis == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    if (!told_.insert(diagnosis->ailment).second) return;
    any_ = true;
  }
  log_.warning(diagnosis->what, {{whose_, name_},
                                 {"hint", diagnosis->name},
                                 {"why", diagnosis->why},
                                 {"cure", diagnosis->cure}});
}

void Hints::forget() {
  if (!any_) return;
  const std::lock_guard lock(mutex_);
  told_.clear();
  any_ = false;
}

}  // namespace moult::kafka
