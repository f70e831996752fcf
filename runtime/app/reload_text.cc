#include "runtime/app/reload_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

#include "runtime/config/json.h"

namespace moult {
namespace {

std::string_view name_of(HandlerReload::Result result) {
  switch (result) {
    case HandlerReload::Result::kUntouched:
      return "untouched";
    case HandlerReload::Result::kAdded:
      return "added";
    case HandlerReload::Result::kRemoved:
      return "removed";
    case HandlerReload::Result::kUnchanged:
      return "unchanged";
    case HandlerReload::Result::kActive:
      return "active";
    case HandlerReload::Result::kLagging:
      return "lagging";
    case HandlerReload::Result::kTakenBack:
      return "taken back";
    case HandlerReload::Result::kPartlyBack:
      return "partly back";
  }
  return "";
}

double ms(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

std::string describe(const GenerationFacts& facts) {
  return fmt::format("generation {} ({} {}, build id {})", static_cast<std::uint32_t>(facts.number),
                     facts.plugin, facts.version, facts.build_id);
}

std::string canary_of(const HandlerReload& handler) {
  if (!handler.canary) return "";
  return fmt::format("; as a canary it handled {} batches, {} failed",
                     handler.canary->newer.batches, handler.canary->newer.failed);
}

bool goes_on(const HandlerReload& handler) {
  using Result = HandlerReload::Result;
  return handler.result == Result::kActive || handler.result == Result::kLagging ||
         handler.result == Result::kUnchanged || handler.result == Result::kAdded;
}

/// What is to be said beside the outcome: other topics, or why not all went as it was asked for.
std::string also_of(const HandlerReload& handler) {
  if (goes_on(handler) && !handler.refused.empty()) return "; refused: " + handler.refused;
  if (handler.topics.empty()) return "";
  return fmt::format("; it reads {} from now on", fmt::join(handler.topics, ", "));
}

/// Of one that was not there before.
std::string line_of_new(const HandlerReload& handler) {
  if (handler.result == HandlerReload::Result::kAdded) {
    return fmt::format("added: {} runs", describe(*handler.to));
  }
  return "not added" + (handler.refused.empty() ? "" : ": " + handler.refused);
}

std::string line_of(const HandlerReload& handler) {
  if (!handler.from) return line_of_new(handler);
  const std::string from = describe(*handler.from);
  switch (handler.result) {
    case HandlerReload::Result::kRemoved:
      return fmt::format("removed: {} goes when its lanes are gone", from);
    case HandlerReload::Result::kUnchanged:
      return fmt::format("unchanged: {} runs on; --force reloads it", from);
    case HandlerReload::Result::kActive:
      return fmt::format(
          "{} is active on {} lanes, instead of generation {}; pause {:.3f} ms at worst, "
          "{:.3f} ms over all lanes{}",
          describe(*handler.to), handler.lanes, static_cast<std::uint32_t>(handler.from->number),
          ms(handler.worst_pause), ms(handler.total_pause), canary_of(handler));
    case HandlerReload::Result::kLagging:
      return fmt::format("{} is active on {} of {} lanes; the others go over when their batch ends",
                         describe(*handler.to), handler.lanes_there, handler.lanes);
    case HandlerReload::Result::kTakenBack:
      return fmt::format("refused, {} has all lanes back: {}", from, handler.refused);
    case HandlerReload::Result::kPartlyBack:
      return fmt::format("refused, {} has {} of {} lanes back: {}", from, handler.lanes_there,
                         handler.lanes, handler.refused);
    case HandlerReload::Result::kUntouched:
    case HandlerReload::Result::kAdded:
      break;
  }
  return handler.refused.empty() ? fmt::format("untouched, {} runs on", from)
                                 : fmt::format("refused, {} runs on: {}", from, handler.refused);
}

std::string json_of(const std::optional<GenerationFacts>& facts) {
  if (!facts) return "null";
  return fmt::format(R"({{"generation":{},"plugin":{},"version":{},"build_id":{}}})",
                     static_cast<std::uint32_t>(facts->number), config::json_string(facts->plugin),
                     config::json_string(facts->version), config::json_string(facts->build_id));
}

std::string json_of(const std::optional<CanaryResult>& canary) {
  if (!canary) return "null";
  return fmt::format(
      R"({{"batches":{},"failed":{},"old_batches":{},"old_failed":{},"took_ms":{:.3f}}})",
      canary->newer.batches, canary->newer.failed, canary->older.batches, canary->older.failed,
      ms(canary->took));
}

std::string json_of(const HandlerReload& handler) {
  std::string lagging;
  for (const TopicPartition& lane : handler.lagging) {
    lagging += fmt::format(R"({}{{"topic":{},"partition":{}}})", lagging.empty() ? "" : ",",
                           config::json_string(lane.topic), lane.partition);
  }
  std::string topics;
  for (const std::string& topic : handler.topics) {
    topics += fmt::format("{}{}", topics.empty() ? "" : ",", config::json_string(topic));
  }
  return fmt::format(
      R"({{"group":{},"handler":{},"result":{},"from":{},"to":{},"refused":{},"lanes":{},)"
      R"("lanes_there":{},"lagging":[{}],"worst_pause_ms":{:.3f},"total_pause_ms":{:.3f},)"
      R"("swap_ms":{:.3f},"canary":{},"topics":[{}]}})",
      config::json_string(handler.group), config::json_string(handler.handler),
      config::json_string(name_of(handler.result)), json_of(handler.from), json_of(handler.to),
      config::json_string(handler.refused), handler.lanes, handler.lanes_there, lagging,
      ms(handler.worst_pause), ms(handler.total_pause), ms(handler.swap_took),
      json_of(handler.canary), topics);
}

struct Headline {
  Severity severity;
  std::string_view text;
};

constexpr Headline kReloadRefused{Severity::kError, "reload refused"};

/// Of one handler: that another one was refused, or lags, is said of that one.
Headline headline_of(const HandlerReload& handler, bool all_went_well) {
  if (handler.result == HandlerReload::Result::kLagging) {
    return {Severity::kWarning, "reload unfinished"};
  }
  const bool good = all_went_well || (goes_on(handler) && handler.refused.empty());
  return good ? Headline{Severity::kInfo, "reloaded"} : kReloadRefused;
}

}  // namespace

std::string reload_as_text(const ReloadReport& report) {
  if (!report.refused.empty()) return "refused, nothing changed: " + report.refused;
  std::string text;
  for (const HandlerReload& handler : report.handlers) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{}/{}: {}{}", handler.group, handler.handler, line_of(handler),
                        also_of(handler));
    for (const TopicPartition& lane : handler.lagging) {
      const bool new_one = handler.result == HandlerReload::Result::kPartlyBack;
      text += fmt::format("\n  {}[{}] is still on the {} generation", lane.topic, lane.partition,
                          new_one ? "new" : "old");
    }
  }
  return text;
}

void log_reload(Logger log, const ReloadReport& report) {
  const auto write = [&](const Headline& headline, const std::string& handler,
                         const std::string& what) {
    const Field fields[] = {{"handler", handler}, {"result", what}};
    log.write(headline.severity, headline.text, fields);
  };
  if (!report.refused.empty()) write(kReloadRefused, "all", report.refused);
  for (const HandlerReload& handler : report.handlers) {
    write(headline_of(handler, report.ok), handler.handler, line_of(handler) + also_of(handler));
  }
}

std::string reload_as_json(const ReloadReport& report) {
  std::string list;
  for (const HandlerReload& handler : report.handlers) {
    if (!list.empty()) list += ',';
    list += json_of(handler);
  }
  return fmt::format(R"({{"ok":{},"text":{},"refused":{},"took_ms":{:.3f},"handlers":[{}]}})",
                     report.ok, config::json_string(reload_as_text(report)),
                     config::json_string(report.refused), ms(report.took), list);
}

}  // namespace moult
