#include "tools/dalsegno/forensics/objective.h"

#include "storage/memory/memory_log.h"
#include "tests/tools/dalsegno/model_script.h"

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
using test::SessionScript;
using testing::ElementsAre;

// ---- what is read from a log ----

class TurnsTest : public testing::Test {
 protected:
  void expect(Result<> const& outcome) { ASSERT_TRUE(outcome) << outcome.error().detail; }

  /// The agent waits for a turn (0 s), which comes in (1 s) and is handed to it: sequences 1 to 3.
  void begin() {
    expect(session_.step({session_.started(), session_.receive(1)}));
    auto said = model_.ask(2, {message("user", "hello")});
    said.insert(said.begin(), session_.signal("{}"));
    said.front().operation = 0;
    expect(session_.step(said));
  }
  std::vector<Turn> turns() {
    auto const head = log_->head(session_.id());
    auto const history = read_history(*log_, session_.id(), **head).value();
    EXPECT_FALSE(history.broken) << history.broken->detail;
    return read_turns(*log_, history).value();
  }
  void wait_a_second() { expect(session_.step({{0, storage::TimerFired{}}})); }

  std::unique_ptr<storage::EventLog> log_ = storage::open_memory(storage::make_memory_store(1));
  SessionScript session_{*log_, "talk", "agent"};
  ModelScript model_{session_};
};

TEST_F(TurnsTest, a_turn_is_answered_from_its_arrival_on) {
  begin();
  wait_a_second();
  expect(session_.step({model_.answer(2, "hi", R"({"first_token_us":200000,"elapsed_us":900000})"),
                        SessionScript::answer(3, 2, "\"hi\"")}));  // at 3 s
  auto const found = turns();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].sequence, 3U);
  EXPECT_EQ(found[0].end, TurnEnd::answered);
  EXPECT_EQ(found[0].answer, 2s);
  EXPECT_EQ(found[0].first_token, 1'300ms) << "recorded after 2 s, the token 0.7 s before";
}

TEST_F(TurnsTest, failed_attempts_count_towards_the_first_token) {
  begin();
  expect(session_.step({ModelScript::fail(2, "a: status 503")}));
  expect(session_.step({session_.start(2, "", 2)}));
  expect(session_.step(
      {model_.answer(2, "hi", R"({"first_token_us":100000,"elapsed_us":100000})", 2)}));  // at 4 s
  auto const found = turns();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].first_token, 3s);
  EXPECT_EQ(found[0].end, TurnEnd::waiting) << "the model spoke, the agent has not answered";
}

TEST_F(TurnsTest, of_a_failed_session_turns_without_answer_have_failed) {
  begin();
  expect(session_.step({{0, storage::SessionFailed{"unauthorized", "no"}}}));
  auto const found = turns();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].end, TurnEnd::failed);
  EXPECT_FALSE(found[0].has_result);
}

TEST_F(TurnsTest, of_a_session_that_ended_otherwise_nobody_waits_any_more) {
  begin();
  expect(session_.step({{0, storage::SessionCompleted{SessionScript::payload("1"), 0}}}));
  EXPECT_EQ(turns().at(0).end, TurnEnd::gone);
}

TEST_F(TurnsTest, an_answer_that_does_not_say_when_it_began_has_no_first_token) {
  begin();
  expect(session_.step({model_.answer(2, "hi"), SessionScript::answer(3, 2, "\"hi\"")}));
  auto const found = turns();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].has_result);
  EXPECT_FALSE(found[0].first_token);
}

// ---- what is judged ----

Turn answered(std::chrono::microseconds after, Sequence sequence = 1) {
  return {.sequence = sequence,
          .arrived = test::at(0),
          .end = TurnEnd::answered,
          .answer = after,
          .first_token = after / 2,
          .has_result = true};
}
Turn unanswered(TurnEnd end, Time arrived = test::at(0)) {
  return {.sequence = 9, .arrived = arrived, .end = end, .answer = {}, .first_token = {}};
}

ObjectiveOutcome judge(Measure measure,
                       std::vector<Turn> const& turns,
                       std::chrono::microseconds limit = 2s) {
  ObjectiveCheck check({measure, limit, 1}, test::at(100));
  check.add({"default", "talk"}, {}, turns);
  return check.finish(5);
}

TEST(Objective, is_kept_by_the_share_that_is_within_the_limit) {
  auto const outcome =
      judge(Measure::answer, {answered(1s), answered(2s), answered(3s), answered(1s)});
  EXPECT_EQ(outcome.kept, 3U);
  EXPECT_EQ(outcome.late, 1U);
  EXPECT_DOUBLE_EQ(outcome.share(), 0.75);
  EXPECT_TRUE(outcome.keeps({.share = 0.75}));
  EXPECT_FALSE(outcome.keeps({.share = 0.76}));
  EXPECT_THAT(outcome.measured, ElementsAre(1s, 1s, 2s, 3s));
  EXPECT_EQ(judge(Measure::first_token, {answered(3s), answered(5s)}).late, 1U);
}

TEST(Objective, a_turn_that_waits_is_late_once_its_time_is_over) {
  auto const outcome = judge(
      Measure::answer, {unanswered(TurnEnd::waiting), unanswered(TurnEnd::waiting, test::at(99))});
  EXPECT_EQ(outcome.late, 1U);
  EXPECT_EQ(outcome.pending, 1U);
  EXPECT_TRUE(outcome.measured.empty()) << "nobody knows how long it will be";
  ASSERT_EQ(outcome.worst.size(), 1U);
  EXPECT_EQ(outcome.worst[0].waited, 100s);
  EXPECT_EQ(outcome.worst[0].end, TurnEnd::waiting);
}

TEST(Objective, a_failed_turn_breaks_it_and_one_that_nobody_waits_for_does_not) {
  auto const outcome =
      judge(Measure::answer, {unanswered(TurnEnd::failed), unanswered(TurnEnd::gone)});
  EXPECT_EQ(outcome.late, 1U);
  EXPECT_EQ(outcome.unmeasured, 1U);
}

TEST(Objective, an_answer_that_does_not_say_when_it_began_is_counted_as_unmeasured) {
  auto turn = answered(1s);
  turn.first_token.reset();
  auto const outcome = judge(Measure::first_token, {turn, answered(1s)});
  EXPECT_EQ(outcome.unmeasured, 1U);
  EXPECT_EQ(outcome.kept, 1U);
}

TEST(Objective, is_kept_while_there_is_nothing_to_judge) {
  EXPECT_TRUE(judge(Measure::answer, {}).keeps({.share = 1}));
}

TEST(Objective, of_errors_counts_turns_whose_session_failed_and_no_others) {
  auto failed = unanswered(TurnEnd::failed);
  failed.ended = test::at(40);
  auto const outcome = judge(Measure::error,
                             {answered(90s),
                              answered(1s),
                              failed,
                              unanswered(TurnEnd::waiting),
                              unanswered(TurnEnd::gone)});
  EXPECT_EQ(outcome.kept, 2U) << "a late answer is one";
  EXPECT_EQ(outcome.late, 1U);
  EXPECT_EQ(outcome.pending, 1U);
  EXPECT_EQ(outcome.unmeasured, 1U);
  EXPECT_TRUE(outcome.keeps({.share = 0.66}));
  EXPECT_FALSE(outcome.keeps({.share = 0.67}));
}

ObjectiveOutcome judge_losses(std::vector<EndpointLoss> const& losses, TurnEnd end) {
  ObjectiveCheck check({Measure::recovery, 10s, 1}, test::at(100));
  RunId run;
  run.bytes.fill(7);
  check.add({"default", "talk"}, {run}, losses, end);
  return check.finish(5);
}

TEST(Objective, of_recovery_counts_losses_by_the_time_until_the_session_was_answered_again) {
  auto const outcome = judge_losses(
      {{.endpoint = "a", .at = test::at(0), .run = 1, .sequence = 5, .ended = test::at(10)},
       {.endpoint = "a", .at = test::at(50), .run = 1, .sequence = 9, .ended = test::at(61)},
       {.endpoint = "b", .at = test::at(95), .run = 1, .sequence = 20}},
      TurnEnd::waiting);
  EXPECT_EQ(outcome.kept, 1U);
  EXPECT_EQ(outcome.late, 1U);
  EXPECT_EQ(outcome.pending, 1U);
  EXPECT_THAT(outcome.measured, ElementsAre(10s, 11s));
  ASSERT_EQ(outcome.worst.size(), 1U);
  EXPECT_EQ(outcome.worst[0].turn, 9U);
  EXPECT_EQ(outcome.worst[0].run.bytes[0], 7);
}

TEST(Objective, a_loss_after_which_the_session_failed_is_broken_at_once) {
  std::vector<EndpointLoss> const open{{.endpoint = "a", .at = test::at(95), .run = 1}};
  EXPECT_EQ(judge_losses(open, TurnEnd::failed).late, 1U);
  EXPECT_EQ(judge_losses(open, TurnEnd::gone).unmeasured, 1U);
  EXPECT_EQ(judge_losses({{.endpoint = "a", .at = test::at(50), .run = 1}}, TurnEnd::waiting).late,
            1U);
}

// ---- burn rates ----

std::vector<Judged> judged_at(std::vector<std::int64_t> const& seconds, bool is_kept) {
  std::vector<Judged> judged;
  for (auto const second : seconds) judged.push_back({test::at(second), is_kept});
  return judged;
}

TEST(BurnRate, is_the_broken_share_of_a_window_over_the_share_that_may_be_broken) {
  auto judged = judged_at({10, 20, 30}, true);
  judged.push_back({test::at(40), false});
  auto const burn = burn_within(judged, test::at(100), 100s);
  EXPECT_EQ(burn.judged, 4U);
  EXPECT_EQ(burn.broken, 1U);
  EXPECT_NEAR(burn.rate(0.99).value(), 25, 1e-9);
  EXPECT_EQ(burn_within(judged, test::at(40), 10s).judged, 1U) << "a window has no beginning";
  EXPECT_EQ(burn_within(judged, test::at(39), 100s).broken, 0U) << "what comes later is not in it";
  EXPECT_EQ(burn_within(judged, test::at(400), 100s).rate(0.99), 0) << "nothing was judged";
  EXPECT_EQ(burn_within({}, Time::max(), 100s).rate(1), 0);
}

TEST(BurnRate, without_a_budget_anything_broken_burns) {
  auto const judged = judged_at({90}, false);
  auto const burnt = burn_of(judged, test::at(100), {});
  EXPECT_FALSE(burnt.in_short.rate(1));
  EXPECT_TRUE(burnt.is_burning({}, 1));
  EXPECT_FALSE(burnt.budget_left(1));
  EXPECT_FALSE(burn_of(judged_at({90}, true), test::at(100), {}).is_burning({}, 1));
}

TEST(BurnRate, raises_an_alarm_only_while_both_windows_are_above_the_factor) {
  BurnRule const rule;
  EXPECT_NEAR(rule.limit(), 14.4, 1e-9) << "2 % of 30 days in an hour";
  auto const now = test::at(3'600);
  // One in five broken burns 20 times as fast as 1 % does.
  auto const mix = [](std::vector<std::int64_t> const& seconds, int in_five) {
    std::vector<Judged> judged;
    for (auto const second : seconds)
      for (int i = 0; i < 5; ++i) judged.push_back({test::at(second), i >= in_five});
    return judged;
  };
  EXPECT_TRUE(burn_of(mix({600, 3'500}, 1), now, rule).is_burning(rule, 0.99));
  auto over = mix({600}, 1);
  for (auto const& one : mix({3'500}, 0)) over.push_back(one);
  EXPECT_FALSE(burn_of(over, now, rule).is_burning(rule, 0.99)) << "it is over";
  auto blip = mix({100, 200, 300, 400, 500, 600}, 0);
  for (auto const& one : mix({3'500}, 1)) blip.push_back(one);
  EXPECT_FALSE(burn_of(blip, now, rule).is_burning(rule, 0.99)) << "it is small";
}

TEST(BurnRate, says_what_is_left_of_the_budget_of_its_period) {
  auto judged = judged_at({10, 20, 30, 40, 50, 60, 70, 80, 90}, true);
  judged.push_back({test::at(95), false});
  EXPECT_NEAR(burn_of(judged, test::at(100), {}).budget_left(0.8).value(), 0.5, 1e-9);
  EXPECT_NEAR(burn_of(judged, test::at(100), {}).budget_left(0.95).value(), -1, 1e-9);
}

TEST(Objective, says_from_when_on_a_promise_was_kept_or_broken) {
  auto const outcome =
      judge(Measure::answer, {answered(1s), answered(30s), unanswered(TurnEnd::waiting)}, 2s);
  std::vector<std::int64_t> kept;
  std::vector<std::int64_t> broken;
  for (auto const& one : outcome.judged)
    (one.is_kept ? kept : broken).push_back((one.at - test::at(0)).count() / 1'000'000);
  EXPECT_THAT(kept, ElementsAre(1));
  EXPECT_THAT(broken, ElementsAre(2, 2)) << "when their time was over";
}

TEST(Objective, names_the_sessions_that_waited_longest_with_their_worst_turn) {
  ObjectiveCheck check({Measure::answer, 2s, 1}, test::at(100));
  for (int i = 1; i <= 9; ++i)
    check.add({"default", "s" + std::to_string(i)},
              {},
              {answered(std::chrono::seconds(i), 4), answered(std::chrono::seconds(i - 1), 8)});
  auto const outcome = check.finish(3);
  ASSERT_EQ(outcome.worst.size(), 3U);
  EXPECT_EQ(outcome.worst[0].session.name, "s9");
  EXPECT_EQ(outcome.worst[0].turn, 4U);
  EXPECT_EQ(outcome.worst[0].late, 2U);
  EXPECT_EQ(outcome.worst[2].session.name, "s7");
}

}  // namespace
}  // namespace dalsegno::forensics
