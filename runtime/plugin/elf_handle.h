#pragma once

#include <gelf.h>
#include <libelf.h>

#include <memory>

namespace moult {

struct ElfEnd {
  void operator()(Elf* elf) const { ::elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfEnd>;

}  // namespace moult
