#pragma once

#include <gelf.h>
#include <libelf.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace moult {

/// What the entries of a dynamic section say about loading and unloading.
struct DynamicFacts {
  bool is_executable = false;
  bool has_textrel = false;
  bool has_static_tls = false;
  bool forbids_unloading = false;
  std::string_view open_flag;          // one that changes what dlopen does; empty: none
  std::vector<std::string> libraries;  // as named
  std::vector<std::string> run_paths;  // as they stand there, folders separated by ':'
};

/// Reads the dynamic segment into `facts`.
Status read_dynamic(Elf* elf, const GElf_Phdr& segment, const std::filesystem::path& shown,
                    DynamicFacts& facts);

/// Refuses what can't be loaded safely or not be unloaded.
Status judge_dynamic(const DynamicFacts& facts, const std::filesystem::path& shown);

}  // namespace moult
