#include "tests/engine/session/one_call.h"

#include <array>
#include <chrono>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;

Workflow<std::string> call_and_wait(Context& ctx, std::string input) {
  auto const outcome = co_await call_once(ctx, input);
  co_await ctx.receive<int>("end");
  co_return outcome;
}

constexpr RetryPolicy three_times{.initial = 1s, .factor = 1, .max_attempts = 3, .jitter = 0};

TEST(Limits, an_attempt_that_nobody_begins_in_time_is_given_up_and_not_repeated) {
  auto session = call_driver({.retry = three_times, .schedule_to_start = 5s});
  session.start(R"("x")");
  auto const start = session.now;
  auto const events = session.fire_next();
  EXPECT_EQ(session.now, start + 5s);
  EXPECT_THAT(names_of(events),
              ElementsAre("AttemptFailed 1", "OperationFailed 1", "SessionCompleted"));
  EXPECT_FALSE(find_body<storage::AttemptFailed>(events)->retryable);
  EXPECT_EQ(session.end->result, R"("schedule_to_start_timeout after 1")");
  expect_sound(session);
}

TEST(Limits, an_attempt_that_was_begun_in_time_goes_on_under_its_other_limits) {
  auto session =
      call_driver({.start_to_close = 60s, .retry = three_times, .schedule_to_start = 5s});
  ToldWatch watch;
  session.watch = &watch;
  watch.signs[1] = {.newest = Heartbeat{session.now + 1s}};
  session.start(R"("x")");
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("TimerFired 1"));
  expect_sound(session);
  session.restart();
  EXPECT_EQ(session.log->timers(Time{}, Time::max(), 9).value().front().due, first_moment + 60s);
  session.complete(1, R"("done")");
  EXPECT_EQ(session.end->result, R"("done")");
  expect_sound(session);
}

TEST(Limits, the_call_is_bounded_over_all_its_attempts) {
  auto session =
      call_driver({.retry = {.initial = 10s, .factor = 1, .max_attempts = 0, .jitter = 0},
                   .schedule_to_close = 25s});
  session.start(R"("x")");
  session.fail(1, 1);
  EXPECT_THAT(names_of(session.fire_next()), Contains("AttemptStarted 1"));
  session.fail(1, 2);
  session.fire_next();
  auto const events = session.fire_next();  // the third attempt is under way
  EXPECT_EQ(session.now, first_moment + 25s);
  EXPECT_THAT(names_of(events),
              ElementsAre("AttemptFailed 1", "OperationFailed 1", "SessionCompleted"));
  EXPECT_EQ(session.end->result, R"("schedule_to_close_timeout after 3")");
  expect_sound(session);
}

TEST(Limits, an_attempt_that_would_begin_after_the_end_of_the_call_is_not_waited_for) {
  auto session =
      call_driver({.retry = {.initial = 10s, .factor = 1, .max_attempts = 0, .jitter = 0},
                   .schedule_to_close = 10s});
  session.start(R"("x")");
  auto const events = session.fail(1, 1);
  EXPECT_FALSE(find_body<storage::AttemptFailed>(events)->retry_at);
  EXPECT_EQ(session.end->result, R"("failed: busy: it did not work")");
  expect_sound(session);
}

TEST(Limits, a_call_that_waits_for_approval_ends_at_its_limit) {
  auto session = call_driver({.schedule_to_close = 1min});
  session.policy = PolicySet::parse(R"({"dalsegno_policy": 1, "name": "ask", "rules": [
    {"id": "ask", "effect": "permit", "actions": ["activity.call"],
     "obligations": {"require_approval": {"roles": ["lead"], "count": 1, "within": "600s",
                                          "escalate_after": "30s",
                                          "escalate_to": ["director"]}}}]})")
                       .value();
  session.start(R"("x")");
  expect_sound(session);
  session.fire_next();  // it escalates
  expect_sound(session);
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "OperationFailed 1", "SessionCompleted"));
  EXPECT_EQ(session.end->result, R"("schedule_to_close_timeout after 0")");
  expect_sound(session);
}

TEST(Limits, an_attempt_without_a_sign_of_life_is_given_up_and_repeated) {
  auto session = call_driver({.retry = three_times, .heartbeat = 10s});
  ToldWatch watch;
  session.watch = &watch;
  watch.signs[1] = {.newest = Heartbeat{session.now}};
  session.start(R"("x")");
  auto const events = session.fire_next();
  EXPECT_EQ(find_body<storage::AttemptFailed>(events)->type, "heartbeat_timeout");
  EXPECT_EQ(session.now, first_moment + 10s);
  EXPECT_TRUE(find_body<storage::AttemptFailed>(events)->retry_at);
  expect_sound(session);
}

TEST(Limits, a_sign_of_life_prolongs_the_attempt_and_is_written_once_each_time) {
  auto session = call_driver({.retry = three_times, .heartbeat = 10s});
  ToldWatch watch;
  session.watch = &watch;
  watch.signs[1] = {.newest = Heartbeat{session.now + 7s, R"({"page":4})"}};
  session.start(R"("x")");
  auto const events = session.fire_next();
  EXPECT_THAT(names_of(events), ElementsAre("HeartbeatRecorded 1"));
  EXPECT_EQ(find_body<storage::HeartbeatRecorded>(events)->at, first_moment + 7s);
  expect_sound(session);
  session.fire_next();
  EXPECT_EQ(session.now, first_moment + 17s);
  session.fire_next();
  // What was written survives the process, and reaches the next attempt.
  EXPECT_EQ(session.attempts.back().attempt, 2U);
  EXPECT_EQ(session.attempts.back().heartbeat_details, R"({"page":4})");
  expect_sound(session);
}

TEST(Limits, an_attempt_that_waits_in_a_queue_is_not_silent) {
  auto session = call_driver({.retry = three_times, .heartbeat = 10s});
  ToldWatch watch;
  session.watch = &watch;
  session.start(R"("x")");
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("HeartbeatRecorded 1"));
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("HeartbeatRecorded 1"));
  expect_sound(session);
}

TEST(Limits, the_details_of_the_last_heartbeat_reach_the_next_attempt_over_a_restart) {
  auto session = call_driver({.retry = three_times});
  session.start(R"("x")");
  FailureInput failure{OperationId{1}, 1, "busy", "half of it"};
  failure.heartbeat = R"([1,2])";
  session.take(failure);
  expect_sound(session);
  session.restart();
  session.fire_next();
  EXPECT_EQ(session.attempts.back().heartbeat_details, "[1,2]");
  session.fail(1, 2);  // that attempt reported nothing: what is known stays known
  session.restart();
  session.fire_next();
  EXPECT_EQ(session.attempts.back().heartbeat_details, "[1,2]");
  expect_sound(session);
}

TEST(Limits, no_late_result_is_applied_whichever_limit_was_passed) {
  struct Case {
    ActivityOptions options;
    std::string type;
  };
  constexpr RetryPolicy once{.max_attempts = 1};
  for (auto const& [options, type] :
       {Case{{.retry = once, .schedule_to_start = 1s}, "schedule_to_start_timeout"},
        Case{{.start_to_close = 1s, .retry = once}, "start_to_close_timeout"},
        Case{{.retry = once, .schedule_to_close = 1s}, "schedule_to_close_timeout"},
        Case{{.retry = once, .heartbeat = 1s}, "heartbeat_timeout"}}) {
    call_options = options;
    SessionDriver session(define_workflow("calls", call_and_wait));
    ToldWatch watch;
    if (options.heartbeat > 0s) {
      session.watch = &watch;
      watch.signs[1] = {};
    }
    session.start(R"("x")");
    EXPECT_EQ(find_body<storage::OperationFailed>(session.fire_next())->type, type);
    EXPECT_THAT(names_of(session.complete(1, R"("too late")")), ElementsAre("AttemptOrphaned 1"));
    session.signal("end", "1");
    EXPECT_EQ(session.end->result, '"' + type + R"( after 1")");
    expect_sound(session);
  }
}

TEST(Limits, of_several_limits_the_first_one_ends_the_attempt) {
  auto session = call_driver(
      {.start_to_close = 30s, .retry = three_times, .schedule_to_close = 40s, .heartbeat = 20s});
  ToldWatch watch;
  session.watch = &watch;
  watch.signs[1] = {.newest = Heartbeat{session.now + 15s}};
  session.start(R"("x")");
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("HeartbeatRecorded 1"));
  EXPECT_EQ(find_body<storage::AttemptFailed>(session.fire_next())->type, "start_to_close_timeout");
  session.fire_next();  // the second attempt
  EXPECT_EQ(find_body<storage::AttemptFailed>(session.fire_next())->type,
            "schedule_to_close_timeout");
  EXPECT_EQ(session.now, first_moment + 40s);
  expect_sound(session);
}

TEST(Limits, a_restart_does_not_forget_the_end_of_a_call) {
  auto session =
      call_driver({.retry = {.initial = 10s, .factor = 1, .max_attempts = 0, .jitter = 0},
                   .schedule_to_close = 15s});
  session.start(R"("x")");
  session.restart();
  session.orphan_open_attempts();
  session.restart();
  session.orphan_open_attempts();  // repeated with a delay now
  expect_sound(session);
  session.restart();
  while (!session.end) session.fire_next();
  EXPECT_EQ(session.now, first_moment + 15s);
  EXPECT_EQ(session.end->result.substr(0, 26), R"("schedule_to_close_timeout)");
  expect_sound(session);
}

TEST(Limits, are_carried_over_a_checkpoint) {
  call_options = {.start_to_close = 50s,
                  .retry = three_times,
                  .schedule_to_start = 9s,
                  .schedule_to_close = 30s,
                  .heartbeat = 20s};
  SessionDriver session(define_workflow("calls", call_over_a_checkpoint));
  ToldWatch watch;
  session.watch = &watch;
  watch.signs[1] = {.newest = Heartbeat{session.now + 18s, "1"}};
  session.start(R"("x")");
  session.fire_next();
  session.signal("go on", "1");
  session.restart({ReplayFrom::Kind::newest_checkpoint, 0});
  expect_sound(session);
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("HeartbeatRecorded 1"));
  session.signal("go on", "1");
  session.restart({ReplayFrom::Kind::newest_checkpoint, 0});
  EXPECT_EQ(find_body<storage::AttemptFailed>(session.fire_next())->type,
            "schedule_to_close_timeout");
  EXPECT_EQ(session.now, first_moment + 30s);
  expect_sound(session);
}

// ---- how failures are repeated ----

TEST(Retries, a_delay_that_the_far_side_asks_for_beats_the_policy) {
  auto session = call_driver({.retry = {.initial = 1s, .max_interval = 5s, .max_attempts = 3}});
  session.start(R"("x")");
  FailureInput failure{OperationId{1}, 1, "busy", "later"};
  failure.retry_after = 90s;
  session.take(failure);
  session.restart();
  EXPECT_THAT(names_of(session.fire_next()), Contains("AttemptStarted 1"));
  EXPECT_EQ(session.now, first_moment + 90s);
  failure.attempt = 2;
  failure.retry_after = -5s;
  EXPECT_THAT(names_of(session.take(failure)), Contains("AttemptStarted 1")) << "at once";
  failure.attempt = 3;
  EXPECT_THAT(names_of(session.take(failure)), Contains("OperationFailed 1"))
      << "how often, the policy says";
  expect_sound(session);
}

TEST(Retries, a_delay_beyond_all_measure_is_cut) {
  auto session = call_driver({.retry = {.max_attempts = 3}});
  session.start(R"("x")");
  FailureInput failure{OperationId{1}, 1, "busy", "later"};
  failure.retry_after = std::chrono::milliseconds::max();
  auto const events = session.take(failure);
  EXPECT_EQ(find_body<storage::AttemptFailed>(events)->retry_at,
            first_moment + longest_asked_delay);
  expect_sound(session);
}

TEST(Retries, failures_of_a_non_retryable_type_are_not_repeated) {
  auto session = call_driver(
      {.retry = {.max_attempts = 9, .non_retryable = {"no_such_account", "insufficient_funds"}}});
  session.start(R"("x")");
  auto const requested = find_body<storage::OperationRequested>(session.history());
  EXPECT_THAT(requested->retry.non_retryable, ElementsAre("no_such_account", "insufficient_funds"));
  EXPECT_THAT(names_of(session.fail(1, 1)), ElementsAre("AttemptFailed 1")) << "of another type";
  session.restart();
  session.fire_next();
  auto const events = session.fail(1, 2, "insufficient_funds");
  EXPECT_FALSE(find_body<storage::AttemptFailed>(events)->retryable);
  EXPECT_THAT(names_of(events), Contains("OperationFailed 1"));
  expect_sound(session);
}

TEST(Retries, attempts_delays_and_types_survive_a_restart_at_each_place) {
  constexpr RetryPolicy policy{.initial = 1s,
                               .factor = 2,
                               .max_interval = 60s,
                               .max_attempts = 4,
                               .jitter = 0.5,
                               .non_retryable = {"never"}};
  std::vector<Time> without;
  for (bool const restarts : {false, true}) {
    auto session = call_driver({.retry = policy});
    session.start(R"("x")");
    std::vector<Time> delays;
    for (std::uint32_t attempt = 1; attempt < 4; ++attempt) {
      if (restarts) session.restart();
      delays.push_back(*find_body<storage::AttemptFailed>(session.fail(1, attempt))->retry_at);
      if (restarts) session.restart();
      session.fire_next();
    }
    if (restarts) session.restart();
    EXPECT_THAT(names_of(session.fail(1, 4)), Contains("OperationFailed 1"));
    expect_sound(session);
    if (restarts) EXPECT_EQ(delays, without) << "the same randomness";
    without = delays;
  }
  EXPECT_NE(without[1] - without[0], 2s) << "there is jitter";
}

}  // namespace
}  // namespace dalsegno::engine::test
