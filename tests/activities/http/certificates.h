#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace dalsegno::http::test {

/// A certificate with its key, as PEM files.
struct Certificate {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

struct CertificateRequest {
  std::vector<std::string> names = {};  ///< "DNS:a.example", "IP:127.0.0.1"
  std::chrono::hours from{-1};          ///< both relative to now
  std::chrono::hours until{24};
  bool is_authority = false;
};

/// Makes a certificate below `folder`, under the name `file`; signed by `authority`, or by itself.
[[nodiscard]] Certificate make_certificate(std::filesystem::path const& folder,
                                           std::string const& file,
                                           CertificateRequest const& request,
                                           Certificate const* authority = nullptr);

}  // namespace dalsegno::http::test
