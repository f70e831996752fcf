// Where credentials are found, with services on loopback in place of AWS's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>

#include "runtime/aws/credential_chain.h"
#include "runtime/aws/credential_json.h"
#include "runtime/aws/http.h"
#include "runtime/aws/shared_credentials.h"
#include "tests/support/http_service.h"
#include "tests/support/scratch.h"

namespace moult::aws {
namespace {

using ::testing::HasSubstr;
using testing::HttpService;
using ::testing::Not;
using testing::Scratch;
using testing::write_file;

constexpr const char* kDocument =
    R"({"Code":"Success","AccessKeyId":"ASIA1","SecretAccessKey":"hush","Token":"session",)"
    R"("Expiration":"2030-01-02T03:04:05Z"})";
constexpr std::string_view kRoles = "/latest/meta-data/iam/security-credentials/";

class AwsCredentials : public ::testing::Test {
 protected:
  AwsCredentials() {
    // Nothing of the machine that the test runs on.
    environment_["AWS_EC2_METADATA_DISABLED"] = "true";
    environment_["AWS_SHARED_CREDENTIALS_FILE"] = (scratch_ / "credentials").string();
  }

  Result<Credentials> find(const std::string& profile = "") {
    return find_credentials({[this](std::string_view name) -> std::optional<std::string> {
                               const auto found = environment_.find(name);
                               if (found == environment_.end()) return std::nullopt;
                               return found->second;
                             },
                             profile, std::chrono::seconds(30)},
                            stop_.get_token());
  }

  Credentials find_good(const std::string& profile = "") {
    auto found = find(profile);
    if (found) return *found;
    ADD_FAILURE() << found.error().message;
    return {};
  }

  std::string find_error(const std::string& profile = "") {
    const auto found = find(profile);
    return found ? "no error" : found.error().message;
  }

  /// The instance's service; `answer` may be replaced while it runs.
  void use_instance(const HttpService& service) {
    environment_.erase("AWS_EC2_METADATA_DISABLED");
    environment_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = service.url();
  }

  Scratch scratch_;
  std::stop_source stop_;
  std::map<std::string, std::string, std::less<>> environment_;
};

HttpService::Response instance_answer(const HttpService::Request& request) {
  const auto token = request.headers.find("x-aws-ec2-metadata-token");
  const auto lifetime = request.headers.find("x-aws-ec2-metadata-token-ttl-seconds");
  if (request.path == "/latest/api/token") {
    if (request.method != "PUT" || lifetime == request.headers.end()) return {400, {}};
    return {200, "session-1"};
  }
  if (token == request.headers.end() || token->second != "session-1") return {401, {}};
  if (request.path == kRoles) return {200, "consumer-role"};
  if (request.path == std::string(kRoles) + "consumer-role") return {200, kDocument};
  return {404, {}};
}

TEST_F(AwsCredentials, TheEnvironmentComesFirst) {
  write_file(scratch_ / "credentials",
             "[default]\naws_access_key_id = other\naws_secret_access_key = other\n");
  environment_["AWS_ACCESS_KEY_ID"] = "AKIA1";
  environment_["AWS_SECRET_ACCESS_KEY"] = "hush";
  EXPECT_EQ(find_good().access_key_id, "AKIA1");
  EXPECT_EQ(find_good().session_token, "");
  environment_["AWS_SESSION_TOKEN"] = "session";
  EXPECT_EQ(find_good().session_token, "session");
  environment_.erase("AWS_ACCESS_KEY_ID");
  EXPECT_THAT(find_error(), HasSubstr("AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not"));
  EXPECT_THAT(find_error(), Not(HasSubstr("hush")));
}

TEST_F(AwsCredentials, ProfilesOfTheSharedFile) {
  write_file(scratch_ / "credentials",
             "# ours\n[default]\naws_access_key_id=one\r\naws_secret_access_key = s=1\n\n"
             "[ team ]\n; theirs\naws_access_key_id = two\naws_secret_access_key = s2\n"
             "aws_session_token = t2\nregion = eu-west-1\n[role]\nrole_arn = arn:x\n");
  EXPECT_EQ(find_good().access_key_id, "one");
  EXPECT_EQ(find_good().secret_access_key, "s=1");
  environment_["AWS_PROFILE"] = "team";
  EXPECT_EQ(find_good().access_key_id, "two");
  EXPECT_EQ(find_good().session_token, "t2");
  EXPECT_EQ(find_good("default").access_key_id, "one");
  // By name it comes before the environment.
  environment_["AWS_ACCESS_KEY_ID"] = "AKIA1";
  environment_["AWS_SECRET_ACCESS_KEY"] = "hush";
  EXPECT_EQ(find_good("team").access_key_id, "two");
  EXPECT_THAT(find_error("role"), HasSubstr("profile 'role' has no aws_access_key_id"));
  EXPECT_THAT(find_error("none"), HasSubstr("no profile 'none' in"));
}

TEST_F(AwsCredentials, TheContainersServiceGetsItsAuthorizationFromTheFile) {
  const HttpService service([](const HttpService::Request& request) -> HttpService::Response {
    const auto token = request.headers.find("authorization");
    if (token == request.headers.end()) return {401, "who are you? hush"};
    return {token->second == "Bearer two" ? 200 : 403, kDocument};
  });
  environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = service.url() + "/v1/credentials?id=secret";
  EXPECT_THAT(find_error(), HasSubstr("/v1/credentials: answers with status 401"));
  EXPECT_THAT(find_error(), Not(HasSubstr("hush")));
  EXPECT_THAT(find_error(), Not(HasSubstr("secret")));
  environment_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = (scratch_ / "token").string();
  EXPECT_THAT(find_error(), HasSubstr("can't read"));
  write_file(scratch_ / "token", "Bearer one\n");
  EXPECT_THAT(find_error(), HasSubstr("status 403"));
  write_file(scratch_ / "token", "Bearer two\n");  // it was renewed
  const Credentials found = find_good();
  EXPECT_EQ(found.access_key_id, "ASIA1");
  EXPECT_EQ(found.session_token, "session");
  EXPECT_EQ(found.expires, parse_utc("2030-01-02T03:04:05Z"));
  write_file(scratch_ / "token", "Bearer two\r\nHost: elsewhere");
  EXPECT_THAT(find_error(), HasSubstr("more than a line"));
}

TEST_F(AwsCredentials, ASecretGoesToNoStrangerInClear) {
  for (const char* const url :
       {"http://example.com/", "http://127.0.0.1.example.com/", "http://127.0.0.1@example.com/",
        "http://169.254.170.3/", "ftp://127.0.0.1/", "127.0.0.1", "http://[::2]/"}) {
    environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url;
    EXPECT_THAT(find_error(), HasSubstr("must be https")) << url;
  }
  environment_["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = ".example.com/";
  EXPECT_THAT(find_error(), HasSubstr("must be https"));
}

TEST_F(AwsCredentials, TheInstancesRoleComesBySessions) {
  const HttpService service(instance_answer);
  use_instance(service);
  EXPECT_EQ(find_good().access_key_id, "ASIA1");
  EXPECT_EQ(service.requests().size(), 3U);
  EXPECT_EQ(service.requests().front().method, "PUT");
  environment_["AWS_EC2_METADATA_DISABLED"] = "true";
  EXPECT_THAT(find_error(), HasSubstr("no AWS credentials: set AWS_ACCESS_KEY_ID"));
}

TEST_F(AwsCredentials, AnInstanceWithoutARoleIsToldSo) {
  const HttpService service([](const HttpService::Request& request) -> HttpService::Response {
    return request.path == kRoles ? HttpService::Response{404, {}} : instance_answer(request);
  });
  use_instance(service);
  EXPECT_THAT(find_error(), HasSubstr("this instance has no role"));
}

TEST_F(AwsCredentials, AnotherIdentityIsNoWayToTheNodesRights) {
  const HttpService service(instance_answer);
  use_instance(service);
  environment_["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/var/run/token";
  EXPECT_THAT(find_error(), HasSubstr("EKS Pod Identity"));
  EXPECT_TRUE(service.requests().empty());
}

TEST_F(AwsCredentials, AnswersAreBounded) {
  const HttpService service([](const HttpService::Request&) {
    return HttpService::Response{200, std::string(kMaxBodyBytes + 1, ' ')};
  });
  environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = service.url();
  EXPECT_THAT(find_error(), HasSubstr("more than 65536 bytes"));
}

TEST_F(AwsCredentials, AServiceThatSaysNothingIsGivenUp) {
  const HttpService service(
      [](const HttpService::Request&) { return HttpService::Response{.silent = true}; });
  const auto begin = std::chrono::steady_clock::now();
  const auto answer =
      fetch({.url = service.url(), .timeout = std::chrono::milliseconds(200)}, stop_.get_token());
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("imeout"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(AwsCredentials, WhoIsToldToStopWaitsNoLonger) {
  const HttpService service([this](const HttpService::Request&) {
    stop_.request_stop();
    return HttpService::Response{.silent = true};
  });
  const auto answer =
      fetch({.url = service.url(), .timeout = std::chrono::seconds(60)}, stop_.get_token());
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("callback"));
}

TEST_F(AwsCredentials, DocumentsThatHaveNoneAreErrorsWithoutTheirText) {
  for (const char* const text :
       {"", "hush", "[]", R"({"AccessKeyId":"hush"})", R"({"Code":"Failed","Message":"hush"})",
        R"({"AccessKeyId":1,"SecretAccessKey":"hush"})",
        R"({"AccessKeyId":"a","SecretAccessKey":"hush","Expiration":"tomorrow"})"}) {
    const auto credentials = parse_credentials(text);
    ASSERT_FALSE(credentials) << text;
    EXPECT_THAT(credentials.error().message, Not(HasSubstr("hush"))) << text;
  }
}

}  // namespace
}  // namespace moult::aws
