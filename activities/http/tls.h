#pragma once

#include "activities/http/dial_plan.h"
#include "dalsegno/result.h"

#include <boost/asio/ssl/context.hpp>

#include <filesystem>
#include <string>

namespace dalsegno::http {

/// Who is believed about names.
struct TlsTrust {
  bool system_roots = true;            ///< the certificate authorities of the machine
  std::filesystem::path ca_file = {};  ///< more of them, PEM; empty: none
};

/// A context for clients: TLS 1.2 or newer, the far side's certificate is verified.
/// Errors: Errc::not_found, Errc::invalid for a file of authorities that cannot be used.
[[nodiscard]] Result<boost::asio::ssl::context> make_tls_context(TlsTrust const& trust);

/// Asks for the plan's host (SNI, for names) and demands a certificate for it, whatever address was
/// dialled; offers HTTP/1.1. False: out of memory.
[[nodiscard]] bool expect_host(SSL* connection, DialPlan const& plan);

/// Why a handshake failed: what is wrong with the certificate if it is that, else `otherwise`.
[[nodiscard]] std::string handshake_failure(SSL* connection, std::string const& otherwise);

}  // namespace dalsegno::http
