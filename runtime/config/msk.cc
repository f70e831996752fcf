#include "runtime/config/msk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "runtime/base/parts.h"
#include "runtime/config/fields.h"
#include "runtime/config/sections.h"
#include "runtime/config/text.h"

namespace moult::config {
namespace {

constexpr std::size_t kMaxRegion = 40;
constexpr std::array<std::string_view, 2> kAwsDomains = {".amazonaws.com", ".amazonaws.com.cn"};

/// The ports at which MSK's brokers listen, inside of their network and from elsewhere.
struct MskPort {
  std::string_view port;
  std::string_view speaks;
  bool for_scram;
  bool for_iam;
};
constexpr std::array kPorts = {
    MskPort{"9092", "plaintext", false, false}, MskPort{"9094", "TLS", false, false},
    MskPort{"9194", "TLS", false, false},       MskPort{"9096", "SASL/SCRAM", true, false},
    MskPort{"9196", "SASL/SCRAM", true, false}, MskPort{"9098", "IAM", false, true},
    MskPort{"9198", "IAM", false, true},
};

struct Broker {
  std::string_view host;
  std::string_view port;  // empty: there is none
};

/// Of `PROTOCOL://host:port`; the protocol may be missing.
Broker broker_of(std::string_view text) {
  if (const std::size_t at = text.find("://"); at != std::string_view::npos) {
    text.remove_prefix(at + 3);
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

std::vector<Broker> brokers_of(std::string_view list) {
  std::vector<Broker> brokers;
  for (const std::string_view entry : parts_of(list, ',')) {
    if (!entry.empty()) brokers.push_back(broker_of(entry));
  }
  return brokers;
}

bool is_aws(std::string_view host) {
  return std::any_of(kAwsDomains.begin(), kAwsDomains.end(),
                     [&](std::string_view domain) { return host.ends_with(domain); });
}

/// In b-1.orders.a1b2c3.c2.kafka.eu-west-1.amazonaws.com the label before the domain; a load
/// balancer's or an endpoint's name has another one there.
std::string_view region_in(std::string_view host) {
  for (const std::string_view domain : kAwsDomains) {
    if (!host.ends_with(domain)) continue;
    host.remove_suffix(domain.size());
    const std::size_t dot = host.rfind('.');
    if (dot == std::string_view::npos) return {};
    const std::string_view before = host.substr(0, dot);
    const std::string_view service = before.substr(before.rfind('.') + 1);
    const bool is_msk = service == "kafka" || service.starts_with("kafka-");
    return is_msk ? host.substr(dot + 1) : std::string_view();
  }
  return {};
}

/// Nothing for good ones, and for those of other places than AWS.
std::optional<std::string> port_problem(PresetKind kind, const Broker& broker) {
  if (!is_aws(broker.host)) return std::nullopt;
  const bool scram = kind == PresetKind::kMsk;
  const std::string_view good =
      scram ? "9096 (9196 from outside of its network)" : "9098 (9198 from outside of its network)";
  if (broker.port.empty()) {
    return fmt::format("has no port; with preset {} it is {}", name_of(kind), good);
  }
  const auto* const known = std::find_if(
      kPorts.begin(), kPorts.end(), [&](const MskPort& port) { return port.port == broker.port; });
  // Others are those of private links.
  if (known == kPorts.end() || (scram ? known->for_scram : known->for_iam)) return std::nullopt;
  return fmt::format("has port {}, at which MSK speaks {}; with preset {} it is {}", broker.port,
                     known->speaks, name_of(kind), good);
}

void check_ports(Reading& reading, const Preset& preset, const std::string& name,
                 const KafkaProperty& property) {
  std::optional<std::string> wrong;
  for (const Broker& broker : brokers_of(property.value)) {
    if (!wrong) wrong = port_problem(preset.kind, broker);
  }
  if (!wrong) return;
  reading.problems.add({property.place.line, property.place.column},
                       fmt::format("{} {}", in_quotes(name), *wrong));
}

/// What would be taken for the credentials, or make another token than ours.
bool is_needless_with_iam(std::string_view name) {
  return name == "sasl.username" || name == "sasl.password" ||
         name.starts_with("sasl.oauthbearer.") || name.starts_with("enable.sasl.oauthbearer.");
}

bool is_region(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRegion &&
         std::all_of(text.begin(), text.end(), [](char byte) {
           return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
         });
}

}  // namespace

void read_region(Reading& reading, const MaybeValue& value, std::string& into) {
  if (!read_text(reading, value, into) || is_region(into)) return;
  add_problem(reading, *value, "is no AWS region, such as eu-west-1");
  into.clear();
}

void check_msk(Reading& reading, const Preset& preset, const KafkaProperties& section) {
  for (const auto& [name, property] : section) {
    if (lists_brokers(name)) check_ports(reading, preset, name, property);
    if (preset.kind != PresetKind::kMskIam || !is_needless_with_iam(name)) continue;
    reading.problems.add(
        {property.place.line, property.place.column},
        fmt::format("{} has no place beside preset msk-iam, which makes its tokens "
                    "of AWS credentials; remove one of them",
                    in_quotes(name)));
  }
}

void require_msk_user(Reading& reading, const Preset& preset, TextPlace consumer,
                      const KafkaProperties& properties) {
  if (preset.kind != PresetKind::kMsk) return;
  for (const char* const name : {"sasl.username", "sasl.password"}) {
    if (properties.contains(name)) continue;
    reading.problems.add(
        consumer, fmt::format("consumer has no '{}', which preset msk needs; set it under 'kafka' "
                              "to what the cluster's secret in AWS Secrets Manager says",
                              name));
  }
}

std::optional<AwsIamConfig> aws_iam_of(Reading& reading, Preset& preset,
                                       const KafkaProperties& properties) {
  if (preset.kind != PresetKind::kMskIam) return std::nullopt;
  AwsIamConfig aws = preset.aws;
  // The brokers' own region is the one that they want to see.
  for (const auto& [name, property] : properties) {
    if (!lists_brokers(name)) continue;
    for (const Broker& broker : brokers_of(property.value)) {
      if (aws.region.empty()) aws.region = region_in(broker.host);
    }
  }
  for (const char* const name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (aws.region.empty() && reading.context.environment) {
      aws.region = reading.context.environment(name).value_or("");
    }
  }
  if (!is_region(aws.region) && !preset.region_missed) {
    preset.region_missed = true;
    add_preset_problem(
        reading, preset,
        aws.region.empty()
            ? "the brokers' names don't tell their AWS region; set 'aws: {region: …}' "
              "or AWS_REGION"
            : "what the brokers' names or AWS_REGION have is no AWS region, such as "
              "eu-west-1; set 'aws: {region: …}'");
  }
  return aws;
}

}  // namespace moult::config
