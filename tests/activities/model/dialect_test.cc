#include "activities/model/chat_dialect.h"
#include "activities/model/messages_dialect.h"
#include "tests/support/json_gen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace dalsegno::activities {
namespace {

agent::Message say(std::string role, std::optional<std::string> content) {
  return {.role = std::move(role),
          .content = std::move(content),
          .tool_calls = {},
          .tool_call_id = {},
          .name = {}};
}

/// A conversation with two parallel calls and their results.
ModelCall conversation() {
  ModelCall call;
  call.model = "m";
  call.messages.push_back({say("system", "be brief")});
  call.messages.push_back({say("user", "weather?")});
  auto asks = say("assistant", std::nullopt);
  asks.tool_calls = {{"a", "weather", Json().set("city", "Rome").set("at", 1)},
                     {"b", "weather", Json("not json")}};
  call.messages.push_back({asks});
  for (std::string const id : {"a", "b"}) {
    auto result = say("tool", "sunny in " + id);
    result.tool_call_id = id;
    result.name = "weather";
    call.messages.push_back({result});
  }
  call.tools = {{"weather", "Tells it", Json().set("type", "object")}, {"add", "", Json()}};
  return call;
}

Json chat_body(ModelCall const& call, ChatOptions const& options = {}) {
  return *parse_json(write_chat_request(call, options));
}
Json messages_body(ModelCall const& call, MessagesOptions const& options = {}) {
  return *parse_json(write_messages_request(call, options));
}

// ---- requests ----

TEST(ChatRequest, lays_out_messages_tools_and_results) {
  EXPECT_EQ(
      to_string(*chat_body(conversation()).find("messages")),
      R"([{"role":"system","content":"be brief"},{"role":"user","content":"weather?"},)"
      R"({"role":"assistant","content":null,"tool_calls":[)"
      R"({"id":"a","type":"function","function":{"name":"weather","arguments":"{\"at\":1,\"city\":\"Rome\"}"}},)"
      R"({"id":"b","type":"function","function":{"name":"weather","arguments":"not json"}}]},)"
      R"({"role":"tool","content":"sunny in a","tool_call_id":"a"},)"
      R"({"role":"tool","content":"sunny in b","tool_call_id":"b"}])");
  EXPECT_EQ(
      to_string(*chat_body(conversation()).find("tools")),
      R"([{"type":"function","function":{"name":"add"}},)"
      R"({"type":"function","function":{"name":"weather","description":"Tells it","parameters":{"type":"object"}}}])");
}

TEST(ChatRequest, says_only_what_is_set) {
  ModelCall call;
  call.model = "m";
  call.stream = false;
  call.messages.push_back({say("user", "x")});
  EXPECT_EQ(write_chat_request(call, {}),
            R"({"model":"m","stream":false,"messages":[{"role":"user","content":"x"}]})");
}

TEST(ChatRequest, has_every_setting_under_its_name) {
  auto call = conversation();
  call.tool_choice = {ToolChoice::Mode::named, "add"};
  call.parallel_tool_calls = false;
  call.format = {AnswerFormat::Kind::json_schema, "city", Json().set("type", "object"), true};
  call.max_tokens = 100;
  call.temperature = 0.5;
  call.top_p = 0.9;
  call.seed = 7;
  call.stop = {"END"};
  call.cache_key = "k";
  call.extra = Json().set("top_k", 40);
  auto body = chat_body(call, {.max_tokens_name = "max_completion_tokens"});
  body.set("messages", Json()).set("tools", Json());
  EXPECT_EQ(
      to_string(body),
      R"({"model":"m","tools":null,"tool_choice":{"type":"function","function":{"name":"add"}},)"
      R"("parallel_tool_calls":false,"response_format":{"type":"json_schema","json_schema":)"
      R"({"name":"city","schema":{"type":"object"},"strict":true}},"max_completion_tokens":100,)"
      R"("temperature":0.5,"top_p":0.9,"seed":7,"stop":["END"],"prompt_cache_key":"k",)"
      R"("stream":true,"stream_options":{"include_usage":true},"top_k":40,"messages":null})");
  call.format = {AnswerFormat::Kind::json_object, "", Json(), true};
  EXPECT_EQ(to_string(*chat_body(call).find("response_format")), R"({"type":"json_object"})");
  call.tool_choice = {ToolChoice::Mode::required, ""};
  EXPECT_EQ(to_string(*chat_body(call).find("tool_choice")), R"("required")");
}

TEST(MessagesRequest, lays_out_blocks_and_puts_results_of_parallel_calls_into_one_message) {
  auto const body = messages_body(conversation(), {.mark_for_cache = false});
  EXPECT_EQ(to_string(*body.find("system")), R"([{"type":"text","text":"be brief"}])");
  EXPECT_EQ(
      to_string(*body.find("messages")),
      R"([{"role":"user","content":[{"type":"text","text":"weather?"}]},)"
      R"({"role":"assistant","content":[)"
      R"({"type":"tool_use","id":"a","name":"weather","input":{"at":1,"city":"Rome"}},)"
      R"({"type":"tool_use","id":"b","name":"weather","input":{"arguments":"not json"}}]},)"
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"sunny in a"},)"
      R"({"type":"tool_result","tool_use_id":"b","content":"sunny in b"}]}])");
  EXPECT_EQ(to_string(*body.find("tools")),
            R"([{"name":"add","input_schema":{"type":"object"}},)"
            R"({"name":"weather","description":"Tells it","input_schema":{"type":"object"}}])");
  EXPECT_EQ(*body.find("max_tokens"), Json(4'096));
}

TEST(MessagesRequest, marks_what_the_cache_may_keep_and_gives_reasoning_back_first) {
  auto call = conversation();
  call.messages[2].reasoning = {Json().set("type", "thinking").set("signature", "s")};
  auto const body = messages_body(call);
  auto const marked = [](Json const& block) { return block.find("cache_control") != nullptr; };
  EXPECT_TRUE(marked(body.find("tools")->as_array()->back()));
  EXPECT_TRUE(marked(body.find("system")->as_array()->back()));
  auto const& messages = *body.find("messages")->as_array();
  EXPECT_TRUE(marked(messages.back().find("content")->as_array()->back()));
  EXPECT_EQ(messages[1].find("content")->as_array()->front().text("signature"), "s");
}

TEST(MessagesRequest, asks_for_json_through_a_tool) {
  ModelCall call;
  call.messages.push_back({say("user", "x")});
  call.format = {AnswerFormat::Kind::json_schema, "", Json().set("type", "object"), true};
  auto const body = messages_body(call);
  EXPECT_EQ(to_string(*body.find("tool_choice")),
            R"({"type":"tool","name":"dalsegno_json_answer"})");
  auto const answer = read_messages_answer(
      R"({"content":[{"type":"tool_use","id":"t","name":"dalsegno_json_answer","input":{"b":1,"a":2}}],
          "stop_reason":"tool_use"})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->content, R"({"a":2,"b":1})");
  EXPECT_EQ(answer->finish, "stop");
  EXPECT_TRUE(answer->tool_calls.empty());
}

/// Conversations whose messages are texts and calls.
rc::Gen<std::vector<PromptMessage>> conversations() {
  auto const one = rc::gen::exec([] {
    auto const role = *rc::gen::element<std::string>("user", "assistant", "tool");
    auto message = say(role, *test::utf8_text());
    if (role == "assistant" && *rc::gen::arbitrary<bool>())
      message.tool_calls.push_back({*test::utf8_text(), "f", *rc::gen::arbitrary<Json>()});
    if (role == "tool") message.tool_call_id = *test::utf8_text();
    return PromptMessage{message, {}};
  });
  return rc::gen::container<std::vector<PromptMessage>>(one);
}

RC_GTEST_PROP(RequestProperty, a_longer_conversation_begins_with_the_bytes_of_the_shorter, ()) {
  auto const messages = *rc::gen::resize(10, conversations());
  auto const cut = *rc::gen::inRange<std::size_t>(0, messages.size() + 1);
  auto call = conversation();
  auto longer = call;
  longer.messages.insert(longer.messages.end(), messages.begin(), messages.end());
  auto shorter = call;
  shorter.messages.insert(shorter.messages.end(),
                          messages.begin(),
                          messages.begin() + static_cast<std::ptrdiff_t>(cut));
  auto begin = write_chat_request(shorter, {});
  RC_ASSERT(begin.ends_with("]}"));
  begin.resize(begin.size() - 2);
  RC_ASSERT(write_chat_request(longer, {}).starts_with(begin));
  RC_ASSERT(write_chat_request(longer, {}) == write_chat_request(longer, {}));
}

RC_GTEST_PROP(RequestProperty, every_conversation_is_one_json_text_in_both_dialects, ()) {
  ModelCall call;
  call.messages = *rc::gen::resize(10, conversations());
  RC_ASSERT(bool(parse_json(write_chat_request(call, {}))));
  auto const body = parse_json(write_messages_request(call, {}));
  RC_ASSERT(bool(body));
  std::string_view last;
  for (auto const& message : *body->find("messages")->as_array()) {
    RC_ASSERT(message.text("role") != last);
    last = message.text("role");
  }
}

// ---- whole answers ----

TEST(ChatAnswer, reads_texts_calls_facts_and_usage) {
  auto const answer = read_chat_answer(
      R"({"id":"c1","model":"m-1","choices":[{"index":0,"finish_reason":"tool_calls","message":{
      "role":"assistant","content":"so","reasoning_content":"hm","tool_calls":[
      {"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
      {"type":"function","function":{"name":"g","arguments":{"y":2}}}]}}],
      "usage":{"prompt_tokens":10,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":8}}})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->content, "so");
  EXPECT_EQ(answer->reasoning, "hm");
  EXPECT_EQ(answer->finish, "tool_calls");
  EXPECT_EQ(answer->id, "c1");
  EXPECT_EQ(answer->model, "m-1");
  ASSERT_EQ(answer->tool_calls.size(), 2U);
  EXPECT_EQ(answer->tool_calls[0].id, "a");
  EXPECT_EQ(to_string(answer->tool_calls[0].arguments), R"({"x":1})");
  EXPECT_EQ(answer->tool_calls[1].id, "call_1") << "an id is made where there is none";
  EXPECT_EQ(to_string(answer->tool_calls[1].arguments), R"({"y":2})");
  EXPECT_EQ(answer->usage->cached, 8U);
}

TEST(ChatAnswer, reads_what_other_servers_spell_otherwise) {
  auto const read = [](std::string const& message, std::string const& more = "") {
    auto const answer = read_chat_answer(R"({"choices":[{"message":)" + message + more + "}]}");
    EXPECT_TRUE(answer) << message;
    return answer.value_or(ModelAnswer());
  };
  EXPECT_EQ(read(R"({"content":[{"type":"text","text":"a"},{"text":"b"}]})").content, "ab");
  EXPECT_EQ(read(R"({"content":null})").content, std::nullopt);
  EXPECT_EQ(read(R"({"reasoning":"r"})").reasoning, "r");
  EXPECT_EQ(read(R"({"thinking":"t"})").reasoning, "t");
  EXPECT_EQ(read(R"({"refusal":"no"})").refusal, "no");
  EXPECT_EQ(read(R"({"function_call":{"name":"f","arguments":""}})").tool_calls.at(0).name, "f");
  EXPECT_EQ(to_string(read(R"({"tool_calls":[{"name":"flat","arguments":{"a":1}}]})")
                          .tool_calls.at(0)
                          .arguments),
            R"({"a":1})");
  EXPECT_EQ(read(R"({"tool_calls":[{"function":{"name":"f","arguments":"{broken"}}]})")
                .tool_calls.at(0)
                .arguments,
            Json("{broken"));
  EXPECT_EQ(read(R"({"content":"x"})", R"(,"finish_reason":"eos")").finish, "stop");
}

std::string fault_of(OrFault<ModelAnswer> const& answer) {
  return answer ? "none" : answer.error().type;
}

TEST(ChatAnswer, says_what_is_wrong_with_an_answer_that_is_none) {
  EXPECT_EQ(fault_of(read_chat_answer("{")), "malformed_answer");
  EXPECT_EQ(fault_of(read_chat_answer("[]")), "malformed_answer");
  EXPECT_EQ(fault_of(read_chat_answer("{\"choices\":[{\"message\":{\"content\":\"\xff\"}}]}")),
            "malformed_answer");
  EXPECT_EQ(fault_of(read_chat_answer(R"({"choices":[]})")), "empty_answer");
  EXPECT_EQ(fault_of(read_chat_answer(R"({"choices":[{}]})")), "malformed_answer");
  EXPECT_EQ(fault_of(read_chat_answer(R"({"choices":[{"message":{"tool_calls":[{"id":"x"}]}}]})")),
            "malformed_answer");
  EXPECT_EQ(fault_of(read_chat_answer(R"({"error":{"message":"m","code":429}})")), "rate_limited");
  EXPECT_EQ(
      fault_of(read_chat_answer(R"({"success":false,"errors":[{"code":3040,"message":"m"}]})")),
      "overloaded");
}

TEST(MessagesAnswer, reads_blocks_and_keeps_reasoning_for_the_next_prompt) {
  auto const answer = read_messages_answer(R"({"id":"m1","model":"c","stop_reason":"tool_use",
    "content":[{"type":"thinking","thinking":"hm","signature":"sig"},
    {"type":"redacted_thinking","data":"xyz"},{"type":"text","text":"so"},
    {"type":"tool_use","id":"t","name":"f","input":{"x":1}}],
    "usage":{"input_tokens":2,"cache_read_input_tokens":8,"output_tokens":3}})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->content, "so");
  EXPECT_EQ(answer->reasoning, "hm");
  ASSERT_EQ(answer->reasoning_blocks.size(), 2U);
  EXPECT_EQ(to_string(answer->reasoning_blocks[0]),
            R"({"type":"thinking","thinking":"hm","signature":"sig"})");
  EXPECT_EQ(to_string(answer->reasoning_blocks[1]), R"({"type":"redacted_thinking","data":"xyz"})");
  EXPECT_EQ(answer->tool_calls.at(0).name, "f");
  EXPECT_EQ(answer->finish, "tool_calls");
  EXPECT_EQ(answer->usage->input, 10U);
}

// ---- streams ----

struct Streamed {
  OrFault<ModelAnswer> answer;
  std::vector<AnswerDelta> deltas;
};

Streamed stream(std::unique_ptr<AnswerStream> reader, std::string_view bytes) {
  Streamed out{std::unexpected(ModelFault{}), {}};
  std::optional<ModelFault> fault;
  SseParser parser;
  auto const fed = parser.feed(bytes, [&](SseEvent const& event) {
    if (fault) return;
    if (auto const taken =
            reader->take(event, [&](AnswerDelta delta) { out.deltas.push_back(std::move(delta)); });
        !taken)
      fault = taken.error();
  });
  EXPECT_TRUE(fed);
  if (fault)
    out.answer = std::unexpected(*fault);
  else
    out.answer = reader->finish();
  return out;
}

TEST(ChatStream, puts_parallel_calls_together_from_their_pieces) {
  auto const [answer, deltas] = stream(read_chat_stream(), R"(: comment
data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}

data: {"choices":[{"index":0,"delta":{"reasoning":"hm"}}]}

data: {"choices":[{"index":0,"delta":{"content":"so "}},{"index":1,"delta":{"content":"other"}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":""}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"arguments":"{}"}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":null,"function":null}]},"finish_reason":"tool_calls"}]}

data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}

data: [DONE]

)");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->content, "so ");
  EXPECT_EQ(answer->reasoning, "hm");
  ASSERT_EQ(answer->tool_calls.size(), 2U);
  EXPECT_EQ(to_string(answer->tool_calls[0].arguments), R"({"x":1})");
  EXPECT_EQ(answer->tool_calls[1].id, "b");
  EXPECT_EQ(answer->finish, "tool_calls");
  EXPECT_EQ(answer->usage->input, 5U);
  ASSERT_EQ(deltas.size(), 5U);
  EXPECT_EQ(deltas[1].text, "so ");
  EXPECT_EQ(deltas[4].tool, "g");
}

TEST(ChatStream, tells_calls_apart_by_id_where_every_index_is_the_same) {
  auto const [answer, deltas] = stream(read_chat_stream(), R"(
data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}

data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{\"n\":2}"}}]},"finish_reason":"stop"}]}

)");
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->tool_calls.size(), 2U);
  EXPECT_EQ(to_string(answer->tool_calls[1].arguments), R"({"n":2})");
}

TEST(ChatStream, an_end_without_a_word_is_a_cut_and_never_an_answer) {
  EXPECT_EQ(fault_of(stream(read_chat_stream(), "").answer), "truncated");
  EXPECT_EQ(fault_of(stream(read_chat_stream(),
                            "data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n")
                         .answer),
            "truncated");
  EXPECT_EQ(fault_of(stream(read_chat_stream(), "data: [DONE]\n\n").answer), "empty_answer");
  EXPECT_EQ(
      fault_of(stream(read_chat_stream(), "data: {\"choices\":[]}\n\ndata: [DONE]\n\n").answer),
      "empty_answer");
}

TEST(ChatStream, says_what_is_wrong_in_the_middle) {
  EXPECT_EQ(fault_of(stream(read_chat_stream(), "data: {\n\n").answer), "malformed_answer");
  EXPECT_EQ(fault_of(stream(read_chat_stream(), "data: 7\n\n").answer), "malformed_answer");
  EXPECT_EQ(
      fault_of(stream(read_chat_stream(),
                      "data: {\"error\":{\"message\":\"m\",\"type\":\"overloaded_error\"}}\n\n")
                   .answer),
      "overloaded");
}

TEST(MessagesStream, puts_blocks_together_and_adds_up_usage) {
  auto const [answer, deltas] = stream(read_messages_stream(), R"(event: message_start
data: {"type":"message_start","message":{"id":"m1","model":"c","content":[],"usage":{"input_tokens":2,"cache_read_input_tokens":8,"output_tokens":1}}}

event: ping
data: {"type":"ping"}

data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}

data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"so"}}

data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}

data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"x\":"}}

data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1}"}}

data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":30}}

data: {"type":"message_stop"}

)");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->content, "so");
  EXPECT_EQ(to_string(answer->reasoning_blocks.at(0)),
            R"({"type":"thinking","thinking":"hm","signature":"sig"})");
  EXPECT_EQ(to_string(answer->tool_calls.at(0).arguments), R"({"x":1})");
  EXPECT_EQ(answer->finish, "tool_calls");
  EXPECT_EQ(answer->usage->input, 10U);
  EXPECT_EQ(answer->usage->output, 30U);
  EXPECT_EQ(deltas.size(), 4U);
  EXPECT_EQ(deltas[3].tool, "f");
}

TEST(MessagesStream, says_what_is_wrong) {
  EXPECT_EQ(fault_of(stream(read_messages_stream(), "").answer), "truncated");
  EXPECT_EQ(
      fault_of(stream(read_messages_stream(), "data: {\"type\":\"message_stop\"}\n\n").answer),
      "empty_answer");
  EXPECT_EQ(fault_of(stream(read_messages_stream(),
                            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                            "\"overloaded_error\",\"message\":\"m\"}}\n\n")
                         .answer),
            "overloaded");
  EXPECT_EQ(fault_of(stream(read_messages_stream(),
                            "data: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{}}\n\n")
                         .answer),
            "malformed_answer");
}

// ---- properties ----

/// Cuts `text` at boundaries of characters.
std::vector<std::string> pieces_of(std::string const& text) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < text.size();) {
    auto end = at + *rc::gen::inRange<std::size_t>(1, 8);
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    pieces.push_back(text.substr(at, end - at));
    at += pieces.back().size();
  }
  return pieces;
}

std::string event_of(Json const& data) { return "data: " + to_string(data) + "\n\n"; }

Json chat_chunk(Json delta) {
  Json choice;
  choice.set("index", 0).set("delta", std::move(delta));
  return Json().set("choices", Json::Array{std::move(choice)});
}

ModelAnswer any_answer() {
  ModelAnswer answer;
  auto text = *test::utf8_text();
  if (!text.empty()) answer.content = text;
  auto const count = *rc::gen::inRange(0, 4);
  for (int i = 0; i < count; ++i)
    answer.tool_calls.push_back(
        {"id" + std::to_string(i), "f" + std::to_string(i % 2), *test::json_value(2)});
  answer.finish = count == 0 ? "stop" : "tool_calls";
  for (auto& call : answer.tool_calls)
    if (call.arguments.as_object() == nullptr) call.arguments = Json().set("v", call.arguments);
  return answer;
}

/// As the stream brings it: canonical where text was.
bool same(ModelAnswer const& a, ModelAnswer const& b) {
  if (a.content != b.content || a.finish != b.finish || a.tool_calls.size() != b.tool_calls.size())
    return false;
  for (std::size_t i = 0; i < a.tool_calls.size(); ++i) {
    if (a.tool_calls[i].id != b.tool_calls[i].id || a.tool_calls[i].name != b.tool_calls[i].name ||
        canonical(a.tool_calls[i].arguments) != canonical(b.tool_calls[i].arguments))
      return false;
  }
  return true;
}

RC_GTEST_PROP(StreamProperty, any_pieces_of_a_chat_answer_give_that_answer, ()) {
  auto const expected = any_answer();
  std::vector<std::vector<std::string>> lanes;  // each in its own order
  lanes.emplace_back();
  for (auto const& piece : pieces_of(expected.content.value_or("")))
    lanes[0].push_back(event_of(chat_chunk(Json().set("content", piece))));
  for (std::size_t i = 0; i < expected.tool_calls.size(); ++i) {
    auto const& call = expected.tool_calls[i];
    lanes.emplace_back();
    auto const fragment = [&](Json function, bool first) {
      Json entry;
      entry.set("index", std::uint64_t{i});
      if (first) entry.set("id", call.id);
      entry.set("function", std::move(function));
      lanes.back().push_back(
          event_of(chat_chunk(Json().set("tool_calls", Json::Array{std::move(entry)}))));
    };
    fragment(Json().set("name", call.name).set("arguments", ""), true);
    for (auto const& piece : pieces_of(write_arguments(call.arguments)))
      fragment(Json().set("arguments", piece), false);
  }
  std::string bytes;
  // The first fragments come in the order of the calls; all others in any.
  for (auto& lane : lanes)
    if (!lane.empty()) {
      bytes += lane.front();
      lane.erase(lane.begin());
    }
  for (;;) {
    std::erase_if(lanes, [](auto const& lane) { return lane.empty(); });
    if (lanes.empty()) break;
    auto& lane = lanes[*rc::gen::inRange<std::size_t>(0, lanes.size())];
    bytes += lane.front();
    lane.erase(lane.begin());
  }
  bytes += "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" + expected.finish +
           "\"}]}\n\ndata: [DONE]\n\n";
  auto const [answer, deltas] = stream(read_chat_stream(), bytes);
  RC_ASSERT(bool(answer));
  RC_ASSERT(same(*answer, expected));
  std::string text;
  for (auto const& delta : deltas)
    if (delta.kind == AnswerDelta::Kind::text) text += delta.text;
  RC_ASSERT(text == expected.content.value_or(""));
}

RC_GTEST_PROP(StreamProperty, any_pieces_of_a_messages_answer_give_that_answer, ()) {
  auto const expected = any_answer();
  auto bytes = event_of(*parse_json(R"({"type":"message_start","message":{"id":"m"}})"));
  std::size_t index = 0;
  auto const begin = [&](Json block) {
    bytes += event_of(Json()
                          .set("type", "content_block_start")
                          .set("index", std::uint64_t{index})
                          .set("content_block", std::move(block)));
  };
  auto const piece_of = [&](Json delta) {
    bytes += event_of(Json()
                          .set("type", "content_block_delta")
                          .set("index", std::uint64_t{index})
                          .set("delta", std::move(delta)));
  };
  if (expected.content) {
    begin(Json().set("type", "text").set("text", ""));
    for (auto const& piece : pieces_of(*expected.content))
      piece_of(Json().set("type", "text_delta").set("text", piece));
    ++index;
  }
  for (auto const& call : expected.tool_calls) {
    begin(Json()
              .set("type", "tool_use")
              .set("id", call.id)
              .set("name", call.name)
              .set("input", Json(Json::Object{})));
    for (auto const& piece : pieces_of(canonical(call.arguments)))
      piece_of(Json().set("type", "input_json_delta").set("partial_json", piece));
    ++index;
  }
  bytes +=
      event_of(*parse_json(expected.finish == "stop"
                               ? R"({"type":"message_delta","delta":{"stop_reason":"end_turn"}})"
                               : R"({"type":"message_delta","delta":{"stop_reason":"tool_use"}})"));
  bytes += "data: {\"type\":\"message_stop\"}\n\n";
  auto const [answer, deltas] = stream(read_messages_stream(), bytes);
  RC_ASSERT(bool(answer));
  RC_ASSERT(same(*answer, expected));
}

RC_GTEST_PROP(StreamProperty, any_json_as_answer_or_event_gives_an_answer_or_a_fault, ()) {
  auto const text = to_string(*rc::gen::arbitrary<Json>());
  for (auto const& answer : {read_chat_answer(text), read_messages_answer(text)})
    RC_ASSERT(bool(answer || !answer.error().message.empty()));
  stream(read_chat_stream(), "data: " + text + "\n\n");
  stream(read_messages_stream(), "data: " + text + "\n\n");
}

}  // namespace
}  // namespace dalsegno::activities
