#include "activities/tool/mcp/fault.h"

#include "storage/event/json_text.h"

#include <utility>

namespace dalsegno::mcp {

Fault fault_of_error(std::int64_t code, std::string_view message, Json data) {
  // The server says that it did not take the request: it is no JSON-RPC, there is no such method or
  // tool, the parameters are wrong, or (2026-07-28) header, capability or version do not do.
  bool const is_refused =
      code == -32700 || (code <= -32600 && code >= -32602) || (code <= -32020 && code >= -32022);
  return {.type = is_refused ? "refused" : "server_error",
          .message = "the server answered with error " + std::to_string(code) + ": " +
                     presentable(message, 1'000),
          .retryable = !is_refused,
          .outcome_unknown = !is_refused,
          .code = code,
          .data = std::move(data)};
}

std::string presentable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    auto const length = storage::utf8_length(text);
    bool const is_plain = length > 1 || (length == 1 && text[0] >= ' ' && text[0] != 0x7f);
    auto const piece =
        is_plain ? text.substr(0, length) : std::string_view(length == 0 ? "?" : " ");
    if (out.size() + piece.size() > max_bytes) return out + "…";
    out += piece;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace dalsegno::mcp
