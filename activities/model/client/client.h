#pragma once

#include "activities/http/client.h"
#include "activities/model/chat_dialect.h"
#include "activities/model/dialect.h"
#include "activities/model/messages_dialect.h"
#include "dalsegno/ids.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace dalsegno::activities {

enum class Dialect : std::uint8_t { chat, messages };

/// Where a call goes, and in which words.
struct ModelTarget {
  std::string url;  ///< without the dialect's path: "https://api.example.com/v1"
  Dialect dialect = Dialect::chat;
  std::string api_key = {};  ///< never in a fault, a contact or a record
  ChatOptions chat = {};
  MessagesOptions messages = {};
  std::vector<http::Header> headers = {};  ///< beside those of the dialect
};

/// How long a call may take, and how much may come.
struct ModelLimits {
  std::chrono::milliseconds resolve{5'000};
  std::chrono::milliseconds connect{5'000};        ///< with the handshake of TLS
  std::chrono::milliseconds first_token{120'000};  ///< from the request on
  std::chrono::milliseconds between_tokens{60'000};
  std::chrono::milliseconds total{600'000};
  std::size_t answer_bytes = 32U << 20U;  ///< of the body, as it comes
};

struct ModelCallOptions {
  ModelLimits limits = {};
  Routes routes = {};
  http::ConnectPolicy policy = {};
  http::ContactSink on_contact = {};
  std::stop_token stop = {};  ///< a stop closes the connection; the fault is "cancelled"
  /// Parts of the answer as they come. What it throws ends its deltas, not the call.
  DeltaSink on_delta = {};
  std::function<Time()> now = {};  ///< for the times below and Retry-After; empty: the machine's
};

/// What came of one call.
struct ModelCalled {
  OrFault<ModelAnswer> answer;
  Time started;
  std::optional<Time> first_token;
  Time ended;
  /// Of an answer that came to nothing: the tokens that the server had reported by then. Those of a
  /// stream that broke off may be fewer than it used.
  std::optional<Usage> used_in_vain = {};
};

/// Calls model servers through the product's HTTP client, and so through its egress guard.
///
/// One call is one request: nothing is repeated here and no redirect is followed. A streamed answer
/// is read as it comes; one that the server gives as a whole although a stream was asked for, too.
/// Bytes that bring no token (comments, pings) do not prolong a deadline.
/// Thread: any; each call blocks its own.
class ModelClient {
 public:
  explicit ModelClient(http::Client const& http) : http_(http) {}

  [[nodiscard]] ModelCalled call(ModelTarget const& target,
                                 ModelCall const& call,
                                 ModelCallOptions const& options) const;

 private:
  http::Client const& http_;
};

}  // namespace dalsegno::activities
