// The SDK's README is true: its files compile, its commands work as they stand there, and what they
// make loads.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "tests/abi/fixture.h"

namespace moult::abi {
namespace {

namespace fs = std::filesystem;

struct Readme {
  std::map<std::string, std::string> files;  // by name: blocks that open with "```language name"
  std::string commands;                      // of all sh blocks, in order
};

Readme read_readme() {
  Readme readme;
  std::istringstream in(read_file(MOULT_SDK "/README.md"));
  std::string* block = nullptr;
  std::string ignored;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("```", 0) != 0) {
      if (block != nullptr) *block += line + "\n";
    } else if (block != nullptr) {
      block = nullptr;
    } else {
      const std::size_t space = line.find(' ');
      block = line == "```sh"              ? &readme.commands
              : space == std::string::npos ? &ignored
                                           : &readme.files[line.substr(space + 1)];
    }
  }
  return readme;
}

TEST(Readme, IsTrue) {
  const Readme readme = read_readme();
  ASSERT_EQ(readme.files.size(), 4U);
  Loader loader;
  const fs::path home = loader.dir / "home";
  fs::create_directory(home);
  fs::create_directory_symlink(MOULT_SDK, home / "sdk");
  for (const auto& [name, text] : readme.files) write_file(home / name, text);
  write_file(home / "commands.sh", "set -eu\ncd '" + home.string() + "'\n" + readme.commands);
  const std::string run = "HOME='" + home.string() + "' sh '" + (home / "commands.sh").string() +
                          "' > '" + (home / "output").string() + "' 2>&1";
  ASSERT_EQ(std::system(run.c_str()), 0) << read_file(home / "output");
  EXPECT_EQ(loader.refusal(home / "count.so"), "");
  EXPECT_EQ(loader.refusal(home / "build/orders.so"), "");
}

}  // namespace
}  // namespace moult::abi
