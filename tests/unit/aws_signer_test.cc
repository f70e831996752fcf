// Against the vectors that AWS publishes for Signature Version 4 in the query form (the directory
// aws-signing-test-suite/v4 of awslabs/aws-c-auth), those whose only signed header is the host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "runtime/aws/msk_token.h"
#include "runtime/aws/presign.h"

namespace moult::aws {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using Query = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kTime = "2015-08-30T12:36:00Z";
constexpr const char* kUnreserved =
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

Credentials example_credentials() {
  return {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "", std::nullopt};
}

struct Vector {
  const char* name;
  std::string path;
  Query query;
  std::string session_token;
  std::string signature;
};

std::vector<Vector> vectors() {
  return {
      {"get-vanilla",
       "/",
       {},
       "",
       "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
      {"get-vanilla-with-session-token",
       "/",
       {},
       "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
       "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c"},
      {"get-vanilla-query-order-encoded",
       "/",
       {{"Param-3", "Value3"}, {"Param", "Value2"}, {"\u1234", "Value1"}},
       "",
       "c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787"},
      {"get-vanilla-query-order-key-case",
       "/",
       {{"Param2", "value2"}, {"Param1", "value1"}},
       "",
       "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5"},
      {"get-vanilla-query-unreserved",
       "/",
       {{kUnreserved, kUnreserved}},
       "",
       "8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf"},
      {"get-vanilla-utf8-query",
       "/",
       {{"\u1234", "bar"}},
       "",
       "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600"},
      {"get-utf8",
       "/\u1234",
       {},
       "",
       "10eae3f14a260bd3911cc6d008d3c576d143b05b62f09782a7a4b37f52178e44"},
      {"get-vanilla-empty-query-key",
       "/",
       {{"Param1", "value1"}},
       "",
       "49096700cbbaa5753443850f40df10f904fc2fdb544dc9512203cc77c471a9de"},
      {"get-unreserved",
       std::string("/") + kUnreserved,
       {},
       "",
       "95968482db1b9e0fadef6efc1bd24689f77c77d9ef56919c96a28cc92e0d6005"},
  };
}

std::string decoded(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  const std::size_t padding = (4 - text.size() % 4) % 4;
  text.append(padding, '=');
  std::string out(text.size(), '\0');
  const int size = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (size < 0) return "no base64";
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

TEST(AwsSigner, SignsAsThePublishedVectorsDo) {
  for (const Vector& vector : vectors()) {
    SCOPED_TRACE(vector.name);
    Credentials credentials = example_credentials();
    credentials.session_token = vector.session_token;
    const auto url = presigned_url({.host = "example.amazonaws.com",
                                    .path = vector.path,
                                    .query = vector.query,
                                    .region = "us-east-1",
                                    .service = "service",
                                    .lifetime = std::chrono::seconds(3600)},
                                   credentials, *parse_utc(kTime));
    ASSERT_TRUE(url);
    EXPECT_THAT(*url, HasSubstr("&X-Amz-Signature=" + vector.signature));
    EXPECT_THAT(*url, HasSubstr("X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2F"
                                "aws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=3600"));
  }
}

TEST(AwsSigner, ATokenIsAPresignedUrlOfTheRegionsKafka) {
  Credentials credentials = example_credentials();
  credentials.session_token = "a+b/c=";
  const UtcTime now = *parse_utc(kTime);
  const auto token = make_msk_token(credentials, "eu-west-1", now);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->expires - now, std::chrono::seconds(900));
  EXPECT_THAT(token->text, Not(HasSubstr("=")));
  const std::string url = decoded(token->text);
  EXPECT_THAT(
      url,
      StartsWith("https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect&"
                 "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2F"
                 "eu-west-1%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20150830T123600Z&"
                 "X-Amz-Expires=900&X-Amz-Security-Token=a%2Bb%2Fc%3D&X-Amz-SignedHeaders=host&"
                 "X-Amz-Signature="));
  EXPECT_THAT(url, ::testing::EndsWith("&User-Agent=moult"));
}

TEST(AwsSigner, ATokenLastsNoLongerThanItsCredentials) {
  Credentials credentials = example_credentials();
  const UtcTime now = *parse_utc(kTime);
  credentials.expires = now + std::chrono::seconds(60);
  const auto token = make_msk_token(credentials, "eu-west-1", now);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->expires, *credentials.expires);
  const auto late = make_msk_token(credentials, "eu-west-1", *credentials.expires);
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().message, HasSubstr("ended at 20150830T123700Z"));
}

TEST(AwsSigner, KnowsTimesOfDocuments) {
  EXPECT_EQ(compact_utc(*parse_utc("2024-02-29T23:59:59Z")), "20240229T235959Z");
  EXPECT_EQ(compact_utc(*parse_utc("2024-02-29T23:59:59.123Z")), "20240229T235959Z");
  for (const char* const text :
       {"", "2024-02-30T00:00:00Z", "2024-02-29T24:00:00Z", "2024-02-29 23:59:59Z",
        "2024-02-29T23:59:59", "2024-02-29T23:59:59+01:00", "2024-02-29T23:59:59.x1Z"}) {
    EXPECT_FALSE(parse_utc(text)) << text;
  }
}

}  // namespace
}  // namespace moult::aws
