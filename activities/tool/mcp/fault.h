#pragma once

#include "dalsegno/json.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::mcp {

/// Why a request has no result.
struct Fault {
  /// For programs. From the server: "refused" (it did not take the request), "server_error",
  /// "unauthorized", "forbidden", "rate_limited", "unavailable". From the way there:
  /// "server_ended", "server_unavailable", "not_started", "timed_out", "cancelled", "too_large",
  /// "malformed_answer", "session_lost", "unknown_protocol", "unexpected_status", "input_required",
  /// and the names of http::FailureKind.
  std::string type;
  std::string message;
  bool retryable = false;
  bool outcome_unknown = false;  ///< the request may have had its effect all the same
  std::optional<std::chrono::milliseconds> retry_after = {};
  std::optional<std::int64_t> code = {};  ///< of a JSON-RPC error
  Json data = {};                         ///< of a JSON-RPC error
  unsigned status = 0;                    ///< of HTTP
};

template <class T = void>
using OrFault = std::expected<T, Fault>;

/// The fault that a JSON-RPC error is.
[[nodiscard]] Fault fault_of_error(std::int64_t code, std::string_view message, Json data);

/// What a stranger wrote, as it may stand in a message: valid UTF-8 in one line, cut at
/// `max_bytes`.
[[nodiscard]] std::string presentable(std::string_view text, std::size_t max_bytes);

}  // namespace dalsegno::mcp
