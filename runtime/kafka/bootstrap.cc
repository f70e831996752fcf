#include "runtime/kafka/bootstrap.h"

#include <fmt/format.h>

#include "runtime/base/parts.h"

namespace moult::kafka {
namespace {

std::string_view behind(std::string_view text, std::string_view mark) {
  const std::size_t at = text.rfind(mark);
  return at == text.npos ? text : text.substr(at + mark.size());
}

BrokerAddress address_of(std::string_view entry) {
  std::string_view rest = behind(behind(entry, "://"), "@");
  BrokerAddress address;
  if (const std::size_t bracket = rest.find(']'); rest.starts_with('[') && bracket != rest.npos) {
    address.host = rest.substr(1, bracket - 1);
    rest.remove_prefix(bracket + 1);
    if (rest.starts_with(':') && rest.size() > 1) address.port = rest.substr(1);
    return address;
  }
  const std::size_t colon = rest.rfind(':');
  address.host = rest.substr(0, colon);
  if (colon != rest.npos && colon + 1 < rest.size()) address.port = rest.substr(colon + 1);
  return address;
}

}  // namespace

std::string BrokerAddress::to_string() const {
  return host.find(':') == host.npos ? fmt::format("{}:{}", host, port)
                                     : fmt::format("[{}]:{}", host, port);
}

std::vector<BrokerAddress> broker_addresses(std::string_view list) {
  std::vector<BrokerAddress> addresses;
  for (const std::string_view entry : parts_of(list, ',')) {
    if (!entry.empty()) addresses.push_back(address_of(entry));
  }
  return addresses;
}

std::string_view bootstrap_servers(const Properties& properties) {
  for (const char* name : {"bootstrap.servers", "metadata.broker.list"}) {
    if (const auto at = properties.find(name); at != properties.end()) return at->second;
  }
  return {};
}

}  // namespace moult::kafka
