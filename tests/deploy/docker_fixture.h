#pragma once

#include <memory>
#include <string>

#include "tests/deploy/container.h"
#include "tests/kafka/group_fixture.h"

namespace moult::testing {

/// A group whose member runs in a container of the image, with the configuration and the plugins of
/// the test's folder mounted read-only and the ledger mounted as a file.
class InContainer : public OneGroup {
 protected:
  explicit InContainer(KafkaCluster& cluster = KafkaCluster::shared());

  /// One handler on the topic, its plugin the ledger.so in the mounted folder.
  DaemonSpec contained_spec(const Properties& settings = {}) const;
  /// What the mounted folders have from now on. Versions are of the ledger plugin: "1" and "2",
  /// which is also their tag.
  void configure(const DaemonSpec& spec) const;
  void install_plugin(const std::string& version) const;
  void install_file(const std::string& bytes) const;
  /// Plugin 1 with this configuration. Returns when it has its partitions.
  std::unique_ptr<Container> start(const DaemonSpec& spec);
  /// TERM to process 1, and exit 0.
  void stop_cleanly(const Container& container);
  /// All was handled by the rules, once each, and all of it is committed.
  void expect_all_once();
  Container::Options mounts() const;
};

}  // namespace moult::testing
