#include "activities/tool/mcp/message.h"

#include "dalsegno/try.h"

#include <utility>

namespace dalsegno::mcp {
namespace {

Error wrong(std::string what) { return Error{Errc::invalid, std::move(what)}; }

Json begin() {
  Json message;
  message.set("jsonrpc", "2.0");
  return message;
}

Result<Message> message_of(Json const& json) {
  if (json.as_object() == nullptr)
    return wrong("a message is an object, not " + std::string(json.kind()));
  if (json.text("jsonrpc") != "2.0") return wrong("the message is not JSON-RPC 2.0");
  Message message;
  if (auto const* const id = json.find("id")) {
    if (id->as_string() == nullptr && !id->is_number() && !id->is_null())
      return wrong("a message's id is a number or a string, not " + std::string(id->kind()));
    message.id = *id;
  }
  auto const* const method = json.find("method");
  if (method != nullptr) {
    if (method->as_string() == nullptr) return wrong("a message's method is a string");
    message.kind =
        json.find("id") == nullptr ? Message::Kind::notification : Message::Kind::request;
    message.method = *method->as_string();
    if (auto const* const params = json.find("params")) message.params = *params;
    return message;
  }
  auto const* const result = json.find("result");
  auto const* const error = json.find("error");
  if ((result == nullptr) == (error == nullptr))
    return wrong("a message has a method, a result or an error");
  if (result != nullptr) {
    message.kind = Message::Kind::result;
    message.result = *result;
    return message;
  }
  message.kind = Message::Kind::error;
  auto const* const code = error->find("code");
  if (code == nullptr || code->as_integer() == nullptr) return wrong("an error has a code");
  message.code = *code->as_integer();
  message.text = error->text("message");
  if (auto const* const data = error->find("data")) message.data = *data;
  return message;
}

}  // namespace

bool Message::answers(std::uint64_t request) const {
  return (kind == Kind::result || kind == Kind::error) && id == Json(request);
}

Result<Message> read_message(std::string_view bytes) {
  TRY(auto const json, parse_json(bytes));
  return message_of(json);
}

std::string write_request(std::uint64_t id, std::string_view method, Json params) {
  auto message = begin();
  message.set("id", id).set("method", method);
  if (!params.is_null()) message.set("params", std::move(params));
  return to_string(message);
}

std::string write_notification(std::string_view method, Json params) {
  auto message = begin();
  message.set("method", method);
  if (!params.is_null()) message.set("params", std::move(params));
  return to_string(message);
}

std::string write_result(Json id, Json result) {
  auto message = begin();
  message.set("id", std::move(id)).set("result", std::move(result));
  return to_string(message);
}

std::string write_error(Json id, std::int64_t code, std::string_view text) {
  auto message = begin();
  Json error;
  error.set("code", code).set("message", text);
  message.set("id", std::move(id)).set("error", std::move(error));
  return to_string(message);
}

}  // namespace dalsegno::mcp
