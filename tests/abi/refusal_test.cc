// Every bad plugin is refused by its own rule, in a message that names the file, the rule and a
// cure, and leaves no copy behind.
#include <elf.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <ostream>
#include <string>

#include "tests/abi/fixture.h"
#include "tests/abi/plugin_image.h"

namespace moult::abi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;
using Image = PluginImage;

void expect_refused(Loader& loader, const fs::path& plugin, const std::string& rule) {
  const std::string message = loader.refusal(plugin);
  EXPECT_THAT(message, StartsWith(plugin.string() + ": refused by rule " + rule + ": "));
  EXPECT_THAT(message, HasSubstr("; ")) << "no cure";
  EXPECT_EQ(loader.staged(), 0U) << "the refused copy stays";
}

// ---- Built bad
// -----------------------------------------------------------------------------------

struct BuiltBad {
  std::string file;
  std::string rule;

  friend void PrintTo(const BuiltBad& bad, std::ostream* out) { *out << bad.rule; }
};

class Built : public testing::TestWithParam<BuiltBad> {};

TEST_P(Built, IsRefused) {
  Loader loader;
  expect_refused(loader, plugin_path(GetParam().file), GetParam().rule);
}

INSTANTIATE_TEST_SUITE_P(
    Bad, Built,
    testing::Values(
        BuiltBad{"bad_no_note", "note-missing"}, BuiltBad{"bad_two_notes", "note-malformed"},
        BuiltBad{"bad_no_entry", "entry-missing"}, BuiltBad{"bad_entry_null", "entry-null"},
        BuiltBad{"bad_descriptor", "descriptor-mismatch"},
        BuiltBad{"bad_no_descriptor", "descriptor-mismatch"},
        BuiltBad{"bad_table_size", "table-size"}, BuiltBad{"bad_no_consume", "table-function"},
        BuiltBad{"bad_no_import", "state-functions"}, BuiltBad{"bad_no_export", "state-functions"},
        BuiltBad{"bad_old_with_state", "state-functions"},
        BuiltBad{"bad_unresolved", "unresolved-symbol"}, BuiltBad{"bad_library", "missing-library"},
        BuiltBad{"bad_exports", "extra-exports"}, BuiltBad{"bad_nodelete", "nodelete"},
        BuiltBad{"bad_static_tls", "static-tls"}, BuiltBad{"bad_exec_stack", "exec-stack"},
        BuiltBad{"bad_nodlopen", "open-flags"}, BuiltBad{"bad_global", "open-flags"},
        BuiltBad{"bad_initfirst", "open-flags"}, BuiltBad{"bad_run_path", "library-path"},
        BuiltBad{"bad_empty_run_path", "library-path"}, BuiltBad{"bad_textrel", "textrel"}),
    [](const auto& test) { return test.param.file; });

// Clang has no unique symbols.
#if !defined(__clang__)
INSTANTIATE_TEST_SUITE_P(Gcc, Built, testing::Values(BuiltBad{"bad_unique", "unique-symbols"}),
                         [](const auto& test) { return test.param.file; });
#endif

// ---- Made bad by changing bytes of a good one
// ----------------------------------------------------

struct Patch {
  std::string name;
  std::string rule;
  std::function<void(Image&)> apply;

  friend void PrintTo(const Patch& patch, std::ostream* out) { *out << patch.rule; }
};

class Patched : public testing::TestWithParam<Patch> {};

TEST_P(Patched, IsRefused) {
  Loader loader;
  Image image(read_file(plugin_path("minimal")));
  GetParam().apply(image);
  const fs::path file = loader.dir / "patched.so";
  write_file(file, image.bytes());
  expect_refused(loader, file, GetParam().rule);
}

const std::vector<Patch>& patches() {
  static const std::vector<Patch> all = {
      {"empty", "empty-file", [](Image& i) { i.bytes().clear(); }},
      {"text", "elf-magic", [](Image& i) { i.bytes() = "#!/bin/sh\nexit 0\n"; }},
      {"two_bytes", "elf-magic", [](Image& i) { i.bytes().resize(2); }},
      {"magic_only", "elf-truncated", [](Image& i) { i.bytes().resize(SELFMAG); }},
      {"cut_in_header", "elf-truncated", [](Image& i) { i.bytes().resize(40); }},
      {"cut_in_segments", "elf-truncated", [](Image& i) { i.bytes().resize(100); }},
      {"cut_in_half", "elf-truncated", [](Image& i) { i.bytes().resize(i.bytes().size() / 2); }},
      {"cut_by_a_byte", "elf-truncated", [](Image& i) { i.bytes().pop_back(); }},
      {"bits_32", "elf-class", [](Image& i) { i.header().e_ident[EI_CLASS] = ELFCLASS32; }},
      {"big_endian", "elf-endian", [](Image& i) { i.header().e_ident[EI_DATA] = ELFDATA2MSB; }},
      {"other_machine", "elf-machine", [](Image& i) { i.header().e_machine = EM_S390; }},
      {"object_file", "elf-type", [](Image& i) { i.header().e_type = ET_REL; }},
      {"interpreter", "elf-type", [](Image& i) { i.segment(PT_GNU_EH_FRAME).p_type = PT_INTERP; }},
      {"segment_beyond", "elf-truncated",
       [](Image& i) { i.segment(PT_LOAD).p_filesz = UINT64_MAX; }},
      {"no_dynamic", "elf-malformed", [](Image& i) { i.segment(PT_DYNAMIC).p_type = PT_NULL; }},
      {"no_stack_header", "exec-stack", [](Image& i) { i.segment(PT_GNU_STACK).p_type = PT_NULL; }},
      {"writable_code", "writable-code",
       [](Image& i) { i.segment(PT_LOAD, PF_X).p_flags |= PF_W; }},
      {"newer_glibc", "library-version", [](Image& i) { i.rename("GLIBC_2.2.5", "GLIBC_9.2.5"); }},
      {"other_major", "abi-major", [](Image& i) { i.note().descriptor.abi_major = 2; }},
      {"unknown_capability", "abi-capability",
       [](Image& i) { i.note().descriptor.required = UINT64_C(1) << 63; }},
      {"owner_renamed", "note-missing", [](Image& i) { i.note().owner[0] = 'm'; }},
      {"owner_size", "note-malformed", [](Image& i) { i.note().owner_size = 8; }},
      {"note_type", "note-malformed", [](Image& i) { i.note().type = 2; }},
      {"descriptor_small", "note-malformed", [](Image& i) { i.note().descriptor_size = 152; }},
      {"descriptor_beyond", "note-malformed", [](Image& i) { i.note().descriptor_size = 1 << 20; }},
      {"struct_size", "note-malformed", [](Image& i) { i.note().descriptor.struct_size = 168; }},
      {"name_without_end", "note-malformed",
       [](Image& i) { std::memset(i.note().descriptor.name, 'x', MOULT_NAME_SIZE); }},
      {"version_empty", "note-malformed", [](Image& i) { i.note().descriptor.version[0] = 0; }},
  };
  return all;
}

INSTANTIATE_TEST_SUITE_P(Bad, Patched, testing::ValuesIn(patches()),
                         [](const auto& test) { return test.param.name; });

TEST(Patches, OfNothingLoad) {
  Loader loader;
  Image image(read_file(plugin_path("minimal")));
  ASSERT_EQ(image.note().type, MOULT_NOTE_TYPE);
  write_file(loader.dir / "same.so", image.bytes());
  EXPECT_EQ(loader.refusal(loader.dir / "same.so"), "");
}

TEST(Patches, OfUnknownWantedCapabilitiesLoad) {
  Loader loader;
  Image image(read_file(plugin_path("minimal")));
  image.note().descriptor.capabilities = UINT64_C(1) << 63;
  image.note().descriptor.abi_minor = 99;
  write_file(loader.dir / "newer.so", image.bytes());
  EXPECT_EQ(loader.refusal(loader.dir / "newer.so"), "");
}

/// The loader would say it as well, but the check comes before it.
TEST(Patches, OfANewerLibraryAreRefusedBeforeTheyLoad) {
  Loader loader;
  Image image(read_file(plugin_path("minimal")));
  image.rename("GLIBC_2.2.5", "GLIBC_9.2.5");
  write_file(loader.dir / "newer.so", image.bytes());
  const auto prepared = prepare_plugin(loader.dir / "newer.so", loader.staging(), {});
  ASSERT_FALSE(prepared);
  EXPECT_THAT(prepared.error().message, HasSubstr("it needs version GLIBC_9.2.5 of libc.so.6"));
}

/// Cut anywhere, a file is refused and nothing crashes.
TEST(Patches, OfEveryLengthAreRefused) {
  Loader loader;
  const std::string whole = read_file(plugin_path("minimal"));
  const fs::path file = loader.dir / "cut.so";
  for (std::size_t size = 1; size < whole.size(); size += 97) {
    write_file(file, whole.substr(0, size));
    ASSERT_THAT(loader.refusal(file), HasSubstr("refused by rule elf-")) << size;
  }
}

// ---- Not a readable file
// -------------------------------------------------------------------------

TEST(Files, ThatAreMissing) {
  Loader loader;
  expect_refused(loader, loader.dir / "absent.so", "missing-file");
  fs::create_symlink(loader.dir / "absent.so", loader.dir / "dangling.so");
  expect_refused(loader, loader.dir / "dangling.so", "missing-file");
  fs::create_symlink(loader.dir / "loop.so", loader.dir / "loop.so");
  expect_refused(loader, loader.dir / "loop.so", "missing-file");
}

TEST(Files, ThatAreDirectories) {
  Loader loader;
  expect_refused(loader, loader.dir.path(), "not-a-file");
}

TEST(Files, ThatAreFifosDoNotHang) {
  Loader loader;
  ASSERT_EQ(::mkfifo((loader.dir / "fifo.so").c_str(), 0600), 0);
  expect_refused(loader, loader.dir / "fifo.so", "not-a-file");
}

TEST(Files, ThatAreDevices) {
  Loader loader;
  expect_refused(loader, "/dev/zero", "not-a-file");
}

TEST(Files, ThatAreExecutables) {
  Loader loader;
  expect_refused(loader, fs::read_symlink("/proc/self/exe"), "elf-type");
}

TEST(Files, ThatEverybodyMayWriteTo) {
  Loader loader;
  const fs::path file = loader.dir / "open.so";
  fs::copy_file(plugin_path("minimal"), file);
  fs::permissions(file, fs::perms::others_write, fs::perm_options::add);
  expect_refused(loader, file, "world-writable");
}

TEST(Files, ThatAreTooLarge) {
  Loader loader;
  const fs::path file = loader.dir / "sparse.so";
  write_file(file, "x");
  fs::resize_file(file, (UINT64_C(1) << 30) + 1);
  expect_refused(loader, file, "too-large");
}

/// In a process of its own, as another user where this one is root, who may read everything.
TEST(Files, ThatAreUnreadable) {
  TempDir dir;
  const fs::path file = dir / "secret.so";
  fs::copy_file(plugin_path("minimal"), file);
  fs::permissions(file, fs::perms::none);
  fs::permissions(dir.path(), fs::perms{0755});
  const pid_t child = ::fork();
  if (child == 0) {
    const uid_t nobody = 65534;
    if (::geteuid() == 0 && ::setresuid(nobody, nobody, nobody) != 0) ::_exit(2);
    const std::string message = Loader().refusal(file);  // _exit() would leave its directory
    ::_exit(message.find("refused by rule unreadable: ") != std::string::npos ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace moult::abi
