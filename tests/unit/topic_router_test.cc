#include "runtime/kafka/topic_router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moult::kafka {
namespace {

TopicRouter router(const std::vector<std::vector<std::string>>& topics) {
  auto made = TopicRouter::make(topics);
  EXPECT_TRUE(made.has_value());
  return std::move(*made);
}

TEST(RegexOfBroker, MatchesWholeNamesAsOursMatchTheirBeginnings) {
  EXPECT_EQ(regex_of_broker("orders"), "orders");
  EXPECT_EQ(regex_of_broker("^orders\\."), "^orders\\..*");
  EXPECT_EQ(regex_of_broker("^"), "^.*");
  EXPECT_EQ(regex_of_broker("^orders$"), "^orders$");
  EXPECT_EQ(regex_of_broker("^$"), "^$");
  EXPECT_EQ(regex_of_broker("^orders\\$"), "^orders\\$.*");    // a dollar in the name
  EXPECT_EQ(regex_of_broker("^orders\\\\$"), "^orders\\\\$");  // a backslash, then the end
}

TEST(TopicRouter, RoutesNamesAndRegexes) {
  const TopicRouter routes = router({{"orders"}, {"^audit\\..*"}});
  EXPECT_EQ(routes.route("orders"), HandlerIndex{0});
  EXPECT_EQ(routes.route("audit.logins"), HandlerIndex{1});
  EXPECT_EQ(routes.route("other"), std::nullopt);
}

TEST(TopicRouter, ANameWinsOverARegexOfAnEarlierHandler) {
  const TopicRouter routes = router({{"^.*"}, {"orders"}});
  EXPECT_EQ(routes.route("orders"), HandlerIndex{1});
  EXPECT_EQ(routes.route("payments"), HandlerIndex{0});
}

TEST(TopicRouter, ABadRegexIsNamed) {
  const auto made = TopicRouter::make({{"^orders("}});
  ASSERT_FALSE(made.has_value());
  EXPECT_THAT(made.error().message, ::testing::HasSubstr("^orders("));
}

}  // namespace
}  // namespace moult::kafka
