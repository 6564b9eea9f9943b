#pragma once

#include "activities/http/client.h"
#include "activities/tool/mcp/http_transport.h"

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace dalsegno::mcp {

/// How this program proves to an authorization server who it is, without a person
/// (io.modelcontextprotocol/oauth-client-credentials).
struct ClientCredentialsOptions {
  std::string client_id;
  std::string client_secret = {};   ///< or
  std::string private_key = {};     ///< PEM: signs an assertion (private_key_jwt), with
  std::string algorithm = "ES256";  ///< ES256, RS256 or EdDSA
  std::string scope = {};           ///< empty: what the server asks for, or all it lists
  std::function<std::chrono::system_clock::time_point()> now = {};  ///< empty: the machine's
};

/// Gets tokens for one MCP server from the authorization server that it names (RFC 9728, RFC 8414),
/// for that server only (RFC 8707).
class ClientCredentials final : public Authorizer {
 public:
  /// `client` must outlive it, and its guard must permit the authorization server.
  ClientCredentials(http::Client const& client, std::string url, ClientCredentialsOptions options)
      : client_(client), url_(std::move(url)), options_(std::move(options)) {}

  [[nodiscard]] std::string header() const override;
  [[nodiscard]] OrFault<> renew(std::string_view refused, std::string_view challenge) override;

 private:
  struct Place {
    std::string resource;
    std::string issuer;
    std::string token_endpoint;
    std::string scope;
  };

  [[nodiscard]] OrFault<Json> get(std::string const& url) const;
  [[nodiscard]] OrFault<Json> protected_resource(std::string_view challenge) const;
  [[nodiscard]] OrFault<Json> authorization_server(std::string const& issuer) const;
  [[nodiscard]] OrFault<Place> find(std::string_view challenge) const;
  [[nodiscard]] OrFault<std::string> assertion(Place const& place) const;
  [[nodiscard]] OrFault<std::string> token(Place const& place) const;

  http::Client const& client_;
  std::string const url_;
  ClientCredentialsOptions const options_;
  mutable std::mutex mutex_;
  std::string header_;  // guarded by mutex_
};

/// The value of a parameter of a WWW-Authenticate header; "" when it has none.
[[nodiscard]] std::string challenge_parameter(std::string_view challenge, std::string_view name);

}  // namespace dalsegno::mcp
