#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace moult::kafka {

/// Every property of the loaded librdkafka that a config can set, aliases too.
std::vector<std::string> property_names();

/// Those of them that a consumer has and a producer has not.
std::vector<std::string> consumer_only_property_names();

/// Of each alias the name that it stands for.
using PropertyAliases = std::map<std::string, std::string, std::less<>>;
PropertyAliases property_aliases();

/// Under which librdkafka has the same property as well.
std::vector<std::string> other_names(const PropertyAliases& aliases, std::string_view name);

}  // namespace moult::kafka
