#include "activities/model/recorded.h"

#include "dalsegno/payload.h"
#include "engine/runtime/engine.h"
#include "storage/memory/memory_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace dalsegno::activities {
namespace {

using testing::HasSubstr;

/// The first transcript of `line`, as read from "talk.jsonl".
Transcript transcript(std::string const& line) {
  TranscriptReader reader(std::make_unique<std::istringstream>(line), "talk.jsonl");
  auto read = reader.next();
  EXPECT_TRUE(read && *read) << (read ? read->error().detail : "nothing there");
  return **read;
}

Script script(std::string const& line) {
  auto made = make_script(transcript(line));
  EXPECT_TRUE(made) << made.error().detail;
  return made.value();
}

std::string refusal(std::string const& line) {
  auto const made = make_script(transcript(line));
  return made ? "accepted" : made.error().detail;
}

// A seat is looked up, changed (two calls at once, answered the other way round), and confirmed.
constexpr auto seat_change = R"({"id": "seat", "messages": [
  {"role": "system", "content": "You are a desk."},
  {"role": "user", "content": "Row 4, please."},
  {"role": "assistant", "content": null, "tool_calls": [
    {"id": "c1", "type": "function", "function": {"name": "find_seat", "arguments": "{\"row\": 4, \"near\": \"window\"}"}},
    {"id": "c2", "type": "function", "function": {"name": "price", "arguments": "seat 4A"}}]},
  {"role": "tool", "tool_call_id": "c2", "content": "12 EUR"},
  {"role": "tool", "tool_call_id": "c1", "content": "4A"},
  {"role": "assistant", "content": "4A for 12 EUR?"},
  {"role": "user", "content": "Yes, and goodbye."}]})";

ActivityContext context(std::string name, std::string session = "seat") {
  ActivityContext context;
  context.session.name = std::move(session);
  context.name = std::move(name);
  return context;
}

/// The error that `call` throws, as "type: message".
template <class Call>
std::string error_of(Call call) {
  try {
    static_cast<void>(call());
  } catch (ActivityError const& error) {
    EXPECT_EQ(error.retry(), ActivityError::Retry::forbidden);
    return error.type() + ": " + error.what();
  }
  return "no error";
}

TEST(Script, has_what_is_said_in_the_order_of_the_session) {
  auto const made = script(seat_change);
  EXPECT_EQ(made.session, "seat");
  EXPECT_EQ(made.system, "You are a desk.");
  ASSERT_EQ(made.turns.size(), 2U);
  EXPECT_EQ(made.turns[0].content, "Row 4, please.");
  EXPECT_FALSE(made.turns[0].last);
  EXPECT_EQ(made.turns[1].content, "Yes, and goodbye.");
  EXPECT_TRUE(made.turns[1].last);
  ASSERT_EQ(made.messages.size(), 6U);  // the last turn gets no answer and is in no prompt
  EXPECT_EQ(made.messages[3].message.tool_call_id, "c1");
  EXPECT_EQ(made.messages[3].recorded, 4U);
  EXPECT_EQ(made.messages[3].message.name, "find_seat");
  EXPECT_EQ(made.messages[4].message.tool_call_id, "c2");
}

TEST(Script, joins_what_a_session_says_at_once) {
  auto const made = script(R"([
    {"role": "system", "content": "A."}, {"role": "developer", "content": "B."},
    {"role": "user", "content": "one"}, {"role": "user", "content": "two"},
    {"role": "assistant", "content": "three"}, {"role": "assistant", "content": "four"}])");
  EXPECT_EQ(made.system, "A.\n\nB.");
  ASSERT_EQ(made.turns.size(), 2U);
  EXPECT_EQ(made.turns[0].content, "one\n\ntwo");
  EXPECT_EQ(made.turns[1].content, "");  // the client leaves without a word
  EXPECT_TRUE(made.turns[1].last);
  ASSERT_EQ(made.messages.size(), 3U);
  EXPECT_EQ(made.messages[2].message.content, "three\n\nfour");
}

TEST(Script, ends_without_a_last_turn_when_a_tool_takes_over) {
  auto const calls = std::string(R"([{"role": "user", "content": "a person!"},
    {"role": "assistant", "tool_calls": [{"id": "t", "type": "function",
      "function": {"name": "hand_over", "arguments": "{}"}}]})");
  EXPECT_EQ(
      script(calls + R"(, {"role": "tool", "tool_call_id": "t", "content": "done"}])").turns.size(),
      1U);
  EXPECT_EQ(script(calls + "]").turns.size(), 1U);
}

TEST(Script, names_the_message_that_no_session_can_go_through) {
  EXPECT_EQ(refusal(R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
                        {"role": "system", "content": "c"}])"),
            "talk.jsonl:1: message 3 (system): comes after the first turn; a session has its "
            "system message at its "
            "start");
  auto const calls = std::string(R"([{"role": "user", "content": "a"},
    {"role": "assistant", "tool_calls": [{"id": "t", "type": "function",
      "function": {"name": "f", "arguments": "{}"}}]})");
  EXPECT_THAT(refusal(calls + R"(, {"role": "user", "content": "b"}])"),
              HasSubstr("message 3 (user): comes while"));
  EXPECT_THAT(refusal(calls + R"(, {"role": "tool", "tool_call_id": "t", "content": "r"},
                                  {"role": "user", "content": "b"}])"),
              HasSubstr("message 4 (user): comes right after a tool's result"));
}

class RecordedTest : public testing::Test {
 protected:
  [[nodiscard]] agent::ModelRequest request(std::size_t messages, std::size_t appended) const {
    auto const& said = far.find("seat")->messages;
    agent::ModelRequest request;
    request.prompt = {.messages = messages,
                      .digest = messages == 0 ? "" : said[messages - 1].digest};
    for (auto at = messages - appended; at < messages; ++at)
      request.append.push_back(said[at].message);
    return request;
  }
  [[nodiscard]] std::string model(agent::ModelRequest const& request) const {
    return far.model(context("default"), to_json(request)).payload;
  }
  [[nodiscard]] std::string model_error(agent::ModelRequest const& request) const {
    return error_of([&] { return model(request); });
  }
  [[nodiscard]] std::string tool(std::string name, agent::ToolRequest const& request) const {
    return far.tool(context(std::move(name)), to_json(request)).payload;
  }
  [[nodiscard]] std::string tool_error(std::string const& name,
                                       agent::ToolRequest const& request) const {
    return error_of([&] { return tool(name, request); });
  }

  RecordedFarSide far{{script(seat_change)}};
  agent::ToolRequest const find_seat{
      .id = "c1",
      .arguments = parse_json(R"({"near":"window","row":4})").value(),
      .message = 2,
      .call = 0};
};

TEST_F(RecordedTest, gives_the_model_message_that_comes_next) {
  auto const first = far.model(context("default"), to_json(request(2, 2)));
  EXPECT_THAT(first.payload, HasSubstr(R"("arguments":{"near":"window","row":4})"));
  EXPECT_THAT(first.payload, HasSubstr(R"("arguments":"seat 4A")"));
  EXPECT_EQ(first.finish, "tool_calls");
  EXPECT_EQ(first.model, "default");
  EXPECT_EQ(model(request(5, 2)), R"({"content":"4A for 12 EUR?","tool_calls":[]})");
}

TEST_F(RecordedTest, gives_the_result_of_a_call_whatever_the_order_of_its_arguments) {
  EXPECT_EQ(tool("find_seat", find_seat), R"({"content":"4A","ends_session":false})");
  EXPECT_EQ(tool("price", {.id = "c2", .arguments = Json("seat 4A"), .message = 2, .call = 1}),
            R"({"content":"12 EUR","ends_session":false})");
}

TEST_F(RecordedTest, shows_what_was_recorded_and_what_the_session_asks_instead) {
  auto asked = request(2, 2);
  asked.append[1].content = "Row 5, please.";
  EXPECT_EQ(model_error(asked),
            "transcript_mismatch: talk.jsonl:1: message 2 (user): the session's differs from the "
            "recorded one\n"
            "  content\n"
            "    recorded  \"Row 4, please.\"\n"
            "    asked     \"Row 5, please.\"");
  auto other = find_seat;
  other.arguments.set("row", 5);
  EXPECT_EQ(tool_error("find_seats", other),
            "transcript_mismatch: talk.jsonl:1: message 3 (assistant): the session's tool call "
            "differs from the "
            "recorded one\n"
            "  tool call 1 name\n"
            "    recorded  \"find_seat\"\n"
            "    asked     \"find_seats\"\n"
            "  tool call 1 arguments\n"
            R"(    recorded  "{\"near\":\"window\",\"row\":4}")"
            "\n"
            R"(    asked     "{\"near\":\"window\",\"row\":5}")");
}

TEST_F(RecordedTest, refuses_what_lies_at_no_place_of_the_recording) {
  EXPECT_THAT(model_error(request(6, 0)),
              HasSubstr("the end of the recording: the session asks the model for one more"));
  EXPECT_THAT(model_error(request(1, 1)),
              HasSubstr("message 2 (user): the session asks the model for its message here"));
  EXPECT_THAT(tool_error("find_seat", {.id = "c1", .arguments = {}, .message = 1, .call = 0}),
              HasSubstr("message 2 (user): has 0 tool calls"));
  EXPECT_THAT(tool_error("find_seat", {.id = "c1", .arguments = {}, .message = 77, .call = 0}),
              HasSubstr("the end of the recording"));
  EXPECT_THAT(error_of([&] { return far.model(context("m", "nobody"), to_json(request(2, 2))); }),
              HasSubstr("not_recorded"));
  EXPECT_THAT(error_of([&] { return far.model(context("m"), "{}"); }), HasSubstr("input_mismatch"));
  auto too_many = request(2, 2);
  too_many.prompt.messages = 1;
  EXPECT_THAT(model_error(too_many), HasSubstr("input_mismatch"));
}

TEST_F(RecordedTest, notices_a_conversation_that_was_another_long_ago) {
  auto asked = request(5, 2);
  asked.prompt.digest = storage::to_hex(storage::Digest{});
  EXPECT_THAT(model_error(asked), HasSubstr("has another digest"));
}

TEST_F(RecordedTest, reports_the_mismatch_that_a_tool_has_found_and_not_its_echo) {
  auto asked = request(5, 2);
  asked.append[0].content = R"({"error":"transcript_mismatch","message":"what the tool said"})";
  EXPECT_EQ(model_error(asked), "transcript_mismatch: what the tool said");
}

TEST_F(RecordedTest, shows_where_long_texts_begin_to_differ) {
  auto asked = request(2, 2);
  asked.append[0].content = std::string(3'000, 'x') + "\u00e4" + std::string(3'000, 'y');
  EXPECT_LT(model_error(asked).size(), 400U);
}

TEST_F(RecordedTest, leads_a_session_of_the_agent_workflow_to_its_end) {
  Registry registry;
  for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
  far.serve(registry);
  auto const store = storage::make_memory_store(1);
  auto const log = storage::open_memory(store);
  auto policy = engine::PolicySet::parse(R"({"dalsegno_policy": 1, "name": "all", "rules": [
    {"id": "all", "effect": "permit", "actions": ["model.call", "tool.call"]}]})");
  ASSERT_TRUE(policy) << policy.error().detail;
  auto const engine = engine::Engine::start(*log, registry, *policy, {}).value();

  auto const& recorded = *far.find("seat");
  SessionId const id{"default", "seat"};
  agent::AgentState state;
  state.system = recorded.system;
  ASSERT_TRUE(engine->start_session({id, "agent", to_json(state), ""}));
  EXPECT_EQ(engine->ask(id, {"turn", to_json(recorded.turns[0]), "turn-1", ""}).value(),
            R"("4A for 12 EUR?")");
  ASSERT_TRUE(engine->signal(id, {"turn", to_json(recorded.turns[1]), "turn-2", ""}));
  EXPECT_EQ(engine->wait_for_end(id).value().result,
            R"({"answers":1,"ended_by":"client","turns":2})");
}

}  // namespace
}  // namespace dalsegno::activities
