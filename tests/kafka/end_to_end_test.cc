// The whole way, judged by others: Kafka's own tools, a compiler, and whoever reads exit statuses.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class EndToEnd : public OneGroup {
 protected:
  /// Places of all records of the topic, as Kafka's console consumer prints them.
  std::set<RecordId> recount(std::size_t records) const {
    constexpr std::string_view kPartition = "Partition:";
    constexpr std::string_view kOffset = "\tOffset:";
    std::istringstream lines(
        cluster_.tool({"console-consumer", "--topic", topic_, "--from-beginning", "--max-messages",
                       std::to_string(records), "--timeout-ms", "20000", "--formatter-property",
                       "print.partition=true", "--formatter-property", "print.offset=true",
                       "--formatter-property", "print.value=false"}));
    std::set<RecordId> places;
    for (std::string line; std::getline(lines, line);) {
      const std::size_t offset = line.find(kOffset);
      if (!line.starts_with(kPartition) || offset == std::string::npos) continue;
      places.insert({{topic_, std::stoi(line.substr(kPartition.size()))},
                     std::stoll(line.substr(offset + kOffset.size()))});
    }
    return places;
  }

  std::set<RecordId> handled() {
    std::set<RecordId> places;
    for (const Entry& entry : of_event(ledger_.read(), Event::kRecord)) places.insert(entry.id());
    return places;
  }
};

TEST_F(EndToEnd, KafkasToolsAgreeAfterARun) {
  constexpr std::size_t kRecords = 3'000;
  make_topic(3);
  const auto daemon = start(spec());
  send(kRecords);
  ASSERT_TRUE(wait_all_handled());
  stop_cleanly(*daemon);
  const std::string shown = cluster_.tool({"consumer-groups", "--describe", "--group", group_});
  for (int partition = 0; partition < 3; ++partition) {
    EXPECT_THAT(shown, ContainsRegex(fmt::format("{} +{} +1000 +1000 +0 ", topic_, partition)));
  }
  const std::set<RecordId> counted = recount(kRecords);
  EXPECT_EQ(counted.size(), kRecords);
  EXPECT_EQ(handled(), counted);
  expect_complete();
  expect_no_duplicates();
}

// ---- A plugin of somebody who has only the SDK --------------------------------------------------

// Prints each record on a line: partition, offset, key, value and headers in hexadecimal digits.
constexpr const char* kStrangersPlugin = R"(#include <moult/moult.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct moult_instance {
  FILE* out;
};

static void put_bytes(FILE* out, const uint8_t* bytes, uint32_t size) {
  uint32_t i;
  if (bytes == NULL) fputs("NULL", out);
  if (bytes != NULL && size == 0) fputs("empty", out);
  for (i = 0; bytes != NULL && i < size; i++) fprintf(out, "%02x", bytes[i]);
}

static moult_instance* create(const moult_host* host, moult_host_handle* handle,
                              const char* settings, uint32_t settings_size,
                              const moult_lane* lane, moult_error* error) {
  char path[4096];
  const char* value = strchr(settings, ':');
  moult_instance* self = malloc(sizeof *self);
  (void)host, (void)handle, (void)settings_size, (void)lane;
  self->out = NULL;
  if (value != NULL && sscanf(value + 1, "\"%4095[^\"]", path) == 1) self->out = fopen(path, "a");
  if (self->out != NULL) return self;
  snprintf(error->text, error->capacity, "no file to write in %s", settings);
  free(self);
  return NULL;
}

static void put_headers(FILE* out, const moult_batch* batch, const moult_record* record) {
  uint32_t i;
  for (i = 0; i < record->header_count; i++) {
    const moult_header* header = moult_header_at(batch, record->header_begin + i);
    fprintf(out, " %s=", header->name);
    put_bytes(out, header->value, header->value_size);
  }
}

static int32_t consume(moult_instance* self, const moult_batch* batch) {
  uint32_t i;
  for (i = 0; i < batch->record_count; i++) {
    const moult_record* record = moult_record_at(batch, i);
    fprintf(self->out, "%d %lld ", (int)batch->partition, (long long)record->offset);
    put_bytes(self->out, record->key, record->key_size);
    fputc(' ', self->out);
    put_bytes(self->out, record->value, record->value_size);
    put_headers(self->out, batch, record);
    fputc('\n', self->out);
  }
  fflush(self->out);
  moult_all_ok(batch);
  return MOULT_SUCCESS;
}

static void destroy(moult_instance* self) {
  fclose(self->out);
  free(self);
}

static const moult_plugin table = {sizeof(moult_plugin), 0, create, NULL, consume, NULL, destroy};

MOULT_PLUGIN(&table, "stranger", "0.1.0", MOULT_CAP_HEADERS, 0);
)";

/// The one line that the SDK's README gives to compile a plugin in C, word for word.
std::string compile_line() {
  std::istringstream readme(read_file(MOULT_SOURCE_DIR "/sdk/README.md"));
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("cc ")) return line;
  }
  return "false no compile line in sdk/README.md";
}

class Strangers : public EndToEnd {
 protected:
  /// The plugin, compiled under the file names of the README's example.
  std::filesystem::path compile() {
    write_file(scratch_ / "count.c", kStrangersPlugin);
    const std::string script =
        fmt::format("set -eu\ncd '{}'\nMOULT_SDK='{}/sdk'\n{}\n", scratch_.path().string(),
                    MOULT_SOURCE_DIR, compile_line());
    const Finished finished = run_to_end({"sh", "-c", script}, kLong);
    EXPECT_EQ(finished.status, 0) << finished.errors;
    EXPECT_EQ(finished.errors, "") << "warnings";
    return scratch_ / "count.so";
  }

  std::unique_ptr<Daemon> start_stranger() {
    DaemonSpec daemon = spec();
    HandlerSpec& handler = daemon.consumers[0].handlers[0];
    handler.name = "stranger";
    handler.plugin = compile().string();
    handler.settings = {{"out", (scratch_ / "out").string()}};
    return start(daemon);
  }

  bool wait_lines(std::size_t count) const {
    return eventually([&] { return lines().size() >= count; }, kLong);
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    std::istringstream in(read_file(scratch_ / "out"));
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }
};

std::string hex(std::string_view bytes) {
  if (bytes.empty()) return "empty";
  std::string digits;
  for (const char byte : bytes) {
    fmt::format_to(std::back_inserter(digits), "{:02x}", static_cast<unsigned char>(byte));
  }
  return digits;
}

TEST_F(Strangers, APluginMadeWithTheReadmesLineAloneRuns) {
  make_topic(2);
  const auto daemon = start_stranger();
  send(500);
  ASSERT_TRUE(wait_lines(500));
  stop_cleanly(*daemon);
  EXPECT_THAT(lines(), SizeIs(500));
  EXPECT_EQ(admin_.committed(group_), admin_.end_offsets(topic_));
}

TEST_F(Strangers, RecordsReachThePluginAsTheyWereSent) {
  constexpr std::size_t kMebibyte = 1U << 20;
  admin_.create_topic(topic_, 1, {{"max.message.bytes", "4194304"}});
  std::string big(kMebibyte, '\0');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 31 % 251);
  const std::string odd("\0\xff\n\" ", 5);
  Producer sender(cluster_.bootstrap(), {{"message.max.bytes", "4194304"}});
  sender.send({.topic = topic_, .partition = 0, .key = "k", .tombstone = true});
  sender.send({.topic = topic_, .partition = 0, .value = "no key"});
  sender.send({.topic = topic_, .partition = 0, .tombstone = true});
  sender.send({.topic = topic_, .partition = 0, .key = "", .value = ""});
  sender.send({.topic = topic_,
               .partition = 0,
               .key = odd,
               .value = odd,
               .headers = {{"a", "1"}, {"a", odd}, {"none", ""}}});
  sender.send({.topic = topic_, .partition = 0, .key = "big", .value = big});
  sender.send(
      {.topic = topic_, .partition = 0, .key = "last", .value = "l", .headers = {{"z", "2"}}});
  sender.flush();
  const auto daemon = start_stranger();
  ASSERT_TRUE(wait_lines(7));
  stop_cleanly(*daemon);
  const std::vector<std::string> expected = {
      "0 0 " + hex("k") + " NULL",
      "0 1 NULL " + hex("no key"),
      "0 2 NULL NULL",
      "0 3 empty empty",
      fmt::format("0 4 {0} {0} a={1} a={0} none=empty", hex(odd), hex("1")),
      "0 5 " + hex("big") + " " + hex(big),
      fmt::format("0 6 {} {} z={}", hex("last"), hex("l"), hex("2")),
  };
  const std::vector<std::string> seen = lines();
  ASSERT_EQ(seen.size(), expected.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_TRUE(seen[i] == expected[i]) << "record " << i << ": " << seen[i].substr(0, 200);
  }
  EXPECT_EQ(admin_.committed(group_), (OffsetsByPartition{{{topic_, 0}, 7}}));
}

// ---- Exit statuses and messages -----------------------------------------------------------------

TEST(Commands, ABrokenConfigurationIsNamedByFileLineAndColumn) {
  const Scratch scratch;
  const std::string file = (scratch / "broken.yaml").string();
  write_file(file,
             "kafka: {bootstrap.servers: localhost:1, auto.offset.reset: earliest}\n"
             "consumers:\n"
             "  - group: g\n"
             "    handlers:\n"
             "      - name: h\n"
             "        plugin: h.so\n"
             "        topics: [t]\n"
             "        wrokers: 2\n");
  for (const char* command : {"check", "run"}) {
    const Finished finished = run_moult({command, "--config", file});
    EXPECT_EQ(finished.status, 78) << command;
    EXPECT_THAT(finished.errors, HasSubstr(file + ":8:9: ")) << command;
    EXPECT_THAT(finished.errors, HasSubstr("workers")) << command << " names the nearest key";
  }
}

TEST(Commands, AMissingPluginIsNamedByTheHandlersPlace) {
  const Scratch scratch;
  const std::string file = (scratch / "moult.yaml").string();
  write_file(file,
             "kafka: {bootstrap.servers: localhost:1, auto.offset.reset: earliest}\n"
             "consumers:\n"
             "  - {group: g, handlers: [{name: h, plugin: h.so, topics: [t]}]}\n");
  const Finished finished = run_moult({"check", "--config", file});
  EXPECT_EQ(finished.status, 78);
  EXPECT_THAT(finished.errors, HasSubstr(file + ":3:"));
  EXPECT_THAT(finished.errors, HasSubstr("h.so"));
}

TEST(Commands, VersionPrintsVersions) {
  const Finished finished = run_moult({"version"});
  EXPECT_EQ(finished.status, 0);
  EXPECT_THAT(finished.out, ContainsRegex("moult [0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(finished.out, ContainsRegex("plugin ABI [0-9]+\\.[0-9]+"));
  EXPECT_THAT(finished.out, ContainsRegex("librdkafka [0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace moult::testing
