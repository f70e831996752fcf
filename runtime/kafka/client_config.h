#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/kafka/handles.h"

namespace moult::kafka {

using Properties = std::map<std::string, std::string>;

/// Says why a property can't be set by a user: denied, owned by the runtime, unknown to the linked
/// librdkafka, or of a wrong value. Nothing when it can. Never repeats the value.
std::optional<std::string> check_property(std::string_view name, std::string_view value);

/// Properties that a user has to choose, each with the reason why there is no default.
Properties required_properties();

/// The configuration of one group membership: the user's properties over our defaults, under what
/// the runtime owns.
Result<ConfHandle> consumer_conf(const std::string& group, const Properties& user);

/// The configuration of a producer beside it: of the consumer's properties those that producers
/// have too, over our defaults, under what the delivery rules ask for.
Result<ConfHandle> producer_conf(const Properties& user);

/// The same with transactions; `id` fences off whoever used it before. The times are short: readers
/// of committed records wait behind a transaction whose producer was killed.
Result<ConfHandle> transactional_producer_conf(const std::string& id, const Properties& user);

/// A consumer that looks up partitions by itself, beside the members of a group: it joins none and
/// commits nothing. librdkafka asks for the name of a group all the same.
Result<ConfHandle> browsing_conf(const std::string& group, const Properties& user);

}  // namespace moult::kafka
