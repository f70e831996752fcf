// The C++ layer, and with it the testing library: handlers linked into this test, run without a
// broker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <moult/moult.hpp>
#include <moult/testing.hpp>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using moult::Batch;
using moult::Context;
using moult::Record;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

/// Does what its settings name, at the records whose value is "!".
class Scripted : public moult::Handler {
 public:
  static constexpr std::uint64_t kCapabilities = MOULT_CAP_HEADERS;
  static constexpr std::uint64_t kRequired = MOULT_CAP_PADDED;

  explicit Scripted(const Context& context) : context_(context) {
    if (context.settings() == "throw") throw std::runtime_error("no database");
    if (context.settings() == "throw int") throw 7;
  }

  void assigned() override {
    context_.info("assigned", {{"topic", context_.lane().topic}});
    if (context_.settings() == "assigned") throw std::runtime_error("not today");
  }

  void consume(const Batch& batch) override {
    const std::string& script = context_.settings();
    if (script == "collect") {
      for (const Record& record : batch) check(batch, record);
    } else if (script == "break") {
      for (const Record& record : batch) {
        if (record.value() != "!") continue;
        batch.retry(record);
        break;
      }
    } else if (script == "leave") {
      for (const Record& record : batch.one_by_one()) {
        if (record.value() == "!") return;
      }
    } else if (script == "flush") {
      for (const Record& record : batch.one_by_one()) seen_.push_back(record.offset());
      throw std::runtime_error("flush failed");
    } else if (script == "ok") {
      for (const Record& record : batch) {
        check(batch, record);
        batch.ok(record);
      }
    } else {
      for (const Record& record : batch.one_by_one()) check(batch, record);
    }
  }

  void revoked(moult::Reason reason, milliseconds deadline) override {
    context_.info("revoked", {{"reason", static_cast<std::int64_t>(reason)},
                              {"deadline", std::int64_t{deadline.count()}}});
    throw std::runtime_error("revoked threw");
  }

 private:
  void check(const Batch& batch, const Record& record) {
    if (record.value() != "!") return;
    if (context_.settings() == "retry") {
      batch.retry(record, "later", milliseconds(1500), 42);
      return;
    }
    if (context_.settings() == "throw retry") throw moult::Retry("busy", milliseconds(20), 5);
    if (context_.settings() == "int") throw 7;
    throw std::runtime_error(std::string(2000, 'e'));
  }

  Context context_;
  std::vector<std::int64_t> seen_;
};

MOULT_HANDLER(Scripted, "scripted", "3.2.1");

using moult::testing::Input;
using moult::testing::Lane;
using moult::testing::Outcome;
using moult::testing::Plugin;

class Layer : public testing::Test {
 protected:
  /// Runs values through a fresh instance.
  std::vector<Outcome> run(const std::string& script, const std::vector<std::string>& values) {
    Lane lane(plugin_, {script});
    std::vector<Input> inputs;
    inputs.reserve(values.size());
    for (const std::string& value : values) inputs.push_back({"key", value});
    std::vector<Outcome> outcomes = lane.consume(inputs);
    succeeded_ = lane.succeeded();
    return outcomes;
  }

  static std::vector<std::uint32_t> codes(const std::vector<Outcome>& outcomes) {
    std::vector<std::uint32_t> all;
    all.reserve(outcomes.size());
    for (const Outcome& outcome : outcomes) all.push_back(outcome.code);
    return all;
  }

  Plugin plugin_{&moult_entry_1};
  bool succeeded_ = false;
};

TEST_F(Layer, DescribesThePlugin) {
  EXPECT_EQ(plugin_.name(), "scripted");
  EXPECT_EQ(plugin_.version(), "3.2.1");
  EXPECT_TRUE(plugin_.wants(MOULT_CAP_HEADERS));
  EXPECT_TRUE(plugin_.wants(MOULT_CAP_PADDED));
}

TEST_F(Layer, ReturningFinishesEverything) {
  EXPECT_THAT(codes(run("collect", {"a", "b"})), ElementsAre(MOULT_OK, MOULT_OK));
  EXPECT_TRUE(succeeded_);
  EXPECT_THAT(codes(run("", {"a", "b"})), ElementsAre(MOULT_OK, MOULT_OK));
}

TEST_F(Layer, ThrowingInPlainIterationFinishesNothing) {
  const auto outcomes = run("collect", {"a", "!", "b"});
  EXPECT_THAT(codes(outcomes), ElementsAre(MOULT_UNSET, MOULT_UNSET, MOULT_UNSET))
      << "any of them may be at fault";
  EXPECT_EQ(outcomes[0].error, std::string(1024, 'e')) << "not cut to what the host keeps";
  EXPECT_FALSE(succeeded_);
}

TEST_F(Layer, ThrowingOneByOneFinishesWhatIsBehind) {
  const auto outcomes = run("", {"a", "b", "!", "c"});
  EXPECT_THAT(codes(outcomes), ElementsAre(MOULT_OK, MOULT_OK, MOULT_RETRY, MOULT_UNSET));
  EXPECT_EQ(outcomes[2].error, std::string(1024, 'e'));
  EXPECT_THAT(codes(run("", {"!", "c"})), ElementsAre(MOULT_RETRY, MOULT_UNSET));
}

TEST_F(Layer, SingleRecordsCanBeFinished) {
  EXPECT_THAT(codes(run("ok", {"a", "!", "b"})), ElementsAre(MOULT_OK, MOULT_UNSET, MOULT_UNSET));
  EXPECT_FALSE(succeeded_);
}

TEST_F(Layer, ThrowingAfterOneByOneRepeatsNothing) {
  EXPECT_THAT(codes(run("flush", {"a", "b"})), ElementsAre(MOULT_OK, MOULT_OK))
      << "one_by_one() promised that they were done";
}

TEST_F(Layer, RetryIsAnOutcome) {
  const auto outcomes = run("retry", {"a", "!", "b"});
  EXPECT_THAT(codes(outcomes), ElementsAre(MOULT_OK, MOULT_RETRY, MOULT_OK));
  EXPECT_TRUE(succeeded_);
  EXPECT_EQ(outcomes[1].error, "later");
  EXPECT_EQ(outcomes[1].retry_after_ms, 1500U);
  EXPECT_EQ(outcomes[1].error_code, 42);
}

TEST_F(Layer, LeavingTheLoopAtARetryFinishesNothingBehindIt) {
  EXPECT_THAT(codes(run("break", {"a", "!", "b", "c"})),
              ElementsAre(MOULT_OK, MOULT_RETRY, MOULT_UNSET, MOULT_UNSET));
  EXPECT_TRUE(succeeded_);
}

TEST_F(Layer, LeavingOneByOneEarlyFinishesWhatIsBehindAlone) {
  const auto outcomes = run("leave", {"a", "!", "b"});
  EXPECT_THAT(codes(outcomes), ElementsAre(MOULT_OK, MOULT_RETRY, MOULT_UNSET));
  EXPECT_EQ(outcomes[1].error, "the handler left one_by_one() at this record");
}

TEST_F(Layer, AloneTheRecordInHandIsTheOneAtFault) {
  EXPECT_THAT(codes(run("collect", {"!"})), ElementsAre(MOULT_RETRY));
}

TEST_F(Layer, RetryCanBeThrown) {
  const auto outcomes = run("throw retry", {"a", "!"});
  EXPECT_THAT(codes(outcomes), ElementsAre(MOULT_OK, MOULT_RETRY));
  EXPECT_EQ(outcomes[1].error, "busy");
  EXPECT_EQ(outcomes[1].retry_after_ms, 20U);
  EXPECT_EQ(outcomes[1].error_code, 5);
}

TEST_F(Layer, AnythingThrownIsARetry) {
  const auto outcomes = run("int", {"!"});
  EXPECT_EQ(outcomes[0].code, MOULT_RETRY);
  EXPECT_THAT(outcomes[0].error, HasSubstr("no std::exception"));
}

TEST_F(Layer, ConstructorsFailCreate) {
  const auto message = [&](const std::string& script) {
    try {
      Lane lane(plugin_, {script});
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message("throw"), "create failed: no database");
  EXPECT_THAT(message("throw int"), HasSubstr("no std::exception"));
}

TEST_F(Layer, ExceptionsWithoutAnOutcomeAreLogged) {
  Lane lane(plugin_, {"assigned", "orders", 4, 9});
  EXPECT_THAT(lane.log(), ElementsAre("2 assigned topic=orders", "4 assigned() threw: not today"));
  lane.revoke(MOULT_LOST, 300);
  EXPECT_EQ(lane.log().at(2), "2 revoked reason=2 deadline=300");
  EXPECT_EQ(lane.log().at(3), "4 revoked() threw: revoked threw");
}

// ---- Self-test and state ------------------------------------------------------------------------

/// Remembers what it saw; does otherwise what its settings name.
class Keeping : public moult::Handler {
 public:
  explicit Keeping(const Context& context) : context_(context) {}

  void assigned() override { context_.info("assigned"); }
  void consume(const Batch& batch) override {
    for (const Record& record : batch.one_by_one()) seen_ += record.value();
  }
  void self_test() override {
    context_.info("self-test");
    if (is_told("self-test")) throw std::runtime_error("no database");
    if (is_told("self-test int")) throw 7;
  }
  void export_state(moult::StateWriter& writer) override {
    if (is_told("export")) throw std::runtime_error("not now");
    if (is_told("export int")) throw 7;
    if (!is_told("no begin")) writer.begin("keeping.seen", 3);
    writer.write(seen_);
    if (is_told("too large")) writer.write(std::string(MOULT_STATE_MAX, 'x'));
    if (is_told("twice")) writer.begin("keeping.seen", 3);
  }
  void import_state(const moult::State& state) override {
    if (is_told("import int")) throw 7;
    state.expect("keeping.seen", 3);
    seen_ = state.bytes();
    context_.info(
        "imported",
        {{"schema", state.schema()}, {"version", std::int64_t{state.version()}}, {"seen", seen_}});
  }
  void revoked(moult::Reason reason, milliseconds) override {
    if (reason == moult::Reason::kReplaced) context_.info("replaced", {{"seen", seen_}});
  }

 private:
  bool is_told(const char* what) const { return context_.settings() == what; }

  Context context_;
  std::string seen_;
};

/// Says that it keeps state, and forgot the functions.
class Forgetful : public moult::Handler {
 public:
  explicit Forgetful(const Context&) {}
  void consume(const Batch&) override {}
};

template <typename H>
const moult_plugin* state_entry(const moult_host*, moult_host_handle*,
                                const moult_descriptor** descriptor) {
  static constexpr moult_plugin kTable = moult::Thunks<H>::table();
  static constexpr moult_descriptor kDescriptor = {sizeof(moult_descriptor), 1, 0,       0,
                                                   MOULT_CAP_STATE,          0, "state", "1"};
  *descriptor = &kDescriptor;
  return &kTable;
}

class StateLayer : public testing::Test {
 protected:
  /// What `call` threw, in words.
  template <typename Call>
  static std::string thrown(Call call) {
    try {
      call();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }

  std::string thrown_by_export(const std::string& script) const {
    Lane lane(plugin_, {script});
    return thrown([&] { lane.export_state(); });
  }

  std::string thrown_by_import(const std::string& script,
                               const moult::testing::HandedState& state) const {
    return thrown([&] { Lane(plugin_, {script, "orders", 0, 1, state}); });
  }

  Plugin plugin_{&state_entry<Keeping>};
};

TEST_F(StateLayer, HandsOver) {
  Lane first(plugin_);
  first.consume({{"k", "a"}, {"k", "b"}});
  const auto state = first.export_state();
  EXPECT_EQ(state.schema, "keeping.seen");
  EXPECT_EQ(state.version, 3U);
  EXPECT_EQ(state.bytes, "ab");
  first.consume({{"k", "c"}});
  EXPECT_EQ(first.export_state().bytes, "abc") << "exporting used it up";
  first.revoke(MOULT_REPLACED);
  EXPECT_THAT(first.log(), ElementsAre("2 assigned", "2 replaced seen=abc"));
  Lane second(plugin_, {"{}", "orders", 0, 1, state});
  EXPECT_THAT(second.log(),
              ElementsAre("2 imported schema=keeping.seen version=3 seen=ab", "2 assigned"));
}

TEST_F(StateLayer, ExceptionsRefuse) {
  EXPECT_EQ(thrown_by_export("export"), "state_export failed: not now");
  EXPECT_THAT(thrown_by_export("export int"), HasSubstr("no std::exception"));
  EXPECT_THAT(thrown_by_export("no begin"), HasSubstr("refused to take more state"));
  EXPECT_THAT(thrown_by_export("twice"), HasSubstr("refused to begin"));
  EXPECT_EQ(
      thrown_by_import("", {"other", 1, ""}),
      "state_import failed: can't read state \"other\" version 1, only \"keeping.seen\" up to "
      "version 3");
  EXPECT_THAT(thrown_by_import("", {"keeping.seen", 4, ""}), HasSubstr("version 4"));
  EXPECT_EQ(thrown_by_import("", {"keeping.seen", 2, ""}), "") << "an older one can be read";
  EXPECT_THAT(thrown_by_import("import int", {"keeping.seen", 3, ""}),
              HasSubstr("no std::exception"));
}

TEST_F(StateLayer, IsCappedByTheHost) {
  Lane lane(plugin_, {"too large"});
  lane.consume({{"k", "one byte too many"}});
  EXPECT_THAT(thrown([&] { lane.export_state(); }), HasSubstr("refused to take more state"));
}

TEST_F(StateLayer, SelfTestComesBeforeAssigned) {
  moult::testing::LaneOptions options;
  options.self_test = true;
  Lane lane(plugin_, options);
  EXPECT_THAT(lane.log(), ElementsAre("2 self-test", "2 assigned"));
  options.settings = "self-test";
  EXPECT_EQ(thrown([&] { Lane(plugin_, options); }), "self_test failed: no database");
  options.settings = "self-test int";
  EXPECT_THAT(thrown([&] { Lane(plugin_, options); }), HasSubstr("no std::exception"));
}

TEST_F(StateLayer, SaysWhichFunctionIsMissing) {
  const Plugin plugin(&state_entry<Forgetful>);
  Lane lane(plugin);
  EXPECT_THAT(thrown([&] { lane.export_state(); }), HasSubstr("without export_state()"));
  EXPECT_THAT(thrown([&] {
                Lane(plugin, {"{}", "orders", 0, 1, {{"a", 1, ""}}});
              }),
              HasSubstr("without import_state()"));
}

// ---- Views
// ---------------------------------------------------------------------------------------

struct Views {
  std::vector<Input> inputs = {
      {"k", "v", {{"a", "1"}, {"b", std::nullopt}, {"a", "2"}}, 10, 3, 1234},
      {std::nullopt, std::nullopt, {{"c", ""}}, 15},
      {"", ""},
  };
};

using Look = std::function<void(const Batch&)>;

/// Hands its batches to the test's function, whose address is its settings.
class Looking : public moult::Handler {
 public:
  explicit Looking(const Context& context)
      : look_(*reinterpret_cast<const Look*>(std::stoull(context.settings()))) {}
  void consume(const Batch& batch) override { look_(batch); }

 private:
  const Look& look_;
};

const moult_plugin* looking_entry(const moult_host*, moult_host_handle*,
                                  const moult_descriptor** descriptor) {
  static constexpr moult_plugin kTable = moult::Thunks<Looking>::table();
  static constexpr moult_descriptor kDescriptor = {
      sizeof(moult_descriptor), 1, 0, 0, MOULT_CAP_HEADERS, MOULT_CAP_PADDED, "looking", "1"};
  *descriptor = &kDescriptor;
  return &kTable;
}

/// Looks at the views from inside of a handler.
void look_at(const std::vector<Input>& inputs, const Look& look) {
  const Plugin plugin(&looking_entry);
  Lane lane(plugin, {std::to_string(reinterpret_cast<std::uintptr_t>(&look)), "orders", 2, 8});
  lane.consume(inputs);
  EXPECT_TRUE(lane.succeeded());
}

TEST(ViewsOf, Batches) {
  look_at(Views().inputs, [](const Batch& batch) {
    EXPECT_EQ(batch.topic(), "orders");
    EXPECT_EQ(batch.partition(), 2);
    EXPECT_EQ(batch.epoch(), 8U);
    EXPECT_EQ(batch.high_watermark(), 17);
    EXPECT_EQ(batch.size(), 3U);
    EXPECT_FALSE(batch.empty());
    std::vector<std::int64_t> offsets;
    for (const Record& record : batch) offsets.push_back(record.offset());
    EXPECT_THAT(offsets, ElementsAre(10, 15, 16));
  });
}

TEST(ViewsOf, Records) {
  look_at(Views().inputs, [](const Batch& batch) {
    EXPECT_EQ(batch[0].key(), "k");
    EXPECT_EQ(batch[0].value(), "v");
    EXPECT_EQ(batch[0].attempt(), 3U);
    EXPECT_EQ(batch[0].timestamp_ms(), 1234);
    EXPECT_FALSE(batch[0].is_tombstone());
    EXPECT_TRUE(batch[1].is_tombstone());
    EXPECT_FALSE(batch[1].has_key());
    EXPECT_EQ(batch[1].value(), "");
    EXPECT_TRUE(batch[2].has_key()) << "an empty key is a key";
    EXPECT_FALSE(batch[2].is_tombstone()) << "an empty value is no tombstone";
    EXPECT_EQ(batch[2].index(), 2U);
  });
}

TEST(ViewsOf, Headers) {
  look_at(Views().inputs, [](const Batch& batch) {
    std::string all;
    for (const moult::HeaderView& header : batch[0].headers()) {
      all += std::string(header.name()) + (header.is_null() ? " null," : "=") +
             std::string(header.value()) + ";";
    }
    EXPECT_EQ(all, "a=1;b null,;a=2;");
    EXPECT_EQ(batch[0].headers().find("a")->value(), "2") << "the last one counts";
    EXPECT_FALSE(batch[0].headers().find("c")) << "a header of the next record";
    EXPECT_EQ(batch[1].headers().size(), 1U);
    EXPECT_TRUE(batch[2].headers().empty());
  });
}

TEST(ViewsOf, PaddedValues) {
  look_at(Views().inputs, [](const Batch& batch) {
    const std::string_view value = batch[0].value();
    EXPECT_EQ(std::string(value.data() + value.size(), MOULT_PADDING),
              std::string(MOULT_PADDING, '\0'));
  });
}

}  // namespace
