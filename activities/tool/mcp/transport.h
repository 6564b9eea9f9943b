#pragma once

#include "activities/http/client.h"
#include "activities/tool/mcp/fault.h"
#include "activities/tool/mcp/message.h"
#include "activities/tool/mcp/patience.h"

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::mcp {

/// A message that needs more bytes than this is refused.
inline constexpr std::size_t max_message_bytes = 16U << 20U;

/// On whose behalf HTTP requests are made: the attempt that they belong to.
struct Reach {
  Routes routes = {};
  http::ConnectPolicy policy = {};
  http::ContactSink on_contact = {};
};

/// A request on its way.
struct Outgoing {
  std::uint64_t id = 0;
  std::string method;
  std::string message;                     ///< the whole, one line
  std::vector<http::Header> headers = {};  ///< for HTTP, beside the transport's own
  Patience const& patience;
  std::stop_token stop = {};
  Reach reach = {};
};

/// Takes what a server says without being asked. Called on threads of the transport, and on those
/// of requests under way.
class Peer {
 public:
  Peer() = default;
  Peer(Peer const&) = delete;
  Peer& operator=(Peer const&) = delete;
  virtual ~Peer() = default;

  /// Quick.
  virtual void notified(Message const& message) = 0;
  /// May block. Gives the answer, one line.
  [[nodiscard]] virtual std::string asked(Message const& message) = 0;
};

/// A way to one server.
/// Thread: any; several requests at once.
class Transport {
 public:
  Transport() = default;
  Transport(Transport const&) = delete;
  Transport& operator=(Transport const&) = delete;
  virtual ~Transport() = default;

  /// Sees to it that there is a server to talk to, and gives the number of the connection: where it
  /// is another than before, the server knows nothing of what was said on earlier ones.
  [[nodiscard]] virtual OrFault<std::uint64_t> open() = 0;
  /// The revision that was agreed upon; "" before.
  virtual void speak(std::string_view version, bool is_stateless) = 0;
  /// The handshake of a revision with sessions is done: what the server says by itself may come.
  virtual void listen() {}
  /// Blocks until the answer is there: a result or an error.
  [[nodiscard]] virtual OrFault<Message> exchange(Outgoing const& request) = 0;
  /// A notification.
  [[nodiscard]] virtual OrFault<> notify(std::string const& message, Patience const& patience) = 0;
  /// Ends the session in order; the server gets a little time for it. Requests under way fail.
  virtual void close() = 0;
};

}  // namespace dalsegno::mcp
