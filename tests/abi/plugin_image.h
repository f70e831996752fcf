#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "sdk/include/moult/moult.h"

namespace moult::abi {

/// The bytes of a plugin, with its parts named.
class PluginImage {
 public:
  explicit PluginImage(std::string bytes) : bytes_(std::move(bytes)) {}

  Elf64_Ehdr& header() { return at<Elf64_Ehdr>(0); }
  Elf64_Phdr& segment(std::uint32_t type) {
    for (std::size_t i = 0; i < header().e_phnum; i++) {
      auto& segment = at<Elf64_Phdr>(header().e_phoff + i * sizeof(Elf64_Phdr));
      if (segment.p_type == type) return segment;
    }
    throw std::runtime_error("no such segment");
  }
  Elf64_Phdr& segment(std::uint32_t type, std::uint32_t flags) {
    for (std::size_t i = 0; i < header().e_phnum; i++) {
      auto& segment = at<Elf64_Phdr>(header().e_phoff + i * sizeof(Elf64_Phdr));
      if (segment.p_type == type && (segment.p_flags & flags) == flags) return segment;
    }
    throw std::runtime_error("no such segment");
  }
  /// A name of the same length in place of another.
  void rename(const std::string& from, const std::string& to) {
    const std::size_t found = bytes_.find(from + '\0');
    if (found == std::string::npos) throw std::runtime_error("no such name");
    bytes_.replace(found, to.size(), to);
  }
  moult_note& note() {
    const std::string owner(MOULT_NOTE_OWNER, sizeof MOULT_NOTE_OWNER);
    const std::size_t found = bytes_.find(owner + std::string(6, '\0'));
    if (found == std::string::npos) throw std::runtime_error("no note");
    return at<moult_note>(found - offsetof(moult_note, owner));
  }
  std::string& bytes() { return bytes_; }

 private:
  template <typename T>
  T& at(std::size_t offset) {
    return *reinterpret_cast<T*>(bytes_.data() + offset);
  }

  std::string bytes_;
};

}  // namespace moult::abi
