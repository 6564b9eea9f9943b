#pragma once

#include "activities/http/tls.h"
#include "activities/http/transport.h"
#include "dalsegno/result.h"

#include <chrono>
#include <cstddef>
#include <memory>

namespace dalsegno::http {

class ConnectionPool;

/// How many connections are kept after an exchange that asked for it, and for how long. A server
/// that says how long it keeps them (Keep-Alive: timeout=N) is left a second before.
struct KeepLimits {
  std::size_t connections = 64;  ///< all together; the one that was kept longest goes first
  std::chrono::milliseconds life{4'000};  ///< many servers close after five seconds
};

/// HTTP/1.1 over TCP and TLS. An exchange has a connection of its own, which is closed after it,
/// unless it asks to keep it: then an answer whose end is certain, with nothing after it, leaves
/// its connection to later exchanges with the same origin. A kept connection on which anything has
/// come meanwhile is closed. No request is sent twice: where the server closes a kept connection at
/// the same moment, the exchange fails as cut off.
/// Thread: any.
class NetworkTransport final : public Transport {
 public:
  /// Errors: those of make_tls_context.
  [[nodiscard]] static Result<std::unique_ptr<NetworkTransport>> make(TlsTrust const& trust = {},
                                                                      KeepLimits const& keep = {});
  ~NetworkTransport() override;

  Exchanged exchange(Job const& job) override;

 private:
  NetworkTransport(boost::asio::ssl::context context, KeepLimits const& keep);
  // Set in the constructor.
  std::unique_ptr<boost::asio::ssl::context> context_;
  std::unique_ptr<ConnectionPool> pool_;  // its connections refer to the context
};

}  // namespace dalsegno::http
