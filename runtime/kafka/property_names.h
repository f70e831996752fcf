#pragma once

#include <string>
#include <vector>

namespace moult::kafka {

/// Every property of the loaded librdkafka that a config can set, aliases too.
std::vector<std::string> property_names();

/// Those of them that a consumer has and a producer has not.
std::vector<std::string> consumer_only_property_names();

}  // namespace moult::kafka
