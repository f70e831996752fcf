#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "runtime/config/load.h"

namespace moult {

/// Parses config texts with an environment of the test's own.
class ConfigTest : public ::testing::Test {
 protected:
  std::map<std::string, std::string, std::less<>> environment_;
  LoadContext context_{
      .environment = [this](std::string_view name) -> std::optional<std::string> {
        const auto found = environment_.find(name);
        if (found == environment_.end()) return std::nullopt;
        return found->second;
      },
      .check_kafka_property = nullptr,
  };

  Result<Config, ConfigProblems> parse(const std::string& text) {
    return parse_config(text, "/etc/moult.yaml", context_);
  }

  Config parse_good(const std::string& text) {
    auto config = parse(text);
    if (config) return *config;
    for (const auto& problem : config.error()) ADD_FAILURE() << problem.to_string();
    return {};
  }

  /// "line:column: message" of each problem.
  std::vector<std::string> problems(const std::string& text) {
    std::vector<std::string> lines;
    const auto config = parse(text);
    if (config) return lines;
    for (const auto& problem : config.error()) {
      EXPECT_EQ(problem.place.file, "/etc/moult.yaml");
      lines.push_back(std::to_string(problem.place.line) + ":" +
                      std::to_string(problem.place.column) + ": " + problem.message);
    }
    return lines;
  }

  /// A config of one handler; `more` are further lines of it, indented by 8. They begin at line 9.
  static std::string with_handler_lines(const std::string& more) {
    return "kafka:\n"
           "  bootstrap.servers: localhost:9092\n"
           "consumers:\n"
           "  - group: orders\n"
           "    handlers:\n"
           "      - name: orders\n"
           "        plugin: orders.so\n"
           "        topics: [orders.created]\n" +
           more;
  }

  /// The same with `top` lines before everything.
  static std::string with_top_lines(const std::string& top) { return top + with_handler_lines(""); }

  HandlerConfig handler(const std::string& more) {
    const Config config = parse_good(with_handler_lines(more));
    if (config.consumers.empty()) return {};
    return config.consumers.front().handlers.front();
  }
};

}  // namespace moult
