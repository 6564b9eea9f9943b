#include "activities/model/conversation.h"

#include "dalsegno/result.h"
#include "dalsegno/try.h"
#include "engine/policy/problems.h"
#include "storage/event/foreign_json.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace dalsegno::activities {
namespace {

using engine::quoted;

constexpr std::array<std::string_view, 5> roles = {
    "system", "developer", "user", "assistant", "tool"};

Error problem(std::string what) { return {.code = Errc::invalid, .detail = std::move(what)}; }

bool present(Json const* value) { return value != nullptr && !value->is_null(); }

/// A string member that must be there.
Result<std::string> read_text(Json const& object, std::string_view name) {
  auto const* const value = object.find(name);
  auto const* const text = value == nullptr ? nullptr : value->as_string();
  if (text == nullptr || text->empty()) return problem("has no " + quoted(name));
  return *text;
}

std::string text_of_part(Json const& part) {
  if (auto const* const text = part.as_string()) return *text;
  auto const* const text = part.find("text");
  if (part.text("type") == "text" && text != nullptr && text->as_string() != nullptr)
    return *text->as_string();
  return to_string(part);
}

Result<std::optional<std::string>> read_content(Json const* content) {
  if (!present(content)) return std::optional<std::string>();
  if (auto const* const text = content->as_string()) return std::optional(*text);
  auto const* const parts = content->as_array();
  if (parts == nullptr) {
    return problem("\"content\" must be a string, null or a list of parts, not of kind " +
                   std::string(content->kind()));
  }
  std::string out;
  for (auto const& part : *parts) {
    if (&part != &parts->front()) out += '\n';
    out += text_of_part(part);
  }
  return std::optional(std::move(out));
}

Result<RecordedToolCall> read_call(Json const& value) {
  if (value.as_object() == nullptr) return problem("is no object");
  RecordedToolCall call;
  if (auto const* const type = value.find("type"); present(type) && *type != Json("function")) {
    return problem("is of type " +
                   quoted(type->as_string() != nullptr ? *type->as_string() : type->kind()) +
                   "; only functions are known");
  }
  TRY(call.id, read_text(value, "id"));
  auto const* const function = value.find("function");
  if (function == nullptr || function->as_object() == nullptr)
    return problem("has no \"function\"");
  TRY(call.name, read_text(*function, "name"));
  auto const* const arguments = function->find("arguments");
  if (arguments != nullptr && arguments->as_object() != nullptr) {
    call.arguments = *arguments;
    call.arguments_text = to_string(*arguments);
  } else if (arguments != nullptr && arguments->as_string() != nullptr) {
    call.arguments_text = *arguments->as_string();
    // Models do write what is no JSON; then the text is all there is.
    auto parsed = parse_json(call.arguments_text);
    if (!parsed) {
      parsed = storage::parse_foreign_json(call.arguments_text);
      if (parsed) call.arguments_text = to_string(*parsed);  // one reading for all
    }
    call.arguments = parsed ? std::move(*parsed) : Json(call.arguments_text);
  } else {
    return problem("has no \"arguments\" (a string or an object)");
  }
  return call;
}

/// Goes through the messages and remembers which calls are open.
class Conversation {
 public:
  [[nodiscard]] Result<RecordedMessage> read(Json const& value);
  void next() { ++number_; }

 private:
  struct Call {
    std::string name;
    bool answered = false;
  };

  Result<> read_assistant(Json const& value, RecordedMessage& message);
  Result<> read_tool(Json const& value, RecordedMessage& message);

  std::size_t number_ = 1;  // of the message, for people
  bool asked_ = false;      // there was a user message
  // Of the latest assistant message.
  std::size_t calls_from_ = 0;  // its number
  std::size_t open_ = 0;
  std::unordered_map<std::string, Call> calls_;
};

Result<RecordedMessage> Conversation::read(Json const& value) {
  if (value.as_object() == nullptr) return problem("is no object");
  RecordedMessage message;
  if (value.find("role") == nullptr &&
      (present(value.find("messages")) || present(value.find("traj")))) {
    return problem(
        "is a transcript itself; each transcript must stand on a line of its own, outside of any "
        "list");
  }
  TRY(message.role, read_text(value, "role"));
  if (message.role == "function") {
    return problem(
        "role \"function\" is the old form of a tool's result; make it role \"tool\" with a "
        "\"tool_call_id\"");
  }
  if (std::ranges::find(roles, message.role) == roles.end()) {
    return problem("unknown role " + quoted(message.role) +
                   engine::suggestion(message.role, roles));
  }
  TRY(message.content, read_content(value.find("content")));
  if (message.role == "assistant") {
    TRY_VOID(read_assistant(value, message));
  } else if (auto const* const calls = value.find("tool_calls");
             present(calls) && !(calls->as_array() != nullptr && calls->as_array()->empty())) {
    return problem("only an assistant message has \"tool_calls\"");
  }
  if (message.role == "tool") TRY_VOID(read_tool(value, message));
  if (message.role == "user") asked_ = true;
  return message;
}

Result<> Conversation::read_assistant(Json const& value, RecordedMessage& message) {
  if (!asked_)
    return problem("comes before the first user message: there is nothing that it answers");
  if (open_ > 0) {
    auto const open =
        std::ranges::find_if(calls_, [](auto const& entry) { return !entry.second.answered; });
    return problem("comes before the result of " +
                   (open_ == 1 ? "call " + quoted(open->first) : std::to_string(open_) + " calls") +
                   " of message " + std::to_string(calls_from_));
  }
  if (present(value.find("function_call"))) {
    return problem(
        "\"function_call\" is the old form of a tool call; make it an entry of \"tool_calls\"");
  }
  calls_.clear();
  calls_from_ = number_;
  auto const* const list = value.find("tool_calls");
  if (!present(list)) return {};
  if (list->as_array() == nullptr) return problem("\"tool_calls\" must be a list");
  for (auto const& entry : *list->as_array()) {
    auto call = read_call(entry);
    auto const number = std::to_string(message.tool_calls.size() + 1);
    if (!call) return problem("tool call " + number + " " + call.error().detail);
    if (!calls_.emplace(call->id, Call{.name = call->name}).second) {
      return problem("tool call " + number +
                     " has the id of an earlier one in the message: " + quoted(call->id));
    }
    message.tool_calls.push_back(std::move(*call));
  }
  open_ = calls_.size();
  return {};
}

Result<> Conversation::read_tool(Json const& value, RecordedMessage& message) {
  TRY(message.tool_call_id, read_text(value, "tool_call_id"));
  auto const call = calls_.find(message.tool_call_id);
  if (call != calls_.end() && call->second.answered) {
    return problem("call " + quoted(message.tool_call_id) + " has a result already");
  }
  if (open_ == 0) return problem("there is no open tool call that it could answer");
  if (call == calls_.end()) {
    return problem("\"tool_call_id\" " + quoted(message.tool_call_id) +
                   " matches no open call of message " + std::to_string(calls_from_));
  }
  call->second.answered = true;
  --open_;
  message.name = value.text("name").empty() ? call->second.name : std::string(value.text("name"));
  return {};
}

}  // namespace

std::expected<std::vector<RecordedMessage>, ConversationProblem> read_conversation(
    Json const& list) {
  auto const* const values = list.as_array();
  if (values == nullptr) {
    return std::unexpected(ConversationProblem{
        .message = std::nullopt,
        .what = "the messages must be a list, not of kind " + std::string(list.kind())});
  }
  if (values->empty()) {
    return std::unexpected(
        ConversationProblem{.message = std::nullopt, .what = "there are no messages"});
  }
  std::vector<RecordedMessage> out;
  out.reserve(values->size());
  Conversation conversation;
  for (auto const& value : *values) {
    auto message = conversation.read(value);
    if (!message) {
      auto what = "message " + std::to_string(out.size() + 1);
      if (std::ranges::find(roles, value.text("role")) != roles.end())
        what.append(" (").append(value.text("role")).append(")");
      return std::unexpected(
          ConversationProblem{.message = out.size(), .what = what + ": " + message.error().detail});
    }
    out.push_back(std::move(*message));
    conversation.next();
  }
  return out;
}

}  // namespace dalsegno::activities
