#include "runtime/app/doctor_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "runtime/admin/json_text.h"
#include "runtime/observe/escape.h"

namespace moult {
namespace {

constexpr std::size_t kLongestText = 2'000;

std::string_view name_of(kafka::Step::State state) {
  switch (state) {
    case kafka::Step::State::kOk:
      return "ok";
    case kafka::Step::State::kFailed:
      return "failed";
    case kafka::Step::State::kSkipped:
      return "skipped";
  }
  return "?";
}

/// Brokers write parts of it.
std::string on_one_line(std::string_view text) {
  std::string out;
  append_escaped(out, text, Quotes::kKeep, kLongestText);
  return out;
}

std::string row(std::string_view name, std::string_view state, std::string_view text) {
  std::string out = fmt::format("  {:<13} {:<8} {}", name, state, text);
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

void add_step(JsonWriter& json, const kafka::Step& step) {
  json.open_object();
  add(json, "subject", step.subject);
  add(json, "step", step.name);
  add(json, "state", name_of(step.state));
  add(json, "found", step.found);
  if (const kafka::Diagnosis* diagnosis = step.diagnosis) {
    json.key("diagnosis");
    json.open_object();
    add(json, "name", diagnosis->name);
    add(json, "what", diagnosis->what);
    add(json, "why", diagnosis->why);
    add(json, "cure", diagnosis->cure);
    json.close_object();
  }
  json.close_object();
}

}  // namespace

std::string step_as_text(const kafka::Step& step, const kafka::Step* before) {
  std::string text;
  if (before == nullptr || before->subject != step.subject) text = on_one_line(step.subject) + "\n";
  text += row(step.name, name_of(step.state), on_one_line(step.found));
  const kafka::Diagnosis* diagnosis = step.diagnosis;
  if (diagnosis == nullptr) return text;
  return text + row("", "what", fmt::format("{} ({})", diagnosis->what, diagnosis->name)) +
         row("", "why", diagnosis->why) + row("", "cure", diagnosis->cure);
}

bool all_well(const std::vector<kafka::Step>& steps) {
  return std::ranges::count(steps, kafka::Step::State::kFailed, &kafka::Step::state) == 0;
}

std::string steps_summary(const std::vector<kafka::Step>& steps) {
  const auto of = [&](kafka::Step::State state) {
    return std::ranges::count(steps, state, &kafka::Step::state);
  };
  return fmt::format("{}: {} ok, {} failed, {} skipped\n",
                     all_well(steps) ? "all is well" : "not all is well",
                     of(kafka::Step::State::kOk), of(kafka::Step::State::kFailed),
                     of(kafka::Step::State::kSkipped));
}

std::string steps_as_json(const std::vector<kafka::Step>& steps) {
  JsonWriter json;
  json.open_object();
  add(json, "ok", all_well(steps));
  json.key("steps");
  json.open_array();
  for (const kafka::Step& step : steps) add_step(json, step);
  json.close_array();
  json.close_object();
  return json.take() + "\n";
}

}  // namespace moult
