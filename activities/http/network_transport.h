#pragma once

#include "activities/http/tls.h"
#include "activities/http/transport.h"
#include "dalsegno/result.h"

#include <memory>

namespace dalsegno::http {

/// HTTP/1.1 over TCP and TLS. Each exchange has a connection of its own, which is closed after it:
/// nothing that is left over in one can be taken for the answer to another.
/// Thread: any.
class NetworkTransport final : public Transport {
 public:
  /// Errors: those of make_tls_context.
  [[nodiscard]] static Result<std::unique_ptr<NetworkTransport>> make(TlsTrust const& trust = {});
  ~NetworkTransport() override;

  Exchanged exchange(Job const& job) override;

 private:
  explicit NetworkTransport(boost::asio::ssl::context context);
  std::unique_ptr<boost::asio::ssl::context> context_;
};

}  // namespace dalsegno::http
