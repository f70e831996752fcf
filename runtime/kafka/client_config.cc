#include "runtime/kafka/client_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

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

/// What makes librdkafka fit this runtime where the user says nothing.
Properties defaults(const Properties& user) {
  Properties result = {{"client.id", "moult"}};
  // Measured: at its default of 1,000 ms a fast consumer starves at half of its throughput.
  if (known("fetch.queue.backoff.ms")) result["fetch.queue.backoff.ms"] = "5";
  const auto protocol = user.find("group.protocol");
  const bool classic = protocol == user.end() || protocol->second != "consumer";
  if (classic) {
    result["partition.assignment.strategy"] =
        loaded_version_number() >= kCooperativeIsSafe ? "cooperative-sticky" : "range";
  }
  return result;
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
      return fmt::format("librdkafka {} has no property '{}'", loaded_version(), name);
    case RD_KAFKA_CONF_INVALID:
      // librdkafka's own text would repeat the value, which may be a secret.
      return fmt::format("librdkafka {} does not accept this value of '{}'", loaded_version(),
                         name);
  }
  return fmt::format("librdkafka refuses '{}'", name);
}

Properties required_properties() {
  return {{"auto.offset.reset",
           "without a committed offset 'earliest' handles all that is there, 'latest' skips it, "
           "'error' handles nothing"}};
}

Result<ConfHandle> consumer_conf(const std::string& group, const Properties& user) {
  ConfHandle conf(rd_kafka_conf_new());
  Properties all = user;
  all.merge(defaults(user));
  all["group.id"] = group;
  for (const auto& [name, value] : kOwnedValues) all[std::string(name)] = value;
  for (const auto& [name, value] : all) {
    if (set(conf.get(), name, value).code != RD_KAFKA_CONF_OK) {
      return failure(fmt::format("librdkafka {} refuses the property '{}' of group '{}'",
                                 loaded_version(), name, group));
    }
  }
  return conf;
}

}  // namespace moult::kafka
