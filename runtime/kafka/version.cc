#include "runtime/kafka/version.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

namespace moult::kafka {

std::string compiled_version() {
  constexpr unsigned kNumber = RD_KAFKA_VERSION;
  return fmt::format("{}.{}.{}", kNumber >> 24, kNumber >> 16 & 0xff, kNumber >> 8 & 0xff);
}

std::string loaded_version() { return rd_kafka_version_str(); }

int loaded_version_number() { return rd_kafka_version(); }

}  // namespace moult::kafka
