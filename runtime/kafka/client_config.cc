#include "runtime/kafka/client_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "runtime/base/lower_case.h"
#include "runtime/base/nearest.h"
#include "runtime/kafka/property_names.h"
#include "runtime/kafka/version.h"

namespace moult::kafka {
namespace {

using Entry = std::pair<std::string_view, std::string_view>;

// They load code or run commands.
constexpr std::array kDenied = {
    Entry{"plugin.library.paths", "it loads code into the daemon"},
    Entry{"ssl.engine.location", "it loads code into the daemon"},
    Entry{"ssl.providers", "it loads code into the daemon"},
    Entry{"sasl.kerberos.kinit.cmd", "it runs a shell command"},
};

// The delivery rules stand on these.
constexpr std::array kOwned = {
    Entry{"group.id", "set it as the consumer's `group`"},
    Entry{"enable.auto.commit", "offsets are committed once handled; see `commit_interval`"},
    Entry{"auto.commit.interval.ms", "see `commit_interval`"},
    Entry{"enable.auto.offset.store", "offsets are committed once handled"},
    Entry{"enable.partition.eof", "the runtime needs the ends of partitions for its offsets"},
    Entry{"offset.store.method", "offsets are stored on the broker"},
    Entry{"auto.commit.enable", "offsets are committed once handled; see `commit_interval`"},
};

constexpr std::array kOwnedValues = {
    Entry{"enable.auto.commit", "false"},
    Entry{"enable.auto.offset.store", "false"},
    Entry{"enable.partition.eof", "true"},
};

template <std::size_t N>
std::optional<std::string_view> lookup(const std::array<Entry, N>& table, std::string_view name) {
  const auto at = std::ranges::find(table, name, &Entry::first);
  return at == table.end() ? std::nullopt : std::optional(at->second);
}

struct SetResult {
  rd_kafka_conf_res_t code;
  std::string error;
};

SetResult set(rd_kafka_conf_t* conf, std::string_view name, std::string_view value) {
  std::array<char, 512> error{};
  const auto code = rd_kafka_conf_set(conf, std::string(name).c_str(), std::string(value).c_str(),
                                      error.data(), error.size());
  return {code, error.data()};
}

bool known(std::string_view name) {
  const ConfHandle conf(rd_kafka_conf_new());
  std::size_t size = 0;
  return rd_kafka_conf_get(conf.get(), std::string(name).c_str(), nullptr, &size) ==
         RD_KAFKA_CONF_OK;
}

std::string unknown(std::string_view name) {
  const std::vector<std::string> all = property_names();
  return fmt::format("librdkafka {} has no property '{}'{}", loaded_version(), name,
                     did_you_mean(name, std::vector<std::string_view>(all.begin(), all.end())));
}

/// What makes librdkafka fit this runtime where the user says nothing.
Properties defaults(const Properties& user) {
  Properties result = {{"client.id", "moult"}};
  // Measured: at its default of 1,000 ms a fast consumer starves at half of its throughput.
  if (known("fetch.queue.backoff.ms")) result["fetch.queue.backoff.ms"] = "5";
  if (!uses_consumer_protocol(user)) {
    result["partition.assignment.strategy"] =
        loaded_version_number() >= kCooperativeIsSafe ? "cooperative-sticky" : "range";
  }
  return result;
}

// A delivery that fails is tried again by its lane, which says so each time: it had better not wait
// in silence for librdkafka's five minutes.
const Properties kProducerDefaults = {{"client.id", "moult"},
                                      {"message.timeout.ms", "30000"},
                                      // A record may be as large as its topic allows: the broker
                                      // says what is too large.
                                      {"message.max.bytes", "33554432"},
                                      {"queue.buffering.max.kbytes", "32768"}};

constexpr std::array kTransactionTimes = {
    Entry{"transaction.timeout.ms", "15000"},
    Entry{"message.timeout.ms", "15000"},  // no longer than its transaction
};

// Nothing is skipped but what retention took, and little is held.
constexpr std::array kBrowsing = {
    Entry{"auto.offset.reset", "earliest"},
    Entry{"isolation.level", "read_committed"},
    Entry{"queued.max.messages.kbytes", "16384"},
};

/// Under whatever name the user has set it.
void add_default(Properties& all, const PropertyAliases& aliases, const std::string& name,
                 const std::string& value) {
  const auto is_set = [&](const std::string& other) { return all.contains(other); };
  if (std::ranges::none_of(other_names(aliases, name), is_set)) all.emplace(name, value);
}

void override_with(Properties& all, const PropertyAliases& aliases, const std::string& name,
                   const std::string& value) {
  for (const std::string& other : other_names(aliases, name)) all.erase(other);
  all[name] = value;
}

Properties producer_properties(const Properties& user) {
  const PropertyAliases aliases = property_aliases();
  Properties all = user;
  for (const std::string& name : consumer_only_property_names()) all.erase(name);
  for (const auto& [name, value] : kProducerDefaults) add_default(all, aliases, name, value);
  all["enable.idempotence"] = "true";
  override_with(all, aliases, "acks", "all");
  return all;
}

Result<ClientConf> conf_of(const Properties& properties, std::string_view whose) {
  ConfHandle conf(rd_kafka_conf_new());
  for (const auto& [name, value] : properties) {
    if (set(conf.get(), name, value).code != RD_KAFKA_CONF_OK) {
      return failure(fmt::format("librdkafka {} refuses the property '{}' of {}", loaded_version(),
                                 name, whose));
    }
  }
  return ClientConf(std::move(conf), properties.tokens);
}

}  // namespace

std::optional<std::string> check_property(std::string_view name, std::string_view value) {
  if (const auto why = lookup(kDenied, name)) return fmt::format("'{}' is refused: {}", name, *why);
  if (const auto cure = lookup(kOwned, name)) {
    return fmt::format("'{}' belongs to the runtime: {}", name, *cure);
  }
  const ConfHandle conf(rd_kafka_conf_new());
  switch (set(conf.get(), name, value).code) {
    case RD_KAFKA_CONF_OK:
      return std::nullopt;
    case RD_KAFKA_CONF_UNKNOWN:
      return unknown(name);
    case RD_KAFKA_CONF_INVALID:
      // librdkafka's own text would repeat the value, which may be a secret.
      return fmt::format("librdkafka {} does not accept this value of '{}'", loaded_version(),
                         name);
  }
  return fmt::format("librdkafka refuses '{}'", name);
}

bool uses_consumer_protocol(const Properties& properties) {
  const auto protocol = properties.find("group.protocol");
  return protocol != properties.end() && lower_case(protocol->second) == "consumer";
}

Properties required_properties() {
  return {{"auto.offset.reset",
           "without a committed offset 'earliest' handles all that is there, 'latest' skips it, "
           "'error' handles nothing"}};
}

Result<ClientConf> consumer_conf(const std::string& group, const Properties& user) {
  Properties all = user;
  all.merge(defaults(user));
  all["group.id"] = group;
  for (const auto& [name, value] : kOwnedValues) all[std::string(name)] = value;
  return conf_of(all, fmt::format("group '{}'", group));
}

Result<ClientConf> producer_conf(const Properties& user) {
  return conf_of(producer_properties(user), "the producer");
}

Result<ClientConf> transactional_producer_conf(const std::string& id, const Properties& user) {
  const PropertyAliases aliases = property_aliases();
  Properties all = producer_properties(user);
  for (const auto& [name, value] : kTransactionTimes) {
    override_with(all, aliases, std::string(name), std::string(value));
  }
  // Librdkafka wants it below the transaction's time, and does so itself where nobody has set it.
  all.erase("socket.timeout.ms");
  all["transactional.id"] = id;
  return conf_of(all, "the producer");
}

Result<ClientConf> browsing_conf(const std::string& group, const Properties& user) {
  Properties all = user;
  for (const auto& [name, value] : kBrowsing) all[std::string(name)] = value;
  all.erase("group.instance.id");  // the place of a member
  return consumer_conf(group, all);
}

}  // namespace moult::kafka
