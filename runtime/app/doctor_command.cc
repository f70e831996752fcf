#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "runtime/app/commands.h"
#include "runtime/app/doctor_text.h"
#include "runtime/app/exit_code.h"
#include "runtime/app/load_command_config.h"
#include "runtime/app/membership.h"
#include "runtime/base/time.h"

namespace moult {
namespace {

/// What Heroku's add-on calls it; of use only where the config does not read it.
std::string unused_prefix(const Config& config) {
  std::string prefix = environment_variable("KAFKA_PREFIX").value_or("");
  return prefix == config.topic_prefix ? std::string() : prefix;
}

kafka::ConsumerCase case_of(const Config& config, const ConsumerConfig& consumer) {
  kafka::ConsumerCase about;
  about.group = consumer.group;
  about.properties = properties_of(consumer);
  about.unused_prefix = unused_prefix(config);
  for (const HandlerConfig& handler : consumer.handlers) {
    about.topics.insert(about.topics.end(), handler.topics.begin(), handler.topics.end());
    if (handler.give_up == GiveUp::kDeadLetter) {
      about.dead_letter_topics.push_back(handler.dead_letter_topic);
    }
  }
  return about;
}

}  // namespace

/// For a person each step is printed as it is taken: some wait for seconds.
int doctor_command(const DoctorOptions& options) {
  const TimePoint until = Clock::now() + options.timeout;
  const auto config = load_command_config(options.config);
  if (!config) return kExitConfig;
  std::vector<kafka::ConsumerCase> cases;
  for (const ConsumerConfig& consumer : config->consumers) {
    cases.push_back(case_of(*config, consumer));
  }
  std::vector<kafka::Step> steps;
  kafka::examine(cases, until, [&](const kafka::Step& step) {
    if (!options.json) {
      fmt::print("{}", step_as_text(step, steps.empty() ? nullptr : &steps.back()));
      std::fflush(stdout);
    }
    steps.push_back(step);
  });
  fmt::print("{}", options.json ? steps_as_json(steps) : steps_summary(steps));
  return all_well(steps) ? kExitOk : kExitFailed;
}

}  // namespace moult
