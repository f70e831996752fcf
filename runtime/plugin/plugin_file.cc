#include "runtime/plugin/plugin_file.h"

#include <elf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <string_view>

#include "runtime/plugin/dynamic.h"
#include "runtime/plugin/elf_handle.h"
#include "runtime/plugin/rules.h"
#include "runtime/plugin/symbols.h"
#include "runtime/plugin/versions.h"
#include "sdk/include/moult/moult.h"

namespace moult {
namespace {

#if defined(__x86_64__)
constexpr std::uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr std::uint16_t kMachine = EM_AARCH64;
#else
#error "name this machine's ELF number"
#endif
static_assert(std::endian::native == std::endian::little, "note fields are read as they are");

constexpr std::uint64_t kKnownCapabilities = MOULT_CAP_HEADERS | MOULT_CAP_PADDED | MOULT_CAP_STATE;
// Descriptors only grow: this is how large the first one was, and what nothing honest passes.
constexpr std::size_t kMinDescriptor = 160;
constexpr std::size_t kMaxDescriptor = 4096;
static_assert(sizeof(moult_descriptor) >= kMinDescriptor);

/// Everything known about the file while it is being verified.
struct Reading {
  const std::filesystem::path& shown;
  std::uint64_t size;
  Elf* elf = nullptr;
  PluginFacts facts;
  std::uint32_t note_count = 0;
  DynamicFacts dynamic;
  bool has_dynamic = false;
  bool has_stack_header = false;
};

bool fits(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return offset <= size && length <= size - offset;
}

// ---- The file's header, before libelf is asked
// ---------------------------------------------------

Status check_identity(const Elf64_Ehdr& header, const std::filesystem::path& shown) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64) {
    return refuse(shown, rules::kElfClass, "it is not a 64 bit file");
  }
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return refuse(shown, rules::kElfEndian, "it is not a little-endian file");
  }
  if (header.e_machine != kMachine) {
    return refuse(
        shown, rules::kElfMachine,
        fmt::format("it is for ELF machine {}, this one is {}", header.e_machine, kMachine));
  }
  if (header.e_type != ET_DYN) return refuse(shown, rules::kElfType, "it is not a shared object");
  return Ok{};
}

Status check_tables(const Elf64_Ehdr& header, const Reading& file) {
  const auto program = std::uint64_t{header.e_phnum} * header.e_phentsize;
  const auto sections = std::uint64_t{header.e_shnum} * header.e_shentsize;
  if (!fits(header.e_phoff, program, file.size) || !fits(header.e_shoff, sections, file.size)) {
    return refuse(file.shown, rules::kElfTruncated, "it ends before its own tables");
  }
  return Ok{};
}

Status check_header(int fd, const Reading& file) {
  Elf64_Ehdr header{};
  const ssize_t count = ::pread(fd, &header, sizeof header, 0);
  if (count < 0) return refuse(file.shown, rules::kStagingIo, "the private copy can't be read");
  if (count < SELFMAG || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return refuse(file.shown, rules::kElfMagic, "it is not an ELF file");
  }
  if (static_cast<std::size_t>(count) < sizeof header) {
    return refuse(file.shown, rules::kElfTruncated, "it ends within its header");
  }
  if (Status checked = check_identity(header, file.shown); !checked) return checked;
  return check_tables(header, file);
}

// ---- Segments
// ------------------------------------------------------------------------------------

Status check_dynamic(const GElf_Phdr& segment, Reading& file) {
  file.has_dynamic = true;
  return read_dynamic(file.elf, segment, file.shown, file.dynamic);
}

Status check_load(const GElf_Phdr& segment, const Reading& file) {
  if ((segment.p_flags & (PF_W | PF_X)) == (PF_W | PF_X)) {
    return refuse(file.shown, rules::kWritableCode, "its code is writable");
  }
  return Ok{};
}

Status check_stack(const GElf_Phdr& segment, Reading& file) {
  file.has_stack_header = true;
  if ((segment.p_flags & PF_X) != 0) {
    return refuse(file.shown, rules::kExecStack, "it asks for an executable stack");
  }
  return Ok{};
}

// ---- Notes
// ---------------------------------------------------------------------------------------

bool is_terminated(const char (&text)[MOULT_NAME_SIZE]) {
  const std::size_t size = ::strnlen(text, MOULT_NAME_SIZE);
  return size > 0 && size < MOULT_NAME_SIZE;
}

Status check_abi(const moult_descriptor& descriptor, const Reading& file) {
  if (descriptor.abi_major != MOULT_ABI_MAJOR) {
    return refuse(file.shown, rules::kAbiMajor,
                  fmt::format("it is made for ABI {}, this daemon has ABI {}", descriptor.abi_major,
                              MOULT_ABI_MAJOR));
  }
  const std::uint64_t unknown = descriptor.required & ~kKnownCapabilities;
  if (unknown != 0) {
    return refuse(
        file.shown, rules::kAbiCapability,
        fmt::format("it requires capabilities that this daemon does not have (0x{:x})", unknown));
  }
  return Ok{};
}

Status read_descriptor(std::span<const std::byte> bytes, Reading& file) {
  if (bytes.size() < kMinDescriptor || bytes.size() > kMaxDescriptor) {
    return refuse(file.shown, rules::kNoteMalformed,
                  fmt::format("its note's descriptor has {} bytes", bytes.size()));
  }
  moult_descriptor descriptor{};
  std::memcpy(&descriptor, bytes.data(), std::min(bytes.size(), sizeof descriptor));
  if (descriptor.struct_size != bytes.size()) {
    return refuse(file.shown, rules::kNoteMalformed, "its note's sizes differ");
  }
  // The major comes first: the fields behind it may mean something else in another one.
  if (Status checked = check_abi(descriptor, file); !checked) return checked;
  if (!is_terminated(descriptor.name) || !is_terminated(descriptor.version)) {
    return refuse(file.shown, rules::kNoteMalformed, "its name or version has no end or no bytes");
  }
  file.facts.abi_major = descriptor.abi_major;
  file.facts.abi_minor = descriptor.abi_minor;
  file.facts.name = descriptor.name;
  file.facts.version = descriptor.version;
  file.facts.capabilities = descriptor.capabilities | descriptor.required;
  file.facts.descriptor.assign(bytes.begin(), bytes.end());
  return Ok{};
}

std::string to_hex(std::span<const std::byte> bytes) {
  std::string hex;
  for (const std::byte byte : bytes) hex += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return hex;
}

bool is_moult_note(const GElf_Nhdr& note, const char* owner) {
  const std::size_t size = sizeof MOULT_NOTE_OWNER;  // with its NUL
  return note.n_namesz >= size && std::memcmp(owner, MOULT_NOTE_OWNER, size) == 0;
}

bool is_build_id(const GElf_Nhdr& note, const char* owner) {
  return note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU &&
         std::memcmp(owner, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0;
}

Status read_note(const GElf_Nhdr& note, const char* owner, std::span<const std::byte> descriptor,
                 Reading& file) {
  if (is_build_id(note, owner)) file.facts.build_id = to_hex(descriptor);
  if (!is_moult_note(note, owner)) return Ok{};
  if (note.n_type != MOULT_NOTE_TYPE || note.n_namesz != MOULT_NOTE_OWNER_SIZE) {
    return refuse(file.shown, rules::kNoteMalformed, "its note has another type or owner size");
  }
  if (++file.note_count > 1) {
    return refuse(file.shown, rules::kNoteMalformed, "it has more than one note");
  }
  return read_descriptor(descriptor, file);
}

Status read_notes(const GElf_Phdr& segment, Reading& file) {
  const Elf_Type type = segment.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
  Elf_Data* data = ::elf_getdata_rawchunk(file.elf, static_cast<std::int64_t>(segment.p_offset),
                                          segment.p_filesz, type);
  std::size_t offset = 0;
  while (data != nullptr && offset < data->d_size) {
    GElf_Nhdr note;
    std::size_t owner_at = 0;
    std::size_t descriptor_at = 0;
    offset = ::gelf_getnote(data, offset, &note, &owner_at, &descriptor_at);
    if (offset == 0) {
      return refuse(file.shown, rules::kNoteMalformed, "a note's sizes pass its segment");
    }
    const std::span<const std::byte> all(static_cast<const std::byte*>(data->d_buf), data->d_size);
    const auto* owner = reinterpret_cast<const char*>(all.data()) + owner_at;
    if (Status read = read_note(note, owner, all.subspan(descriptor_at, note.n_descsz), file);
        !read) {
      return read;
    }
  }
  return Ok{};
}

// ---- All together
// --------------------------------------------------------------------------------

Status check_segment(const GElf_Phdr& segment, Reading& file) {
  if (!fits(segment.p_offset, segment.p_filesz, file.size)) {
    return refuse(file.shown, rules::kElfTruncated, "it ends before its own segments");
  }
  switch (segment.p_type) {
    case PT_LOAD:
      // Looked at twice; before the note is known only whether the file is whole counts.
      return file.note_count == 0 ? Status(Ok{}) : check_load(segment, file);
    case PT_NOTE:
      return read_notes(segment, file);
    case PT_DYNAMIC:
      return check_dynamic(segment, file);
    case PT_GNU_STACK:
      return check_stack(segment, file);
    case PT_INTERP:
      return refuse(file.shown, rules::kElfType, "it is an executable");
    default:
      return Ok{};
  }
}

/// In the order in which a reader wants to hear it: is it whole, is it a plugin of this ABI, and
/// then only what is wrong with how it was linked.
Status check_segments(Reading& file, std::initializer_list<std::uint32_t> types) {
  std::size_t count = 0;
  if (::elf_getphdrnum(file.elf, &count) != 0) {
    return refuse(file.shown, rules::kElfMalformed, ::elf_errmsg(-1));
  }
  for (std::size_t i = 0; i < count; i++) {
    GElf_Phdr segment;
    if (::gelf_getphdr(file.elf, static_cast<int>(i), &segment) == nullptr) {
      return refuse(file.shown, rules::kElfMalformed, ::elf_errmsg(-1));
    }
    if (std::find(types.begin(), types.end(), segment.p_type) == types.end()) continue;
    if (Status checked = check_segment(segment, file); !checked) return checked;
  }
  return Ok{};
}

Status check_contents(Reading& file) {
  if (Status s = check_segments(file, {PT_LOAD, PT_INTERP}); !s) return s;
  if (Status s = check_segments(file, {PT_NOTE}); !s) return s;
  if (file.note_count == 0) {
    return refuse(file.shown, rules::kNoteMissing, "it has no note of a Moult plugin");
  }
  if (Status s = check_segments(file, {PT_LOAD}); !s) return s;
  if (Status s = check_segments(file, {PT_DYNAMIC}); !s) return s;
  if (!file.has_dynamic) {
    return refuse(file.shown, rules::kElfMalformed, "it has no dynamic section");
  }
  if (Status s = judge_dynamic(file.dynamic, file.shown); !s) return s;
  if (Status s = check_segments(file, {PT_GNU_STACK}); !s) return s;
  if (!file.has_stack_header) {
    return refuse(file.shown, rules::kExecStack, "it does not say that its stack is no code");
  }
  if (Status s = check_symbols(file.elf, file.shown); !s) return s;
  return check_versions(file.elf, file.shown);
}

}  // namespace

Result<PluginFacts> verify_plugin_file(int fd, std::uint64_t size,
                                       const std::filesystem::path& shown) {
  Reading file{.shown = shown, .size = size, .facts = {}, .dynamic = {}};
  if (Status checked = check_header(fd, file); !checked) {
    return Unexpected<Error>{checked.error()};
  }
  MOULT_CHECK(::elf_version(EV_CURRENT) != EV_NONE, "libelf is older than its header");
  const ElfHandle elf(::elf_begin(fd, ELF_C_READ, nullptr));
  if (!elf || ::elf_kind(elf.get()) != ELF_K_ELF) {
    return refuse(shown, rules::kElfMalformed, ::elf_errmsg(-1));
  }
  file.elf = elf.get();
  if (Status checked = check_contents(file); !checked) return Unexpected<Error>{checked.error()};
  return std::move(file.facts);
}

}  // namespace moult
