#include "tests/support/certificates.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/support/process.h"

namespace moult::testing {
namespace {

constexpr std::chrono::seconds kBound{30};

void openssl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  const Finished finished = run_to_end(arguments, kBound);
  if (finished.status == 0) return;
  throw std::runtime_error(fmt::format("openssl {} failed: {}", arguments[1], finished.errors));
}

/// A client may look for an address among the names.
std::string alternative_names(const std::string& host) {
  const bool is_address = host.find_first_not_of("0123456789.") == host.npos;
  return fmt::format("subjectAltName=DNS:{}{}\n", host, is_address ? ",IP:" + host : "");
}

}  // namespace

CertificateAuthority::CertificateAuthority(const Scratch& scratch, const std::string& name)
    : folder_(scratch.path()), name_(name), key_(file("key")), certificate_(file("pem")) {
  openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-keyout", key_, "-out", certificate_, "-days", "30", "-subj", "/CN=" + name_});
}

CertificateAuthority::Identity CertificateAuthority::identity(const std::string& name,
                                                              const Server& server) const {
  const std::string key = file(name + ".key");
  const std::string request = file(name + ".csr");
  const std::string signed_one = file(name + ".pem");
  const std::string extensions = file(name + ".ext");
  openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
           "-out", request, "-subj", "/CN=" + server.host});
  write_file(extensions, alternative_names(server.host));
  openssl({"x509", "-req", "-in", request, "-CA", certificate_, "-CAkey", key_, "-CAcreateserial",
           "-days", std::to_string(server.days), "-extfile", extensions, "-out", signed_one});
  return {read_file(key), read_file(signed_one)};
}

std::filesystem::path CertificateAuthority::keystore(const std::string& name,
                                                     const Server& server) const {
  const Identity made = identity(name, server);
  std::filesystem::path store = file(name + ".keystore.pem");
  write_file(store, made.key + made.certificate + read_file(certificate_));
  return store;
}

std::filesystem::path CertificateAuthority::file(const std::string& name) const {
  return folder_ / fmt::format("{}.{}", name_, name);
}

}  // namespace moult::testing
