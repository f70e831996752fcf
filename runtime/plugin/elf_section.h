#pragma once

#include <gelf.h>
#include <libelf.h>

#include <cstdint>
#include <optional>

namespace moult {

/// A section, valid as long as its Elf.
struct ElfSection {
  Elf_Scn* section = nullptr;
  GElf_Shdr header{};

  /// Null when it can't be read.
  Elf_Data* data() const { return ::elf_getdata(section, nullptr); }
};

/// The first section of a type (SHT_…).
std::optional<ElfSection> find_section(Elf* elf, std::uint32_t type);

}  // namespace moult
