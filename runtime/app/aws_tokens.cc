#include "runtime/app/aws_tokens.h"

#include <utility>

#include "runtime/app/load_command_config.h"
#include "runtime/aws/credential_chain.h"
#include "runtime/aws/msk_token.h"

namespace moult {
namespace {

/// Has no state that changes: all clients of a consumer share one.
class AwsTokens final : public kafka::TokenSource {
 public:
  explicit AwsTokens(const AwsIamConfig& config)
      : region_(config.region), places_{environment_variable, config.profile} {}

  Result<kafka::Token> make(const std::stop_token& stop) override {
    const auto credentials = aws::find_credentials(places_, stop);
    if (!credentials) return Unexpected(credentials.error());
    auto token = aws::make_msk_token(*credentials, region_, aws::utc_now());
    if (!token) return Unexpected(token.error());
    return kafka::Token{std::move(token->text), token->expires};
  }

 private:
  const std::string region_;
  const aws::CredentialPlaces places_;
};

}  // namespace

std::shared_ptr<kafka::TokenSource> make_aws_tokens(const AwsIamConfig& config) {
  return std::make_shared<AwsTokens>(config);
}

}  // namespace moult
