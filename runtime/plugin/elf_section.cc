#include "runtime/plugin/elf_section.h"

namespace moult {

std::optional<ElfSection> find_section(Elf* elf, std::uint32_t type) {
  for (Elf_Scn* at = ::elf_nextscn(elf, nullptr); at != nullptr; at = ::elf_nextscn(elf, at)) {
    ElfSection found{at};
    if (::gelf_getshdr(at, &found.header) != nullptr && found.header.sh_type == type) return found;
  }
  return std::nullopt;
}

}  // namespace moult
