#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/app/commands.h"
#include "runtime/app/dead_letter_text.h"
#include "runtime/app/exit_code.h"
#include "runtime/app/load_command_config.h"
#include "runtime/app/membership.h"
#include "runtime/base/nearest.h"
#include "runtime/base/time.h"

namespace moult {
namespace {

constexpr Milliseconds kProgressInterval{200};

kafka::DeadLetterSource source_of(const ConsumerConfig& consumer, const HandlerConfig& handler) {
  return {handler.dead_letter_topic, consumer.group, handler.name, properties_of(consumer)};
}

/// All handlers that have a dead-letter topic.
std::vector<kafka::DeadLetterSource> all_sources(const Config& config) {
  std::vector<kafka::DeadLetterSource> sources;
  for (const ConsumerConfig& consumer : config.consumers) {
    for (const HandlerConfig& handler : consumer.handlers) {
      if (handler.give_up == GiveUp::kDeadLetter) sources.push_back(source_of(consumer, handler));
    }
  }
  return sources;
}

Unexpected<Error> no_such_handler(const Config& config, const std::string& name) {
  std::vector<std::string_view> names;
  for (const ConsumerConfig& consumer : config.consumers) {
    for (const HandlerConfig& handler : consumer.handlers) names.push_back(handler.name);
  }
  if (std::ranges::find(names, name) != names.end()) {
    return failure(
        fmt::format("handler '{}' has no dead-letter topic in {}", name, config.file.string()));
  }
  return failure(fmt::format("no handler '{}' in {}{}", name, config.file.string(),
                             did_you_mean(name, names)));
}

/// Those of the handler with this name, or all; at least one.
Result<std::vector<kafka::DeadLetterSource>> choose(const Config& config, const std::string& name) {
  auto sources = all_sources(config);
  if (!name.empty()) std::erase_if(sources, [&](const auto& it) { return it.handler != name; });
  if (!sources.empty()) return sources;
  if (!name.empty()) return no_such_handler(config, name);
  return failure(fmt::format("no handler of {} has a dead-letter topic", config.file.string()));
}

bool is_shared(const Config& config, const std::string& topic) {
  return std::ranges::count(all_sources(config), topic, &kafka::DeadLetterSource::topic) > 1;
}

/// One line on a terminal, written over and over.
class ProgressLine {
 public:
  ~ProgressLine() {
    if (shown_) fmt::print(stderr, "\n");
  }

  void show(const kafka::ReplayCounts& counts) {
    const TimePoint now = Clock::now();
    if (!terminal_ || now - last_ < kProgressInterval) return;
    last_ = now;
    shown_ = true;
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    fmt::print(stderr, "\rreplayed {}, passed over {}, left {}, {:.0f}/s\x1b[K", counts.replayed,
               counts.passed_over, counts.left, static_cast<double>(counts.replayed) / seconds);
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  const TimePoint begin_ = Clock::now();
  TimePoint last_ = begin_;
  bool shown_ = false;
};

}  // namespace

int dlq_list_command(const DlqListOptions& options) {
  const auto config = load_command_config(options.config);
  if (!config) return kExitConfig;
  const auto sources = choose(*config, options.handler);
  if (!sources) return fail("dlq", sources.error());
  std::vector<kafka::ListedDeadLetter> letters;
  std::vector<WaitingLetters> waiting;
  for (const kafka::DeadLetterSource& source : *sources) {
    auto page = kafka::list_dead_letters(source, options.error, options.count);
    if (!page) return fail("dlq", page.error());
    std::ranges::move(page->letters, std::back_inserter(letters));
    kafka::keep_newest(letters, options.count);
    waiting.push_back({source.handler, source.topic, page->waiting,
                       is_shared(*config, source.topic), page->topic_exists});
  }
  fmt::print("{}", options.json ? dead_letters_as_json(letters, waiting)
                                : dead_letters_as_text(letters, waiting));
  return kExitOk;
}

int dlq_replay_command(const DlqReplayOptions& options) {
  const auto config = load_command_config(options.config);
  if (!config) return kExitConfig;
  const auto sources = choose(*config, options.handler);
  if (!sources) return fail("dlq", sources.error());
  auto line = std::make_unique<ProgressLine>();
  kafka::DeadLetterReplay replay(sources->front(), {options.error, options.limit, options.dry_run},
                                 [&](const kafka::ReplayCounts& counts) { line->show(counts); });
  const Status done = replay.run();
  line.reset();
  const kafka::ReplayCounts& counts = replay.counts();
  if (replay.began()) fmt::print("{}", replay_summary(counts, options.dry_run));
  if (!done) return fail("dlq", done.error());
  int code = kExitOk;
  if (counts.homeless > 0) {
    code = fail("dlq", {fmt::format("left {} letters whose topics are gone, for a replay when they "
                                    "are there again; the first: {}",
                                    counts.homeless, counts.first_homeless)});
  }
  if (counts.strangers > 0) {
    code = fail("dlq", {fmt::format("passed over {} records that are no dead letters; the first: "
                                    "{}",
                                    counts.strangers, counts.first_stranger)});
  }
  return code;
}

}  // namespace moult
