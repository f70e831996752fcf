#include "tests/deploy/docker_fixture.h"

#include <filesystem>
#include <stdexcept>

namespace moult::testing {
namespace {

namespace fs = std::filesystem;

void replace_file(const fs::path& path, const std::string& bytes) {
  const fs::path next = path.string() + ".next";
  write_file(next, bytes);
  fs::permissions(next, fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read |
                            fs::perms::others_read);
  fs::rename(next, path);
}

}  // namespace

InContainer::InContainer(KafkaCluster& cluster) : OneGroup(cluster) {
  for (const char* folder : {"etc", "plugins"}) {
    fs::create_directory(scratch_ / folder);
    fs::permissions(scratch_ / folder, static_cast<fs::perms>(0755));
  }
  write_file(scratch_ / "ledger", "");
  fs::permissions(scratch_ / "ledger", static_cast<fs::perms>(0666));  // the image's user writes it
}

DaemonSpec InContainer::contained_spec(const Properties& settings) const {
  DaemonSpec spec = OneGroup::spec(settings);
  handler(spec).plugin = "/opt/moult/plugins/ledger.so";
  handler(spec).settings["ledger"] = "/ledger";
  return spec;
}

void InContainer::configure(const DaemonSpec& spec) const {
  replace_file(scratch_ / "etc" / "moult.yaml", spec.yaml());
}

void InContainer::install_plugin(const std::string& version) const {
  const std::string bytes = read_file(MOULT_DEPLOY_PLUGINS "/ledger_" + version + ".so");
  if (bytes.empty()) throw std::runtime_error("there is no ledger_" + version + ".so");
  install_file(bytes);
}

void InContainer::install_file(const std::string& bytes) const {
  replace_file(scratch_ / "plugins" / "ledger.so", bytes);
}

Container::Options InContainer::mounts() const {
  return {.mounts = {(scratch_ / "etc").string() + ":/etc/moult:ro",
                     (scratch_ / "plugins").string() + ":/opt/moult/plugins:ro",
                     (scratch_ / "ledger").string() + ":/ledger"}};
}

std::unique_ptr<Container> InContainer::start(const DaemonSpec& spec) {
  configure(spec);
  install_plugin("1");
  auto container = std::make_unique<Container>(Images::built().moult, mounts());
  if (!container->wait_log("partition assigned", kLong)) {
    throw std::runtime_error("no partition came to the container:\n" + container->log());
  }
  return container;
}

void InContainer::stop_cleanly(const Container& container) {
  container.stop(seconds(30));
  EXPECT_EQ(container.exit_code(), 0);
  ended_.insert(1);
}

void InContainer::expect_all_once() {
  expect_complete();
  expect_no_duplicates();
}

}  // namespace moult::testing
