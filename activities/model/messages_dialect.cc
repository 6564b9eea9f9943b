#include "activities/model/messages_dialect.h"

#include <algorithm>
#include <map>
#include <utility>

namespace dalsegno::activities {
namespace {

// ---- writing ----

Json text_block(std::string text) {
  Json block;
  block.set("type", "text").set("text", std::move(text));
  return block;
}

/// Equal arguments give equal bytes, as in `write_arguments`.
Json object_or_wrapped(Json const& arguments) {
  if (arguments.as_object() != nullptr) return *parse_json(canonical(arguments));
  Json wrapped;
  wrapped.set("arguments", arguments);
  return wrapped;
}

/// The blocks of one message; this dialect refuses empty texts.
Json::Array blocks_of(PromptMessage const& said) {
  auto const& message = said.message;
  Json::Array blocks;
  if (message.role == "tool") {
    Json result;
    result.set("type", "tool_result").set("tool_use_id", message.tool_call_id.value_or(""));
    result.set("content", message.content.value_or(""));
    blocks.push_back(std::move(result));
    return blocks;
  }
  if (message.role == "assistant") blocks = said.reasoning;
  if (message.content && !message.content->empty()) blocks.push_back(text_block(*message.content));
  for (auto const& call : message.tool_calls) {
    Json use;
    use.set("type", "tool_use").set("id", call.id).set("name", call.name);
    use.set("input", object_or_wrapped(call.arguments));
    blocks.push_back(std::move(use));
  }
  return blocks;
}

/// Results of tools come from the user; what follows each other from one side is one message.
Json::Array messages_of(ModelCall const& call) {
  struct Turn {
    std::string_view role;
    Json::Array blocks;
  };
  std::vector<Turn> turns;
  for (auto const& said : call.messages) {
    auto const& role = said.message.role;
    if (role == "system" || role == "developer") continue;
    std::string_view const side = role == "assistant" ? "assistant" : "user";
    auto blocks = blocks_of(said);
    if (blocks.empty()) continue;
    if (turns.empty() || turns.back().role != side) turns.push_back({side, {}});
    std::ranges::move(blocks, std::back_inserter(turns.back().blocks));
  }
  Json::Array messages;
  for (auto& turn : turns) {
    Json message;
    message.set("role", turn.role).set("content", std::move(turn.blocks));
    messages.push_back(std::move(message));
  }
  return messages;
}

void mark(Json& block) { block.set("cache_control", Json().set("type", "ephemeral")); }

Json::Array tools_of(ModelCall const& call) {
  Json::Array tools;
  for (auto& tool : in_order(call.tools)) {
    Json entry;
    entry.set("name", std::move(tool.name));
    if (!tool.description.empty()) entry.set("description", std::move(tool.description));
    entry.set("input_schema",
              tool.parameters.is_null() ? Json().set("type", "object") : tool.parameters);
    tools.push_back(std::move(entry));
  }
  if (call.format.kind == AnswerFormat::Kind::json_schema) {
    Json entry;
    entry.set("name", json_answer_tool)
        .set("description", "Give the answer with this.")
        .set("input_schema", call.format.schema);
    tools.push_back(std::move(entry));
  }
  return tools;
}

Json choice_of(ModelCall const& call) {
  Json choice;
  if (call.format.kind == AnswerFormat::Kind::json_schema && call.tools.empty())
    return choice.set("type", "tool").set("name", json_answer_tool);
  switch (call.tool_choice.mode) {
    case ToolChoice::Mode::automatic:
      choice.set("type", call.format.kind == AnswerFormat::Kind::json_schema ? "any" : "auto");
      break;
    case ToolChoice::Mode::none:
      return choice.set("type", "none");
    case ToolChoice::Mode::required:
      choice.set("type", "any");
      break;
    case ToolChoice::Mode::named:
      choice.set("type", "tool").set("name", call.tool_choice.name);
      break;
  }
  if (call.parallel_tool_calls) choice.set("disable_parallel_tool_use", !*call.parallel_tool_calls);
  return choice;
}

Json::Array system_of(ModelCall const& call) {
  Json::Array blocks;
  for (auto const& said : call.messages) {
    auto const& role = said.message.role;
    if (role != "system" && role != "developer") continue;
    if (said.message.content && !said.message.content->empty())
      blocks.push_back(text_block(*said.message.content));
  }
  if (call.format.kind == AnswerFormat::Kind::json_object)
    blocks.push_back(text_block("Answer with one JSON object and nothing else."));
  return blocks;
}

// ---- reading ----

std::string finish_of(std::string_view reason) {
  if (reason == "end_turn" || reason == "stop_sequence") return "stop";
  if (reason == "max_tokens" || reason == "model_context_window_exceeded") return "length";
  if (reason == "tool_use") return "tool_calls";
  return presentable(reason, 64);
}

/// A block of the answer, whole or as far as it has come.
struct Block {
  std::string type;
  Json whole;        ///< as it began
  std::string text;  ///< of text, thinking; the JSON of a tool's input
  std::string signature;
};

OrFault<void> add_block(Block block, ModelAnswer& answer) {
  if (block.type == "text") {
    answer.content = answer.content.value_or("") + block.text;
  } else if (block.type == "thinking") {
    answer.reasoning += block.text;
    Json kept;
    kept.set("type", "thinking").set("thinking", std::move(block.text));
    kept.set("signature", std::move(block.signature));
    answer.reasoning_blocks.push_back(std::move(kept));
  } else if (block.type == "redacted_thinking") {
    answer.reasoning_blocks.push_back(std::move(block.whole));
  } else if (block.type == "tool_use") {
    auto const name = block.whole.text("name");
    if (name.empty())
      return std::unexpected(malformed("the answer has a tool call without a name"));
    if (name == json_answer_tool) {
      answer.content = canonical(read_arguments(block.text));
      return {};
    }
    if (answer.tool_calls.size() == max_tool_calls)
      return std::unexpected(malformed("the answer has more than 256 tool calls"));
    auto id = std::string(block.whole.text("id"));
    if (id.empty()) id = "call_" + std::to_string(answer.tool_calls.size());
    answer.tool_calls.push_back({std::move(id), std::string(name), read_arguments(block.text)});
  }
  return {};
}

/// Where the answer came through `json_answer_tool` it called no tool.
ModelAnswer settled(ModelAnswer answer) {
  if (answer.finish == "tool_calls" && answer.tool_calls.empty()) answer.finish = "stop";
  if (answer.finish == "refusal" && answer.refusal.empty())
    answer.refusal = answer.content.value_or("");
  return answer;
}

Block whole_block(Json const& from) {
  Block block{std::string(from.text("type")), from, {}, std::string(from.text("signature"))};
  if (block.type == "tool_use") {
    auto const* const input = from.find("input");
    block.text = input == nullptr || input->is_null() ? "" : to_string(*input);
  } else {
    block.text = from.text(block.type == "thinking" ? "thinking" : "text");
  }
  return block;
}

class MessagesStream final : public AnswerStream {
 public:
  OrFault<void> take(SseEvent const& event, DeltaSink const& sink) override;
  [[nodiscard]] bool done() const override { return done_; }
  OrFault<ModelAnswer> finish() override;
  [[nodiscard]] std::optional<Usage> usage() const override;

 private:
  OrFault<Block*> block_of(Json const& event, bool begins);
  OrFault<void> begin_block(Json const& event, DeltaSink const& sink);
  OrFault<void> take_delta(Json const& event, DeltaSink const& sink);
  void take_usage(Json const& holder);

  ModelAnswer answer_;
  std::map<std::int64_t, Block> blocks_;  // in the order of their indices
  Json usage_;
  bool has_begun_ = false;
  bool done_ = false;
};

OrFault<Block*> MessagesStream::block_of(Json const& event, bool begins) {
  auto const* const index = event.find("index");
  if (index == nullptr || index->as_integer() == nullptr)
    return std::unexpected(malformed("a block of the stream has no index"));
  auto const known = blocks_.find(*index->as_integer());
  if (known != blocks_.end()) return &known->second;
  if (!begins) return std::unexpected(malformed("a piece of the stream belongs to no block"));
  if (blocks_.size() >= 4 * max_tool_calls)
    return std::unexpected(malformed("the answer has more than 1024 blocks"));
  return &blocks_[*index->as_integer()];
}

OrFault<void> MessagesStream::begin_block(Json const& event, DeltaSink const& sink) {
  auto const block = block_of(event, true);
  if (!block) return std::unexpected(block.error());
  auto const* const content = event.find("content_block");
  if (content == nullptr || content->as_object() == nullptr)
    return std::unexpected(malformed("a block of the stream begins with nothing"));
  **block = whole_block(*content);
  auto& begun = **block;
  // The input of a tool comes in pieces; what stands here is an empty object.
  if (begun.type == "tool_use" && begun.text == "{}") begun.text.clear();
  if (sink && !begun.text.empty() && begun.type == "text")
    sink({.kind = AnswerDelta::Kind::text, .tool_call = 0, .tool = {}, .text = begun.text});
  return {};
}

OrFault<void> MessagesStream::take_delta(Json const& event, DeltaSink const& sink) {
  auto const found = block_of(event, false);
  if (!found) return std::unexpected(found.error());
  auto& block = **found;
  auto const* const delta = event.find("delta");
  if (delta == nullptr) return std::unexpected(malformed("a piece of the stream is empty"));
  auto const type = delta->text("type");
  auto const take = [&](std::string_view member, AnswerDelta::Kind kind) {
    auto const text = delta->text(member);
    block.text += text;
    if (!sink || text.empty()) return;
    std::size_t calls_before = 0;
    for (auto const& [index, other] : blocks_) {
      if (&other == &block) break;
      if (other.type == "tool_use") ++calls_before;
    }
    bool const is_call = kind == AnswerDelta::Kind::tool_arguments;
    sink({.kind = kind,
          .tool_call = is_call ? calls_before : 0,
          .tool = is_call ? std::string(block.whole.text("name")) : std::string(),
          .text = std::string(text)});
  };
  if (type == "text_delta")
    take("text", AnswerDelta::Kind::text);
  else if (type == "thinking_delta")
    take("thinking", AnswerDelta::Kind::reasoning);
  else if (type == "input_json_delta")
    take("partial_json", AnswerDelta::Kind::tool_arguments);
  else if (type == "signature_delta")
    block.signature += delta->text("signature");
  return {};
}

/// Later counts take the place of earlier ones; a later null does not.
void MessagesStream::take_usage(Json const& holder) {
  auto const* const usage = holder.find("usage");
  if (usage == nullptr || usage->as_object() == nullptr) return;
  for (auto const& [name, value] : *usage->as_object())
    if (!value.is_null()) usage_.set(name, value);
}

OrFault<void> MessagesStream::take(SseEvent const& event, DeltaSink const& sink) {
  if (done_) return {};
  auto const json = parse_json(event.data);
  if (!json)
    return std::unexpected(malformed("an event of the stream is no JSON: " + json.error().detail));
  auto const type = json->text("type");
  if (type == "error" || event.type == "error")
    return std::unexpected(fault_of_error(read_error(event.data)));
  if (type == "message_start") {
    has_begun_ = true;
    if (auto const* const message = json->find("message")) {
      answer_.id = presentable(message->text("id"), 200);
      answer_.model = presentable(message->text("model"), 200);
      take_usage(*message);
    }
  } else if (type == "content_block_start") {
    has_begun_ = true;
    return begin_block(*json, sink);
  } else if (type == "content_block_delta") {
    return take_delta(*json, sink);
  } else if (type == "message_delta") {
    if (auto const* const delta = json->find("delta"))
      if (auto const reason = delta->text("stop_reason"); !reason.empty())
        answer_.finish = finish_of(reason);
    take_usage(*json);
  } else if (type == "message_stop") {
    done_ = true;
  }
  return {};  // pings, and what is not known
}

std::optional<Usage> MessagesStream::usage() const {
  if (usage_.as_object() == nullptr) return std::nullopt;
  auto const usage = read_usage(Json().set("usage", usage_));
  return usage ? std::optional(*usage) : std::nullopt;
}

OrFault<ModelAnswer> MessagesStream::finish() {
  if (!has_begun_ && done_)
    return std::unexpected(empty_answer("the stream ended without a message"));
  if (!done_ && answer_.finish.empty())
    return std::unexpected(truncated_answer("there was neither message_stop nor a stop_reason"));
  for (auto& [index, block] : blocks_)
    if (auto added = add_block(std::move(block), answer_); !added)
      return std::unexpected(added.error());
  answer_.usage = usage();
  return settled(std::move(answer_));
}

}  // namespace

std::string write_messages_request(ModelCall const& call, MessagesOptions const& options) {
  Json body;
  body.set("model", call.model);
  body.set("max_tokens", call.max_tokens.value_or(options.default_max_tokens));
  if (call.temperature) body.set("temperature", *call.temperature);
  if (call.top_p) body.set("top_p", *call.top_p);
  if (!call.stop.empty())
    body.set("stop_sequences", Json::Array(call.stop.begin(), call.stop.end()));
  body.set("stream", call.stream);
  set_extra(body, call.extra);
  auto tools = tools_of(call);
  auto system = system_of(call);
  auto messages = messages_of(call);
  if (options.mark_for_cache) {
    if (!tools.empty()) mark(tools.back());
    if (!system.empty()) mark(system.back());
    if (!messages.empty()) {
      auto last = *messages.back().find("content");
      // Blocks of reasoning may not be marked, and stand before all others.
      auto& block = last.as_array()->back();
      auto const type = block.text("type");
      if (type != "thinking" && type != "redacted_thinking") mark(block);
      messages.back().set("content", std::move(last));
    }
  }
  if (!tools.empty()) {
    body.set("tools", std::move(tools));
    body.set("tool_choice", choice_of(call));
  }
  if (!system.empty()) body.set("system", std::move(system));
  body.set("messages", std::move(messages));
  return to_string(body);
}

OrFault<ModelAnswer> read_messages_answer(std::string_view body) {
  auto const json = parse_json(body);
  if (!json) return std::unexpected(malformed("the answer is no JSON: " + json.error().detail));
  if (json->text("type") == "error" || json->find("error") != nullptr)
    return std::unexpected(fault_of_error(read_error(body)));
  auto const* const content = json->find("content");
  if (content == nullptr || content->as_array() == nullptr)
    return std::unexpected(malformed("the answer has no list of blocks"));
  ModelAnswer answer;
  answer.id = presentable(json->text("id"), 200);
  answer.model = presentable(json->text("model"), 200);
  answer.finish = finish_of(json->text("stop_reason"));
  if (content->as_array()->empty() && answer.finish.empty())
    return std::unexpected(empty_answer("the answer's list of blocks is empty"));
  for (auto const& block : *content->as_array())
    if (auto added = add_block(whole_block(block), answer); !added)
      return std::unexpected(added.error());
  if (auto usage = read_usage(*json)) answer.usage = *usage;
  return settled(std::move(answer));
}

std::unique_ptr<AnswerStream> read_messages_stream() { return std::make_unique<MessagesStream>(); }

}  // namespace dalsegno::activities
