#include "activities/http/tls.h"

#include <boost/asio/ssl/verify_mode.hpp>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace dalsegno::http {

Result<boost::asio::ssl::context> make_tls_context(TlsTrust const& trust) {
  boost::asio::ssl::context context(boost::asio::ssl::context::tls_client);
  auto* const native = context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  boost::system::error_code error;
  if (context.set_verify_mode(boost::asio::ssl::verify_peer, error); error)
    return Error(Errc::invalid, "TLS cannot be set up: " + error.message());
  if (trust.system_roots)
    if (context.set_default_verify_paths(error); error)
      return Error(Errc::not_found,
                   "the machine's certificate authorities cannot be loaded: " + error.message());
  if (!trust.ca_file.empty())
    if (context.load_verify_file(trust.ca_file.string(), error); error)
      return Error(Errc::invalid,
                   trust.ca_file.string() +
                       " is no file of certificate authorities (PEM): " + error.message());
  return context;
}

bool expect_host(SSL* connection, DialPlan const& plan) {
  // "http/1.1", led by its length: a server that speaks only something else says so at once.
  static constexpr unsigned char protocols[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  if (SSL_set_alpn_protos(connection, protocols, sizeof protocols) != 0) return false;
  auto* const parameters = SSL_get0_param(connection);
  X509_VERIFY_PARAM_set_hostflags(
      parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (plan.literal()) {
    auto const address = to_string(*plan.literal());
    return X509_VERIFY_PARAM_set1_ip_asc(parameters, address.c_str()) == 1;
  }
  return SSL_set_tlsext_host_name(connection, plan.host().c_str()) == 1 &&
         SSL_set1_host(connection, plan.host().c_str()) == 1;
}

std::string handshake_failure(SSL* connection, std::string const& otherwise) {
  auto const result = SSL_get_verify_result(connection);
  if (result == X509_V_OK) return otherwise;
  return std::string("the certificate is not good for this host: ") +
         X509_verify_cert_error_string(result);
}

}  // namespace dalsegno::http
