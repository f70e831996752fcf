#include <CLI/CLI.hpp>

#include "runtime/app/commands.h"
#include "runtime/app/exit_code.h"

namespace moult {
namespace {

constexpr const char* kDefaultConfig = "/etc/moult/moult.yaml";

CLI::Option* add_config(CLI::App* command, std::filesystem::path& config) {
  return command->add_option("-c,--config", config, "The configuration file")
      ->default_str(kDefaultConfig);
}

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

  CLI::App* version = app.add_subcommand("version", "Print versions of moult, its ABI, librdkafka");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  if (run->parsed()) return run_command(config);
  if (check->parsed()) return check_command(config, print);
  if (version->parsed()) return version_command();
  if (dev->parsed()) {
    dev_options.config = config;
    return dev_command(dev_options);
  }
  return kExitUsage;
}

}  // namespace moult
