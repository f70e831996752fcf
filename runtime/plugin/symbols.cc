#include "runtime/plugin/symbols.h"

#include <fmt/format.h>
#include <gelf.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "runtime/plugin/elf_section.h"
#include "runtime/plugin/rules.h"
#include "sdk/include/moult/moult.h"

namespace moult {
namespace {

/// What linkers themselves put there.
bool is_toolchain_symbol(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames = {"_init", "_fini", "__bss_start", "_edata",
                                                      "_end"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

/// The name of a version node is an absolute symbol without a size.
bool is_version_node(const GElf_Sym& symbol) {
  return symbol.st_shndx == SHN_ABS && symbol.st_size == 0;
}

bool is_exported(const GElf_Sym& symbol) {
  const auto binding = GELF_ST_BIND(symbol.st_info);
  const auto visibility = GELF_ST_VISIBILITY(symbol.st_other);
  return symbol.st_shndx != SHN_UNDEF && binding != STB_LOCAL && visibility != STV_HIDDEN &&
         visibility != STV_INTERNAL;
}

struct Exports {
  bool entry = false;
  std::string_view unique;
  std::string_view extra;
  std::size_t extra_count = 0;

  void add(const GElf_Sym& symbol, std::string_view name) {
    if (!is_exported(symbol) || is_toolchain_symbol(name) || is_version_node(symbol)) return;
    if (GELF_ST_BIND(symbol.st_info) == STB_GNU_UNIQUE) unique = name;
    if (name == MOULT_ENTRY_NAME && GELF_ST_TYPE(symbol.st_info) == STT_FUNC) {
      entry = true;
      return;
    }
    extra = name;
    extra_count++;
  }
};

Status read_exports(Elf* elf, const ElfSection& section, const std::filesystem::path& shown,
                    Exports& exports) {
  Elf_Data* table = section.data();
  const GElf_Shdr& header = section.header;
  if (table == nullptr || header.sh_entsize == 0) {
    return refuse(shown, rules::kElfMalformed, "its dynamic symbols can't be read");
  }
  const auto count = static_cast<int>(header.sh_size / header.sh_entsize);
  for (int i = 1; i < count; i++) {
    GElf_Sym symbol;
    const char* name = nullptr;
    if (::gelf_getsym(table, i, &symbol) != nullptr) {
      name = ::elf_strptr(elf, header.sh_link, symbol.st_name);
    }
    if (name == nullptr) {
      return refuse(shown, rules::kElfMalformed, "its dynamic symbols can't be read");
    }
    exports.add(symbol, name);
  }
  return Ok{};
}

Status judge(const Exports& exports, const std::filesystem::path& shown) {
  if (!exports.unique.empty()) {
    return refuse(
        shown, rules::kUniqueSymbols,
        fmt::format("'{}' is unique in a process and would be shared with the next version",
                    exports.unique));
  }
  if (!exports.entry) {
    return refuse(shown, rules::kEntryMissing, "it does not export " MOULT_ENTRY_NAME);
  }
  if (exports.extra_count > 0) {
    return refuse(shown, rules::kExtraExports,
                  fmt::format("it exports {} symbols besides " MOULT_ENTRY_NAME ", such as '{}'",
                              exports.extra_count, exports.extra));
  }
  return Ok{};
}

}  // namespace

Status check_symbols(Elf* elf, const std::filesystem::path& shown) {
  const auto section = find_section(elf, SHT_DYNSYM);
  if (!section) return refuse(shown, rules::kElfMalformed, "it has no table of dynamic symbols");
  Exports exports;
  if (Status read = read_exports(elf, *section, shown, exports); !read) return read;
  return judge(exports, shown);
}

}  // namespace moult
