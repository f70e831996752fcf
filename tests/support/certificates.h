#pragma once

#include <filesystem>
#include <string>

#include "tests/support/scratch.h"

namespace moult::testing {

/// A certificate authority that lasts as long as its folder. Made with the `openssl` command.
class CertificateAuthority {
 public:
  struct Server {
    std::string host = "127.0.0.1";
    int days = 30;  // negative: it ended so long ago
  };

  /// `name`: of its files in the scratch folder.
  CertificateAuthority(const Scratch& scratch, const std::string& name);

  /// Its certificate, for those who trust it.
  const std::filesystem::path& certificate() const { return certificate_; }
  /// A private key and its certificate, as PEM text.
  struct Identity {
    std::string key;
    std::string certificate;
  };
  /// Signs for a host or, as CN alone, for a client.
  Identity identity(const std::string& name, const Server& server) const;
  /// Makes a server's private key and certificate, as one PEM file that Kafka takes for a keystore.
  std::filesystem::path keystore(const std::string& name, const Server& server) const;

 private:
  std::filesystem::path file(const std::string& name) const;

  std::filesystem::path folder_;
  std::string name_;
  std::filesystem::path key_;
  std::filesystem::path certificate_;
};

}  // namespace moult::testing
