#include "tools/dalsegno/forensics/call_survey.h"

#include "engine/agent/context.h"
#include "storage/memory/memory_log.h"
#include "tests/tools/dalsegno/model_script.h"
#include "tools/dalsegno/forensics/percentile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace dalsegno::forensics {
namespace {

using namespace std::chrono_literals;
using test::message;
using test::ModelScript;
using test::Said;
using test::SessionScript;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Said> both(std::vector<Said> first, std::vector<Said> const& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

std::string call_at(std::string const& endpoint, std::string const& more = {}) {
  return R"({"endpoint":")" + endpoint + "\"" + (more.empty() ? "" : "," + more) + "}";
}

class CallSurveyTest : public testing::Test {
 protected:
  void expect(Result<> const& outcome) { ASSERT_TRUE(outcome) << outcome.error().detail; }

  CallSurvey::Groups survey(std::string const& keys) {
    CallSurvey survey(parse_group_keys(keys).value());
    auto const read = log_->scan_heads([&](SessionId const& id, storage::Head const& head) {
      std::vector<CallSurvey::Run> runs;
      auto const histories = read_all_runs(*log_, id, head);
      EXPECT_TRUE(histories);
      for (auto const& history : *histories) {
        EXPECT_FALSE(history.broken) << history.broken->detail;
        runs.push_back({history.workflow, read_model_calls(*log_, history).value()});
      }
      survey.add(id, runs);
      return true;
    });
    EXPECT_TRUE(read);
    return survey.finish();
  }
  /// The only group.
  CallGroup all() {
    auto const groups = survey("tenant");
    EXPECT_EQ(groups.size(), 1U);
    return groups.empty() ? CallGroup() : groups.begin()->second;
  }

  /// A session in which each call has this record, one second apart.
  void talk(std::string const& name, std::vector<std::string> const& records) {
    SessionScript session(*log_, name, "agent");
    ModelScript model(session);
    std::uint64_t operation = 1;
    expect(session.step(both({session.started()}, model.ask(1, {message("user", "a")}))));
    for (auto const& record : records) {
      auto const answer = model.answer(operation, "b", record);
      ++operation;
      expect(session.step(both({answer}, model.ask(operation, {message("user", "c")}))));
    }
  }

  std::unique_ptr<storage::EventLog> log_ = storage::open_memory(storage::make_memory_store(1));
};

TEST_F(CallSurveyTest, groups_by_the_keys_that_are_asked_for_and_names_those_there_are) {
  talk("one", {call_at("first"), call_at("second")});
  talk("two-", {call_at("first")});
  std::vector<std::vector<std::string>> values;
  for (auto const& [group, figures] : survey("endpoint,session,model,served,workflow"))
    values.push_back(group);
  EXPECT_THAT(values,
              ElementsAre(ElementsAre("first", "one", "small", "small-8b", "agent"),
                          ElementsAre("first", "two-", "small", "small-8b", "agent"),
                          ElementsAre("second", "one", "small", "small-8b", "agent")));
  for (auto const* const wrong : {"", "tennant", "tenant,", "tenant,tenant", "tenant, model"})
    EXPECT_FALSE(parse_group_keys(wrong)) << wrong;
  EXPECT_THAT(parse_group_keys("x").error().detail, HasSubstr("family"));
}

TEST_F(CallSurveyTest, a_call_without_usage_or_cost_is_counted_apart_and_never_as_0) {
  talk("one",
       {call_at("e",
                R"("usage":{"input":100,"cached":60,"cache_write":4,"output":7,"reasoning":2},)"
                R"("cost":{"usd":0.000915})"),
        call_at("e", R"("usage":{"input":100,"cached":0,"output":1},"cost":{"usd":0.0000005})"),
        call_at("e"),
        ""});
  auto const group = all();
  EXPECT_EQ(group.calls, 4U);
  EXPECT_EQ(group.without_record, 1U);
  EXPECT_EQ(group.without_usage, 2U);
  EXPECT_EQ(group.without_cost, 2U);
  EXPECT_EQ(group.usage.input, 200U);
  EXPECT_EQ(group.usage.output, 8U);
  EXPECT_EQ(group.usage.reasoning, 2U);
  EXPECT_DOUBLE_EQ(group.cached_share(), 0.3);
  EXPECT_EQ(group.cost.usd(), 0.0009155);
}

TEST_F(CallSurveyTest, tells_the_cost_of_answers_of_failed_attempts_and_of_summaries_apart) {
  SessionScript session(*log_, "one", "agent");
  ModelScript model(session);
  auto const input = to_json(model.request({message("user", "a")}));
  expect(session.step({session.started(), model.request_of(1, input), model.start(1, input)}));
  auto const priced = [](std::string const& usd) {
    return call_at("e", R"("usage":{"input":10,"output":1},"cost":{"usd":)" + usd + "}");
  };
  expect(session.step(
      {ModelScript::fail(1, "cut off", 1, true, R"({"call":)" + priced("0.25") + "}")}));
  expect(session.step({model.start(1, input, 2)}));
  auto const unpriced = call_at("e", R"("usage":{"input":7,"output":0})");
  expect(session.step({ModelScript::fail(1, "cut off", 2, true, R"({"call":)" + unpriced + "}")}));
  expect(session.step({model.start(1, input, 3)}));
  expect(session.step({ModelScript::fail(1, "e: status 503", 3)}));
  expect(session.step({model.start(1, input, 4)}));
  auto const asking = message("user", std::string(agent::summary_instruction()));
  expect(session.step(both({model.answer(1, "b", priced("1"), 4)}, model.ask(2, {asking}))));
  expect(session.step(
      both({model.answer(2, "in short", priced("2"))}, model.ask(3, {message("user", "c")}))));
  agent::ContextCheckpoint made;
  made.operation = 3;  // was asked in other words
  storage::ValueRecorded value;
  value.name = "context_checkpoint";
  value.value = SessionScript::payload(to_json(made));
  expect(session.step({model.answer(3, "briefly", priced("4")), {0, value}}));
  auto const group = all();
  EXPECT_EQ(group.calls, 3U);
  EXPECT_EQ(group.summaries, 2U);
  EXPECT_EQ(group.cost.usd(), 1.0);
  EXPECT_EQ(group.summary_cost.usd(), 6.0);
  EXPECT_EQ(group.failed_cost.usd(), 0.25);
  EXPECT_EQ(group.failed_attempts, 3U);
  EXPECT_EQ(group.failed_with_usage, 2U);
  EXPECT_EQ(group.failed_without_cost, 1U);
  EXPECT_EQ(group.failed_usage.input, 17U);
  EXPECT_EQ(group.usage.input, 30U) << "of answers alone";
}

TEST_F(CallSurveyTest, compares_what_was_predicted_with_what_was_reported) {
  talk("one",
       {call_at("e",
                R"("affinity":{"blocks":8,"predicted_blocks":0,"reported_blocks":0,)"
                R"("miss":"none"})"),
        call_at("e",
                R"("affinity":{"blocks":12,"predicted_blocks":8,"reported_blocks":3,)"
                R"("miss":"evicted"})"),
        call_at("e", R"("affinity":{"blocks":13,"predicted_blocks":12})")});
  auto const group = all();
  EXPECT_EQ(group.compared, 2U) << "the third server reported nothing";
  EXPECT_EQ(group.predicted_blocks, 8U);
  EXPECT_EQ(group.reported_blocks, 3U);
  EXPECT_DOUBLE_EQ(group.prediction_error(), 0.25);
  EXPECT_EQ(group.misses.at("evicted"), 1U);
}

TEST_F(CallSurveyTest, counts_changes_of_the_endpoint_within_a_session) {
  talk("one", {call_at("a"), call_at("a"), call_at("b"), call_at("a")});
  talk("two-", {call_at("b"), call_at("b")});
  auto const group = all();
  EXPECT_EQ(group.switches, 2U);
  EXPECT_DOUBLE_EQ(group.switches_per_session(), 1.0);
  auto const groups = survey("endpoint");
  EXPECT_EQ(groups.at({"a"}).switches, 1U) << "the call that came back to it";
  EXPECT_EQ(groups.at({"b"}).switches, 1U);
}

TEST_F(CallSurveyTest, tells_times_of_those_calls_that_have_them) {
  talk("one",
       {call_at("e", R"("first_token_us":3000,"elapsed_us":9000)"),
        call_at("e", R"("first_token_us":1000,"elapsed_us":5000)"),
        call_at("e", R"("elapsed_us":7000)")});
  auto const group = all();
  EXPECT_THAT(group.first_token, ElementsAre(1ms, 3ms));
  EXPECT_THAT(group.latency, ElementsAre(5ms, 7ms, 9ms));
  EXPECT_EQ(percentile(group.latency, 0.5), 7ms);
  EXPECT_EQ(percentile(group.latency, 0.99), 9ms);
  EXPECT_EQ(percentile({}, 0.5), 0ms);
}

TEST_F(CallSurveyTest, prompts_of_one_system_message_are_a_family) {
  std::vector<std::string> families;
  for (auto const* const system : {"be brief", "be kind", "be brief", ""}) {
    SessionScript session(*log_, std::string(families.size() + 1, 's'), "agent");
    ModelScript model(session);
    std::vector<agent::Message> said;
    if (*system != '\0') said.push_back(message("system", system));
    said.push_back(message("user", "a"));
    expect(session.step(both({session.started()}, model.ask(1, said))));
    expect(session.step(
        both({model.answer(1, "b", call_at("e"))}, model.ask(2, {message("user", "c")}))));
    expect(session.step({model.answer(2, "d", call_at("e"))}));
    auto const head = log_->head(session.id());
    auto const history = read_history(*log_, session.id(), **head).value();
    auto const calls = read_model_calls(*log_, history).value();
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(calls[0].family, calls[1].family);
    families.push_back(calls[0].family);
  }
  EXPECT_EQ(families[0].size(), 8U);
  EXPECT_NE(families[0], families[1]);
  EXPECT_EQ(families[0], families[2]);
  EXPECT_EQ(families[3], "-");
}

// ---- losses of an endpoint ----

/// Begins a session whose first call is under way; returns that call's input.
std::string begin(SessionScript& session, ModelScript& model) {
  auto const input = to_json(model.request({message("user", "a")}));
  EXPECT_TRUE(session.step({session.started(), model.request_of(1, input), model.start(1, input)}));
  return input;
}

TEST_F(CallSurveyTest, the_recovery_goes_from_the_first_failure_to_the_answer_of_another_endpoint) {
  SessionScript session(*log_, "one", "agent");
  ModelScript model(session);
  auto const input = begin(session, model);
  expect(session.step({ModelScript::fail(1, "a: status 503", 1)}));  // at 1 s
  expect(session.step({model.start(1, input, 2)}));
  expect(session.step({ModelScript::fail(1, "a: status 503", 2)}));  // the same loss
  expect(session.step({model.start(1, input, 3)}));
  expect(session.step({model.answer(1, "b", call_at("b"), 3)}));  // at 5 s
  auto const groups = survey("endpoint");
  auto const& lost = groups.at({"a"});
  EXPECT_EQ(lost.calls, 0U);
  EXPECT_EQ(lost.failed_attempts, 2U);
  EXPECT_EQ(lost.losses, 1U);
  EXPECT_THAT(lost.recovery, ElementsAre(4s));
  EXPECT_EQ(groups.at({"b"}).losses, 0U);
}

TEST_F(CallSurveyTest,
       an_endpoint_that_answers_again_was_stayed_with_and_one_that_never_did_is_open) {
  SessionScript session(*log_, "one", "agent");
  ModelScript model(session);
  auto const input = begin(session, model);
  expect(session.step({ModelScript::fail(1, "a: status 503", 1)}));
  expect(session.step({model.start(1, input, 2)}));
  expect(session.step(
      both({model.answer(1, "b", call_at("a"), 2)}, model.ask(2, {message("user", "c")}))));
  expect(session.step({ModelScript::fail(2, "a: cut off", 1)}));
  auto const group = all();
  EXPECT_EQ(group.losses, 2U);
  EXPECT_EQ(group.losses_stayed, 1U);
  EXPECT_EQ(group.losses_open, 1U);
  EXPECT_TRUE(group.recovery.empty());
}

TEST_F(CallSurveyTest, what_was_under_way_when_an_endpoint_was_lost_is_no_recovery) {
  SessionScript session(*log_, "one", "agent");
  ModelScript model(session);
  ModelScript beside(session);
  auto const input = begin(session, model);
  expect(session.step(both({session.signal("{}")}, beside.ask(2, {message("user", "x")}))));
  expect(session.step({ModelScript::fail(1, "a: status 503", 1)}));  // at 2 s
  expect(session.step({beside.answer(2, "y", call_at("b"))}));       // was begun before
  expect(session.step({model.start(1, input, 2)}));
  expect(session.step({model.answer(1, "b", call_at("b"), 2)}));  // at 5 s
  EXPECT_THAT(all().recovery, ElementsAre(3s));
}

TEST_F(CallSurveyTest, a_failures_details_say_which_endpoint_was_lost_whatever_its_message_says) {
  SessionScript session(*log_, "one", "agent");
  ModelScript model(session);
  auto const input = begin(session, model);
  expect(session.step({ModelScript::fail(
      1, "the attempt took longer than 50 ms", 1, true, R"({"call":{"endpoint":"a"}})")}));
  expect(session.step({model.start(1, input, 2)}));
  expect(session.step({ModelScript::fail(1, "b: status 503", 2, true, R"({"call":7})")}));
  auto const groups = survey("endpoint");
  EXPECT_EQ(groups.at({"a"}).losses, 1U);
  EXPECT_EQ(groups.at({"b"}).losses, 1U) << "details of another form say nothing";
}

TEST_F(CallSurveyTest, a_failure_that_says_nothing_of_an_endpoint_is_no_loss) {
  SessionScript session(*log_, "one", "agent");
  ModelScript model(session);
  auto const input = begin(session, model);
  auto failed = ModelScript::fail(1, "every endpoint of the model is left alone: a", 1);
  expect(session.step({failed}));
  expect(session.step({model.start(1, input, 2)}));
  failed = ModelScript::fail(1, "boom: it was never sent", 2);
  std::get<storage::AttemptFailed>(failed.body).contacts.clear();
  expect(session.step({failed}));
  expect(session.step({model.start(1, input, 3)}));
  expect(session.step({ModelScript::fail(1, "a: status 400", 3, false)}));
  auto const group = all();
  EXPECT_EQ(group.failed_attempts, 3U);
  EXPECT_EQ(group.losses, 0U);
}

// ---- bytes that may be anybody's ----

TEST_F(CallSurveyTest, a_record_whose_members_are_of_other_kinds_counts_as_without_them) {
  talk("one",
       {R"("no object")",
        R"({"endpoint":7,"first_token_us":-1,"elapsed_us":"long","usage":[1],"cost":{"usd":"x"}})",
        R"({"endpoint":"e","elapsed_us":1.5,"usage":{"input":-3,"output":1},"cost":{"usd":-1}})",
        R"({"affinity":{"blocks":1e300,"predicted_blocks":9007199254740993,"reported_blocks":1}})",
        R"({"first_token_us":9007199254740991,"elapsed_us":9007199254740991})"});
  auto const group = all();
  EXPECT_EQ(group.calls, 5U);
  EXPECT_EQ(group.without_record, 1U);
  EXPECT_EQ(group.without_usage, 5U);
  EXPECT_EQ(group.without_cost, 5U);
  EXPECT_EQ(group.compared, 0U);
  EXPECT_EQ(group.first_token.size(), 1U);
}

TEST(CallRecord, is_not_there_in_what_is_no_json) {
  for (auto const* const text : {"", "{", "[]", "null", "{\"call\":[]}", "\xff\xfe"})
    EXPECT_FALSE(read_call_record(text)) << text;
}

TEST(Between, is_0_backwards_and_does_not_overflow) {
  EXPECT_EQ(between(Time(5us), Time(3us)), 0us);
  EXPECT_EQ(between(Time(3us), Time(5us)), 2us);
  EXPECT_EQ(between(Time::min(), Time::max()), std::chrono::microseconds::max());
}

}  // namespace
}  // namespace dalsegno::forensics
