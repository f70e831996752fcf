#include <CLI/CLI.hpp>

#include "runtime/app/commands.h"
#include "runtime/app/exit_code.h"
#include "runtime/config/units.h"
#include "runtime/plugin/preflight.h"

namespace moult {
namespace {

constexpr const char* kDefaultConfig = "/etc/moult/moult.yaml";

CLI::Option* add_config(CLI::App* command, std::filesystem::path& config) {
  return command->add_option("-c,--config", config, "The configuration file")
      ->default_str(kDefaultConfig);
}

/// For an option that bounds a command.
std::string wrong_timeout(std::string& text) {
  const auto duration = config::parse_duration(text);
  if (!duration) return text + " " + duration.error().message;
  if (duration->count() < 1 || *duration > std::chrono::hours(24)) {
    return text + " is out of range: 1ms to 24h";
  }
  return {};
}

constexpr const char* kDoctorHelp =
    "Look at everything on the way to the records: names, connections, TLS, login, groups, topics, "
    "offsets, lag; say what is wrong and what to do. Joins no group and changes nothing. Exit "
    "status 0 only when all is well.";

struct DoctorCommand {
  explicit DoctorCommand(CLI::App& app) : doctor(app.add_subcommand("doctor", kDoctorHelp)) {
    options.config = kDefaultConfig;
    add_config(doctor, options.config);
    doctor->add_option("--timeout", timeout, "How long it may take: 30s, 2m")
        ->check(CLI::Validator(wrong_timeout, "DURATION"))
        ->capture_default_str();
    doctor->add_flag("--json", options.json, "As one JSON object");
  }

  int run() const {
    DoctorOptions chosen = options;
    chosen.timeout = *config::parse_duration(timeout);
    return doctor_command(chosen);
  }

  CLI::App* doctor;
  DoctorOptions options;
  std::string timeout = "30s";
};

constexpr const char* kReplayHelp =
    "Put the dead letters of a handler back on their topics, each exactly once for readers of "
    "committed records, also when it is killed and run again.\n\n"
    "A record goes back with its key, value and headers, to the partition it came from (to that of "
    "its key where that one is gone), with the time of the replay as its timestamp. What dies "
    "again "
    "meanwhile is left to the next replay.\n\n"
    "The position is kept in the group GROUP.dlq-replay.HANDLER, which is the transactional id as "
    "well: it has to be allowed to both. Letters that --error or --limit leave out stay waiting, "
    "and "
    "a later replay finds them: the offsets replayed among them are kept beside the position, "
    "about "
    "two thousand separate runs a partition; a replay that would need more says so and stops. "
    "Records of other handlers are passed over; so are records that are no dead letters, with an "
    "error at the end. A second replay of a handler ends the first.";

/// `dlq` and its two commands.
struct DlqCommands {
  explicit DlqCommands(CLI::App& app)
      : dlq(app.add_subcommand("dlq", "List or replay dead letters")),
        list(dlq->add_subcommand("list", "Show the newest dead letters")),
        replay(dlq->add_subcommand("replay", kReplayHelp)) {
    dlq->require_subcommand(1);
    constexpr const char* kErrorHelp =
        "Only those with this error code, or this in the error's text";
    list_options.config = replay_options.config = kDefaultConfig;
    add_config(list, list_options.config);
    list->add_option("--handler", list_options.handler, "Only those of this handler");
    list->add_option("--error", list_options.error, kErrorHelp);
    list->add_option("-n", list_options.count, "How many")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    list->add_flag("--json", list_options.json, "As one JSON object");
    add_config(replay, replay_options.config);
    replay->add_option("--handler", replay_options.handler, "Whose")->required();
    replay->add_option("--error", replay_options.error, kErrorHelp);
    replay->add_option("--limit", replay_options.limit, "No more than so many")
        ->check(CLI::PositiveNumber);
    replay->add_flag("--dry-run", replay_options.dry_run, "Only count: change nothing");
  }

  int run() const {
    return list->parsed() ? dlq_list_command(list_options) : dlq_replay_command(replay_options);
  }

  CLI::App* dlq;
  CLI::App* list;
  CLI::App* replay;
  DlqListOptions list_options;
  DlqReplayOptions replay_options;
};

constexpr const char* kVerifyHelp =
    "Verify plugin files and try each in a throw-away process, without a broker: one line a rule. "
    "Exit status 0 when none is refused, 1 otherwise.\n\n"
    "It runs constructors, create, destroy and, where FILE.sample stands beside FILE, consume with "
    "one record a line of it.";

/// `plugins` and its two commands.
struct PluginsCommands {
  explicit PluginsCommands(CLI::App& app)
      : plugins(app.add_subcommand("plugins", "Verify or list plugins")),
        list(plugins->add_subcommand("list", "The plugin of each handler, verified but not run")),
        verify(plugins->add_subcommand("verify", kVerifyHelp)) {
    plugins->require_subcommand(1);
    add_config(list, config);
    list->add_flag("--json", json, "As one JSON object");
    verify->add_option("FILE", options.files, "Plugin files")->required();
    verify->add_option("--settings", options.settings, "What create gets, a JSON object")
        ->capture_default_str();
    verify
        ->add_option("--owner", owner, "The number of the user who may own the files, beside root")
        ->check(CLI::Range(uid_t{0}, uid_t{0xFFFF'FFFE}));
    verify->add_flag("--manifest", options.manifest_required, "Refuse a FILE without FILE.sha256");
    verify->add_option("--timeout", seconds, "Seconds for the trial of a file")
        ->check(CLI::Range(1, 3'600))
        ->capture_default_str();
    verify->add_flag("--json", options.json, "As one JSON object");
  }

  int run() const {
    if (list->parsed()) return plugins_list_command(config, json);
    PluginsVerifyOptions chosen = options;
    chosen.owner = owner;
    chosen.bound = std::chrono::seconds(seconds);
    return plugins_verify_command(chosen);
  }

  CLI::App* plugins;
  CLI::App* list;
  CLI::App* verify;
  std::filesystem::path config = kDefaultConfig;
  bool json = false;
  PluginsVerifyOptions options;
  std::optional<uid_t> owner;
  int seconds = 30;
};

constexpr const char* kReloadHelp =
    "Load the handlers' plugins and the configuration again and go over to them, lane by lane, "
    "without a rebalance. Exit status 0 only when the new generation is active everywhere; 1 when "
    "it was refused: the old version goes on and nothing is lost. 1 as well when it is active but "
    "for lanes whose batch did not end in time: they follow when it does, and another 'reload' "
    "waits for them.";

/// The commands for a running daemon.
struct DaemonCommands {
  explicit DaemonCommands(CLI::App& app)
      : status(add(app, "status", "What a running daemon is doing")),
        health(add(app, "health", "Exit status 0 when a running daemon is live and ready")),
        pause(add(app, "pause", "Stop handing records to handlers, in the group all the same")),
        resume(add(app, "resume", "Undo 'pause'")),
        quiet(add(app, "quiet", "Take no new records until the daemon stops")),
        reload(add(app, "reload", kReloadHelp)),
        rollback(add(app, "rollback", "Go back to the generation before the last reload")) {
    constexpr const char* kJsonHelp = "The daemon's answer, as one JSON object";
    status->add_flag("--json", json, kJsonHelp);
    health->add_flag("--live", live_alone, "Not ready is good enough");
    for (CLI::App* command : {pause, resume}) {
      command->add_option("NAME", names, "Groups and handlers; all when there is none");
    }
    reload->add_option("HANDLER", options.handlers, "All when there is none");
    reload->add_flag("--force", options.force, "Also when the plugin is the one that runs already");
    reload->add_flag("--json", options.json, kJsonHelp);
    reload->add_option("--timeout", timeout, "How long it may take: 30s, 5m")
        ->check(CLI::Validator(wrong_timeout, "DURATION"))
        ->capture_default_str();
    rollback->add_option("HANDLER", handler, "Whose")->required();
    rollback->add_flag("--json", json, kJsonHelp);
  }

  /// Nothing when none of them was asked for.
  std::optional<int> run() const {
    if (status->parsed()) return status_command(daemon, json);
    if (health->parsed()) return health_command(daemon, live_alone);
    if (pause->parsed()) return pause_command(daemon, names);
    if (resume->parsed()) return resume_command(daemon, names);
    if (quiet->parsed()) return quiet_command(daemon);
    if (rollback->parsed()) return rollback_command(daemon, handler, json);
    if (!reload->parsed()) return std::nullopt;
    ReloadOptions chosen = options;
    chosen.timeout = *config::parse_duration(timeout);
    return reload_command(daemon, chosen);
  }

 private:
  CLI::App* add(CLI::App& app, const char* name, const char* help) {
    CLI::App* command = app.add_subcommand(name, help);
    add_config(command, daemon.config);
    command->add_option("--socket", daemon.socket,
                        "Where the daemon listens, if not where the "
                        "configuration says");
    return command;
  }

  DaemonChoice daemon{kDefaultConfig, {}};
  CLI::App* status;
  CLI::App* health;
  CLI::App* pause;
  CLI::App* resume;
  CLI::App* quiet;
  CLI::App* reload;
  CLI::App* rollback;
  bool json = false;
  bool live_alone = false;
  std::vector<std::string> names;
  ReloadOptions options;
  std::string timeout = "5m";
  std::string handler;
};

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App app("Moult: a Kafka consumer runtime that changes its handlers without stopping");
  app.require_subcommand(1);

  std::filesystem::path config = kDefaultConfig;
  CLI::App* run = app.add_subcommand("run", "Consume until TERM or INT");
  add_config(run, config);

  bool print = false;
  CLI::App* check = app.add_subcommand("check", "Validate a configuration and its plugins");
  add_config(check, config);
  check->add_flag("--print", print, "Print the configuration in effect, without its secrets");

  DevOptions dev_options;
  CLI::App* dev = app.add_subcommand("dev", "Run against an embedded broker, for development");
  add_config(dev, config);
  dev->add_option("--partitions", dev_options.partitions, "Partitions of each topic")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  dev->add_option("--produce", dev_options.produce,
                  "TOPIC=FILE: produce each line of the file as a record (may be repeated)");
  dev->add_option("--count", dev_options.count,
                  "Records to produce, going through the file as often as needed");
  dev->add_flag("--exit-when-done", dev_options.exit_when_done,
                "Stop once every produced record is handled, and print a summary");

  const DoctorCommand doctor(app);
  const DlqCommands dlq(app);
  const PluginsCommands plugins(app);
  const DaemonCommands daemon(app);
  CLI::App* preflight = app.add_subcommand(kPreflightCommand)->group("");
  CLI::App* version = app.add_subcommand("version", "Print versions of moult, its ABI, librdkafka");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  if (run->parsed()) return run_command(config);
  if (check->parsed()) return check_command(config, print);
  if (doctor.doctor->parsed()) return doctor.run();
  if (dlq.dlq->parsed()) return dlq.run();
  if (plugins.plugins->parsed()) return plugins.run();
  if (const auto code = daemon.run()) return *code;
  if (preflight->parsed()) return preflight_command();
  if (version->parsed()) return version_command();
  if (dev->parsed()) {
    dev_options.config = config;
    return dev_command(dev_options);
  }
  return kExitUsage;
}

}  // namespace moult
