#include "engine/session/completion_token.h"
#include "tests/engine/session/one_call.h"

#include <chrono>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr RetryPolicy three_times{.initial = 1s, .factor = 1, .max_attempts = 3, .jitter = 0};
constexpr ActivityOptions once{
    .start_to_close = 60s, .retry = three_times, .effect = EffectClass::at_most_once};
constexpr ActivityOptions reconcilable{
    .start_to_close = 60s, .retry = three_times, .effect = EffectClass::reconcilable};

ResolveInput resolution(storage::DoubtResolution what, std::string result = {}) {
  return {OperationId{1}, what, std::move(result), "ann", "", "I called the bank"};
}

/// A session whose one call, made at most once, is in doubt.
SessionDriver in_doubt() {
  auto session = call_driver(once);
  session.start(R"("x")");
  session.restart();
  session.orphan_open_attempts();
  return session;
}

std::size_t attempts_of(SessionDriver const& session) {
  std::size_t count = 0;
  for (auto const& name : names_of(session.history())) count += name == "AttemptStarted 1" ? 1 : 0;
  return count;
}

TEST(AtMostOnce, a_call_whose_process_ended_is_in_doubt_and_waits) {
  auto session = in_doubt();
  EXPECT_THAT(names_of(session.history()), Contains("OperationInDoubt 1"));
  EXPECT_EQ(attempts_of(session), 1U);
  EXPECT_FALSE(session.end);
  EXPECT_THAT(session.log->timers(Time{}, Time::max(), 9).value(), ElementsAre());
  EXPECT_EQ(session.log->head(session.id).value()->open_attempts, 0U);
  expect_sound(session);
  session.restart();
  session.orphan_open_attempts();
  EXPECT_EQ(attempts_of(session), 1U) << "a restart changes nothing";
}

TEST(AtMostOnce, a_call_that_took_too_long_is_in_doubt_and_its_late_result_is_not_applied) {
  auto session = call_driver(once);
  session.start(R"("x")");
  auto const events = session.fire_next();
  EXPECT_THAT(names_of(events), ElementsAre("AttemptFailed 1", "OperationInDoubt 1"));
  EXPECT_TRUE(find_body<storage::AttemptFailed>(events)->outcome_unknown);
  EXPECT_THAT(find_body<storage::OperationInDoubt>(events)->reason,
              HasSubstr("start_to_close_timeout"));
  EXPECT_THAT(names_of(session.complete(1, R"("late")")), ElementsAre("AttemptOrphaned 1"));
  EXPECT_FALSE(session.end);
  expect_sound(session);
}

TEST(AtMostOnce, a_failure_of_unknown_outcome_is_in_doubt_and_a_declared_one_is_repeated) {
  auto session = call_driver(once);
  session.start(R"("x")");
  EXPECT_TRUE(find_body<storage::AttemptFailed>(session.fail(1, 1))->retry_at)
      << "the activity says that nothing happened";
  session.fire_next();
  FailureInput unknown{OperationId{1}, 2, "exception", "connection reset"};
  unknown.outcome_unknown = true;
  EXPECT_THAT(names_of(session.take(unknown)),
              ElementsAre("AttemptFailed 1", "OperationInDoubt 1"));
  expect_sound(session);
}

TEST(AtMostOnce, a_call_that_nobody_began_is_not_in_doubt) {
  auto options = once;
  options.schedule_to_start = 5s;
  auto session = call_driver(options);
  session.start(R"("x")");
  session.fire_next();
  EXPECT_EQ(session.end->result, R"("schedule_to_start_timeout after 1")");
  expect_sound(session);
}

TEST(AtMostOnce, a_call_that_waited_in_a_queue_until_its_limit_is_repeated) {
  auto session = call_driver(once);
  ToldWatch watch;  // nobody has begun any
  session.watch = &watch;
  session.start(R"("x")");
  auto const events = session.fire_next();
  EXPECT_EQ(find_body<storage::AttemptFailed>(events)->type, "start_to_close_timeout");
  EXPECT_TRUE(find_body<storage::AttemptFailed>(events)->retry_at);
  watch.signs[2] = {};
  session.fire_next();
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("AttemptFailed 1", "OperationInDoubt 1"))
      << "that one was begun";
  expect_sound(session);
}

Workflow<std::string> call_tool(Context& ctx, std::string input) {
  co_return co_await ctx.tool<std::string>("wire", input);
}

TEST(AtMostOnce, a_tool_is_what_the_program_that_offers_it_declares) {
  SessionDriver session(define_workflow("calls", call_tool));
  session.registry.add_tool(
      "wire",
      [](ActivityContext const&, std::string_view) { return ActivityReply{.payload = "0"}; },
      ToolOptions{.effect = EffectClass::at_most_once});
  session.start(R"("x")");
  session.restart();
  session.orphan_open_attempts();
  EXPECT_EQ(names_of(session.history()).back(), "OperationInDoubt 1");
  session.take(resolution(storage::DoubtResolution::completed, R"("wired")"));
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "ToolCompleted 1", "SessionCompleted"));
  EXPECT_EQ(session.end->result, R"("wired")");
  expect_sound(session);
}

TEST(AtMostOnce, a_result_that_cannot_be_recorded_leaves_the_call_in_doubt) {
  auto session = call_driver(once);
  session.start(R"("x")");
  auto const events =
      session.complete(1, '"' + std::string(storage::max_artifact_bytes, 'x') + '"');
  EXPECT_THAT(names_of(events), ElementsAre("AttemptFailed 1", "OperationInDoubt 1"));
  EXPECT_EQ(find_body<storage::AttemptFailed>(events)->type, "result_too_large");
}

TEST(Doubt, ends_with_the_result_that_a_person_gives) {
  auto session = in_doubt();
  EXPECT_THAT(names_of(session.take(resolution(storage::DoubtResolution::completed, R"("r 1")"))),
              ElementsAre("DoubtResolved 1"));
  expect_sound(session);
  session.restart();
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "OperationCompleted 1", "SessionCompleted"));
  EXPECT_EQ(session.end->result, R"("r 1")");
  expect_sound(session);
}

TEST(Doubt, ends_with_a_result_too_large_for_an_event) {
  auto session = in_doubt();
  auto const large = '"' + std::string(100'000, 'x') + '"';
  session.take(resolution(storage::DoubtResolution::completed, large));
  session.fire_next();
  EXPECT_EQ(session.end->result, large);
  expect_sound(session);
}

TEST(Doubt, ends_as_failed_when_a_person_says_so) {
  auto session = in_doubt();
  session.take(resolution(storage::DoubtResolution::failed));
  session.fire_next();
  EXPECT_EQ(session.end->result, R"("failed: resolved_as_failed: ann: I called the bank")");
  expect_sound(session);
}

TEST(Doubt, ends_with_another_attempt_when_a_person_says_so) {
  auto session = in_doubt();
  session.take(resolution(storage::DoubtResolution::retry));
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "PolicyDecided 1", "AttemptStarted 1"));
  EXPECT_FALSE(session.attempts.back().asks_first);
  expect_sound(session);
  session.restart();
  session.orphan_open_attempts();  // and that one is in doubt again
  EXPECT_THAT(names_of(session.history()).back(), "OperationInDoubt 1");
  session.take(resolution(storage::DoubtResolution::retry));
  session.fire_next();
  session.complete(1, R"("done")", 3);
  EXPECT_EQ(session.end->result, R"("done")");
  expect_sound(session);
}

TEST(Doubt, another_attempt_has_the_whole_time_of_the_call_again) {
  auto options = once;
  options.schedule_to_close = 90s;
  auto session = call_driver(options);
  session.start(R"("x")");
  session.restart();
  session.orphan_open_attempts();
  session.now += 24h;
  ASSERT_TRUE(session.try_resolve_outside(resolution(storage::DoubtResolution::retry)));
  expect_sound(session);
  session.now += 24h;
  EXPECT_THAT(names_of(session.fire_next()), Contains("AttemptStarted 1"));
  expect_sound(session);
  session.complete(1, R"("done")", 2);
  EXPECT_EQ(session.end->result, R"("done")");
}

TEST(Doubt, is_resolved_where_the_workflow_is_not_at_hand) {
  for (auto const what : {storage::DoubtResolution::completed,
                          storage::DoubtResolution::failed,
                          storage::DoubtResolution::retry}) {
    auto session = in_doubt();
    ASSERT_TRUE(session.try_resolve_outside(resolution(what, "7")));
    expect_sound(session);
    EXPECT_THAT(names_of(session.fire_next()), Contains("TimerFired 1"));
    EXPECT_EQ(session.end.has_value(), what != storage::DoubtResolution::retry);
    expect_sound(session);
  }
}

TEST(Doubt, is_resolved_once_by_somebody_who_says_who_and_why) {
  auto session = in_doubt();
  auto const refusal = [&](ResolveInput const& input) {
    auto const taken = session.try_take(input);
    EXPECT_FALSE(taken);
    return taken ? Errc::io : taken.error().code;
  };
  auto nobody = resolution(storage::DoubtResolution::failed);
  nobody.by.clear();
  EXPECT_EQ(refusal(nobody), Errc::invalid);
  auto no_reason = resolution(storage::DoubtResolution::failed);
  no_reason.reason.clear();
  EXPECT_EQ(refusal(no_reason), Errc::invalid);
  EXPECT_EQ(refusal(resolution(storage::DoubtResolution::completed, "{")), Errc::invalid);
  auto another = resolution(storage::DoubtResolution::failed);
  another.operation = OperationId{2};
  EXPECT_EQ(refusal(another), Errc::not_found);
  auto wordy = resolution(storage::DoubtResolution::failed);
  wordy.reason.assign(100'000, 'x');
  EXPECT_EQ(refusal(wordy), Errc::too_large);
  session.take(resolution(storage::DoubtResolution::failed));
  EXPECT_EQ(refusal(resolution(storage::DoubtResolution::retry)), Errc::conflict);
  session.fire_next();
  EXPECT_EQ(refusal(resolution(storage::DoubtResolution::retry)), Errc::ended);
  expect_sound(session);
}

TEST(Doubt, is_carried_over_a_checkpoint) {
  call_options = once;
  SessionDriver session(define_workflow("calls", call_over_a_checkpoint));
  session.start(R"("x")");
  session.restart();
  session.orphan_open_attempts();
  session.signal("go on", "1");
  expect_sound(session);
  session.take(resolution(storage::DoubtResolution::completed, R"("r")"));
  session.signal("go on", "1");
  session.restart({ReplayFrom::Kind::newest_checkpoint, 0});
  expect_sound(session);
  session.fire_next();
  EXPECT_EQ(session.end->result, R"("r")");
  expect_sound(session);
}

TEST(Doubt, does_not_keep_a_session_from_being_cancelled) {
  auto session = in_doubt();
  session.take(CancelInput{"ann", "enough"});
  EXPECT_EQ(session.end->status, storage::SessionStatus::cancelled);
  expect_sound(session);
}

// ---- reconcilable ----

TEST(Reconcilable, the_attempt_after_a_crash_asks_the_far_side_first) {
  auto session = call_driver(reconcilable);
  session.start(R"("x")");
  EXPECT_FALSE(session.attempts.back().asks_first);
  session.restart();
  session.orphan_open_attempts();
  ASSERT_EQ(session.attempts.size(), 1U);
  EXPECT_TRUE(session.attempts.back().asks_first);
  ResultInput result;
  result.operation = OperationId{1};
  result.attempt = 2;
  result.payload = R"("it had happened")";
  result.reconciled = true;
  auto const events = session.take(result);
  EXPECT_TRUE(find_body<storage::OperationCompleted>(events)->reconciled);
  EXPECT_EQ(session.end->result, R"("it had happened")");
  expect_sound(session);
}

TEST(Reconcilable, after_a_failure_that_had_no_effect_nobody_is_asked) {
  auto session = call_driver(reconcilable);
  session.start(R"("x")");
  session.fail(1, 1);
  session.fire_next();
  EXPECT_FALSE(session.attempts.back().asks_first);
  session.fire_next();  // that one takes too long
  session.fire_next();
  EXPECT_TRUE(session.attempts.back().asks_first);
  expect_sound(session);
}

TEST(Reconcilable, is_in_doubt_when_the_far_side_cannot_tell) {
  auto session = call_driver(reconcilable);
  session.start(R"("x")");
  session.restart();
  session.orphan_open_attempts();
  FailureInput unknown{OperationId{1}, 2, "outcome_unknown", "the bank is closed", false};
  unknown.outcome_unknown = true;
  EXPECT_THAT(names_of(session.take(unknown)),
              ElementsAre("AttemptFailed 1", "OperationInDoubt 1"));
  expect_sound(session);
  session.take(resolution(storage::DoubtResolution::retry));
  session.fire_next();
  EXPECT_FALSE(session.attempts.back().asks_first) << "a person has asked";
  expect_sound(session);
}

TEST(Reconcilable, a_last_attempt_of_unknown_outcome_leaves_it_in_doubt) {
  auto options = reconcilable;
  options.retry.max_attempts = 1;
  auto session = call_driver(options);
  session.start(R"("x")");
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("AttemptFailed 1", "OperationInDoubt 1"));
  expect_sound(session);
}

TEST(Reconcilable, is_in_doubt_when_policy_does_not_let_it_be_asked_about) {
  auto session = call_driver(reconcilable);
  session.start(R"("x")");
  session.fire_next();  // it takes too long
  session.policy = PolicySet();
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "PolicyDecided 1", "OperationInDoubt 1"));
  expect_sound(session);
  session.take(resolution(storage::DoubtResolution::retry));
  session.fire_next();
  EXPECT_EQ(session.end->type, "policy_denied") << "nobody is unsure any more";
  expect_sound(session);
}

TEST(Reconcilable, is_in_doubt_when_nobody_approves_the_next_attempt) {
  auto session = call_driver(reconcilable);
  session.start(R"("x")");
  session.fire_next();  // it takes too long
  session.policy = PolicySet::parse(R"({"dalsegno_policy": 1, "name": "ask", "rules": [
    {"id": "ask", "effect": "permit", "actions": ["activity.call"],
     "obligations": {"require_approval": {"roles": ["lead"], "count": 1, "within": "60s"}}}]})")
                       .value();
  session.fire_next();
  expect_sound(session);
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("TimerFired 1", "OperationInDoubt 1"));
  EXPECT_FALSE(session.try_take(session.answer_of(1, "ann", {"lead"}))) << "too late";
  expect_sound(session);
  session.take(resolution(storage::DoubtResolution::completed, R"("r")"));
  session.fire_next();
  EXPECT_EQ(session.end->result, R"("r")");
  expect_sound(session);
}

TEST(Reconcilable, is_in_doubt_when_its_time_is_over_before_it_can_be_asked_about) {
  auto options = reconcilable;
  options.schedule_to_close = 90s;
  auto session = call_driver(options);
  session.start(R"("x")");
  session.fire_next();  // it takes too long
  session.now += 1h;    // and no process runs for a while
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("TimerFired 1", "OperationInDoubt 1"));
  expect_sound(session);
}

TEST(Idempotent, calls_are_never_in_doubt) {
  auto session = call_driver({.start_to_close = 60s, .retry = {.max_attempts = 1}});
  session.start(R"("x")");
  auto const events = session.fire_next();
  EXPECT_FALSE(find_body<storage::AttemptFailed>(events)->outcome_unknown);
  EXPECT_EQ(session.end->result, R"("start_to_close_timeout after 1")");
}

// ---- ended from outside ----

OutsideInput from_outside(SessionDriver const& session,
                          decltype(OutsideInput::what) what,
                          std::uint32_t attempt = 1) {
  storage::SessionSecret secret;
  secret.bytes.fill(9);
  return {
      OperationId{1},
      attempt,
      proof_of(
          storage::KeyedDigester(secret), session.session->state().run, OperationId{1}, attempt),
      std::move(what)};
}

TEST(Outside, an_attempt_that_was_left_to_somebody_survives_its_process) {
  auto session = call_driver({.retry = three_times});
  session.start(R"("x")");
  EXPECT_THAT(names_of(session.take(DeferInput{OperationId{1}, 1, R"("sent")"})),
              ElementsAre("AttemptDeferred 1"));
  expect_sound(session);
  session.restart();
  session.orphan_open_attempts();
  EXPECT_EQ(attempts_of(session), 1U);
  session.take(from_outside(session, completed_outside(R"("from outside")")));
  EXPECT_EQ(session.end->result, R"("from outside")");
  expect_sound(session);
}

TEST(Outside, whoever_has_the_token_may_be_quicker_than_the_attempt) {
  auto session = call_driver({.retry = three_times});
  session.start(R"("x")");
  session.take(from_outside(session, completed_outside("1")));
  EXPECT_TRUE(session.end);
  EXPECT_THAT(session.take(DeferInput{OperationId{1}, 1}), ElementsAre());
  expect_sound(session);
}

TEST(Outside, a_failure_is_repeated_as_the_policy_says) {
  auto session = call_driver({.retry = three_times});
  session.start(R"("x")");
  session.take(DeferInput{OperationId{1}, 1});
  session.take(from_outside(session, failed_outside(ActivityError("busy", "later").after(7s))));
  expect_sound(session);
  session.fire_next();
  EXPECT_EQ(session.now, first_moment + 7s);
  EXPECT_EQ(attempts_of(session), 2U);
}

TEST(Outside, the_limits_of_time_go_on) {
  auto session = call_driver({.start_to_close = 30s, .retry = three_times, .heartbeat = 10s});
  session.start(R"("x")");
  session.now += 5s;
  session.take(DeferInput{OperationId{1}, 1});
  session.restart();
  session.now += 9s;
  session.take(from_outside(session, OutsideInput::Alive{"[3]"}));
  expect_sound(session);
  EXPECT_EQ(find_body<storage::AttemptFailed>(session.fire_next())->type, "heartbeat_timeout");
  EXPECT_EQ(session.now, first_moment + 24s);
  session.fire_next();
  EXPECT_EQ(session.attempts.back().heartbeat_details, "[3]");
  session.take(DeferInput{OperationId{1}, 2});
  while (session.log->timers(Time{}, Time::max(), 9).value().front().due < first_moment + 55s) {
    session.now += 6s;
    session.take(from_outside(session, OutsideInput::Alive{}, 2));
  }
  EXPECT_EQ(find_body<storage::AttemptFailed>(session.fire_next())->type, "start_to_close_timeout");
  expect_sound(session);
}

TEST(Outside, wrong_and_spent_tokens_are_refused) {
  auto session = call_driver({.start_to_close = 30s, .retry = three_times});
  session.start(R"("x")");
  session.take(DeferInput{OperationId{1}, 1});
  auto forged = from_outside(session, completed_outside("1"));
  forged.proof.bytes[0] ^= 1U;
  EXPECT_EQ(session.try_take(forged).error().code, Errc::denied);
  EXPECT_EQ(session.try_take(from_outside(session, completed_outside("1"), 2)).error().code,
            Errc::ended)
      << "of an attempt that nobody has made";
  session.fire_next();  // it took too long
  auto const spent = session.try_take(from_outside(session, completed_outside("1")));
  EXPECT_EQ(spent.error().code, Errc::ended);
  EXPECT_THAT(spent.error().detail, HasSubstr("spent"));
  expect_sound(session);
}

TEST(Outside, is_carried_over_a_checkpoint) {
  call_options = {.retry = three_times};
  SessionDriver session(define_workflow("calls", call_over_a_checkpoint));
  session.start(R"("x")");
  session.take(DeferInput{OperationId{1}, 1, "5"});
  session.signal("go on", "1");
  session.restart({ReplayFrom::Kind::newest_checkpoint, 0});
  session.orphan_open_attempts();
  expect_sound(session);
  session.signal("go on", "1");
  session.take(from_outside(session, completed_outside(R"("o")")));
  EXPECT_EQ(session.end->result, R"("o")");
  expect_sound(session);
}

TEST(CompletionToken, reads_what_it_writes_and_nothing_else) {
  CompletionToken token;
  token.session = {"acme", "a/b\xC3\xA9 c.d"};
  token.run.bytes.fill(3);
  token.operation = OperationId{12};
  token.attempt = 4;
  token.proof.bytes.fill(200);
  auto const text = to_text(token);
  EXPECT_EQ(parse_completion_token(text).value(), token);
  EXPECT_EQ(
      text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
      std::string::npos);
  for (auto const& wrong : {std::string(),
                            std::string("dalsegno-attempt-"),
                            text.substr(0, 60),
                            text.substr(1),
                            "dalsegno-attempt-" + std::string(5'000, 'A'),
                            std::string("dalsegno-attempt-!!!")})
    EXPECT_EQ(parse_completion_token(wrong).error().code, Errc::invalid) << wrong;
}

/// A simulation ended an attempt with a token of which one letter had been changed: the last one,
/// in the bits that base64 leaves over.
TEST(CompletionToken, has_one_text_and_takes_no_other_of_the_same_meaning) {
  CompletionToken token;
  token.session = {"acme", ""};
  for (std::size_t length = 1; length <= 6; ++length) {
    token.session.name.push_back('s');
    auto const text = to_text(token);
    ASSERT_TRUE(parse_completion_token(text));
    EXPECT_FALSE(parse_completion_token(text + "="));
    for (std::size_t i = 0; i < text.size(); ++i) {
      auto changed = text;
      for (char const other : std::string("ABCDEFGHQgwz")) {
        if (other == text[i]) continue;
        changed[i] = other;
        auto const parsed = parse_completion_token(changed);
        EXPECT_FALSE(parsed && *parsed == token) << changed;
      }
    }
  }
}

}  // namespace
}  // namespace dalsegno::engine::test
