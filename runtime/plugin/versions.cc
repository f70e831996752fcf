#include "runtime/plugin/versions.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <link.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "runtime/base/unique_fd.h"
#include "runtime/plugin/elf_handle.h"
#include "runtime/plugin/elf_section.h"
#include "runtime/plugin/rules.h"

namespace moult {
namespace {

namespace fs = std::filesystem;

// Libraries have a few dozen versions. Bounds a file whose lists go round.
constexpr int kMaxEntries = 10'000;

struct LibraryClose {
  void operator()(void* library) const { ::dlclose(library); }
};

/// Where the loader found a library of that name for this process; empty: it has none.
std::string path_of_loaded(const char* library) {
  const std::unique_ptr<void, LibraryClose> handle(::dlopen(library, RTLD_LAZY | RTLD_NOLOAD));
  link_map* map = nullptr;
  if (!handle || ::dlinfo(handle.get(), RTLD_DI_LINKMAP, &map) != 0) return {};
  return map->l_name;
}

std::set<std::string> versions_defined_in(Elf* elf) {
  std::set<std::string> versions;
  const auto section = find_section(elf, SHT_GNU_verdef);
  Elf_Data* data = section ? section->data() : nullptr;
  if (data == nullptr) return versions;
  int offset = 0;
  for (int i = 0; i < kMaxEntries; i++) {
    GElf_Verdef definition;
    GElf_Verdaux name;
    if (::gelf_getverdef(data, offset, &definition) == nullptr) break;
    const auto names = offset + static_cast<int>(definition.vd_aux);
    if (::gelf_getverdaux(data, names, &name) == nullptr) break;
    const char* text = ::elf_strptr(elf, section->header.sh_link, name.vda_name);
    if (text != nullptr) versions.emplace(text);
    if (definition.vd_next == 0) break;
    offset += static_cast<int>(definition.vd_next);
  }
  return versions;
}

/// Nothing when there is no such library here, or it can't be read: the loader will tell.
std::optional<std::set<std::string>> versions_of_loaded(const char* library) {
  const std::string path = path_of_loaded(library);
  if (path.empty()) return std::nullopt;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  const ElfHandle elf(::elf_begin(fd.get(), ELF_C_READ, nullptr));
  if (!elf) return std::nullopt;
  return versions_defined_in(elf.get());
}

class NeededVersions {
 public:
  NeededVersions(Elf* elf, const ElfSection& section, const fs::path& shown)
      : elf_(elf), strings_(section.header.sh_link), data_(section.data()), shown_(shown) {}

  Status check() const {
    if (data_ == nullptr) return malformed();
    std::int64_t offset = 0;
    for (int i = 0; i < kMaxEntries; i++) {
      GElf_Verneed need;
      if (!in_section(offset) ||
          ::gelf_getverneed(data_, static_cast<int>(offset), &need) == nullptr) {
        return malformed();
      }
      const char* library = ::elf_strptr(elf_, strings_, need.vn_file);
      if (library == nullptr) return malformed();
      if (Status checked = check_library(library, offset + need.vn_aux, need.vn_cnt); !checked) {
        return checked;
      }
      if (need.vn_next == 0) return Ok{};
      offset += need.vn_next;
    }
    return malformed();
  }

 private:
  bool in_section(std::int64_t offset) const {
    return offset >= 0 && offset < static_cast<std::int64_t>(data_->d_size);
  }

  Status malformed() const {
    return refuse(shown_, rules::kElfMalformed, "the versions that it needs can't be read");
  }

  Status check_library(const char* library, std::int64_t offset, int count) const {
    const auto defined = versions_of_loaded(library);
    for (int i = 0; i < count; i++) {
      GElf_Vernaux need;
      if (!in_section(offset) ||
          ::gelf_getvernaux(data_, static_cast<int>(offset), &need) == nullptr) {
        return malformed();
      }
      const char* version = ::elf_strptr(elf_, strings_, need.vna_name);
      if (version == nullptr) return malformed();
      const bool is_weak = (need.vna_flags & VER_FLG_WEAK) != 0;
      // A library without versions is taken as it is, as the loader does.
      if (defined && !defined->empty() && !is_weak && !defined->contains(version)) {
        return refuse(
            shown_, rules::kLibraryVersion,
            fmt::format("it needs version {} of {}, which is older here", version, library));
      }
      if (need.vna_next == 0) break;
      offset += need.vna_next;
    }
    return Ok{};
  }

  Elf* elf_;
  std::size_t strings_;  // the section with the names
  Elf_Data* data_;
  const fs::path& shown_;
};

}  // namespace

Status check_versions(Elf* elf, const fs::path& shown) {
  const auto section = find_section(elf, SHT_GNU_verneed);
  if (!section) return Ok{};
  return NeededVersions(elf, *section, shown).check();
}

}  // namespace moult
