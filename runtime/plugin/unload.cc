#include "runtime/plugin/unload.h"

#include <dlfcn.h>

#include <fstream>
#include <string>

namespace moult {
namespace {

bool known_to_loader(const std::filesystem::path& library) {
  void* handle = ::dlopen(library.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle != nullptr) ::dlclose(handle);
  return handle != nullptr;
}

bool known_to_kernel(const std::filesystem::path& library) {
  // The file's name is unique; the directory could be shown differently (mounts, escapes).
  const std::string name = library.filename().string();
  std::ifstream maps("/proc/self/maps");
  if (!maps) return true;  // no descriptor is left: nothing proves that it is gone
  for (std::string line; std::getline(maps, line);) {
    if (line.find(name) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

bool is_still_loaded(const std::filesystem::path& library) {
  return known_to_loader(library) || known_to_kernel(library);
}

}  // namespace moult
