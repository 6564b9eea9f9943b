#include "tools/dalsegno/payload_text.h"

#include "dalsegno/json.h"
#include "tools/dalsegno/printable.h"

#include <optional>

namespace dalsegno::command {

namespace {

std::optional<Json> json_of(storage::Payload const& payload) {
  if (payload.artifact || !payload.content_type.empty()) return std::nullopt;
  auto json = parse_json(payload.bytes);
  if (!json) return std::nullopt;
  return std::move(*json);
}

std::string value_text(Json const& value, std::size_t limit) {
  if (auto const* const text = value.as_string()) return shortened(*text, limit);
  return shortened(to_string(value), limit);
}

std::string opaque_text(storage::Payload const& payload, std::size_t limit) {
  if (payload.artifact)
    return "[artifact " + storage::to_hex(payload.artifact->digest).substr(0, 12) + ", " +
           std::to_string(payload.artifact->size_bytes) + " bytes]";
  return shortened(payload.bytes, limit);
}

/// "asks for search {"q":"x"} and pay {}"
std::string tool_calls_text(Json::Array const& calls, std::size_t limit) {
  std::string text;
  for (auto const& call : calls) {
    text += text.empty() ? "asks for " : " and ";
    text += shortened(call.text("name"), limit);
    if (auto const* const arguments = call.find("arguments"))
      text += ' ' + value_text(*arguments, limit);
  }
  return text;
}

/// "user: hello; tool: {…}": what a model is given with a call.
std::string messages_text(Json::Array const& messages, std::size_t limit) {
  std::string text;
  for (auto const& message : messages) {
    text += (text.empty() ? "" : "; ") + shortened(message.text("role"), limit) + ": ";
    text += shortened(message.text("content"), limit);
  }
  return text;
}

}  // namespace

std::string payload_text(storage::Payload const& payload, std::size_t limit) {
  auto const json = json_of(payload);
  return json ? value_text(*json, limit) : opaque_text(payload, limit);
}

std::string said_text(storage::Payload const& payload, std::size_t limit) {
  auto const json = json_of(payload);
  if (!json) return opaque_text(payload, limit);
  auto const* const content = json->find("content");
  auto const* const calls = json->find("tool_calls");
  std::string text;
  if (content != nullptr && content->as_string() != nullptr) text = value_text(*content, limit);
  if (calls != nullptr && calls->as_array() != nullptr && !calls->as_array()->empty())
    text += (text.empty() ? "" : "; ") + tool_calls_text(*calls->as_array(), limit);
  if (!text.empty()) return text;
  if (auto const* const arguments = json->find("arguments")) return value_text(*arguments, limit);
  auto const* const appended = json->find("append");
  if (appended != nullptr && appended->as_array() != nullptr)
    return messages_text(*appended->as_array(), limit);
  return value_text(*json, limit);
}

}  // namespace dalsegno::command
