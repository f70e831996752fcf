#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/result.h"
#include "runtime/kafka/handles.h"
#include "runtime/kafka/token_source.h"

namespace moult::kafka {

/// What a client is made of: librdkafka's properties and, where the cluster wants a token that ends
/// and is made anew, who makes it. Both go together, so that no client of a config can be without.
struct Properties : std::map<std::string, std::string> {
  using Map = std::map<std::string, std::string>;
  using Map::Map;
  Properties(Map all) : Map(std::move(all)) {}  // NOLINT: by design

  std::shared_ptr<TokenSource> tokens;
};

/// A configuration and the tokens that belong to it.
struct ClientConf {
  ClientConf(ConfHandle conf, std::shared_ptr<TokenSource> source = nullptr)  // NOLINT: by design
      : handle(std::move(conf)), tokens(std::move(source)) {}

  ConfHandle handle;
  std::shared_ptr<TokenSource> tokens;

  rd_kafka_conf_t* get() const { return handle.get(); }
};

/// Says why a property can't be set by a user: denied, owned by the runtime, unknown to the linked
/// librdkafka, or of a wrong value. Nothing when it can. Never repeats the value.
std::optional<std::string> check_property(std::string_view name, std::string_view value);

/// Whether the group's protocol is that of KIP-848, in which brokers divide the partitions.
bool uses_consumer_protocol(const Properties& properties);

/// Properties that a user has to choose, each with the reason why there is no default.
Properties required_properties();

/// The configuration of one group membership: the user's properties over our defaults, under what
/// the runtime owns.
Result<ClientConf> consumer_conf(const std::string& group, const Properties& user);

/// The configuration of a producer beside it: of the consumer's properties those that producers
/// have too, over our defaults, under what the delivery rules ask for.
Result<ClientConf> producer_conf(const Properties& user);

/// The same with transactions; `id` fences off whoever used it before. The times are short: readers
/// of committed records wait behind a transaction whose producer was killed.
Result<ClientConf> transactional_producer_conf(const std::string& id, const Properties& user);

/// A consumer that looks up partitions by itself, beside the members of a group: it joins none and
/// commits nothing. librdkafka asks for the name of a group all the same.
Result<ClientConf> browsing_conf(const std::string& group, const Properties& user);

}  // namespace moult::kafka
