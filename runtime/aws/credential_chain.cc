#include "runtime/aws/credential_chain.h"

#include <fmt/format.h>

#include <filesystem>

#include "runtime/aws/endpoint_credentials.h"
#include "runtime/aws/shared_credentials.h"

namespace moult::aws {
namespace {

using Found = Result<std::optional<Credentials>>;

Found from_environment(const CredentialPlaces& places) {
  Credentials credentials{variable(places.environment, "AWS_ACCESS_KEY_ID"),
                          variable(places.environment, "AWS_SECRET_ACCESS_KEY"),
                          variable(places.environment, "AWS_SESSION_TOKEN"), std::nullopt};
  const bool has_id = !credentials.access_key_id.empty();
  const bool has_secret = !credentials.secret_access_key.empty();
  if (!has_id && !has_secret) return std::optional<Credentials>();
  if (has_id && has_secret) return std::optional(std::move(credentials));
  return failure(fmt::format("{} is set and {} is not: set both, or neither",
                             has_id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                             has_id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID"));
}

Found from_shared_file(const CredentialPlaces& places) {
  std::filesystem::path file = variable(places.environment, "AWS_SHARED_CREDENTIALS_FILE");
  const std::string home = variable(places.environment, "HOME");
  if (file.empty() && !home.empty()) file = std::filesystem::path(home) / ".aws/credentials";
  const std::string by_variable = variable(places.environment, "AWS_PROFILE");
  const bool is_named = !places.profile.empty() || !by_variable.empty();
  const std::string name = !places.profile.empty() ? places.profile
                           : is_named              ? by_variable
                                                   : std::string("default");
  if (file.empty() && !is_named) return std::optional<Credentials>();
  auto found = read_profile(file, name);
  if (!found || *found || !is_named) return found;
  return failure(
      fmt::format("no profile '{}' in {}", name,
                  file.empty() ? "a shared credentials file: HOME is not set" : file.string()));
}

/// Kubernetes gives these to a pod for a kind of credentials that another service hands out. What
/// comes behind them would be those of the node, with the rights of the node.
Found refuse_web_identity(const CredentialPlaces& places) {
  if (variable(places.environment, "AWS_WEB_IDENTITY_TOKEN_FILE").empty())
    return std::optional<Credentials>();
  return failure(
      "AWS_WEB_IDENTITY_TOKEN_FILE is set, and roles by web identity are not supported: use EKS "
      "Pod "
      "Identity for this service account, or unset it");
}

}  // namespace

Result<Credentials> find_credentials(const CredentialPlaces& places, const std::stop_token& stop) {
  const auto find = [&]() -> Found {
    if (!places.profile.empty()) return from_shared_file(places);
    for (const auto place : {from_environment, from_shared_file, refuse_web_identity}) {
      Found found = place(places);
      if (!found || *found) return found;
    }
    Found found = from_container(places.environment, places.timeout, stop);
    if (!found || *found) return found;
    return from_instance(places.environment, places.timeout, stop);
  };
  auto found = find();
  if (!found) return failure("AWS credentials: " + found.error().message);
  if (*found) return std::move(**found);
  return failure(
      "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile in "
      "~/.aws/credentials, or give the container or the instance a role");
}

}  // namespace moult::aws
