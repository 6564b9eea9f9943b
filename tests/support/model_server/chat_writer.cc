#include "tests/support/model_server/chat_writer.h"

#include <algorithm>
#include <utility>

namespace dalsegno::test {
namespace {

/// Pieces of at most seven bytes, cut between characters.
std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    std::size_t count = std::min<std::size_t>(7, text.size());
    while (count < text.size() && (static_cast<unsigned char>(text[count]) & 0xC0) == 0x80) ++count;
    pieces.emplace_back(text.substr(0, count));
    text.remove_prefix(count);
  }
  return pieces;
}

Json::Array calls_of(Json const& answer) {
  auto const* const calls = answer.find("tool_calls");
  return calls == nullptr || calls->as_array() == nullptr ? Json::Array() : *calls->as_array();
}

std::string arguments_of(Json const& call) {
  auto const* const arguments = call.find("arguments");
  if (arguments == nullptr) return "{}";
  return arguments->as_string() ? *arguments->as_string() : to_string(*arguments);
}

std::string finish_of(Json const& answer) {
  auto const said = answer.text("finish");
  if (!said.empty()) return std::string(said);
  return calls_of(answer).empty() ? "stop" : "tool_calls";
}

Json usage_of(Counts const& counts) {
  Json details;
  details.set("cached_tokens", std::uint64_t{counts.cached});
  Json usage;
  usage.set("prompt_tokens", std::uint64_t{counts.prompt});
  usage.set("completion_tokens", std::uint64_t{counts.output});
  usage.set("total_tokens", std::uint64_t{counts.prompt + counts.output});
  usage.set("prompt_tokens_details", std::move(details));
  return usage;
}

Json messages_usage(Counts const& counts) {
  Json usage;
  usage.set("input_tokens", std::uint64_t{counts.prompt - counts.cached});
  usage.set("cache_read_input_tokens", std::uint64_t{counts.cached});
  usage.set("output_tokens", std::uint64_t{counts.output});
  return usage;
}

Json chunk(std::string_view model) {
  Json out;
  out.set("id", "chatcmpl-1").set("object", "chat.completion.chunk").set("model", model);
  return out;
}

std::string chunk_with(std::string_view model, Json delta, Json finish = {}) {
  Json choice;
  choice.set("index", 0).set("delta", std::move(delta)).set("finish_reason", std::move(finish));
  auto out = chunk(model);
  out.set("choices", Json::Array{std::move(choice)});
  return "data: " + to_string(out) + "\n\n";
}

std::string event_with(std::string_view type, Json event) {
  event.set("type", type);
  return "event: " + std::string(type) + "\ndata: " + to_string(event) + "\n\n";
}

Json messages_block(Json const& call) {
  Json block;
  block.set("type", "tool_use").set("id", call.text("id")).set("name", call.text("name"));
  return block.set("input", *parse_json(arguments_of(call)));
}

std::string_view stop_reason(Json const& answer) {
  auto const finish = finish_of(answer);
  if (finish == "stop") return "end_turn";
  if (finish == "length") return "max_tokens";
  return "tool_use";
}

}  // namespace

std::string whole_chat(Json const& answer, std::string_view model, Counts counts) {
  Json message;
  message.set("role", "assistant");
  auto const* const content = answer.find("content");
  message.set("content", content == nullptr ? Json() : *content);
  if (auto const text = answer.text("reasoning"); !text.empty())
    message.set("reasoning_content", text);
  if (auto const text = answer.text("refusal"); !text.empty()) message.set("refusal", text);
  Json::Array calls;
  for (auto const& call : calls_of(answer)) {
    Json function;
    function.set("name", call.text("name")).set("arguments", arguments_of(call));
    Json entry;
    entry.set("id", call.text("id")).set("type", "function").set("function", std::move(function));
    calls.push_back(std::move(entry));
  }
  if (!calls.empty()) message.set("tool_calls", std::move(calls));
  Json choice;
  choice.set("index", 0).set("message", std::move(message)).set("finish_reason", finish_of(answer));
  Json body;
  body.set("id", "chatcmpl-1").set("object", "chat.completion").set("model", model);
  body.set("choices", Json::Array{std::move(choice)}).set("usage", usage_of(counts));
  return to_string(body);
}

std::vector<std::string> streamed_chat(Json const& answer,
                                       std::string_view model,
                                       Counts counts,
                                       bool with_usage) {
  std::vector<std::string> events;
  Json role;
  role.set("role", "assistant").set("content", "");
  events.push_back(chunk_with(model, std::move(role)));
  auto const say = [&](char const* member, std::string_view text) {
    for (auto const& piece : pieces_of(text))
      events.push_back(chunk_with(model, Json().set(member, piece)));
  };
  say("reasoning_content", answer.text("reasoning"));
  say("content", answer.text("content"));
  say("refusal", answer.text("refusal"));
  auto const calls = calls_of(answer);
  std::vector<std::vector<std::string>> arguments;
  auto const fragment = [&](std::size_t index, Json function, std::string_view id) {
    Json entry;
    entry.set("index", std::uint64_t{index});
    if (!id.empty()) entry.set("id", id).set("type", "function");
    entry.set("function", std::move(function));
    events.push_back(chunk_with(model, Json().set("tool_calls", Json::Array{std::move(entry)})));
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    fragment(
        i, Json().set("name", calls[i].text("name")).set("arguments", ""), calls[i].text("id"));
    arguments.push_back(pieces_of(arguments_of(calls[i])));
  }
  for (std::size_t place = 0, longest = 1; place < longest; ++place) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      longest = std::max(longest, arguments[i].size());
      if (place < arguments[i].size())
        fragment(i, Json().set("arguments", arguments[i][place]), "");
    }
  }
  events.push_back(chunk_with(model, Json(Json::Object{}), finish_of(answer)));
  if (with_usage) {
    auto last = chunk(model);
    last.set("choices", Json(Json::Array{})).set("usage", usage_of(counts));
    events.push_back("data: " + to_string(last) + "\n\n");
  }
  events.emplace_back("data: [DONE]\n\n");
  return events;
}

std::string whole_messages(Json const& answer, std::string_view model, Counts counts) {
  Json::Array content;
  if (auto const text = answer.text("reasoning"); !text.empty())
    content.push_back(
        Json().set("type", "thinking").set("thinking", text).set("signature", "signed"));
  if (auto const text = answer.text("content"); !text.empty())
    content.push_back(Json().set("type", "text").set("text", text));
  for (auto const& call : calls_of(answer)) content.push_back(messages_block(call));
  Json body;
  body.set("id", "msg_1").set("type", "message").set("role", "assistant").set("model", model);
  body.set("content", std::move(content)).set("stop_reason", stop_reason(answer));
  body.set("usage", messages_usage(counts));
  return to_string(body);
}

std::vector<std::string> streamed_messages(Json const& answer,
                                           std::string_view model,
                                           Counts counts) {
  std::vector<std::string> events;
  Json message;
  message.set("id", "msg_1").set("model", model).set("content", Json(Json::Array{}));
  message.set("usage", messages_usage({counts.prompt, counts.cached, 1}));
  events.push_back(event_with("message_start", Json().set("message", std::move(message))));
  std::uint64_t index = 0;
  auto const block = [&](Json begin, char const* type, char const* member, std::string_view text) {
    events.push_back(event_with("content_block_start",
                                Json().set("index", index).set("content_block", std::move(begin))));
    for (auto const& piece : pieces_of(text))
      events.push_back(event_with(
          "content_block_delta",
          Json().set("index", index).set("delta", Json().set("type", type).set(member, piece))));
  };
  auto const end_block = [&] {
    events.push_back(event_with("content_block_stop", Json().set("index", index++)));
  };
  if (auto const text = answer.text("reasoning"); !text.empty()) {
    block(Json().set("type", "thinking").set("thinking", ""), "thinking_delta", "thinking", text);
    events.push_back(event_with(
        "content_block_delta",
        Json()
            .set("index", index)
            .set("delta", Json().set("type", "signature_delta").set("signature", "signed"))));
    end_block();
  }
  if (auto const text = answer.text("content"); !text.empty()) {
    block(Json().set("type", "text").set("text", ""), "text_delta", "text", text);
    end_block();
  }
  events.push_back(event_with("ping", Json(Json::Object{})));
  for (auto const& call : calls_of(answer)) {
    auto begin = messages_block(call);
    begin.set("input", Json(Json::Object{}));
    block(std::move(begin), "input_json_delta", "partial_json", arguments_of(call));
    end_block();
  }
  Json last;
  last.set("delta", Json().set("stop_reason", stop_reason(answer)));
  last.set("usage", Json().set("output_tokens", std::uint64_t{counts.output}));
  events.push_back(event_with("message_delta", std::move(last)));
  events.push_back(event_with("message_stop", Json(Json::Object{})));
  return events;
}

namespace {

/// The text of a message in either dialect.
std::string said_by(Json const& message) {
  auto const* const content = message.find("content");
  if (content == nullptr) return {};
  if (auto const* const text = content->as_string()) return *text;
  std::string all;
  if (auto const* const parts = content->as_array())
    for (auto const& part : *parts)
      all += part.find("text") ? part.text("text") : part.text("content");
  return all;
}

bool is_tool_result(Json const& message) {
  if (message.text("role") == "tool") return true;
  auto const* const content = message.find("content");
  auto const* const parts = content == nullptr ? nullptr : content->as_array();
  return parts != nullptr && !parts->empty() && parts->front().text("type") == "tool_result";
}

}  // namespace

Json witless_answer(Json const& messages) {
  Json answer;
  auto const* const list = messages.as_array();
  if (list == nullptr || list->empty()) return answer.set("content", "nothing was said");
  auto text = said_by(list->back());
  if (is_tool_result(list->back())) {
    auto first = list->size();
    while (first > 0 && is_tool_result((*list)[first - 1])) --first;
    std::string all;
    for (auto i = first; i < list->size(); ++i)
      all += (all.empty() ? "" : ", ") + said_by((*list)[i]);
    return answer.set("content", "the tools said: " + all);
  }
  Json::Array calls;
  for (std::string_view rest = text; rest.starts_with("call ");) {
    auto const line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    auto const words = line.substr(5);
    auto const name = words.substr(0, words.find(' '));
    auto const arguments = name.size() < words.size() ? words.substr(name.size() + 1) : "{}";
    Json call;
    call.set("id", "call_" + std::to_string(list->size()) + "_" + std::to_string(calls.size()));
    call.set("name", name).set("arguments", arguments);
    calls.push_back(std::move(call));
  }
  if (!calls.empty()) return answer.set("tool_calls", std::move(calls));
  return answer.set("content", std::to_string(list->size()) + " messages, the last one: " + text);
}

}  // namespace dalsegno::test
