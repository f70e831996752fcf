// Plugins and machines that a reload fails on: it says why and exits 1, and the generation before
// handles on.
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <future>
#include <sstream>

#include "tests/abi/plugin_image.h"
#include "tests/kafka/reload_fixture.h"
#include "tests/support/process.h"
#include "tests/support/small_disk.h"

namespace moult::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Matches;
using ::testing::Not;
using ::testing::StartsWith;

// A preflight gives a plugin 30 s.
constexpr seconds kPastPreflight{60};

class ReloadRefusals : public OneReloads {
 protected:
  /// Changes bytes of a plugin that is right.
  using Change = std::function<void(abi::PluginImage&)>;

  static fs::path built(const std::string& name) {
    return fs::path(MOULT_ABI_PLUGINS) / (name + ".so");
  }

  fs::path made(
      const std::string& name, const Change& change = [](auto&) {}) const {
    abi::PluginImage image(read_file(built("minimal")));
    change(image);
    fs::path file = scratch_ / (name + ".so");
    write_file(file, image.bytes());
    return file;
  }

  DaemonSpec next_with(const fs::path& plugin) {
    DaemonSpec with = next();
    handler(with).plugin = plugin.string();
    return with;
  }

  fs::path staging() const { return scratch_ / "staging"; }

  DaemonSpec staged(DaemonSpec spec) const {
    spec.options["staging_path"] = staging().string();
    return spec;
  }

  /// A daemon at work, so that it has read its config.
  std::unique_ptr<Daemon> start_working() {
    auto daemon = start_first(2);
    send(100);
    EXPECT_TRUE(wait_all_handled());
    return daemon;
  }

  /// The command fails by that rule, and records are handled by the first generation.
  void expect_refused(Daemon& daemon, const fs::path& plugin, const std::string& rule) {
    SCOPED_TRACE(plugin.filename().string() + ", rule " + rule);
    configure(daemon, next_with(plugin));
    const Finished refused = ask(daemon, "reload");
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.errors,
                AllOf(HasSubstr("refused, generation 1 (ledger "), HasSubstr(" runs on: "),
                      HasSubstr(plugin.string() + ": refused by rule " + rule + ": ")));
    expect_first_goes_on(daemon);
  }

  static bool has_children(const Daemon& daemon) {
    const fs::path threads = fs::path("/proc") / std::to_string(daemon.pid()) / "task";
    return std::ranges::any_of(fs::directory_iterator(threads), [](const auto& thread) {
      return !read_file(thread.path() / "children").empty();
    });
  }

  void expect_first_goes_on(Daemon& daemon) {
    ASSERT_TRUE(daemon.running());
    send(20);
    ASSERT_TRUE(wait_all_handled());
    EXPECT_THAT(tags(), ElementsAre("1"));
  }

  void end_well(Daemon& daemon) {
    stop_cleanly(daemon);
    expect_complete();
    expect_no_duplicates();
  }
};

// ---- H3: the whole list -------------------------------------------------------------------------

TEST_F(ReloadRefusals, H3_EachBadFileIsRefusedByItsRule) {
  const auto daemon = start_working();
  write_file(scratch_ / "text.so", "not an ELF file");
  expect_refused(*daemon, scratch_ / "text.so", "elf-magic");
  expect_refused(*daemon, made("s390", [](auto& it) { it.header().e_machine = EM_S390; }),
                 "elf-machine");
  expect_refused(*daemon, made("half", [](auto& it) { it.bytes().resize(it.bytes().size() / 2); }),
                 "elf-truncated");
  expect_refused(*daemon, made("major", [](auto& it) { it.note().descriptor.abi_major = 2; }),
                 "abi-major");
  expect_refused(*daemon,
                 made("newer",
                      [](auto& it) {
                        it.note().descriptor.abi_minor = 99;
                        it.note().descriptor.required = UINT64_C(1) << 63;
                      }),
                 "abi-capability");
  expect_refused(*daemon, made("glibc", [](auto& it) { it.rename("GLIBC_2.2.5", "GLIBC_9.2.5"); }),
                 "library-version");
  const fs::path open = made("open");
  fs::permissions(open, fs::perms::others_write, fs::perm_options::add);
  expect_refused(*daemon, open, "world-writable");
  const fs::path other = made("hash");
  write_file(other.string() + ".sha256", std::string(64, '0') + "  hash.so\n");
  expect_refused(*daemon, other, "sha256-mismatch");
  expect_refused(*daemon, built("bad_no_entry"), "entry-missing");
  end_well(*daemon);
}

TEST_F(ReloadRefusals, H3_WhatShowsOnlyWhenThePluginRunsIsRefusedByItsRule) {
  const auto daemon = start_working();
  expect_refused(*daemon, built("bad_unresolved"), "unresolved-symbol");
  expect_refused(*daemon, built("trial_constructor_crash"), "constructor-crash");
  expect_refused(*daemon, built("trial_not_created"), "create-failed");
  expect_refused(*daemon, built("trial_self_test_fails"), "self-test-failed");
  expect_refused(*daemon, built("trial_thread"), "leaves-thread");
  EXPECT_THAT(ask(*daemon, "status", {"--json"}).out,
              AllOf(HasSubstr("\"generation\":1,"), Not(HasSubstr("\"generation\":2"))))
      << "not even a number was used up";
  configure(*daemon, next());
  EXPECT_EQ(ask(*daemon, "reload").status, 0) << "and a good one is still taken";
  end_well(*daemon);
}

TEST_F(ReloadRefusals, S8_TermWhileAConstructorHangsIsClean) {
  const auto daemon = start_working();
  configure(*daemon, next_with(built("trial_constructor_hang")));
  daemon->signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return has_children(*daemon); }, kLong)) << "the one thrown away";
  const TimePoint began = Clock::now();
  end_well(*daemon);
  EXPECT_LT(Clock::now() - began, seconds(20)) << "it did not wait for the preflight";
}

/// Takes as long as a preflight may.
TEST_F(ReloadRefusals, H3_AConstructorThatHangsIsRefusedInTimeAndHoldsNothingUp) {
  const auto daemon = start_working();
  configure(*daemon, next_with(built("trial_constructor_hang")));
  const TimePoint began = Clock::now();
  auto hook = std::async(std::launch::async, [&] {
    return run_to_end({MOULT_BINARY, "reload", "--config", daemon->config().string()},
                      kPastPreflight);
  });
  while (hook.wait_for(seconds(1)) != std::future_status::ready) {
    send(100);
    EXPECT_TRUE(wait_all_handled()) << "while the constructor hangs";
  }
  EXPECT_GT(Clock::now() - began, seconds(10)) << "it did not hang: this shows nothing";
  const Finished refused = hook.get();
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("refused by rule constructor-hang"));
  expect_first_goes_on(*daemon);
  end_well(*daemon);
}

// ---- H14: what can't be unloaded ----------------------------------------------------------------

TEST_F(ReloadRefusals, H14_APluginThatPinsItselfIsRefused) {
  const auto daemon = start_working();
  expect_refused(*daemon, built("bad_nodelete"), "nodelete");
  expect_refused(*daemon, built("trial_pinned"), "stays-mapped");
#if !defined(__clang__)  // which has no unique symbols
  expect_refused(*daemon, built("bad_unique"), "unique-symbols");
#endif
  end_well(*daemon);
}

class ReloadPinned : public ReloadRefusals {
 protected:
  static constexpr const char* kReport = "plugin stays mapped after its unload";

  /// A daemon that has unloaded one generation of this plugin, after it was given records.
  std::unique_ptr<Daemon> start_and_leave(const fs::path& plugin) {
    make_topic(2);
    DaemonSpec first = staged(spec());
    handler(first).plugin = plugin.string();
    auto daemon = start(first);
    send(100);
    EXPECT_TRUE(admin_.wait_caught_up(group_, {topic_}, kLong));
    for (int i = 0; i < 2; ++i) {  // the one before the last is kept for a rollback
      configure(*daemon, staged(next()));
      EXPECT_EQ(ask(*daemon, "reload").status, 0);
    }
    return daemon;
  }

  /// The copies of plugins that the process still has in its address space.
  std::set<std::string> mapped_copies(const Daemon& daemon) const {
    std::set<std::string> copies;
    std::istringstream maps(read_file("/proc/" + std::to_string(daemon.pid()) + "/maps"));
    for (std::string line; std::getline(maps, line);) {
      const std::size_t at = line.find(staging().string());
      if (at != line.npos) copies.insert(line.substr(at));
    }
    return copies;
  }
};

/// A thread_local with a destructor keeps the code mapped until its threads end: a generation's
/// workers are its own, and end with it.
TEST_F(ReloadPinned, H14_AThreadLocalOfItsWorkersPinsNothing) {
  const auto daemon = start_and_leave(built("pinned"));
  EXPECT_TRUE(eventually([&] { return mapped_copies(*daemon).size() == 2; }, kLong))
      << "the active one's, and the one before";
  EXPECT_EQ(daemon->log_count(kReport), 0U);
  stop_cleanly(*daemon);
}

TEST_F(ReloadPinned, H14_AGenerationThatStaysMappedIsReported) {
  const auto daemon = start_and_leave(MOULT_PINS_ITSELF);
  EXPECT_TRUE(daemon->wait_log(kReport, kLong));
  EXPECT_EQ(daemon->log_count(kReport), 1U);
  EXPECT_THAT(mapped_copies(*daemon), SizeIs(3));
  stop_cleanly(*daemon);
}

TEST_F(ReloadPinned, H14_StatusCountsTheGenerationsThatStayMapped) {
  const auto daemon = start_and_leave(MOULT_PINS_ITSELF);
  ASSERT_TRUE(daemon->wait_log(kReport, kLong));
  EXPECT_THAT(ask(*daemon, "status", {"--json"}).out, HasSubstr("\"pinned_unloads\":1"));
  stop_cleanly(*daemon);
}

// ---- H4: the file under a running generation ----------------------------------------------------

TEST_F(ReloadRefusals, H4_APluginOverwrittenInPlaceUnderTrafficChangesNothing) {
  const fs::path plugin = scratch_ / "deployed.so";
  fs::copy_file(MOULT_LEDGER, plugin);
  const std::string bytes = read_file(plugin);
  make_topic(4);
  DaemonSpec deployed = spec({{"tag", "\"1\""}});
  handler(deployed).plugin = plugin.string();
  const auto daemon = start(deployed);
  send(100);
  ASSERT_TRUE(wait_works(*daemon));
  {
    Traffic traffic([this] { send(100); });
    for (int i = 0; i < 20; ++i) {
      write_file(plugin, std::string(bytes.size(), '\xcc'));  // empty for a moment, as with cp
      const std::size_t before = ledger_.count(Event::kRecord);
      ASSERT_TRUE(ledger_.wait_count(Event::kRecord, before + 300, kLong));
      ASSERT_TRUE(daemon->running());
    }
  }
  EXPECT_THAT(ask(*daemon, "reload").errors, HasSubstr("refused by rule elf-magic"));
  write_file(plugin, bytes);
  EXPECT_THAT(ask(*daemon, "reload").out, HasSubstr("unchanged: generation 1"));
  expect_first_goes_on(*daemon);
  end_well(*daemon);
}

// ---- H12: a machine that has nothing left -------------------------------------------------------

class ReloadStarved : public ReloadRefusals {
 protected:
  /// The names of the copies of plugins with that ending.
  std::vector<std::string> copies(const std::string& ending) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(staging())) {
      if (entry.path().extension() == ending) names.push_back(entry.path().filename().string());
    }
    return names;
  }

  /// Leaves the daemon so many descriptors that it may still open; nothing: as many as before.
  void leave_descriptors(const Daemon& daemon, std::optional<rlim_t> spare) {
    rlimit limit{};
    ASSERT_EQ(::prlimit(daemon.pid(), RLIMIT_NOFILE, nullptr, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    if (spare) {
      std::set<rlim_t> used;
      for (const auto& fd :
           fs::directory_iterator(fs::path("/proc") / std::to_string(daemon.pid()) / "fd")) {
        used.insert(std::stoul(fd.path().filename().string()));
      }
      limit.rlim_cur = 0;
      for (rlim_t free = 0; free < *spare || used.contains(limit.rlim_cur); ++limit.rlim_cur) {
        if (!used.contains(limit.rlim_cur)) ++free;
      }
    }
    ASSERT_EQ(::prlimit(daemon.pid(), RLIMIT_NOFILE, &limit, nullptr), 0);
  }
};

TEST_F(ReloadStarved, H12_AFullStagingFolderRefusesAReloadAndNothingElse) {
  const SmallDisk disk(staging(), "16m");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a file system is not allowed here";
  make_topic(2);
  const auto daemon = start(staged(spec({{"tag", "\"1\""}})));
  send(100);
  ASSERT_TRUE(wait_all_handled());
  disk.fill();
  ASSERT_TRUE(disk.full());
  for (int i = 0; i < 3; ++i) {
    configure(*daemon, staged(next()));
    const Finished refused = ask(*daemon, "reload");
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.errors,
                AllOf(HasSubstr("refused by rule staging-space"), HasSubstr(staging().string())));
    expect_first_goes_on(*daemon);
  }
  EXPECT_THAT(copies(".part"), IsEmpty());
  EXPECT_THAT(copies(".so"), SizeIs(1));
  disk.free();
  const Finished reloaded = ask(*daemon, "reload");
  EXPECT_EQ(reloaded.status, 0) << reloaded.errors;
  end_well(*daemon);
}

/// Whatever the first step is that gets no descriptor. By signal, as a command needs one itself.
TEST_F(ReloadStarved, H12_WithoutDescriptorsAReloadIsRefusedOrDone) {
  constexpr rlim_t kMost = 40;
  const auto daemon = start_working();
  std::size_t refused = 0;
  std::size_t done = 0;
  // The config, the plugin, its copy, the throw-away process: at least one each.
  constexpr std::size_t kLeastRefused = 4;
  for (rlim_t spare = 0; spare < kMost && done < 3; ++spare) {
    SCOPED_TRACE("with " + std::to_string(spare) + " descriptors to spare");
    configure(*daemon, next());
    leave_descriptors(*daemon, spare);
    daemon->signal(SIGHUP);
    ASSERT_TRUE(eventually(
        [&] {
          return daemon->log_count("reload refused") > refused ||
                 daemon->log_count("reloaded handler=") > done;
        },
        kLong));
    refused = daemon->log_count("reload refused");
    done = daemon->log_count("reloaded handler=");
    leave_descriptors(*daemon, std::nullopt);
    send(20);
    ASSERT_TRUE(wait_all_handled());
  }
  EXPECT_GE(refused, kLeastRefused) << "there was always one left: this shows nothing";
  EXPECT_EQ(done, 3U);
  EXPECT_THAT(daemon->log(), HasSubstr("Too many open files"));
  configure(*daemon, next());
  const Finished reloaded = ask(*daemon, "reload");
  EXPECT_EQ(reloaded.status, 0) << reloaded.errors;
  send(20);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_THAT(of_event(of_tag(ledger_.read(), tag()), Event::kRecord), Not(IsEmpty()));
  end_well(*daemon);
}

TEST_F(ReloadStarved, H12_ACommandThatComesWithoutDescriptorsIsServedOnceThereAreSome) {
  const auto daemon = start_working();
  configure(*daemon, next());
  leave_descriptors(*daemon, 0);
  auto hook = std::async(std::launch::async, [&] { return ask(*daemon, "reload"); });
  EXPECT_EQ(hook.wait_for(seconds(1)), std::future_status::timeout);
  expect_first_goes_on(*daemon);
  leave_descriptors(*daemon, std::nullopt);
  const Finished reloaded = hook.get();
  EXPECT_EQ(reloaded.status, 0) << reloaded.errors;
  end_well(*daemon);
}

/// The plugin is made so large that its copy takes a while.
TEST_F(ReloadStarved, H12_KilledInTheMiddleOfACopyItStartsAgainAndCleansUp) {
  constexpr std::uintmax_t kLarge = 256ULL * 1024 * 1024;
  const fs::path large = scratch_ / "large.so";
  fs::copy_file(MOULT_LEDGER, large);
  fs::resize_file(large, kLarge);  // what comes behind the last section is nobody's
  make_topic(2);
  constexpr int kHits = 3;
  constexpr int kTries = 10;  // a copy may be whole before the signal is there
  int hits = 0;
  for (int i = 0; i < kTries && hits < kHits; ++i) {
    DaemonSpec small = staged(next());
    const auto daemon = start(small);
    ASSERT_TRUE(daemon->wait_log("started version=", kLong));
    EXPECT_THAT(copies(".part"), IsEmpty()) << "left by the one that was killed";
    EXPECT_THAT(copies(".so"), SizeIs(1)) << "the same";
    handler(small).plugin = large.string();
    configure(*daemon, small);
    daemon->signal(SIGHUP);
    const auto half_a_copy = Contains(StartsWith(std::to_string(daemon->pid()) + "-"));
    const auto half_or_whole = [&] {
      return Matches(half_a_copy)(copies(".part")) || daemon->log_count("reloaded handler=") > 0;
    };
    ASSERT_TRUE(eventually(half_or_whole, kLong, milliseconds(1)));
    daemon->signal(SIGKILL);
    ASSERT_EQ(daemon->wait_exit(kLong), -SIGKILL);
    if (Matches(half_a_copy)(copies(".part"))) ++hits;
  }
  ASSERT_EQ(hits, kHits) << "it was not in the middle: this shows nothing";
  const auto daemon = start(staged(next()));
  send(100);
  ASSERT_TRUE(wait_all_handled());
  EXPECT_THAT(copies(".part"), IsEmpty());
  configure(*daemon, staged(next()));
  const Finished reloaded = ask(*daemon, "reload");
  EXPECT_EQ(reloaded.status, 0) << reloaded.errors;
  stop_cleanly(*daemon);
  EXPECT_THAT(missing(producer_.produced(), ledger_.read()), IsEmpty());
}

}  // namespace
}  // namespace moult::testing
