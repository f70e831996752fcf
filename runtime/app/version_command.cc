#include <fmt/format.h>

#include "runtime/app/commands.h"
#include "runtime/app/exit_code.h"
#include "runtime/kafka/version.h"
#include "sdk/include/moult/moult.h"

namespace moult {

int version_command() {
  fmt::print(
      "moult {}\n"
      "plugin ABI {}.{}\n"
      "librdkafka {} (compiled against {})\n",
      MOULT_VERSION, MOULT_ABI_MAJOR, MOULT_ABI_MINOR, kafka::loaded_version(),
      kafka::compiled_version());
  return kExitOk;
}

}  // namespace moult
