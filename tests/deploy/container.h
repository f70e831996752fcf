#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/base/time.h"
#include "tests/support/process.h"

namespace moult::testing {

/// The images of config/docker, built by tests/deploy/lib/containers.
struct Images {
  /// Builds them at the first call: minutes the first time on a machine, seconds from then on.
  static const Images& built();

  std::string base;
  std::string moult;
  std::string sdk;
};

/// Runs podman to its end, with the storage that the images are in.
Finished podman(const std::vector<std::string>& arguments,
                Duration bound = std::chrono::seconds(60));

/// A running container: read-only root, no capabilities, no new privileges, the host's network. It
/// ends with this object; should the test die, by itself after some minutes.
class Container {
 public:
  struct Options {
    std::vector<std::string> mounts = {};   // FROM:TO[:ro]
    std::vector<std::string> command = {};  // in place of the image's
    Environment environment = {};
  };

  Container(const std::string& image, const Options& options);
  ~Container();
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  Finished exec(const std::vector<std::string>& command) const;
  /// Whether the image's HEALTHCHECK succeeds now.
  bool healthy() const;
  /// As `docker stop`: the image's STOPSIGNAL, and KILL when it is not enough.
  void stop(std::chrono::seconds grace) const;
  void signal(const std::string& name) const;
  bool running() const;
  /// Waits for its end. A killed process has 128 and the signal.
  int exit_code() const;
  std::string log() const;
  bool wait_log(const std::string& text, Duration bound) const;

 private:
  std::string id_;
};

}  // namespace moult::testing
