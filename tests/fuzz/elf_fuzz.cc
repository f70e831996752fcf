// Feeds any bytes to the check of plugin files, which reads what nobody vouches for: it must not
// crash or hang, what it refuses it refuses by a rule, and what it accepts has the facts of a
// plugin. Its seed is a plugin that is accepted; mutations of it get past the first rules.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/unique_fd.h"
#include "runtime/plugin/plugin_file.h"
#include "runtime/plugin/rules.h"

namespace {

// A few flipped places of a whole file, besides what libFuzzer does to it: most of its mutations of
// so long an input are in the code, where nobody looks.
constexpr std::size_t kEditBytes = 5;  // where (4 bytes), to what

std::string& seed() {
  static std::string bytes;
  return bytes;
}

/// Inputs that are no ELF file are edits of the seed.
std::string edited(const std::uint8_t* bytes, std::size_t size) {
  std::string file = seed();
  if (file.empty()) return {reinterpret_cast<const char*>(bytes), size};
  for (std::size_t at = 0; at + kEditBytes <= size; at += kEditBytes) {
    std::uint32_t place = 0;
    for (std::size_t i = 0; i < 4; i++) place = place << 8 | bytes[at + i];
    file[place % file.size()] = static_cast<char>(bytes[at + 4]);
  }
  if (size % kEditBytes == 1) file.resize(file.size() * bytes[size - 1] / 256);
  return file;
}

bool is_elf(const std::uint8_t* bytes, std::size_t size) {
  return size >= 4 && std::string(bytes, bytes + 4) ==
                          "\x7f"
                          "ELF";
}

moult::UniqueFd file_of(const std::string& bytes) {
  moult::UniqueFd fd(::memfd_create("elf_fuzz", MFD_CLOEXEC));
  MOULT_CHECK(fd, "no file in memory");
  const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
  MOULT_CHECK(written == static_cast<ssize_t>(bytes.size()), "a short write");
  return fd;
}

void check(const std::string& file) {
  const moult::UniqueFd fd = file_of(file);
  const auto facts = moult::verify_plugin_file(fd.get(), file.size(), "fuzzed.so");
  if (!facts) {
    const std::string& message = facts.error().message;
    MOULT_CHECK(!moult::refusing_rule(message).empty(), "refused by no rule");
    return;
  }
  MOULT_CHECK(!facts->name.empty() && !facts->version.empty(), "accepted without a name");
  MOULT_CHECK(!facts->build_id.empty(), "accepted without a build id");
  MOULT_CHECK(!facts->descriptor.empty(), "accepted without a descriptor");
}

}  // namespace

/// The seed stands beside the program.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  std::ifstream in(MOULT_FUZZ_SEED, std::ios::binary);
  seed().assign(std::istreambuf_iterator<char>(in), {});
  MOULT_CHECK(!seed().empty(), "no seed");
  const moult::UniqueFd fd = file_of(seed());
  MOULT_CHECK(moult::verify_plugin_file(fd.get(), seed().size(), "seed.so").has_value(),
              "the seed is no plugin");
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  check(is_elf(bytes, size) ? std::string(bytes, bytes + size) : edited(bytes, size));
  return 0;
}
