// What goes over the admin socket: requests, answers, the status.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/admin/json_value.h"
#include "runtime/admin/requests.h"
#include "runtime/admin/status.h"

namespace moult {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(AdminRequests, ComeBackAsTheyWere) {
  const auto names = NamesBody::read(NamesBody{{"a \"b\"", "größer"}}.to_json());
  ASSERT_TRUE(names);
  EXPECT_THAT(names->names, ElementsAre("a \"b\"", "größer"));
  const auto reload = ReloadBody::read(ReloadBody{{"orders"}, true, milliseconds(1'500)}.to_json());
  ASSERT_TRUE(reload);
  EXPECT_THAT(reload->handlers, ElementsAre("orders"));
  EXPECT_TRUE(reload->force);
  EXPECT_EQ(reload->timeout, milliseconds(1'500));
  const auto rollback = RollbackBody::read(RollbackBody{"orders"}.to_json());
  ASSERT_TRUE(rollback);
  EXPECT_EQ(rollback->handler, "orders");
  const auto answer = ActionAnswer::read(ActionAnswer{true, "a\nb", R"({"x":[1]})"}.to_json());
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->ok);
  EXPECT_EQ(answer->text, "a\nb");
}

TEST(AdminRequests, NothingMeansAll) {
  EXPECT_THAT(NamesBody::read("")->names, IsEmpty());
  EXPECT_THAT(NamesBody::read("{}")->names, IsEmpty());
  const auto reload = ReloadBody::read("");
  ASSERT_TRUE(reload);
  EXPECT_THAT(reload->handlers, IsEmpty());
  EXPECT_FALSE(reload->force);
}

TEST(AdminRequests, AreReadStrictly) {
  EXPECT_EQ(ReloadBody::read(R"({"canary":true})").error().message,
            "'canary' is not known to this daemon");
  for (const char* wrong :
       {"[]", "1", "{", "{} {}", R"({"handlers":"a"})", R"({"handlers":[1]})",
        R"({"handlers":[""]})", R"({"force":1})", R"({"timeout_ms":0})", R"({"timeout_ms":"1"})",
        R"({"timeout_ms":1.5})", R"({"timeout_ms":86400001})", R"({"handlers":null})"}) {
    EXPECT_FALSE(ReloadBody::read(wrong)) << wrong;
  }
  EXPECT_FALSE(RollbackBody::read("{}"));
  EXPECT_FALSE(RollbackBody::read(R"({"handler":["a"]})"));
  EXPECT_FALSE(NamesBody::read(std::string(5'000, '[')));
}

TEST(AdminRequests, WhatIsNotUtf8IsSentAsUtf8) {
  const auto answer = ActionAnswer::read(ActionAnswer{false, "a\xff b", {}}.to_json());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->text, "a\xEF\xBF\xBD b");
}

DaemonStatus some_status() {
  DaemonStatus status;
  status.version = "0.6.0";
  status.pid = 41;
  status.started_ms = 1'000'000;
  status.health = {true, false, {"orders: a lane is stopped"}};
  DaemonStatus::Lane lane;
  lane.topic = "orders.created";
  lane.partition = 3;
  lane.part = "whole";
  lane.state = "running";
  lane.handler = "orders";
  lane.generation = 2;
  lane.watermark = 90;
  lane.committed = 80;
  lane.high_watermark = 100;
  lane.running_ms = 1'500;
  lane.failures = 0;
  DaemonStatus::Lane slot = lane;
  slot.part = "slot";
  slot.state = "idle";
  slot.watermark = slot.committed = slot.high_watermark = slot.running_ms = -1;
  status.consumers = {{"shop", true, false, true, {lane, slot}}, {"empty", true, true, false, {}}};
  DaemonStatus::Handler handler;
  handler.name = "orders";
  handler.group = "shop";
  handler.plugin = "/opt/orders.so";
  handler.version = "1.4.0";
  handler.build_id = "0123456789abcdef0123";
  handler.generation = 2;
  handler.records = 12'345;
  status.handlers = {handler};
  status.last_reload = {false, "orders: refused\nnote: \x1b[2J", 3'000'000};
  return status;
}

TEST(AdminStatus, HasAMemberForEveryValue) {
  const auto read = JsonValue::parse(some_status().to_json());
  ASSERT_TRUE(read) << read.error().message;
  const JsonValue& status = *read;
  EXPECT_EQ(status["version"].text(), "0.6.0");
  EXPECT_EQ(status["pid"].number(), 41);
  EXPECT_TRUE(status["live"].truth());
  EXPECT_FALSE(status["ready"].truth());
  EXPECT_EQ(status["reasons"].items().at(0).text(), "orders: a lane is stopped");
  const JsonValue& lane = status["consumers"].items().at(0)["lanes"].items().at(0);
  EXPECT_EQ(lane["topic"].text(), "orders.created");
  EXPECT_EQ(lane["partition"].number(), 3);
  EXPECT_EQ(lane["running_ms"].number(), 1'500);
  EXPECT_EQ(lane["committed"].number(), 80);
  EXPECT_EQ(status["handlers"].items().at(0)["build_id"].text(), "0123456789abcdef0123");
  EXPECT_EQ(status["handlers"].items().at(0)["kept_generation"].number(7), -1);
  EXPECT_EQ(status["last_reload"]["at_ms"].number(), 3'000'000);
  const auto fresh = JsonValue::parse(DaemonStatus{}.to_json());
  ASSERT_TRUE(fresh);
  EXPECT_TRUE((*fresh)["last_reload"].is(JsonValue::Kind::kNull));
}

TEST(AdminStatus, IsATableForAPerson) {
  const auto text = status_as_text(some_status().to_json(), 4'723'000);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, R"(moult 0.6.0, pid 41, up 1h02m: live, not ready
  orders: a lane is stopped

consumer shop: ready, paused
  LANE                    STATE    HANDLER  GENERATION  WATERMARK  COMMITTED  LAG  RUNNING  FAILURES
  orders.created[3]       running  orders   2           90         80         10   1s       0
  orders.created[3] slot  idle     orders   2           -          -          -    -        0

consumer empty: ready, quiet
  no partition is assigned

handlers
  HANDLER  GROUP  PLUGIN          VERSION  BUILD ID      GENERATION  KEPT  WORKERS  LANES  RECORDS  FAILURES  DEAD LETTERS  PINNED
  orders   shop   /opt/orders.so  1.4.0    0123456789ab  2           -     -        -      12345    -         -             -

last reload: failed, 28m43s ago
  orders: refused
  note: \u001b[2J
)");
}

TEST(AdminStatus, AnotherProgramsJsonIsNone) {
  for (const char* strange : {"", "[]", "{}", "hello", R"({"consumers":{}})"}) {
    EXPECT_FALSE(status_as_text(strange, 0)) << strange;
    EXPECT_FALSE(DaemonHealth::read(strange)) << strange;
  }
  // Of what is missing nothing is known.
  EXPECT_THAT(*status_as_text(R"({"consumers":[{"lanes":[{}]}],"handlers":[{}]})", 0),
              HasSubstr("-[-1]"));
}

}  // namespace
}  // namespace moult
