#include "runtime/app/reload_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace moult {
namespace {

using ::testing::ElementsAre;
using Became = HandlerReload::Result;

/// The message of each line and its first field, a handler's name.
class HeadlineSink : public LogSink {
 public:
  bool enabled(Component, Severity) const noexcept override { return true; }
  void write(Component, Severity severity, std::string_view message,
             std::span<const Field> fields) noexcept override {
    lines.push_back(std::string(name_of(severity)) + ": " + std::string(message) + " " +
                    std::string(std::get<std::string_view>(fields[0].value)));
  }

  std::vector<std::string> lines;
};

HandlerReload reloaded(const std::string& name, Became became, const std::string& refused = "") {
  HandlerReload handler;
  handler.handler = name;
  handler.result = became;
  handler.from.emplace();
  if (became != Became::kUntouched) handler.to.emplace();
  handler.refused = refused;
  return handler;
}

std::vector<std::string> logged(bool ok, const std::vector<HandlerReload>& handlers) {
  HeadlineSink sink;
  log_reload(Logger(sink, Component::kApp), {ok, {}, handlers, {}});
  return sink.lines;
}

TEST(ReloadText, ALaneThatLagsIsNoRefusalAndNoOtherHandlersMatter) {
  EXPECT_THAT(
      logged(false, {reloaded("late", Became::kLagging), reloaded("there", Became::kActive)}),
      ElementsAre("warning: reload unfinished late", "info: reloaded there"));
}

TEST(ReloadText, ARefusalIsOneOfAllThatDidNotMove) {
  EXPECT_THAT(logged(false, {reloaded("other", Became::kUntouched),
                             reloaded("bad", Became::kUntouched, "no good"),
                             reloaded("same", Became::kUnchanged)}),
              ElementsAre("error: reload refused other", "error: reload refused bad",
                          "info: reloaded same"));
}

TEST(ReloadText, TopicsThatCannotBeHadAreARefusal) {
  EXPECT_THAT(logged(false, {reloaded("reader", Became::kActive, "its topics")}),
              ElementsAre("error: reload refused reader"));
}

TEST(ReloadText, WhatWentWellIsSaidOfEach) {
  EXPECT_THAT(logged(true, {reloaded("new", Became::kActive), reloaded("gone", Became::kRemoved)}),
              ElementsAre("info: reloaded new", "info: reloaded gone"));
}

}  // namespace
}  // namespace moult
