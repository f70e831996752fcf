// What TTIN tells of the threads.
#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <sstream>

#include "tests/kafka/group_fixture.h"

namespace moult::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class Dump : public OneGroup {
 protected:
  static std::vector<std::string> lines_with(const std::string& log, const std::string& text) {
    std::vector<std::string> found;
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
      if (line.find(text) != line.npos) found.push_back(line);
    }
    return found;
  }

  static std::string text_after(const std::string& line, const std::string& key) {
    const std::size_t from = line.find(key) + key.size();
    return line.substr(from, line.find(' ', from) - from);
  }
};

TEST_F(Dump, S7_TtinDumpsThreadsToo) {
  make_topic(1);
  send(1);
  DaemonSpec hangs = spec({{"hang_on_offset", "0"}});
  handler(hangs).options["workers"] = "2";
  const auto daemon = start(hangs);
  ASSERT_TRUE(ledger_.wait_count(Event::kBegin, 1, kLong));
  std::vector<std::string> threads;
  // A worker that has just been made may not have said its number yet.
  ASSERT_TRUE(eventually(
      [&] {
        const std::size_t before = lines_with(daemon->log(), " thread group=").size();
        daemon->signal(SIGTTIN);
        EXPECT_TRUE(daemon->wait_log(" thread group=", kLong, before + 3));
        threads = lines_with(daemon->log(), " thread group=");
        threads.erase(threads.begin(), threads.begin() + static_cast<std::ptrdiff_t>(before));
        return threads.size() == 3 && lines_with(daemon->log(), "busy_ms=").size() > 1;
      },
      kLong));
  EXPECT_THAT(threads, Contains(AllOf(HasSubstr("name=moult-poller"), HasSubstr("state=polls"))));
  EXPECT_THAT(threads, Contains(AllOf(HasSubstr("name=mw-ledger"), HasSubstr("handler=ledger"),
                                      HasSubstr("state=waits"), Not(HasSubstr("busy_ms")))));
  EXPECT_THAT(threads, Contains(AllOf(HasSubstr("state=busy"),
                                      HasSubstr(fmt::format("topic={} partition=0", topic_)),
                                      HasSubstr("busy_ms="))));
  for (const std::string& line : threads) {
    const std::string comm =
        fmt::format("/proc/{}/task/{}/comm", daemon->pid(), text_after(line, " thread="));
    EXPECT_EQ(read_file(comm), text_after(line, " name=") + "\n");
  }
}

}  // namespace
}  // namespace moult::testing
