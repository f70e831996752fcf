#include "runtime/aws/endpoint_credentials.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "runtime/aws/credential_json.h"
#include "runtime/aws/http.h"
#include "runtime/base/lower_case.h"

namespace moult::aws {
namespace {

constexpr std::string_view kContainerService = "http://169.254.170.2";
constexpr std::string_view kInstanceService = "http://169.254.169.254";
constexpr std::string_view kRolePath = "/latest/meta-data/iam/security-credentials/";
constexpr std::size_t kMaxTokenBytes = 16UL * 1024;

constexpr long kOk = 200;
constexpr long kNotFound = 404;

bool is_loopback(const std::string& host) {
  in_addr address{};
  if (host == "localhost" || host == "[::1]") return true;
  // The first byte: the address is in network order.
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

/// Of ECS, and of EKS Pod Identity by IPv4 and IPv6.
bool is_aws_service(const std::string& host) {
  constexpr std::array<std::string_view, 3> kHosts = {"169.254.170.2", "169.254.170.23",
                                                      "[fd00:ec2::23]"};
  return std::find(kHosts.begin(), kHosts.end(), host) != kHosts.end();
}

/// The host in `http://host:port/path`, an IPv6 address with its brackets.
std::string host_of(std::string_view url) {
  url.remove_prefix(std::min(url.find("://") + 3, url.size()));
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  if (authority.starts_with('[')) return std::string(authority.substr(0, authority.find(']') + 1));
  return std::string(authority.substr(0, authority.find(':')));
}

/// It becomes a header of its own.
bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

bool may_be_asked(const std::string& url) {
  const std::string lower = lower_case(url);
  if (lower.find('@') != lower.npos) return false;  // a user in front of the host
  if (lower.starts_with("https://")) return true;
  const std::string host = host_of(lower);
  return lower.starts_with("http://") && (is_loopback(host) || is_aws_service(host));
}

/// Of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE (read each time: it is renewed) or …_TOKEN; empty when
/// neither is set.
Result<std::string> container_authorization(const Environment& environment) {
  const std::string file = variable(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  std::string token = variable(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (!file.empty()) {
    std::ifstream stream(file, std::ios::binary);
    token.assign(kMaxTokenBytes + 1, '\0');
    stream.read(token.data(), static_cast<std::streamsize>(token.size()));
    token.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
    if (token.empty()) {
      return failure(fmt::format(
          "can't read {}, which AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names, or it is empty",
          file));
    }
  }
  while (token.ends_with('\n') || token.ends_with('\r')) token.pop_back();
  if (is_one_line(token) && token.size() <= kMaxTokenBytes) return token;
  return failure("the authorization token of the container is more than a line of text");
}

Result<std::optional<Credentials>> credentials_in(const HttpResponse& response,
                                                  const std::string& place) {
  if (response.status != kOk) {
    return failure(fmt::format("{}: answers with status {}", place, response.status));
  }
  auto credentials = parse_credentials(response.body);
  if (!credentials) return failure(fmt::format("{}: {}", place, credentials.error().message));
  return std::optional(std::move(*credentials));
}

}  // namespace

Result<std::optional<Credentials>> from_container(const Environment& environment,
                                                  std::chrono::milliseconds timeout,
                                                  const std::stop_token& stop) {
  const std::string relative = variable(environment, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  std::string url = variable(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!relative.empty()) url = std::string(kContainerService) + relative;
  if (url.empty()) return std::optional<Credentials>();
  if (!may_be_asked(url) || (!relative.empty() && !relative.starts_with('/'))) {
    return failure(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http to this machine or to "
        "169.254.170.2 or 169.254.170.23, and …_RELATIVE_URI a path");
  }
  const auto token = container_authorization(environment);
  if (!token) return Unexpected(token.error());
  HttpRequest request{.url = url, .timeout = timeout};
  if (!token->empty()) request.headers.emplace_back("Authorization", *token);
  const auto response = fetch(request, stop);
  if (!response) return Unexpected(response.error());
  return credentials_in(*response, url.substr(0, url.find('?')));
}

Result<std::optional<Credentials>> from_instance(const Environment& environment,
                                                 std::chrono::milliseconds timeout,
                                                 const std::stop_token& stop) {
  if (lower_case(variable(environment, "AWS_EC2_METADATA_DISABLED")) == "true") {
    return std::optional<Credentials>();
  }
  std::string service = variable(environment, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  const bool is_named = !service.empty();
  if (!is_named) service = kInstanceService;
  while (service.ends_with('/')) service.pop_back();
  const auto session = fetch({.method = HttpRequest::Method::kPut,
                              .url = service + "/latest/api/token",
                              .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}},
                              .timeout = timeout},
                             stop);
  if (!session && is_named) return Unexpected(session.error());
  // Most machines are no instances; containers on one may be a hop too far away.
  if (!session) {
    return failure(
        fmt::format("none are set up (AWS_ACCESS_KEY_ID, a profile in ~/.aws/credentials, a "
                    "container's role), and no instance's metadata service answers: {}",
                    session.error().message));
  }
  if (session->status != kOk || !is_one_line(session->body)) {
    return failure(
        fmt::format("{}/latest/api/token: answers with status {}", service, session->status));
  }
  const auto ask = [&](const std::string& path) {
    return fetch({.url = service + path,
                  .headers = {{"X-aws-ec2-metadata-token", session->body}},
                  .timeout = timeout},
                 stop);
  };
  const std::string roles(kRolePath);
  const auto role = ask(roles);
  if (!role) return Unexpected(role.error());
  if (role->status == kNotFound) return failure("this instance has no role: give it one");
  if (role->status != kOk || role->body.empty()) {
    return failure(fmt::format("{}{}: answers with status {}", service, roles, role->status));
  }
  const std::string path = roles + role->body.substr(0, role->body.find('\n'));
  const auto response = ask(path);
  if (!response) return Unexpected(response.error());
  return credentials_in(*response, service + path);
}

}  // namespace moult::aws
