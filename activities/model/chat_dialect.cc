#include "activities/model/chat_dialect.h"

#include <algorithm>
#include <map>
#include <utility>

namespace dalsegno::activities {
namespace {

// ---- writing ----

Json message_of(PromptMessage const& said) {
  auto const& message = said.message;
  Json out;
  out.set("role", message.role);
  out.set("content", message.content ? Json(*message.content) : Json());
  if (!message.tool_calls.empty()) {
    Json::Array calls;
    for (auto const& call : message.tool_calls) {
      Json function;
      function.set("name", call.name).set("arguments", write_arguments(call.arguments));
      Json entry;
      entry.set("id", call.id).set("type", "function").set("function", std::move(function));
      calls.push_back(std::move(entry));
    }
    out.set("tool_calls", std::move(calls));
  }
  if (message.role == "tool") {
    out.set("content", message.content.value_or(""));
    if (message.tool_call_id) out.set("tool_call_id", *message.tool_call_id);
    return out;  // the name of a tool is its call's
  }
  if (message.name) out.set("name", *message.name);
  return out;
}

Json tools_of(ModelCall const& call) {
  Json::Array tools;
  for (auto& tool : in_order(call.tools)) {
    Json function;
    function.set("name", std::move(tool.name));
    if (!tool.description.empty()) function.set("description", std::move(tool.description));
    if (!tool.parameters.is_null()) function.set("parameters", std::move(tool.parameters));
    Json entry;
    entry.set("type", "function").set("function", std::move(function));
    tools.push_back(std::move(entry));
  }
  return tools;
}

Json choice_of(ToolChoice const& choice) {
  switch (choice.mode) {
    case ToolChoice::Mode::automatic:
      return "auto";
    case ToolChoice::Mode::none:
      return "none";
    case ToolChoice::Mode::required:
      return "required";
    case ToolChoice::Mode::named:
      break;
  }
  Json function;
  function.set("name", choice.name);
  Json out;
  out.set("type", "function").set("function", std::move(function));
  return out;
}

Json format_of(AnswerFormat const& format) {
  Json out;
  if (format.kind == AnswerFormat::Kind::json_object) return out.set("type", "json_object");
  Json schema;
  schema.set("name", format.name.empty() ? "answer" : format.name)
      .set("schema", format.schema)
      .set("strict", format.strict);
  return out.set("type", "json_schema").set("json_schema", std::move(schema));
}

// ---- reading ----

/// "length" for all the words that mean it, and so on.
std::string finish_of(Json const* value) {
  auto const* const text = value == nullptr ? nullptr : value->as_string();
  if (text == nullptr) return {};
  if (*text == "function_call") return "tool_calls";
  if (*text == "max_tokens" || *text == "model_length") return "length";
  if (*text == "eos" || *text == "end_turn") return "stop";
  return presentable(*text, 64);
}

/// The reasoning of a message or delta, under whichever name a server gives it.
std::optional<std::string> reasoning_of(Json const& message) {
  for (std::string_view const name : {"reasoning_content", "reasoning", "thinking"})
    if (auto text = text_of_parts(message.find(name)); text && !text->empty()) return text;
  return std::nullopt;
}

std::string arguments_of(Json const* value) {
  if (value == nullptr || value->is_null()) return {};
  if (auto const* const text = value->as_string()) return *text;
  return to_string(*value);
}

/// A call that is being put together.
struct CallParts {
  std::string id;
  std::string name;
  std::string arguments;
};

agent::ToolCall whole_call(CallParts parts, std::size_t index) {
  auto id = parts.id.empty() ? "call_" + std::to_string(index) : std::move(parts.id);
  return {std::move(id), std::move(parts.name), read_arguments(parts.arguments)};
}

OrFault<std::vector<agent::ToolCall>> whole_calls(std::vector<CallParts> parts) {
  std::vector<agent::ToolCall> calls;
  for (auto& call : parts) {
    if (call.name.empty())
      return std::unexpected(malformed("the answer has a tool call without a name"));
    calls.push_back(whole_call(std::move(call), calls.size()));
  }
  return calls;
}

bool is_error(Json const& answer) {
  auto const* const error = answer.find("error");
  auto const* const errors = answer.find("errors");
  bool const has_errors = errors != nullptr && errors->as_array() && !errors->as_array()->empty();
  return (error != nullptr && !error->is_null()) || has_errors;
}

/// The choice with index 0, or the first one of those without; nullptr: there is none.
Json const* first_choice(Json::Array const& choices) {
  for (auto const& choice : choices) {
    auto const* const index = choice.find("index");
    if (index == nullptr || index->as_integer() == nullptr || *index->as_integer() == 0)
      return &choice;
  }
  return nullptr;
}

void read_facts(Json const& answer, ModelAnswer& into) {
  if (auto const id = answer.text("id"); !id.empty()) into.id = presentable(id, 200);
  if (auto const model = answer.text("model"); !model.empty()) into.model = presentable(model, 200);
  if (auto usage = read_usage(answer)) into.usage = *usage;
}

OrFault<std::vector<CallParts>> calls_of(Json const& message) {
  std::vector<CallParts> parts;
  auto const add = [&parts](Json const& function, std::string_view id) {
    parts.push_back({std::string(id),
                     std::string(function.text("name")),
                     arguments_of(function.find("arguments"))});
  };
  if (auto const* const calls = message.find("tool_calls"); calls && calls->as_array()) {
    if (calls->as_array()->size() > max_tool_calls)
      return std::unexpected(malformed("the answer has more than 256 tool calls"));
    for (auto const& call : *calls->as_array()) {
      auto const* const function = call.find("function");
      add(function == nullptr ? call : *function, call.text("id"));
    }
  } else if (auto const* const call = message.find("function_call"); call && call->as_object()) {
    add(*call, "");
  }
  return parts;
}

// ---- streams ----

class ChatStream final : public AnswerStream {
 public:
  OrFault<void> take(SseEvent const& event, DeltaSink const& sink) override;
  [[nodiscard]] bool done() const override { return done_; }
  OrFault<ModelAnswer> finish() override;
  [[nodiscard]] std::optional<Usage> usage() const override { return answer_.usage; }

 private:
  void take_texts(Json const& delta, DeltaSink const& sink);
  OrFault<void> take_calls(Json const& delta, DeltaSink const& sink);
  /// The place in calls_ that a fragment belongs to.
  OrFault<std::size_t> place_of(Json const& fragment, std::size_t position);

  ModelAnswer answer_;
  std::vector<CallParts> calls_;
  std::map<std::int64_t, std::size_t> places_;  // by the server's index
  bool has_choice_ = false;
  bool done_ = false;
};

OrFault<void> ChatStream::take(SseEvent const& event, DeltaSink const& sink) {
  if (done_) return {};
  if (event.data == "[DONE]") {
    done_ = true;
    return {};
  }
  auto const chunk = parse_json(event.data);
  if (!chunk)
    return std::unexpected(malformed("an event of the stream is no JSON: " + chunk.error().detail));
  if (event.type == "error" || is_error(*chunk))
    return std::unexpected(fault_of_error(read_error(event.data)));
  if (chunk->as_object() == nullptr)
    return std::unexpected(malformed("an event of the stream is no object"));
  read_facts(*chunk, answer_);
  auto const* const choices = chunk->find("choices");
  if (choices == nullptr || choices->as_array() == nullptr) return {};
  auto const* const choice = first_choice(*choices->as_array());
  if (choice == nullptr) return {};
  has_choice_ = true;
  if (auto finish = finish_of(choice->find("finish_reason")); !finish.empty())
    answer_.finish = std::move(finish);
  auto const* delta = choice->find("delta");
  if (delta == nullptr || delta->as_object() == nullptr) delta = choice->find("message");
  if (delta == nullptr || delta->as_object() == nullptr) return {};
  take_texts(*delta, sink);
  return take_calls(*delta, sink);
}

void ChatStream::take_texts(Json const& delta, DeltaSink const& sink) {
  using Kind = AnswerDelta::Kind;
  auto const give = [&sink](Kind kind, std::string text) {
    if (sink && !text.empty())
      sink({.kind = kind, .tool_call = 0, .tool = {}, .text = std::move(text)});
  };
  if (auto text = text_of_parts(delta.find("content"))) {
    if (!answer_.content) answer_.content.emplace();
    *answer_.content += *text;
    give(Kind::text, std::move(*text));
  }
  if (auto text = reasoning_of(delta)) {
    answer_.reasoning += *text;
    give(Kind::reasoning, std::move(*text));
  }
  if (auto const text = delta.text("refusal"); !text.empty()) {
    answer_.refusal += text;
    give(Kind::refusal, std::string(text));
  }
}

OrFault<std::size_t> ChatStream::place_of(Json const& fragment, std::size_t position) {
  auto const id = fragment.text("id");
  auto const* const index = fragment.find("index");
  auto const key = index != nullptr && index->as_integer() != nullptr
                       ? *index->as_integer()
                       : static_cast<std::int64_t>(position);
  auto const known = places_.find(key);
  if (known != places_.end()) {
    // Some servers give every call the same index, and only the id tells them apart.
    auto const& call = calls_[known->second];
    if (id.empty() || call.id.empty() || call.id == id) return known->second;
    auto const same = std::ranges::find(calls_, id, &CallParts::id);
    if (same != calls_.end()) return static_cast<std::size_t>(same - calls_.begin());
  }
  if (calls_.size() == max_tool_calls)
    return std::unexpected(malformed("the answer has more than 256 tool calls"));
  calls_.emplace_back();
  places_[key] = calls_.size() - 1;
  return calls_.size() - 1;
}

OrFault<void> ChatStream::take_calls(Json const& delta, DeltaSink const& sink) {
  auto const* const list = delta.find("tool_calls");
  if (list == nullptr || list->as_array() == nullptr) return {};
  std::size_t position = 0;
  for (auto const& fragment : *list->as_array()) {
    auto const* const function = fragment.find("function");
    bool const says_something =
        !fragment.text("id").empty() || (function != nullptr && function->as_object() != nullptr);
    if (!says_something) continue;  // Workers AI ends a call with nulls
    auto const place = place_of(fragment, position++);
    if (!place) return std::unexpected(place.error());
    auto& call = calls_[*place];
    if (call.id.empty()) call.id = fragment.text("id");
    if (function == nullptr) continue;
    if (call.name.empty()) call.name = function->text("name");
    auto text = arguments_of(function->find("arguments"));
    call.arguments += text;
    if (sink && !text.empty())
      sink({.kind = AnswerDelta::Kind::tool_arguments,
            .tool_call = *place,
            .tool = call.name,
            .text = std::move(text)});
  }
  return {};
}

OrFault<ModelAnswer> ChatStream::finish() {
  if (!has_choice_ && done_) return std::unexpected(empty_answer("the stream had no choice"));
  if (!done_ && answer_.finish.empty())
    return std::unexpected(truncated_answer("there was neither [DONE] nor a finish_reason; " +
                                            std::to_string(answer_.content.value_or("").size()) +
                                            " bytes of text had come"));
  auto calls = whole_calls(std::move(calls_));
  if (!calls) return std::unexpected(calls.error());
  answer_.tool_calls = std::move(*calls);
  return std::move(answer_);
}

}  // namespace

std::string write_chat_request(ModelCall const& call, ChatOptions const& options) {
  Json body;
  body.set("model", call.model);
  // Everything that is the same for every call of a conversation stands before the messages.
  if (!call.tools.empty()) {
    body.set("tools", tools_of(call));
    body.set("tool_choice", choice_of(call.tool_choice));
    if (call.parallel_tool_calls) body.set("parallel_tool_calls", *call.parallel_tool_calls);
  }
  if (call.format.kind != AnswerFormat::Kind::text)
    body.set("response_format", format_of(call.format));
  if (call.max_tokens) body.set(options.max_tokens_name, *call.max_tokens);
  if (call.temperature) body.set("temperature", *call.temperature);
  if (call.top_p) body.set("top_p", *call.top_p);
  if (call.seed) body.set("seed", *call.seed);
  if (!call.stop.empty()) body.set("stop", Json::Array(call.stop.begin(), call.stop.end()));
  if (!call.cache_key.empty()) body.set("prompt_cache_key", call.cache_key);
  body.set("stream", call.stream);
  if (call.stream && options.ask_for_usage)
    body.set("stream_options", Json().set("include_usage", true));
  set_extra(body, call.extra);
  Json::Array messages;
  messages.reserve(call.messages.size());
  for (auto const& message : call.messages) messages.push_back(message_of(message));
  body.set("messages", std::move(messages));
  return to_string(body);
}

OrFault<ModelAnswer> read_chat_answer(std::string_view body) {
  auto const json = parse_json(body);
  if (!json) return std::unexpected(malformed("the answer is no JSON: " + json.error().detail));
  if (is_error(*json)) return std::unexpected(fault_of_error(read_error(body)));
  auto const* const choices = json->find("choices");
  if (choices == nullptr || choices->as_array() == nullptr)
    return std::unexpected(malformed("the answer has no list of choices"));
  auto const* const choice = first_choice(*choices->as_array());
  if (choice == nullptr)
    return std::unexpected(empty_answer("the answer's list of choices is empty"));
  auto const* const message = choice->find("message");
  if (message == nullptr || message->as_object() == nullptr)
    return std::unexpected(malformed("the answer's choice has no message"));
  ModelAnswer answer;
  read_facts(*json, answer);
  answer.content = text_of_parts(message->find("content"));
  answer.reasoning = reasoning_of(*message).value_or("");
  answer.refusal = message->text("refusal");
  answer.finish = finish_of(choice->find("finish_reason"));
  auto parts = calls_of(*message);
  if (!parts) return std::unexpected(parts.error());
  auto calls = whole_calls(std::move(*parts));
  if (!calls) return std::unexpected(calls.error());
  answer.tool_calls = std::move(*calls);
  return answer;
}

std::unique_ptr<AnswerStream> read_chat_stream() { return std::make_unique<ChatStream>(); }

}  // namespace dalsegno::activities
