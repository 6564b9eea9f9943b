#include "engine/session/session.h"

#include "dalsegno/try.h"
#include "engine/session/control_step.h"
#include "tests/engine/session/session_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno::engine {
namespace {

using namespace std::chrono_literals;
using test::find_body;
using test::names_of;
using test::SessionDriver;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Text = std::string;

constexpr Activity<Text, Text> echo{
    "echo", {.start_to_close = {}, .retry = {.initial = 1s, .max_attempts = 3, .jitter = 0}}};
constexpr Activity<Text, Text> limited{
    "limited", {.start_to_close = 10s, .retry = {.initial = 1s, .max_attempts = 2, .jitter = 0}}};

template <class Out, class In>
SessionDriver driver(Workflow<Out> (*body)(Context&, In)) {
  return SessionDriver(define_workflow("under_test", body));
}

// ---- order within a step ----

Workflow<Text> two_calls(Context& ctx, Text input) {
  auto first = co_await ctx.call(echo, input);
  co_return first + co_await ctx.call(echo, Text("second"));
}

TEST(Session, records_the_input_then_the_call_its_decision_and_its_attempt) {
  auto session = driver(two_calls);
  EXPECT_THAT(
      names_of(session.start(R"("x")")),
      ElementsAre("SessionStarted", "OperationRequested 1", "PolicyDecided 1", "AttemptStarted 1"));
  EXPECT_THAT(
      names_of(session.complete(1, R"("one")")),
      ElementsAre(
          "OperationCompleted 1", "OperationRequested 2", "PolicyDecided 2", "AttemptStarted 2"));
  EXPECT_THAT(names_of(session.complete(2, R"("two")")),
              ElementsAre("OperationCompleted 2", "SessionCompleted"));
  EXPECT_EQ(session.steps, 3U) << "two calls in a row cost three writes";
  EXPECT_EQ(session.end->result, R"("onetwo")");
  session.expect_replays();
}

Workflow<Text> ends_with_open_operations(Context& ctx, Text) {
  auto beside = ctx.spawn([](Context& c) -> Workflow<void> { co_await c.sleep(1h); }(ctx));
  auto also = ctx.spawn([](Context& c) -> Workflow<void> { co_await c.receive<Text>("x"); }(ctx));
  co_await ctx.call(echo, Text("only this"));
  co_return "done";
}

TEST(Session, puts_the_terminal_event_last_after_cancelling_what_is_open) {
  auto session = driver(ends_with_open_operations);
  session.start(R"("")");
  EXPECT_THAT(names_of(session.complete(1, R"("ok")")),
              ElementsAre("OperationCompleted 1",
                          "OperationCancelled 2",
                          "OperationCancelled 3",
                          "SessionCompleted"));
  EXPECT_THAT(session.last.timers_cleared, testing::SizeIs(1));
  session.expect_replays();
}

// ---- any, all, spawn ----

Workflow<Text> race(Context& ctx, Text) {
  auto winner =
      co_await ctx.any(ctx.call(echo, Text("a")), ctx.receive<Text>("b"), ctx.sleep(1min));
  co_return std::to_string(winner.index());
}

TEST(Session, any_gives_the_first_recorded_and_cancels_the_others_in_operation_order) {
  auto session = driver(race);
  session.start(R"("")");
  EXPECT_THAT(
      names_of(session.signal("b", R"("now")")),
      ElementsAre(
          "InputReceived", "OperationCancelled 1", "OperationCancelled 3", "SessionCompleted"));
  EXPECT_EQ(session.end->result, R"("1")");
  session.expect_replays();
}

Workflow<Text> race_of_ready_parts(Context& ctx, Text) {
  co_await ctx.sleep(1s);
  auto winner = co_await ctx.any(ctx.receive<Text>("later"), ctx.receive<Text>("sooner"));
  co_return std::visit([](auto& text) { return text; }, winner);
}

TEST(Session, any_over_parts_that_are_all_ready_takes_the_lowest_event_and_drops_no_signal) {
  auto session = driver(race_of_ready_parts);
  session.start(R"("")");
  session.signal("sooner", R"("s")");
  session.signal("later", R"("l")");
  session.fire_next();
  EXPECT_EQ(session.end->result, R"("l")") << "the receiver that was asked for first ended first";
  session.expect_replays();
}

Workflow<Text> all_with_failures(Context& ctx, Text) {
  auto first = ctx.spawn(
      [](Context& c) -> Workflow<Text> { co_return co_await c.call(echo, Text("a")); }(ctx));
  auto second = ctx.spawn(
      [](Context& c) -> Workflow<Text> { co_return co_await c.call(echo, Text("b")); }(ctx));
  try {
    co_await ctx.all(std::move(first), std::move(second), ctx.sleep(1s));
  } catch (ActivityFailed const& failed) {
    co_return "failed with " + failed.type();
  }
  co_return "no failure";
}

TEST(Session, all_throws_the_failure_that_stands_first_once_everything_has_ended) {
  auto session = driver(all_with_failures);
  session.start(R"("")");
  session.fail(
      3, 1, "of_b", false);  // 1 is the sleep: spawned workflows first run when their parent waits
  EXPECT_FALSE(session.end);
  session.fail(2, 1, "of_a", false);
  EXPECT_FALSE(session.end) << "the sleep has not ended";
  session.fire_next();
  EXPECT_EQ(session.end->result, R"("failed with of_a")");
  session.expect_replays();
}

Workflow<Text> drops_a_spawned(Context& ctx, Text) {
  {
    auto beside = ctx.spawn([](Context& c) -> Workflow<void> {
      co_await c.call(echo, Text("never awaited"));
      co_await c.call(echo, Text("never made"));
    }(ctx));
    co_await ctx.sleep(1s);
  }
  co_return co_await ctx.receive<Text>("go");
}

TEST(Session, cancels_what_the_workflow_let_go) {
  auto session = driver(drops_a_spawned);
  session.start(R"("")");
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "OperationRequested 3", "OperationCancelled 2"));
  EXPECT_THAT(names_of(session.complete(2, R"("late")")), ElementsAre("AttemptOrphaned 2"));
  session.signal("go", R"("went")");
  EXPECT_EQ(session.end->result, R"("went")");
  session.expect_replays();
}

Workflow<Text> waits_in_a_frame_that_goes_first(Context& ctx, Text) {
  auto outer = ctx.receive<Text>("outer");
  {
    auto beside =
        ctx.spawn([](Operation<Text>& awaited) -> Workflow<void> { co_await awaited; }(outer));
    co_await ctx.sleep(1s);
  }
  co_return co_await ctx.receive<Text>("go");
}

// The frame of the spawned workflow is gone, the operation that it awaited is not: nobody may be
// woken there.
TEST(Session, wakes_nobody_in_a_frame_that_went_before_its_operation) {
  auto session = driver(waits_in_a_frame_that_goes_first);
  session.start(R"("")");
  session.fire_next();
  session.signal("outer", R"("too late")");
  session.signal("go", R"("went")");
  EXPECT_EQ(session.end->result, R"("went")");
  session.expect_replays();
}

Workflow<Text> sleeps_for_ever(Context& ctx, Text) {
  co_await ctx.sleep(std::chrono::microseconds::min());
  co_await ctx.sleep(std::chrono::microseconds::max());
  co_return "woke";
}

TEST(Session, a_sleep_beyond_the_end_of_time_ends_with_it) {
  auto session = driver(sleeps_for_ever);
  session.start(R"("")");
  session.fire_next();
  ASSERT_EQ(session.last.timers_set.size(), 1U);
  EXPECT_GT(session.last.timers_set.front().due, session.now);
  session.expect_replays();
}

// ---- receivers and timers ----

Workflow<Text> impatient(Context& ctx, Text) {
  auto first = co_await ctx.receive<Text>("go", 1min);
  auto second = co_await ctx.receive<Text>("go");
  co_return first.value_or("nothing") + ", " + second;
}

TEST(Session, a_receiver_that_timed_out_takes_no_signal) {
  auto session = driver(impatient);
  session.start(R"("")");
  ASSERT_THAT(session.last.timers_set, testing::SizeIs(1));
  auto const deadline = session.last.timers_set.front();
  EXPECT_EQ(deadline.due, test::first_moment + 1min);
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("TimerFired 1", "OperationRequested 2"));
  EXPECT_THAT(session.last.timers_cleared, ElementsAre(deadline));
  session.signal("go", R"("late")");
  EXPECT_EQ(session.end->result, R"("nothing, late")");
  session.expect_replays();
}

TEST(Session, a_receiver_that_got_its_signal_clears_its_timer_also_after_a_restart) {
  for (bool const restarted : {false, true}) {
    auto session = driver(impatient);
    session.start(R"("")");
    auto const deadline = session.last.timers_set.front();
    if (restarted) session.restart();
    session.signal("go", R"("in time")");
    EXPECT_THAT(session.last.timers_cleared, ElementsAre(deadline));
    session.now = deadline.due;
    EXPECT_THAT(session.take(TimerInput{deadline.operation, deadline.due}), IsEmpty());
    session.signal("go", R"("again")");
    EXPECT_EQ(session.end->result, R"("in time, again")");
    EXPECT_THAT(session.log->timers(Time{}, Time::max(), 10).value(), IsEmpty());
    session.expect_replays();
  }
}

Workflow<Text> three_sleeps(Context& ctx, Text) {
  Text order;
  auto nap = [](Context& c, std::chrono::seconds how_long, char name, Text& out) -> Workflow<void> {
    co_await c.sleep(how_long);
    out += name;
  };
  auto a = ctx.spawn(nap(ctx, 30s, 'a', order));
  auto b = ctx.spawn(nap(ctx, 10s, 'b', order));
  auto c = ctx.spawn(nap(ctx, 20s, 'c', order));
  co_await ctx.all(std::move(a), std::move(b), std::move(c));
  co_return order;
}

TEST(Session, fires_no_timer_before_it_is_due_and_past_due_ones_in_their_order) {
  auto session = driver(three_sleeps);
  session.start(R"("")");
  auto const timers = session.log->timers(Time{}, Time::max(), 10).value();
  ASSERT_EQ(timers.size(), 3U);
  session.now = timers.front().due - 1us;
  EXPECT_THAT(session.take(TimerInput{timers.front().operation, timers.front().due}), IsEmpty());
  session.now = test::first_moment + 24h;  // a suspended laptop
  session.restart();
  for (auto const& timer : timers) session.take(TimerInput{timer.operation, timer.due});
  EXPECT_EQ(session.end->result, R"("bca")");
  session.expect_replays();
}

TEST(Session, log_time_never_runs_backward) {
  auto session = driver(impatient);
  session.start(R"("")");
  session.now = test::first_moment + 10s;
  session.signal("other", R"("")");
  session.now = test::first_moment - 1h;  // the machine's clock was set back
  session.signal("other", R"("")");
  EXPECT_EQ(session.last_recorded_at, test::first_moment + 10s);
  session.restart();
  session.signal("go", R"("1")");
  EXPECT_EQ(session.last_recorded_at, test::first_moment + 10s);
  session.expect_replays();
}

// ---- attempts ----

Workflow<Text> one_call(Context& ctx, Text input) {
  try {
    co_return co_await ctx.call(limited, input);
  } catch (PolicyDenied const& denied) {
    co_return Text("denied: ") + denied.what();
  } catch (ActivityFailed const& failed) {
    co_return "failed: " + failed.type() + " after " + std::to_string(failed.attempts());
  }
}

TEST(Session, waits_longer_after_each_failure_and_gives_up_after_the_last_attempt) {
  auto session = SessionDriver(define_workflow(
      "under_test", +[](Context& ctx, Text input) -> Workflow<Text> {
        constexpr Activity<Text, Text> patient{
            "patient",
            {.start_to_close = {},
             .retry = {
                 .initial = 1s, .factor = 3, .max_interval = 5s, .max_attempts = 4, .jitter = 0}}};
        co_return co_await ctx.call(patient, input);
      }));
  session.start(R"("")");
  for (std::uint32_t attempt = 1; attempt < 4; ++attempt) {
    auto const failed_at = session.now;
    auto const events = session.fail(1, attempt);
    constexpr std::array delays{1s, 3s, 5s};
    EXPECT_THAT(names_of(events), ElementsAre("AttemptFailed 1"));
    EXPECT_EQ(find_body<storage::AttemptFailed>(events)->retry_at, failed_at + delays[attempt - 1]);
    EXPECT_THAT(names_of(session.fire_next()),
                ElementsAre("TimerFired 1", "PolicyDecided 1", "AttemptStarted 1"));
  }
  EXPECT_THAT(names_of(session.fail(1, 4)),
              ElementsAre("AttemptFailed 1", "OperationFailed 1", "SessionFailed"));
  EXPECT_EQ(session.end->type, "busy");
  EXPECT_EQ(session.end->status, storage::SessionStatus::failed);
  session.expect_replays();
}

TEST(Session, records_the_late_result_of_a_timed_out_attempt_and_does_not_apply_it) {
  auto session = driver(one_call);
  session.start(R"("")");
  auto const timed_out = session.fire_next();
  EXPECT_EQ(find_body<storage::AttemptFailed>(timed_out)->type, "start_to_close_timeout");
  EXPECT_THAT(names_of(session.complete(1, R"("too late")", 1)), ElementsAre("AttemptOrphaned 1"));
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "PolicyDecided 1", "AttemptStarted 1"));
  EXPECT_THAT(names_of(session.complete(1, R"("later still")", 1)),
              ElementsAre("AttemptOrphaned 1"));
  EXPECT_FALSE(session.end);
  session.complete(1, R"("in time")", 2);
  EXPECT_EQ(session.end->result, R"("in time")");
  session.expect_replays();
}

TEST(Session, records_what_an_attempt_contacted_however_it_ended) {
  auto session = driver(one_call);
  session.start(R"("")");
  auto const failed = session.take(FailureInput{
      OperationId{1}, 1, "busy", "it did not work", true, {{.method = "GET", .host = "a"}}});
  ASSERT_EQ(find_body<storage::AttemptFailed>(failed)->contacts.size(), 1U);
  EXPECT_EQ(find_body<storage::AttemptFailed>(failed)->contacts[0].host, "a");

  ResultInput result;
  result.operation = OperationId{1};
  result.attempt = 1;
  result.payload = R"("late")";
  result.contacts = {{.host = "b"}, {.host = "c"}};
  EXPECT_EQ(find_body<storage::AttemptOrphaned>(session.take(result))->contacts, result.contacts);
  auto late = FailureInput{OperationId{1}, 1, "busy", "late", true, {{.host = "d"}}};
  EXPECT_EQ(find_body<storage::AttemptOrphaned>(session.take(late))->contacts, late.contacts);

  session.fire_next();
  result.attempt = 2;
  result.payload.assign(storage::max_artifact_bytes + 1, 'x');
  auto const too_large = session.take(result);
  EXPECT_EQ(find_body<storage::AttemptFailed>(too_large)->type, "result_too_large");
  EXPECT_EQ(find_body<storage::AttemptFailed>(too_large)->contacts, result.contacts);
  session.expect_replays();
}

TEST(Session, records_the_contacts_of_a_result_and_replays_without_looking_at_them) {
  auto session = driver(one_call);
  session.start(R"("")");
  ResultInput result;
  result.operation = OperationId{1};
  result.attempt = 1;
  result.payload = R"("done")";
  result.contacts = {{.method = "GET", .answers = {"192.0.2.1"}, .address = "192.0.2.1"}};
  EXPECT_EQ(find_body<storage::OperationCompleted>(session.take(result))->contacts,
            result.contacts);
  EXPECT_EQ(session.end->result, R"("done")");
  session.expect_replays();
}

TEST(Session, orphaned_attempts_use_up_none_of_the_allowed_ones) {
  auto session = driver(one_call);
  session.start(R"("")");
  for (int crash = 0; crash < 5; ++crash) {
    session.restart();
    session.orphan_open_attempts();
    if (crash > 0) session.fire_next();  // the first is repeated at once, later ones with a delay
    ASSERT_EQ(session.attempts.size(), 1U);
  }
  EXPECT_EQ(session.attempts.front().attempt, 6U);
  session.fail(1, 6);
  session.fire_next();
  session.fail(1, 7);
  EXPECT_EQ(session.end->result, R"("failed: busy after 7")")
      << "two attempts failed, five were orphaned";
  session.expect_replays();
}

TEST(Session, an_attempt_that_is_orphaned_too_often_fails) {
  auto session = driver(one_call);
  session.start(R"("")");
  for (std::uint32_t orphaned = 0; orphaned < max_orphaned_attempts; ++orphaned) {
    session.orphan_open_attempts();
    if (orphaned > 0) session.fire_next();
  }
  EXPECT_FALSE(session.end);
  session.orphan_open_attempts();
  EXPECT_EQ(session.end->result, R"("failed: orphaned_too_often after 101")");
  session.expect_replays();
}

TEST(Session, asks_policy_again_before_each_attempt) {
  auto session = driver(one_call);
  session.start(R"("")");
  session.fail(1, 1);
  session.attempts.clear();
  session.policy = PolicySet::parse(R"({"dalsegno_policy": 1, "name": "none", "rules": [
    {"id": "revoked", "effect": "forbid", "actions": ["*.call"], "reason": "revoked"}]})")
                       .value();
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "PolicyDecided 1", "SessionCompleted"));
  EXPECT_THAT(session.attempts, IsEmpty());
  EXPECT_EQ(session.end->result, R"("denied: revoked")");
  session.policy = test::permit_all();
  session.expect_replays();  // decisions are read, not made again
}

TEST(Session, a_permit_covers_its_own_attempt_and_no_other) {
  auto session = driver(one_call);
  session.start(R"("")");
  auto const attempt = session.attempts.front();
  EXPECT_TRUE(
      attempt.permit.covers(attempt.run, attempt.operation, attempt.attempt, attempt.input_digest));
  EXPECT_FALSE(attempt.permit.covers(
      attempt.run, attempt.operation, attempt.attempt + 1, attempt.input_digest));
  EXPECT_FALSE(attempt.permit.covers(
      attempt.run, attempt.operation, attempt.attempt, storage::sha256({"other"})));
}

TEST(Session, ignores_results_of_attempts_that_were_never_its_own_without_being_moved) {
  auto session = driver(one_call);
  session.start(R"("")");
  EXPECT_THAT(session.take(OrphanInput{OperationId{1}, 2, "no such attempt"}), IsEmpty());
  EXPECT_THAT(session.take(TimerInput{OperationId{9}, session.now}), IsEmpty());
  EXPECT_THAT(session.take(TimerInput{OperationId{1}, session.now}),
              IsEmpty());  // not the armed one
  session.complete(1, R"("ok")");
  EXPECT_THAT(session.complete(1, R"("twice")"), IsEmpty());
  session.expect_replays();
}

// A duration as long as it gets, and one below zero, used to overflow into a timer in the past.
TEST(Session, survives_time_limits_and_delays_at_the_ends_of_their_range) {
  using std::chrono::milliseconds;
  for (auto const length : {milliseconds::max(), milliseconds::min()}) {
    static milliseconds extreme;
    extreme = length;
    auto session = SessionDriver(define_workflow(
        "under_test", +[](Context& ctx, Text input) -> Workflow<Text> {
          Activity<Text, Text> const endless{
              "endless",
              {.start_to_close = extreme,
               .retry = {.initial = extreme, .max_interval = extreme, .max_attempts = 0}}};
          co_return co_await ctx.call(endless, input);
        }));
    session.start(R"("")");
    for (auto const& timer : session.last.timers_set) EXPECT_GT(timer.due, session.now);
    auto const retry_at = find_body<storage::AttemptFailed>(session.fail(1, 1))->retry_at;
    ASSERT_TRUE(retry_at);
    EXPECT_GE(*retry_at, session.now);
    session.expect_replays();
  }
}

// ---- checkpoints ----

struct Counter {
  std::int64_t turns = 0;
  std::vector<std::uint64_t> drawn;
};
BOOST_DESCRIBE_STRUCT(Counter, (), (turns, drawn))

Workflow<Counter> counting(Context& ctx, Counter state) {
  while (state.turns < 3) {
    co_await ctx.checkpoint(state);
    state.drawn.push_back(ctx.random());
    auto text = co_await ctx.receive<Text>("turn");
    ctx.set_attribute("last", text);
    ++state.turns;
  }
  co_return state;
}

TEST(Session, carries_random_position_inbox_and_attributes_over_a_checkpoint) {
  auto session = driver(counting);
  session.start(R"({"turns":0,"drawn":[]})");
  session.signal("early", R"("never received")");
  session.signal("turn", R"("1")");
  session.signal("turn", R"("2")");
  ASSERT_EQ(session.checkpoints().size(), 2U);
  session.expect_replays();
  session.restart();
  session.signal("turn", R"("3")");
  auto const state = from_json<Counter>(session.end->result).value();
  ASSERT_EQ(state.drawn.size(), 3U);
  EXPECT_NE(state.drawn[0], state.drawn[1]);
  EXPECT_NE(state.drawn[1], state.drawn[2]);
  EXPECT_EQ(find_body<storage::SessionCompleted>(session.history())->unread_signals, 1U);
  EXPECT_TRUE(session.session->state().attributes.contains("last"));
  session.expect_replays();
}

TEST(Session, a_checkpoint_that_the_log_does_not_name_is_refused) {
  auto session = driver(counting);
  session.start(R"({"turns":0,"drawn":[]})");
  session.signal("turn", R"("1")");
  auto const checkpoint = session.checkpoints().front();
  EXPECT_FALSE(session.replay({ReplayFrom::Kind::checkpoint, checkpoint - 1}));
  auto const bytes =
      session.log->newest_checkpoint(session.id, session.session->state().run, checkpoint)
          .value()
          ->bytes;
  EXPECT_TRUE(Session::from_checkpoint(session.workflow, bytes, {}, {}));
  EXPECT_EQ(Session::from_checkpoint(session.workflow, bytes.substr(1), {}, {}).error().code,
            Errc::corrupt);
}

template <class Out, class In>
std::string held_because(Workflow<Out> (*body)(Context&, In), std::string const& input = R"("")") {
  auto session = driver(body);
  auto const started = session.try_start(input);
  if (started) return "it is not held";
  EXPECT_EQ(started.error().code, Errc::held);
  return started.error().detail;
}

Workflow<void> command_before_first_checkpoint(Context& ctx, Text state) {
  ctx.set_attribute("too", Text("early"));
  co_await ctx.checkpoint(state);
}
Workflow<void> checkpoint_beside_a_spawned(Context& ctx, Text state) {
  co_await ctx.checkpoint(state);
  auto beside = ctx.spawn([](Context& c) -> Workflow<void> { co_await c.sleep(1h); }(ctx));
  co_await ctx.checkpoint(state);
}
Workflow<void> checkpoint_in_a_spawned(Context& ctx, Text state) {
  co_await ctx.checkpoint(state);
  auto beside = ctx.spawn(
      [](Context& c, Text inner) -> Workflow<void> { co_await c.checkpoint(inner); }(ctx, state));
  co_await std::move(beside);
}

TEST(Session, holds_a_workflow_that_breaks_the_rules_of_checkpoints) {
  EXPECT_THAT(held_because(command_before_first_checkpoint), HasSubstr("a command came before"));
  EXPECT_THAT(held_because(checkpoint_beside_a_spawned), HasSubstr("spawned"));
  EXPECT_THAT(held_because(checkpoint_in_a_spawned), HasSubstr("spawned"));
}

Workflow<void> checkpoint_with_an_open_operation(Context& ctx, Text state) {
  co_await ctx.checkpoint(state);
  auto keeps = ctx.receive<Text>("never");
  keeps.begin();
  co_await ctx.checkpoint(state);
}

TEST(Session, holds_a_checkpoint_while_an_operation_is_open) {
  EXPECT_THAT(held_because(checkpoint_with_an_open_operation),
              HasSubstr("an operation without a name is open"));
}

// A spawned workflow that was let go right before a checkpoint used to count as open, and held the
// session.
Workflow<Text> lets_go_before_a_checkpoint(Context& ctx, std::int64_t turn) {
  co_await ctx.checkpoint(turn);
  if (turn == 1) co_return "passed";
  {
    auto beside =
        ctx.spawn([](Context& c) -> Workflow<void> { co_await c.receive<Text>("never"); }(ctx));
    co_await ctx.sleep(1s);
  }
  co_await ctx.checkpoint(turn + 1);
  co_return "not reached: the frame ended";
}

TEST(Session, a_checkpoint_first_cancels_what_the_workflow_let_go) {
  auto session = driver(lets_go_before_a_checkpoint);
  session.start("0");
  EXPECT_THAT(
      names_of(session.fire_next()),
      ElementsAre("TimerFired 1", "OperationCancelled 2", "CheckpointTaken", "SessionCompleted"));
  session.expect_replays();
}

// last_operation() used to survive a checkpoint in life and not in a recovery: the two then
// diverged.
Workflow<Text> asks_for_its_last_operation(Context& ctx, std::int64_t turn) {
  co_await ctx.checkpoint(turn);
  auto const seen = static_cast<std::uint64_t>(ctx.last_operation());
  ctx.set_attribute("last_operation", seen);
  if (turn == 1) co_return "saw " + std::to_string(seen);
  co_await ctx.sleep(1s);
  co_await ctx.checkpoint(turn + 1);
  co_return "not reached: the frame ended";
}

TEST(Session, a_frame_sees_nothing_of_the_one_before_its_checkpoint_but_the_state) {
  auto session = driver(asks_for_its_last_operation);
  session.start("0");
  session.fire_next();
  EXPECT_EQ(session.end->result, R"("saw 0")");
  session.expect_replays();
}

// ---- operations over checkpoints ----

struct Turns {
  std::int64_t turn = 0;
  std::vector<Text> heard;
};
BOOST_DESCRIBE_STRUCT(Turns, (), (turn, heard))

Workflow<Turns> carries_a_call(Context& ctx, Turns state) {
  while (true) {
    co_await ctx.checkpoint(state);
    auto slow = ctx.call(echo, Text("slow")).named("slow");
    slow.begin();
    auto until = ctx.sleep(1h).named("deadline");
    until.begin();
    auto next = ctx.receive<Text>("turn").named("next");
    next.begin();
    if (state.turn == 3) {
      state.heard.push_back(co_await slow);
      co_await until;
      state.heard.push_back(co_await next);
      co_return state;
    }
    state.heard.push_back(co_await next);
    ++state.turn;
  }
}

TEST(Session, named_operations_last_over_checkpoints_and_are_issued_once) {
  auto session = driver(carries_a_call);
  auto const started = names_of(session.start(R"({"turn":0,"heard":[]})"));
  EXPECT_THAT(started,
              ElementsAre("SessionStarted",
                          "OperationRequested 1",
                          "PolicyDecided 1",
                          "AttemptStarted 1",
                          "OperationRequested 2",
                          "TimerStarted 2",
                          "OperationRequested 3"));
  EXPECT_THAT(names_of(session.signal("turn", R"("a")")),
              ElementsAre("InputReceived", "CheckpointTaken", "OperationRequested 4"));
  session.expect_replays();
  session.fail(1, 1);  // retried by a frame that did not issue it
  session.expect_replays();
  session.restart();
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "PolicyDecided 1", "AttemptStarted 1"));
  ASSERT_EQ(session.attempts.size(), 1U);
  EXPECT_EQ(*session.attempts.front().input, R"("slow")");
  session.signal("turn", R"("b")");
  session.complete(1, R"("done")", 2);  // ended, and its result not taken …
  session.expect_replays();
  session.signal("turn", R"("c")");  // … before the next checkpoint
  session.expect_replays();
  session.restart();
  session.fire_next();
  session.expect_replays();
  session.signal("turn", R"("d")");
  ASSERT_TRUE(session.end);
  EXPECT_EQ(session.end->result, R"({"heard":["a","b","c","done","d"],"turn":3})");
  EXPECT_EQ(session.checkpoints().size(), 3U);
  session.expect_replays();
}

Workflow<Text> takes_a_large_result_later(Context& ctx, std::int64_t turn) {
  co_await ctx.checkpoint(turn);
  auto large = ctx.call(echo, Text("large")).named("large");
  large.begin();
  if (turn == 1) co_return std::to_string((co_await large).size());
  co_await ctx.receive<Text>("go on");
  co_await ctx.checkpoint(turn + 1);
  co_return "not reached: the frame ended";
}

TEST(Session, a_checkpoint_carries_a_result_that_is_too_large_for_an_event) {
  auto const large = to_json(Text(storage::max_inline_payload_bytes + 1, 'x'));
  auto session = driver(takes_a_large_result_later);
  session.start("0");
  session.complete(1, large);
  session.restart();
  session.signal("go on", R"("")");
  EXPECT_EQ(session.end->result, to_json(std::to_string(large.size() - 2)));
  session.expect_replays();
}

Workflow<Text> hears_of_a_denial_later(Context& ctx, std::int64_t turn) {
  co_await ctx.checkpoint(turn);
  auto denied = ctx.tool<Text>("forbidden", Text("x")).named("denied");
  denied.begin();
  if (turn == 1) {
    try {
      co_return co_await denied;
    } catch (PolicyDenied const& refusal) {
      co_return "denied by " + std::to_string(refusal.rules().size()) + " rules";
    }
  }
  co_await ctx.sleep(1s);
  co_await ctx.checkpoint(turn + 1);
  co_return "not reached: the frame ended";
}

TEST(Session, a_checkpoint_carries_a_denial) {
  auto session = driver(hears_of_a_denial_later);
  session.policy =
      PolicySet::parse(R"({"dalsegno_policy": 1, "name": "none", "rules": []})").value();
  session.start("0");
  session.fire_next();
  EXPECT_EQ(session.end->result, R"("denied by 0 rules")");
  session.expect_replays();
}

Workflow<void> two_of_one_name(Context& ctx, Text state) {
  co_await ctx.checkpoint(state);
  auto one = ctx.receive<Text>("a").named("twin");
  one.begin();
  auto two = ctx.receive<Text>("a").named("twin");
  two.begin();
}
Workflow<void> another_kind_of_one_name(Context& ctx, std::int64_t turn) {
  co_await ctx.checkpoint(turn);
  if (turn == 0) {
    auto one = ctx.receive<Text>("a").named("twin");
    one.begin();
    co_await ctx.checkpoint(std::int64_t{1});
  }
  auto two = ctx.receive<Text>("b").named("twin");
  two.begin();
}

TEST(Session, holds_a_workflow_that_gives_one_name_to_two_operations) {
  EXPECT_THAT(held_because(two_of_one_name), HasSubstr("named twin is open already"));
  EXPECT_THAT(held_because(another_kind_of_one_name, "0"), HasSubstr("of another kind"));
}

Workflow<Text> uses_a_name_again(Context& ctx, Text /*input*/) {
  std::optional<Operation<Text>> first(ctx.receive<Text>("a").named("again"));
  auto const heard = co_await *first;
  auto second = ctx.receive<Text>("a").named("again");
  second.begin();
  first.reset();  // used to take the name from the second
  co_return heard + co_await second;
}

TEST(Session, a_name_is_free_again_once_its_result_was_taken) {
  auto session = driver(uses_a_name_again);
  session.start(R"("")");
  session.signal("a", R"("1")");
  session.signal("a", R"("2")");
  EXPECT_EQ(session.end->result, R"("12")");
  session.expect_replays();
}

Workflow<Text> cancels_a_named_one(Context& ctx, std::int64_t turn) {
  co_await ctx.checkpoint(turn);
  auto named = ctx.receive<Text>("never").named("once");
  named.begin();
  if (turn == 0) co_await ctx.checkpoint(turn + 1);
  named.cancel();
  auto again = ctx.sleep(1s).named("once");  // the name is free
  again.begin();
  try {
    co_return co_await named;
  } catch (Cancelled const&) {
    co_return "cancelled";
  }
}

TEST(Session, a_named_operation_can_be_cancelled_by_a_later_frame) {
  auto session = driver(cancels_a_named_one);
  EXPECT_THAT(names_of(session.start("0")),
              ElementsAre("SessionStarted",
                          "OperationRequested 1",
                          "CheckpointTaken",
                          "OperationCancelled 1",
                          "OperationRequested 2",
                          "TimerStarted 2",
                          "OperationCancelled 2",
                          "SessionCompleted"));
  EXPECT_EQ(session.end->result, R"("cancelled")");
  session.expect_replays();
}

// ---- cancellation ----

Workflow<Text> refunds(Context& ctx, Text what) {
  co_return co_await ctx.call(echo, "refund " + what);
}
Workflow<Text> compensates(Context& ctx, Text what) {
  auto waits = ctx.receive<Text>("never");
  waits.begin();
  try {
    co_await ctx.all(ctx.call(echo, what), ctx.sleep(1h));
    co_return "done";
  } catch (Cancelled const& cancelled) {
    if (!ctx.cancelled()) throw;
  }
  ctx.set_attribute("refund", co_await ctx.shield(refunds(ctx, what)));
  co_await ctx.sleep(1s);  // outside of the shield: throws
  co_return "not reached";
}

TEST(Session, a_cancel_ends_what_waits_and_lets_the_workflow_compensate_in_a_shield) {
  auto session = driver(compensates);
  session.start(R"("ticket")");
  EXPECT_THAT(names_of(session.take(CancelInput{"ann", "the customer left"})),
              ElementsAre("CancelRequested",
                          "OperationCancelled 1",
                          "OperationCancelled 2",
                          "OperationCancelled 3",
                          "OperationRequested 4",
                          "PolicyDecided 4",
                          "AttemptStarted 4"));
  session.expect_replays();
  EXPECT_TRUE(session.take(CancelInput{"bob", "again"}).empty());
  session.restart();
  session.orphan_open_attempts();
  EXPECT_THAT(names_of(session.complete(4, R"("refunded")", 2)),
              ElementsAre("OperationCompleted 4", "AttributeSet", "SessionCancelled"));
  ASSERT_TRUE(session.end);
  EXPECT_EQ(session.end->status, storage::SessionStatus::cancelled);
  EXPECT_EQ(session.end->message, "the customer left");
  EXPECT_EQ(session.try_take(CancelInput{"bob", "late"}).error().code, Errc::ended);
  EXPECT_EQ(session.log->timers(Time{}, Time::max(), 10).value().size(), 0U);
  session.expect_replays();
}

TEST(Session, the_late_result_of_a_cancelled_call_is_not_applied) {
  auto session = driver(compensates);
  session.start(R"("ticket")");
  session.take(CancelInput{"ann", "enough"});
  EXPECT_THAT(names_of(session.complete(2, R"("late")")), ElementsAre("AttemptOrphaned 2"));
  session.expect_replays();
}

Workflow<Text> ends_in_its_own_way(Context& ctx, std::int64_t turn) {
  co_await ctx.checkpoint(turn);
  if (turn == 0) {
    try {
      co_await ctx.receive<Text>("never");
    } catch (Cancelled const&) {
      turn = 1;
    }
    co_await ctx.checkpoint(turn);  // the request lasts over it
  }
  try {
    co_await ctx.sleep(1s);
  } catch (Cancelled const& cancelled) {
    co_return std::string("ended after: ") + cancelled.what();
  }
  co_return "not cancelled";
}

TEST(Session, a_workflow_that_returns_after_a_cancel_has_completed) {
  auto session = driver(ends_in_its_own_way);
  session.start("0");
  session.take(CancelInput{"ann", "enough"});
  EXPECT_EQ(session.end->status, storage::SessionStatus::completed);
  EXPECT_EQ(session.end->result, R"("ended after: enough")");
  session.expect_replays();
}

// ---- changes of the code ----

Workflow<Text> before_the_change(Context& ctx, std::int64_t turn) {
  for (;; ++turn) {
    co_await ctx.checkpoint(turn);
    if (turn == 3) co_return "old";
    co_await ctx.receive<Text>("turn");
    ctx.set_attribute("greeting", Text("hello"));
  }
}
Workflow<Text> after_the_change(Context& ctx, std::int64_t turn) {
  for (;; ++turn) {
    co_await ctx.checkpoint(turn);
    if (turn == 3) co_return "new";
    co_await ctx.receive<Text>("turn");
    if (ctx.version("greet", 0, 1) == 0) {
      ctx.set_attribute("greeting", Text("hello"));
    } else {
      ctx.set_attribute("greeting", Text("good day"));
      ctx.set_attribute("polite", ctx.version("greet", 0, 1));  // stays what it was
    }
  }
}

TEST(Session, an_old_run_keeps_to_its_side_of_a_change_until_its_next_checkpoint) {
  auto session = driver(before_the_change);
  session.start("0");
  session.signal("turn", R"("")");
  session.workflow = define_workflow(session.workflow.name, after_the_change);  // a deploy
  session.restart();
  EXPECT_THAT(names_of(session.signal("turn", R"("")")),
              ElementsAre("InputReceived",
                          "VersionChosen",
                          "AttributeSet",
                          "AttributeSet",
                          "CheckpointTaken",
                          "OperationRequested 3"))
      << "the frame began with the new code";
  session.expect_replays();  // also from the start: the first turn is on the old side
  session.restart({ReplayFrom::Kind::start, 0});
  EXPECT_THAT(
      names_of(session.signal("turn", R"("")")),
      ElementsAre(
          "InputReceived", "AttributeSet", "AttributeSet", "CheckpointTaken", "SessionCompleted"));
  EXPECT_EQ(session.end->result, R"("new")");
  session.expect_replays();
}

Workflow<Text> two_halves(Context& ctx, Text /*input*/) {
  co_await ctx.receive<Text>("turn");
  ctx.set_attribute("first", Text("half"));
  co_await ctx.receive<Text>("turn");
  ctx.set_attribute("second", Text("half"));
  co_return "old";
}
Workflow<Text> two_halves_changed(Context& ctx, Text /*input*/) {
  co_await ctx.receive<Text>("turn");
  auto const first = ctx.version("halves", 0, 7);
  ctx.set_attribute("first", Text("half"));
  co_await ctx.receive<Text>("turn");
  auto const second = ctx.version("halves", 0, 7);
  ctx.set_attribute("second", Text("half"));
  co_return std::to_string(first) + " " + std::to_string(second);
}

TEST(Session, a_version_is_the_same_wherever_one_frame_asks_for_it) {
  auto old = driver(two_halves);
  old.start(R"("")");
  old.signal("turn", R"("")");
  old.workflow = define_workflow(old.workflow.name, two_halves_changed);
  old.restart();
  old.signal("turn", R"("")");  // live now, and yet on the old side
  EXPECT_EQ(old.end->result, R"("0 0")");
  old.expect_replays();

  auto fresh = driver(two_halves_changed);
  fresh.start(R"("")");
  fresh.signal("turn", R"("")");
  fresh.signal("turn", R"("")");
  EXPECT_EQ(fresh.end->result, R"("7 7")");
  fresh.expect_replays();
}

Workflow<Text> knows_newer_versions_only(Context& ctx, Text /*input*/) {
  co_await ctx.receive<Text>("turn");
  (void)ctx.version("halves", 8, 9);
  co_await ctx.receive<Text>("turn");
  co_return "";
}

TEST(Session, a_run_on_a_version_that_the_code_no_longer_knows_is_held) {
  auto session = driver(two_halves_changed);
  session.start(R"("")");
  session.signal("turn", R"("")");
  session.workflow = define_workflow(session.workflow.name, knows_newer_versions_only);
  auto const report = session.replay();
  ASSERT_TRUE(report) << report.error().detail;
  ASSERT_TRUE(report->divergence);
  EXPECT_THAT(describe(*report->divergence), HasSubstr("version 7 of the change"));
}

// ---- losers and strays ----

Workflow<void> waits_for_two(Context& ctx) {
  co_await ctx.all(ctx.receive<Text>("x"), ctx.receive<Text>("y"));
}
Workflow<Text> races_a_spawned_with_older_operations(Context& ctx, Text /*input*/) {
  auto early = ctx.receive<Text>("early");
  early.begin();
  auto beside = ctx.spawn(waits_for_two(ctx));
  co_await ctx.sleep(1s);
  auto const winner = co_await ctx.any(
      std::move(beside), std::move(early), ctx.receive<Text>("late"), ctx.sleep(1s));
  co_return std::to_string(winner.index());
}

// Losers used to be cancelled in the order of the parts: a spawned one's younger operations before
// an older operation that stood behind it.
TEST(Session, any_cancels_its_losers_in_operation_order) {
  auto session = driver(races_a_spawned_with_older_operations);
  session.start(R"("")");
  session.fire_next();
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 6",
                          "OperationCancelled 1",
                          "OperationCancelled 3",
                          "OperationCancelled 4",
                          "OperationCancelled 5",
                          "SessionCompleted"));
  session.expect_replays();
}

Workflow<void> fails_with_a_bug(Context& ctx) {
  co_await ctx.sleep(1s);
  throw std::logic_error("nobody looks here");
}
Workflow<Text> never_asks_its_spawned(Context& ctx, Text /*input*/) {
  auto beside = ctx.spawn(fails_with_a_bug(ctx));
  co_await ctx.sleep(2s);
  co_return "done";
}

TEST(Session, a_bug_in_a_spawned_workflow_that_nobody_awaits_holds_the_session) {
  auto session = driver(never_asks_its_spawned);
  session.start(R"("")");
  session.fire_next();
  auto const due = session.log->timers(Time{}, Time::max(), 1).value().front();
  session.now = due.due;
  auto const ended = session.try_take(TimerInput{due.operation, due.due});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::held);
  EXPECT_THAT(ended.error().detail, HasSubstr("nobody looks here"));
}

// ---- payloads and limits ----

Workflow<std::uint64_t> measures(Context& ctx, Text input) {
  co_await ctx.sleep(1s);
  auto const signal = co_await ctx.receive<Text>("big");
  auto const result = co_await ctx.call(echo, input + signal);
  ctx.record("big", [&] { return result; });
  co_return input.size() + signal.size() + result.size();
}

TEST(Session, keeps_large_payloads_as_artifacts_and_finds_them_again) {
  auto const large = to_json(Text(storage::max_inline_payload_bytes + 1, 'x'));
  auto session = driver(measures);
  session.start(large);
  EXPECT_THAT(session.last.artifacts, testing::SizeIs(1));
  session.signal("big", large);
  session.fire_next();
  session.restart();
  session.orphan_open_attempts();
  EXPECT_EQ(session.attempts.front().input->size(), 2 * large.size() - 2);
  session.complete(2 + 1, large, 2);
  EXPECT_EQ(session.end->result, std::to_string(3 * (large.size() - 2)));
  session.expect_replays();
}

TEST(Session, a_payload_above_the_limit_is_refused_before_anything_changes) {
  auto session = driver(impatient);
  session.start(R"("")");
  auto const before = session.session->fingerprint();
  auto const refused = session.try_take(
      SignalInput{"go", std::string(storage::max_artifact_bytes + 1, ' '), "", ""});
  EXPECT_EQ(refused.error().code, Errc::too_large);
  // A name of that length used to make an event that cannot be written, and so to hold the session.
  auto const long_name =
      session.try_take(SignalInput{std::string(storage::max_event_bytes, 'n'), R"("")", "", ""});
  EXPECT_EQ(long_name.error().code, Errc::too_large);
  EXPECT_EQ(session.session->fingerprint(), before);
  session.signal("go", R"("1")");
}

// A signal of which the log does not have the artifact yet: its step waits for the disk when the
// receiver comes.
TEST(Session, reads_a_large_signal_whose_step_is_not_durable_yet) {
  auto const large = to_json(Text(storage::max_inline_payload_bytes + 1, 'x'));
  auto const definition = define_workflow("under_test", measures);
  SessionStart start;
  start.session = {"default", "ahead"};
  start.input = R"("")";
  auto const policy = test::permit_all();
  Session session(definition, start, {});  // no artifacts can be loaded: nothing is durable
  Ambient ambient{test::first_moment, 1, policy};
  ASSERT_TRUE(session.start(ambient));
  ASSERT_TRUE(session.handle(SignalInput{"big", large, "", ""}, ambient));
  ambient.now += 1s;
  auto const step = session.handle(TimerInput{OperationId{1}, ambient.now}, ambient);
  ASSERT_TRUE(step) << step.error().detail;
  EXPECT_THAT(names_of((*step)->events),
              ElementsAre("TimerFired 1",
                          "OperationRequested 2",
                          "OperationRequested 3",
                          "PolicyDecided 3",
                          "AttemptStarted 3"));
}

Workflow<Text> waits_for_the_key(Context& ctx, Text) {
  co_return co_await ctx.receive<Text>("key");
}

TEST(Session, refuses_a_signal_that_would_overfill_the_inbox_but_not_one_that_is_waited_for) {
  auto session = driver(waits_for_the_key);
  session.start(R"("")");
  Ambient const ambient{session.now, 1, session.policy};
  for (std::size_t i = 0; i < max_inbox; ++i) {
    ASSERT_TRUE(session.session->handle(SignalInput{"noise", "1", "", ""}, ambient));
  }
  EXPECT_EQ(session.session->handle(SignalInput{"noise", "1", "", ""}, ambient).error().code,
            Errc::overloaded);
  // This used to be refused as well: the workflow would have waited for ever.
  auto const step = session.session->handle(SignalInput{"key", R"("open")", "", ""}, ambient);
  ASSERT_TRUE(step) << step.error().detail;
  EXPECT_EQ(find_body<storage::SessionCompleted>((*step)->events)->unread_signals, max_inbox);
}

Workflow<void> never_waits(Context& ctx, Text) {
  for (;;) ctx.set_attribute("n", ctx.random());
  co_return;
}

TEST(Session, a_workflow_that_waits_for_nothing_is_stopped) {
  auto session = driver(never_waits);
  EXPECT_EQ(session.try_start(R"("")").error().code, Errc::too_large);
}

// ---- ends ----

Workflow<void> fails_on_purpose(Context&, Text) {
  throw Failure("insufficient_funds", "not enough");
  co_return;
}

TEST(Session, a_failure_ends_the_session_as_failed) {
  auto session = driver(fails_on_purpose);
  EXPECT_THAT(names_of(session.start(R"("")")), ElementsAre("SessionStarted", "SessionFailed"));
  EXPECT_EQ(session.end->type, "insufficient_funds");
  EXPECT_EQ(session.try_take(SignalInput{"late", "1", "", ""}).error().code, Errc::ended);
  session.expect_replays();
}

Workflow<void> has_a_bug(Context& ctx, Text) {
  co_await ctx.receive<Text>("go");
  throw std::runtime_error("an index out of range");
}
Workflow<void> takes_a_result_twice(Context& ctx, Text) {
  auto operation = ctx.receive<Text>("go");
  co_await operation;
  co_await operation;
}
Workflow<void> bug_in_a_spawned(Context& ctx, Text) {
  auto beside = ctx.spawn([](Context& c) -> Workflow<void> {
    co_await c.receive<Text>("go");
    throw 7;
  }(ctx));
  co_await std::move(beside);
}

TEST(Session, a_bug_of_the_workflow_holds_it_and_records_nothing) {
  std::map<std::string, Workflow<void> (*)(Context&, Text)> const bugs{
      {"an index out of range", has_a_bug},
      {"awaited twice", takes_a_result_twice},
      {"no std::exception", bug_in_a_spawned}};
  for (auto const& [message, body] : bugs) {
    auto session = driver(body);
    session.start(R"("")");
    auto const steps = session.steps;
    auto const taken = session.try_take(SignalInput{"go", R"("")", "", ""});
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Errc::held);
    EXPECT_THAT(taken.error().detail, HasSubstr(message));
    EXPECT_EQ(session.steps, steps);
    session.restart();  // the log is as it was: the fixed code could go on from here
  }
}

Workflow<Text> reads_a_value_that_is_not_there(Context& ctx, Text) {
  try {
    co_return ctx.record("value", []() -> Text { throw Failure("no_value", "cannot be read"); });
  } catch (Failure const&) {
    co_return "went on without";  // a replay could not know
  }
}

// An exception out of record() left no trace in the log, so that the replay diverged.
TEST(Session, a_value_that_cannot_be_read_holds_the_session_in_life_already) {
  EXPECT_THAT(held_because(reads_a_value_that_is_not_there),
              HasSubstr("reading the value \"value\": cannot be read"));
}

TEST(Session, says_things_in_life_and_is_silent_in_replay) {
  auto session = SessionDriver(define_workflow(
      "under_test", +[](Context& ctx, Text) -> Workflow<void> {
        ctx.log("hello");
        co_await ctx.sleep(1s);
      }));
  session.start(R"("")");
  EXPECT_THAT(session.said, ElementsAre("hello"));
  session.restart();
  session.fire_next();
  EXPECT_THAT(session.said, ElementsAre("hello"));
}

TEST(Session, gives_answers_with_their_turn_and_source_once) {
  auto session = SessionDriver(define_workflow(
      "under_test", +[](Context& ctx, Text) -> Workflow<void> {
        auto [turn, text] = co_await ctx.receive_with_sequence<Text>("turn");
        auto reply = co_await ctx.call(echo, text);
        ctx.answer(turn, ctx.last_operation(), reply);
        co_await ctx.sleep(1s);
      }));
  session.start(R"("")");
  auto const turn = session.signal("turn", R"("hi")", "k").front().sequence;
  EXPECT_THAT(session.last.producer_keys, testing::SizeIs(1));
  auto const events = session.complete(2, R"("there")");
  ASSERT_EQ(session.answers.size(), 1U);
  EXPECT_EQ(session.answers.front().turn, turn);
  EXPECT_EQ(find_body<storage::AnswerGiven>(events)->source, OperationId{2});
  session.restart();
  EXPECT_EQ(session.answers.size(), 1U);
  session.expect_replays();
}

// ---- divergence ----

/// What the code of the next test does differently after a deploy.
enum class Change { none, input, name, order, added, removed, sleeps_longer, ends_early, bug };
Change change = Change::none;

Workflow<Text> deployed(Context& ctx, Text) {
  constexpr Activity<Text, Text> other{"other"};
  if (change == Change::added) ctx.set_attribute("new", Text("value"));
  if (change == Change::order) co_await ctx.sleep(1min);
  if (change == Change::name) {
    co_await ctx.call(other, Text("a"));
  } else {
    co_await ctx.call(echo, Text(change == Change::input ? "b" : "a"));
  }
  if (change == Change::bug) throw std::logic_error("a new bug");
  if (change == Change::ends_early) co_return "early";
  if (change != Change::order) co_await ctx.sleep(change == Change::sleeps_longer ? 2min : 1min);
  if (change != Change::removed) ctx.set_attribute("old", Text("value"));
  co_await ctx.receive<Text>("go");
  co_return "done";
}

Divergence divergence_after(Change changed) {
  change = Change::none;
  auto session = driver(deployed);
  session.start(R"("")");
  session.complete(1, R"("ok")");
  session.fire_next();
  change = changed;
  auto const report = session.replay();
  change = Change::none;
  EXPECT_TRUE(report) << report.error().detail;
  EXPECT_TRUE(report->divergence) << "it replayed";
  EXPECT_TRUE(session.replay()) << "nothing was changed by looking";
  return report->divergence.value_or(Divergence{});
}

TEST(Divergence, names_the_event_both_sides_and_the_fields_that_differ) {
  auto const input = divergence_after(Change::input);
  EXPECT_EQ(input.sequence, 2U);
  EXPECT_EQ(input.operation, OperationId{1});
  EXPECT_THAT(input.fields, ElementsAre("input"));
  EXPECT_THAT(input.hint, HasSubstr("another input"));
  EXPECT_THAT(describe(input), HasSubstr("they differ in input"));

  EXPECT_THAT(divergence_after(Change::name).fields, ElementsAre("name"));
  EXPECT_THAT(divergence_after(Change::sleeps_longer).fields, ElementsAre("TimerStarted"));
  EXPECT_TRUE(parse_json(report_of(input)));
}

TEST(Divergence, tells_reordered_added_and_removed_commands) {
  auto const order = divergence_after(Change::order);
  EXPECT_THAT(order.fields, ElementsAre("type"));
  EXPECT_THAT(order.hint, HasSubstr("another order"));
  EXPECT_THAT(divergence_after(Change::added).fields, ElementsAre("type"));

  auto const removed = divergence_after(Change::removed);
  ASSERT_TRUE(removed.recorded && removed.produced);
  EXPECT_EQ(storage::name_of(removed.recorded->body), "AttributeSet");

  auto const early = divergence_after(Change::ends_early);
  ASSERT_TRUE(early.produced);
  EXPECT_EQ(storage::name_of(early.produced->body), "SessionCompleted");
}

TEST(Divergence, tells_of_a_new_bug_what_it_threw) {
  EXPECT_THAT(divergence_after(Change::bug).hint, HasSubstr("a new bug"));
}

TEST(Divergence, of_a_command_that_the_log_ends_before) {
  change = Change::none;
  auto session = driver(deployed);
  session.start(R"("")");
  session.complete(1, R"("ok")");
  session.fire_next();  // … AttributeSet, OperationRequested 3
  static bool more = false;
  auto longer = SessionDriver(define_workflow(
      "under_test", +[](Context& ctx, Text) -> Workflow<void> {
        co_await ctx.receive<Text>("go");
        if (more) ctx.set_attribute("new", Text("at the end"));
        co_await ctx.receive<Text>("go");
      }));
  more = false;
  longer.start(R"("")");
  longer.signal("other", R"("")");
  longer.signal("go", R"("")");
  more = true;
  auto const differs = longer.replay();
  ASSERT_TRUE(differs && differs->divergence);
  EXPECT_EQ(differs->divergence->sequence, 5U);
}

TEST(Divergence, is_none_when_only_the_retry_policy_changes) {
  static std::uint32_t most = 3;
  auto session = SessionDriver(define_workflow(
      "under_test", +[](Context& ctx, Text input) -> Workflow<Text> {
        Activity<Text, Text> const tuned{
            "tuned",
            {.start_to_close = {}, .retry = {.initial = 1s, .max_attempts = most, .jitter = 0}}};
        co_return co_await ctx.call(tuned, input);
      }));
  most = 3;
  session.start(R"("")");
  session.fail(1, 1);
  most = 1;
  session.restart();
  session.fire_next();
  session.fail(1, 2);
  EXPECT_FALSE(session.end) << "what was recorded stays in force";
  session.expect_replays();
}

TEST(Session, takes_no_input_while_held_and_goes_on_when_released) {
  auto session = driver(impatient);
  session.start(R"("")");
  auto const control = [&](storage::EventBody body) {
    auto const head = session.log->head(session.id).value();
    auto step = make_control_step(session.id,
                                  session.log->info().log_id,
                                  *head,
                                  std::move(body),
                                  session.now,
                                  session.log->info().epoch);
    ASSERT_TRUE(step);
    ASSERT_TRUE(session.log->append(std::vector{step->append})->each.front());
  };
  control(storage::Held{"divergence", "{}"});
  session.restart();
  EXPECT_EQ(session.try_take(SignalInput{"go", R"("1")", "", ""}).error().code, Errc::held);
  control(storage::Released{"somebody", "fixed"});
  session.restart();
  session.signal("go", R"("1")");
  session.signal("go", R"("2")");
  EXPECT_EQ(session.end->result, R"("1, 2")");
  session.expect_replays();
}

}  // namespace
}  // namespace dalsegno::engine
