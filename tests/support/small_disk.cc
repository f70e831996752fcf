#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "runtime/base/unique_fd.h"

namespace moult::testing {
namespace {

constexpr const char* kFiller = "filler";
constexpr std::size_t kBlock = 64ULL * 1024;

}  // namespace

SmallDisk::SmallDisk(std::filesystem::path path, const std::string& size) : path_(std::move(path)) {
  std::filesystem::create_directory(path_);
  mounted_ = ::mount("moult-test", path_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV,
                     ("mode=700,size=" + size).c_str()) == 0;
}

SmallDisk::~SmallDisk() {
  if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
}

void SmallDisk::fill() const {
  const std::filesystem::path filler = path_ / kFiller;
  const UniqueFd fd(::open(filler.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd) throw std::runtime_error("can't fill " + path_.string());
  const std::string block(kBlock, 'x');
  // The last write that gets anything in is a short one.
  while (::write(fd.get(), block.data(), block.size()) > 0) {
  }
}

void SmallDisk::free() const { std::filesystem::remove(path_ / kFiller); }

}  // namespace moult::testing
