#include "runtime/plugin/dynamic.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/plugin/elf_section.h"
#include "runtime/plugin/rules.h"

namespace moult {
namespace {

namespace fs = std::filesystem;

std::string_view open_flag_of(GElf_Xword flags) {
  if ((flags & DF_1_NOOPEN) != 0) return "nodlopen";
  if ((flags & DF_1_GLOBAL) != 0) return "global";
  if ((flags & DF_1_INITFIRST) != 0) return "initfirst";
  return {};
}

Status read_name(Elf* elf, std::size_t strings, const GElf_Dyn& entry, const fs::path& shown,
                 std::vector<std::string>& into) {
  const char* name = strings == 0 ? nullptr : ::elf_strptr(elf, strings, entry.d_un.d_val);
  if (name == nullptr) {
    return refuse(shown, rules::kElfMalformed, "the names of its libraries can't be read");
  }
  into.emplace_back(name);
  return Ok{};
}

void read_flags(const GElf_Dyn& entry, DynamicFacts& facts) {
  const GElf_Xword flags = entry.d_un.d_val;
  if (entry.d_tag == DT_TEXTREL) facts.has_textrel = true;
  if (entry.d_tag == DT_FLAGS) {
    facts.has_textrel = facts.has_textrel || (flags & DF_TEXTREL) != 0;
    facts.has_static_tls = facts.has_static_tls || (flags & DF_STATIC_TLS) != 0;
  }
  if (entry.d_tag == DT_FLAGS_1) {
    facts.forbids_unloading = facts.forbids_unloading || (flags & DF_1_NODELETE) != 0;
    facts.is_executable = facts.is_executable || (flags & DF_1_PIE) != 0;
    if (facts.open_flag.empty()) facts.open_flag = open_flag_of(flags);
  }
}

/// A library is looked for by name, or at one place whatever the daemon's folder is.
bool is_steady(std::string_view path) {
  return path.find('/') == path.npos || path.front() == '/' || path.starts_with("$ORIGIN") ||
         path.starts_with("${ORIGIN}");
}

bool has_relative_part(std::string_view run_path) {
  for (std::string_view rest = run_path;;) {
    const std::size_t colon = rest.find(':');
    const std::string_view part = rest.substr(0, colon);
    // An empty one is the daemon's folder.
    if (part.empty() || (part.front() != '/' && part.front() != '$')) return true;
    if (colon == rest.npos) return false;
    rest.remove_prefix(colon + 1);
  }
}

}  // namespace

Status read_dynamic(Elf* elf, const GElf_Phdr& segment, const fs::path& shown,
                    DynamicFacts& facts) {
  Elf_Data* table = ::elf_getdata_rawchunk(elf, static_cast<std::int64_t>(segment.p_offset),
                                           segment.p_filesz, ELF_T_DYN);
  if (table == nullptr) {
    return refuse(shown, rules::kElfMalformed, "its dynamic section can't be read");
  }
  // Where the names are: sections know it.
  const auto section = find_section(elf, SHT_DYNAMIC);
  const std::size_t strings = section ? section->header.sh_link : 0;
  const auto count = static_cast<int>(segment.p_filesz / sizeof(Elf64_Dyn));
  for (int i = 0; i < count; i++) {
    GElf_Dyn entry;
    if (::gelf_getdyn(table, i, &entry) == nullptr || entry.d_tag == DT_NULL) break;
    read_flags(entry, facts);
    Status named = Ok{};
    if (entry.d_tag == DT_NEEDED) named = read_name(elf, strings, entry, shown, facts.libraries);
    if (entry.d_tag == DT_RUNPATH || entry.d_tag == DT_RPATH) {
      named = read_name(elf, strings, entry, shown, facts.run_paths);
    }
    if (!named) return named;
  }
  return Ok{};
}

Status judge_dynamic(const DynamicFacts& facts, const fs::path& shown) {
  if (facts.is_executable) return refuse(shown, rules::kElfType, "it is an executable");
  if (facts.has_textrel) {
    return refuse(shown, rules::kTextrel, "its code has to be written to at load time");
  }
  if (facts.has_static_tls) {
    return refuse(shown, rules::kStaticTls,
                  "its thread-local variables use up a space that loading can't get back");
  }
  if (facts.forbids_unloading) return refuse(shown, rules::kNodelete, "it forbids unloading");
  if (!facts.open_flag.empty()) {
    return refuse(shown, rules::kOpenFlags,
                  fmt::format("it is linked with -z {}", facts.open_flag));
  }
  for (const std::string& library : facts.libraries) {
    if (is_steady(library)) continue;
    return refuse(shown, rules::kLibraryPath,
                  fmt::format("it needs '{}', which depends on the daemon's folder", library));
  }
  for (const std::string& run_path : facts.run_paths) {
    if (!has_relative_part(run_path)) continue;
    return refuse(shown, rules::kLibraryPath,
                  fmt::format("its run path '{}' depends on the daemon's folder", run_path));
  }
  return Ok{};
}

}  // namespace moult
