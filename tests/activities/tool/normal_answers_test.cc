// A tool's answer on its way through a session: what the model sees, and what the log keeps.

#include "dalsegno/dalsegno.h"
#include "dalsegno/testing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view raw =
    R"([{"flight": "A1", "to": "SEA"}, {"flight": "A2", "to": "SEA"}])";
constexpr std::string_view normal_form =
    R"({"@table":[["flight","to"],["A1","SEA"],["A2","SEA"]]})";

ActivityReply answer_of(ActivityHandler const& handler) {
  return handler(ActivityContext{}, R"({"id":"c1","arguments":{},"message":1,"call":0})");
}

ActivityHandler says(std::string payload, bool is_error = false) {
  return [payload = std::move(payload), is_error](ActivityContext const&, std::string_view) {
    return ActivityReply{.payload = payload, .is_error = is_error};
  };
}

TEST(NormalAnswers, are_what_the_model_sees_and_the_log_keeps_both) {
  auto const seen = std::make_shared<std::vector<agent::Message>>();  // shared: the model keeps it
  Registry registry;
  for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
  registry.add_model("default", [seen](ActivityContext const&, std::string_view input) {
    auto const request = from_json<agent::ModelRequest>(input).value();
    seen->insert(seen->end(), request.append.begin(), request.append.end());
    agent::ModelReply reply;
    if (seen->back().role == "user")
      reply.tool_calls.push_back({.id = "c1", .name = "search", .arguments = Json::Object{}});
    else
      reply.content = "two flights";
    return ActivityReply{.payload = to_json(reply)};
  });
  registry.add_tool(
      "search",
      tool::with_normal_answers(says(to_json(agent::ToolReply{.content = std::string(raw)}))));
  TestRuntime runtime(std::move(registry));
  SessionId const session{.name = "desk"};
  ASSERT_TRUE(runtime.start_session(session, "agent", agent::AgentState{}));
  ASSERT_TRUE(runtime.signal(session, "turn", agent::Turn{.content = "flights?"}));

  ASSERT_EQ(seen->size(), 2U);
  EXPECT_EQ(seen->back().role, "tool");
  EXPECT_EQ(seen->back().content, normal_form);
  std::string history;
  for (auto const& event : runtime.history(session)) history += event + "\n";
  EXPECT_THAT(history, HasSubstr(canonical(Json(raw)).substr(1, 20)));
  EXPECT_THAT(history, HasSubstr(R"("raw_bytes":62)"));
  EXPECT_THAT(history, HasSubstr(R"("rules":1)"));
}

TEST(NormalAnswers, keep_the_raw_text_where_it_differs) {
  auto const reply = answer_of(tool::with_normal_answers(
      says(to_json(agent::ToolReply{.content = "[1, 2]", .ends_session = true}))));
  EXPECT_EQ(reply.payload,
            R"({"content":"[1,2]","ends_session":true,)"
            R"("normal_form":{"bytes":5,"raw_bytes":6,"rules":1},"raw":"[1, 2]"})");
}

TEST(NormalAnswers, keep_no_second_copy_of_what_was_normal) {
  auto const reply =
      answer_of(tool::with_normal_answers(says(to_json(agent::ToolReply{.content = "sunny"}))));
  EXPECT_EQ(reply.payload,
            R"({"content":"sunny","ends_session":false,)"
            R"("normal_form":{"bytes":5,"raw_bytes":5,"rules":1}})");
}

TEST(NormalAnswers, give_errors_one_envelope) {
  auto const reply = answer_of(
      tool::with_normal_answers(says(to_json(agent::ToolReply{.content = "no seats"}), true)));
  EXPECT_TRUE(reply.is_error);
  EXPECT_EQ(from_json<agent::ToolReply>(reply.payload).value().content,
            R"({"error":"tool_error","message":"no seats"})");
}

TEST(NormalAnswers, leave_replies_of_another_shape_alone) {
  for (std::string const payload : {"null", "[1, 2]", "no json", R"({"content": 7})"})
    EXPECT_EQ(answer_of(tool::with_normal_answers(says(payload))).payload, payload);
}

}  // namespace
}  // namespace dalsegno
