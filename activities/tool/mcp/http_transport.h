#pragma once

#include "activities/http/client.h"
#include "activities/model/sse.h"
#include "activities/tool/mcp/transport.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dalsegno::mcp {

/// Who may say that we are who we are.
/// Thread: any.
class Authorizer {
 public:
  Authorizer() = default;
  Authorizer(Authorizer const&) = delete;
  Authorizer& operator=(Authorizer const&) = delete;
  virtual ~Authorizer() = default;

  /// The value of the header Authorization; "": none yet.
  [[nodiscard]] virtual std::string header() const = 0;
  /// The server refused what header() had given, with this WWW-Authenticate: gets another.
  [[nodiscard]] virtual OrFault<> renew(std::string_view refused, std::string_view challenge) = 0;
};

struct HttpOptions {
  std::string url = {};
  std::vector<http::Header> headers = {};  ///< more for each request, for example a key
  std::size_t message_bytes = max_message_bytes;
  bool listens = true;       ///< opens the stream by which servers with sessions talk unasked
  unsigned resumptions = 5;  ///< of one answer, without anything new
  http::Limits limits = {};  ///< those of a contact's beginning: resolve, connect
};

/// MCP over streamable HTTP: each message a POST, the answer JSON or an event stream. An answer
/// whose stream breaks is taken up again where the server numbers its events.
class HttpTransport final : public Transport {
 public:
  /// All references must outlive it; `authorizer` may be null.
  HttpTransport(http::Client const& client,
                HttpOptions options,
                Authorizer* authorizer,
                Peer& peer);
  ~HttpTransport() override;

  OrFault<std::uint64_t> open() override;
  void speak(std::string_view version, bool is_stateless) override;
  void listen() override;
  OrFault<Message> exchange(Outgoing const& request) override;
  OrFault<> notify(std::string const& message, Patience const& patience) override;
  void close() override;

 private:
  class Reading;
  struct Sent {
    http::Answer answer;
    std::string authorization;
    std::string session;
  };

  [[nodiscard]] std::vector<http::Header> headers(std::vector<http::Header> more);
  [[nodiscard]] http::SendOptions send_options(Patience const& patience) const;
  Sent send(Outgoing const& request, Reading& reading);
  void resume(Outgoing const& request, Reading& reading);
  /// A notification or an answer, for whoever made the request that it belongs to.
  OrFault<> post(std::string const& message, Patience const& patience, Reach const& reach);
  void post_quietly(std::string const& message, Reach const& reach);
  void take(Message const& message, Reach const& reach);
  void stream(std::stop_token const& stop);
  [[nodiscard]] Fault fault_of(Sent const& sent, std::string_view body);
  [[nodiscard]] Fault fault_of_status(Sent const& sent, std::string_view body);
  void note_session(http::Response const& head);

  http::Client const& client_;
  HttpOptions const options_;
  Authorizer* const authorizer_;
  Peer& peer_;
  std::stop_source closing_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  std::string session_;
  std::string version_;
  bool is_stateless_ = false;
  std::uint64_t connection_ = 1;
  std::mutex listen_mutex_;
  std::jthread listener_;  // guarded by listen_mutex_
};

}  // namespace dalsegno::mcp
