// The main() of the tests that have librdkafka in their process: many threads that are not ours.
// What crashes there says where; tools/test says in which test.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "runtime/observe/crash_report.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  const auto installed =
      moult::install_crash_report({std::filesystem::temp_directory_path(), "tests"});
  if (!installed) fmt::print(stderr, "{}\n", installed.error().message);
  return RUN_ALL_TESTS();
}
