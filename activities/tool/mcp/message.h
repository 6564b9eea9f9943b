#pragma once

#include "dalsegno/json.h"
#include "dalsegno/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace dalsegno::mcp {

/// One message of JSON-RPC 2.0.
struct Message {
  enum class Kind : std::uint8_t { request, notification, result, error };
  Kind kind = Kind::notification;
  Json id = {};  ///< a number or a string; null in a notification
  std::string method = {};
  Json params = {};
  Json result = {};
  std::int64_t code = 0;  ///< of an error
  std::string text = {};  ///< of an error
  Json data = {};         ///< of an error

  [[nodiscard]] bool answers(std::uint64_t request) const;
};

/// Reads one message, strictly; a batch is none.
/// Errors: Errc::invalid.
[[nodiscard]] Result<Message> read_message(std::string_view bytes);

// One line each.
[[nodiscard]] std::string write_request(std::uint64_t id, std::string_view method, Json params);
[[nodiscard]] std::string write_notification(std::string_view method, Json params);
[[nodiscard]] std::string write_result(Json id, Json result);
[[nodiscard]] std::string write_error(Json id, std::int64_t code, std::string_view text);

}  // namespace dalsegno::mcp
