#include "tools/dalsegno/forensics/explain.h"

#include "dalsegno/agent.h"
#include "engine/runtime/engine.h"
#include "storage/memory/memory_log.h"
#include "tests/tools/dalsegno/session_script.h"
#include "tools/dalsegno/forensics/verify.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace dalsegno::forensics {
namespace {

using test::SessionScript;

std::string listed(std::vector<std::string> const& texts) {
  std::string all;
  for (auto const& text : texts) all += text + "\n";
  return all;
}

class ExplainTest : public testing::Test {
 protected:
  /// The newest answer, or the end.
  Explanation explain_last(SessionId const& id) { return explain_at(id, 0); }
  Explanation explain_at(SessionId const& id, Sequence sequence) {
    auto const head = log->head(id).value();
    EXPECT_TRUE(head);
    auto const history = read_history(*log, id, *head).value();
    EXPECT_FALSE(history.broken) << history.broken->detail;
    auto const policies = PolicyBook::read(*log).value();
    auto explanation =
        explain(*log, history, policies, sequence == 0 ? explainable(history).back() : sequence);
    EXPECT_TRUE(explanation) << explanation.error().detail;
    return std::move(*explanation);
  }

  std::unique_ptr<storage::EventLog> log = storage::open_memory(storage::make_memory_store(7));
};

/// Asks for two tools at first; then says what it got.
ActivityReply scripted_model(ActivityContext const&, std::string_view input) {
  auto const request = from_json<agent::ModelRequest>(input).value();
  agent::ModelReply reply;
  if (request.append.back().role == "tool") {
    reply.content = "it is " + *request.append.front().content;
  } else {
    reply.tool_calls = {{"1", "search", Json(Json::Object{})},
                        {"2", "refund", Json(Json::Object{})}};
  }
  return {.payload = to_json(reply),
          .model = "scripted",
          .finish = "stop",
          .input_tokens = 5,
          .output_tokens = 3};
}

TEST_F(ExplainTest, tells_the_permitted_and_the_denied_calls_behind_an_agents_answer) {
  Registry registry;
  for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
  registry.add_model("*", scripted_model);
  registry.add_tool("*", [](ActivityContext const&, std::string_view) {
    return ActivityReply{.payload = to_json(agent::ToolReply{"found"})};
  });
  SessionId const id{"default", "talk"};
  {
    auto const engine = engine::Engine::start(*log, registry, test::policy(), {}).value();
    ASSERT_TRUE(engine->start_session({id, "agent", to_json(agent::AgentState{}), "ann"}));
    EXPECT_EQ(engine->ask(id, {"turn", R"({"content":"hello","last":false})", "k1", "bob"}).value(),
              R"("it is found")");
    EXPECT_EQ(engine->ask(id, {"turn", R"({"content":"more","last":false})", "k2", "bob"}).value(),
              R"("it is found")");
    engine->stop();
  }
  auto const head = log->head(id).value();
  auto const history = read_history(*log, id, *head).value();
  auto const answers = explainable(history);
  ASSERT_EQ(answers.size(), 2U);
  for (auto const sequence : answers) {
    auto const why = explain_at(id, sequence);
    EXPECT_TRUE(why.whole()) << listed(why.broken);
    EXPECT_TRUE(why.unknown.empty()) << listed(why.unknown);
    EXPECT_EQ(why.answer.bytes, R"("it is found")");
    EXPECT_EQ(why.ordinal, sequence == answers.front() ? 1U : 2U);
    ASSERT_EQ(why.inputs.size(), 1U);
    EXPECT_EQ(why.inputs.front().principal, "bob");
    ASSERT_EQ(why.calls.size(), 4U);
    EXPECT_EQ(why.calls[0].kind, storage::OperationKind::model);
    EXPECT_FALSE(why.calls[0].is_source);
    auto const& search = why.calls[1];
    EXPECT_EQ(search.name, "search");
    ASSERT_EQ(search.attempts.size(), 1U);
    EXPECT_EQ(search.attempts[0].outcome, AttemptOutcome::completed);
    EXPECT_EQ(search.attempts[0].decision->again.verdict, Verdict::holds);
    EXPECT_EQ(search.attempts[0].decision->policy_name, "desk");
    EXPECT_TRUE(search.result);
    auto const& refund = why.calls[2];
    EXPECT_EQ(refund.name, "refund");
    ASSERT_EQ(refund.attempts.size(), 1U);
    EXPECT_EQ(refund.attempts[0].outcome, AttemptOutcome::denied);
    EXPECT_EQ(refund.attempts[0].started, 0U);
    ASSERT_EQ(refund.attempts[0].decision->rules.size(), 1U);
    EXPECT_EQ(refund.attempts[0].decision->rules[0].id, "no-refund");
    EXPECT_EQ(refund.attempts[0].decision->rules[0].effect, "forbid");
    EXPECT_EQ(refund.attempts[0].decision->rules[0].reason, "refunds need a person");
    EXPECT_FALSE(refund.result);
    EXPECT_TRUE(why.calls[3].is_source);
  }
  auto const verified = verify_store(*log);
  ASSERT_TRUE(verified);
  EXPECT_TRUE(verified->passed()) << verified->findings.list().front().detail;
}

TEST_F(ExplainTest, shows_orphaned_and_failed_attempts) {
  ASSERT_TRUE(test::activate_policy(*log));
  SessionScript script(*log, "s");
  ASSERT_TRUE(script.step({script.started(), script.receive(1)}));
  ASSERT_TRUE(script.step({script.signal("\"q\""),
                           script.request(2, "search", "1"),
                           script.decide(2, "search", "1"),
                           script.start(2, "1")}));
  ASSERT_TRUE(script.step({{2, storage::AttemptOrphaned{1, "the process ended", test::at(2)}},
                           script.decide(2, "search", "1", 2),
                           script.start(2, "1", 2)}));
  ASSERT_TRUE(script.step({{2, storage::AttemptFailed{2, "busy", "later", true, test::at(3)}},
                           script.decide(2, "search", "1", 3),
                           script.start(2, "1", 3)}));
  ASSERT_TRUE(
      script.step({SessionScript::result(2, "\"a\"", 3), SessionScript::answer(3, 2, "\"a\"")}));
  auto const why = explain_last(script.id());
  EXPECT_TRUE(why.whole()) << listed(why.broken);
  ASSERT_EQ(why.calls.size(), 1U);
  ASSERT_EQ(why.calls[0].attempts.size(), 3U);
  EXPECT_EQ(why.calls[0].attempts[0].outcome, AttemptOutcome::orphaned);
  EXPECT_EQ(why.calls[0].attempts[1].outcome, AttemptOutcome::failed);
  EXPECT_EQ(why.calls[0].attempts[1].message, "busy: later");
  EXPECT_EQ(why.calls[0].attempts[2].outcome, AttemptOutcome::completed);
}

TEST_F(ExplainTest, leaves_out_what_an_earlier_turn_caused_while_this_one_waited) {
  ASSERT_TRUE(test::activate_policy(*log));
  SessionScript script(*log, "s");
  ASSERT_TRUE(script.step({script.started(), script.receive(1)}));
  ASSERT_TRUE(script.step({script.signal("1"),
                           script.request(2, "search", "1"),
                           script.decide(2, "search", "1"),
                           script.start(2, "1")}));  // 3 to 6
  ASSERT_TRUE(script.step({script.signal("2")}));    // 7: waits
  ASSERT_TRUE(script.step({SessionScript::result(2, "1"),
                           SessionScript::answer(3, 2, "1"),
                           script.receive(3),
                           script.request(4, "search", "2"),
                           script.decide(4, "search", "2"),
                           script.start(4, "2")}));
  ASSERT_TRUE(script.step({SessionScript::result(4, "2"), SessionScript::answer(7, 4, "2")}));
  auto const why = explain_last(script.id());
  EXPECT_TRUE(why.whole()) << listed(why.broken);
  ASSERT_EQ(why.calls.size(), 1U);
  EXPECT_EQ(why.calls[0].operation, OperationId{4});
}

TEST_F(ExplainTest, does_not_hold_when_a_call_had_no_permit) {
  ASSERT_TRUE(test::activate_policy(*log));
  SessionScript script(*log, "s");
  ASSERT_TRUE(script.step({script.started(), script.receive(1)}));
  ASSERT_TRUE(
      script.step({script.signal("1"), script.request(2, "search", "1"), script.start(2, "1")}));
  ASSERT_TRUE(script.step({SessionScript::result(2, "1"), SessionScript::answer(3, 2, "1")}));
  auto const why = explain_last(script.id());
  EXPECT_FALSE(why.whole());
  EXPECT_EQ(why.calls.at(0).attempts.at(0).permit.verdict, Verdict::fails);
}

TEST_F(ExplainTest, does_not_hold_when_the_answer_comes_from_elsewhere) {
  ASSERT_TRUE(test::activate_policy(*log));
  SessionScript script(*log, "s");
  ASSERT_TRUE(script.step({script.started(), script.receive(1)}));
  ASSERT_TRUE(script.step({script.signal("1"), SessionScript::answer(3, 9, "1")}));
  EXPECT_FALSE(explain_last(script.id()).whole());
}

TEST_F(ExplainTest, calls_a_decision_unknown_when_its_policy_is_not_in_the_journal) {
  SessionScript script(*log, "s");
  ASSERT_TRUE(script.step({script.started(),
                           script.request(1, "search", "1"),
                           script.decide(1, "search", "1"),
                           script.start(1, "1")}));
  ASSERT_TRUE(script.step({SessionScript::result(1, "1"),
                           {0, storage::SessionCompleted{SessionScript::payload("1"), 0}}}));
  auto const why = explain_last(script.id());
  EXPECT_EQ(why.kind, ExplainedEnd::completed);
  EXPECT_TRUE(why.whole()) << listed(why.broken);
  EXPECT_EQ(why.calls.at(0).attempts.at(0).decision->again.verdict, Verdict::unknown);
  EXPECT_EQ(why.unknown.size(), 1U);
}

TEST_F(ExplainTest, does_not_hold_when_a_decision_is_not_what_its_policy_says) {
  ASSERT_TRUE(test::activate_policy(*log));
  SessionScript script(*log, "s");
  ASSERT_TRUE(script.step({script.started(),
                           script.request(1, "refund", "1"),
                           script.decide(1, "refund", "1"),
                           script.start(1, "1")},
                          [](storage::Step& step) {
                            std::get<storage::PolicyDecided>(step.events[2].body).effect =
                                storage::DecisionEffect::permit;
                          }));
  ASSERT_TRUE(script.step({SessionScript::result(1, "1"),
                           {0, storage::SessionCompleted{SessionScript::payload("1"), 0}}}));
  auto const why = explain_last(script.id());
  EXPECT_FALSE(why.whole());
  EXPECT_EQ(why.calls.at(0).attempts.at(0).decision->again.verdict, Verdict::fails);
}

TEST_F(ExplainTest, refuses_what_is_no_answer) {
  SessionScript script(*log, "s");
  ASSERT_TRUE(script.step({script.started()}));
  auto const history = read_history(*log, script.id(), *log->head(script.id()).value()).value();
  EXPECT_TRUE(explainable(history).empty());
  for (Sequence const sequence : {0U, 1U, 2U, 1'000'000U})
    EXPECT_EQ(explain(*log, history, PolicyBook{}, sequence).error().code, Errc::invalid)
        << sequence;
}

TEST(Cut, is_a_sequence_or_a_time) {
  EXPECT_EQ(parse_cut("17")->sequence, 17U);
  EXPECT_EQ(parse_cut("1970-01-01T00:00:01Z")->time, Time(std::chrono::seconds(1)));
  EXPECT_EQ(parse_cut("1970-01-01T00:00:01.5Z")->time, Time(std::chrono::microseconds(1'500'000)));
  EXPECT_EQ(parse_cut("1970-01-01T02:00:01+02:00")->time, Time(std::chrono::seconds(1)));
  EXPECT_EQ(parse_cut("1970-01-02")->time, Time(std::chrono::hours(24)));
  for (auto const* const text : {"",
                                 "x",
                                 "-1",
                                 "17x",
                                 "1970-13-01",
                                 "1970-02-30",
                                 "1970-01-01T25:00:00Z",
                                 "1970-01-01T00:00:00",
                                 "1970-01-01T00:00:00.Z",
                                 "99999999999999999999"})
    EXPECT_FALSE(parse_cut(text)) << text;
}

}  // namespace
}  // namespace dalsegno::forensics
