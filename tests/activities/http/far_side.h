#pragma once

#include "tests/activities/http/certificates.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dalsegno::http::test {

/// The server's end of one connection. Blocking; writes to a closed one are lost without a word.
class Peer {
 public:
  virtual ~Peer() = default;
  /// At most what has come; "" when the client has closed.
  virtual std::string read() = 0;
  /// False: the client has closed.
  virtual bool write(std::string_view bytes) = 0;
  /// Waits until the client closes, or for so long. True: it has closed.
  virtual bool closes_within(std::chrono::milliseconds limit) = 0;

  /// One request with its body, by Content-Length.
  std::string read_request();
  void wait_for_close() {
    while (!read().empty()) {
    }
  }
};

/// A server whose answers a test writes byte by byte: `serve` is called on a thread of its own for
/// each connection, which is closed when it returns.
class FarSide {
 public:
  using Serve = std::function<void(Peer&)>;

  /// Listens on a free port of `address`; with TLS if there is a certificate.
  explicit FarSide(Serve serve,
                   std::optional<Certificate> certificate = {},
                   std::string const& address = "127.0.0.1",
                   std::uint16_t port = 0);
  /// Ends all connections and waits for their threads.
  ~FarSide();
  FarSide(FarSide const&) = delete;
  FarSide& operator=(FarSide const&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string text_port() const { return std::to_string(port_); }
  /// How many connections there have been.
  [[nodiscard]] int connections() const;
  /// The requests that were read with `read_request` by `answering`.
  [[nodiscard]] std::vector<std::string> requests() const;
  void note(std::string request);
  /// Ends all connections at once, without a word of TLS.
  void cut_all();

 private:
  void listen_for_all();

  struct Tls;
  Serve serve_;
  std::unique_ptr<Tls> tls_;
  int socket_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  int connections_ = 0;
  bool stopping_ = false;
  std::vector<std::string> requests_;
  std::vector<int> open_;
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

/// "HTTP/1.1 200 OK", the headers, Content-Length, the body.
[[nodiscard]] std::string reply(std::string_view body,
                                std::string_view headers = "",
                                std::string_view status = "200 OK");

}  // namespace dalsegno::http::test
