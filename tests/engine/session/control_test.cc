// What somebody asks of a session itself: to stand still, to go on, to end. Recorded with and
// without its code at hand.

#include "dalsegno/workflow.h"
#include "engine/session/control_step.h"
#include "tests/engine/session/session_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;
using storage::ControlVerb;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Text = std::string;

constexpr Activity<Text, Text> look_up{"look_up",
                                       {.retry = {.initial = 1s, .max_attempts = 3, .jitter = 0}}};

/// Calls, takes a signal, sleeps.
Workflow<Text> three_things(Context& ctx, Text) {
  auto const found = co_await ctx.call(look_up, "x");
  auto const said = co_await ctx.receive<Text>("word");
  co_await ctx.sleep(1s);
  co_return found + said;
}

Workflow<Text> forgive(Context& ctx, Text) {
  try {
    co_await ctx.receive<Text>("word");
  } catch (Cancelled const&) {
  }
  co_return "forgiven";
}

ControlInput ask(ControlVerb verb) { return {verb, "ann", {}, "an incident"}; }

SessionDriver driver(Workflow<Text> (*body)(Context&, Text) = three_things) {
  return SessionDriver(define_workflow("workflow", body));
}

/// Appends the step as somebody would who has no code, and reads the session back.
std::vector<std::string> ask_outside(SessionDriver& session, ControlVerb verb) {
  auto step = make_control_asked_step(
      session.session->state(), ask(verb), session.now, session.log->info().epoch);
  EXPECT_TRUE(step) << step.error().detail;
  if (!step || !*step) return {};
  std::vector<storage::Append> batch{(*step)->append};
  auto const receipt = session.log->append(batch);
  EXPECT_TRUE(receipt && receipt->each.front());
  session.restart();
  return names_of((*step)->events);
}

TEST(Control, paused_session_records_what_comes_and_runs_no_code_until_it_is_resumed) {
  auto session = driver();
  session.start(R"("")");
  EXPECT_THAT(names_of(session.take(ask(ControlVerb::pause))), ElementsAre("ControlAsked"));
  EXPECT_TRUE(session.log->head(session.id).value()->paused);
  EXPECT_THAT(names_of(session.complete(1, R"("a")")), ElementsAre("OperationCompleted 1"));
  EXPECT_THAT(names_of(session.signal("word", R"("b")")), ElementsAre("InputReceived"));
  session.restart();
  EXPECT_THAT(names_of(session.take(ask(ControlVerb::resume))), ElementsAre("ControlAsked"));
  session.expect_replays();
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired", "OperationRequested 2", "TimerStarted 3"));
  EXPECT_FALSE(session.log->head(session.id).value()->paused);
  session.expect_replays();
  session.fire_next();
  EXPECT_EQ(session.end->result, R"("ab")");
  session.expect_replays();
}

TEST(Control, no_timer_of_a_paused_session_fires_and_no_attempt_begins) {
  auto session = driver();
  session.start(R"("")");
  session.take(ask(ControlVerb::pause));
  EXPECT_THAT(names_of(session.fail(1, 1)), ElementsAre("AttemptFailed 1"));
  session.now += 10s;
  EXPECT_FALSE(session.session->due_timer(session.now));
  auto const armed = session.log->timers(Time{}, Time::max(), 9).value();
  ASSERT_EQ(armed.size(), 1U);
  EXPECT_THAT(session.take(TimerInput{armed.front().operation, armed.front().due}), IsEmpty());
  session.take(ask(ControlVerb::resume));
  // First the session goes on, then what came due meanwhile.
  auto first = session.session->due_timer(session.now);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->operation, OperationId::none);
  EXPECT_THAT(names_of(session.take(*first)), ElementsAre("TimerFired"));
  auto second = session.session->due_timer(session.now);
  ASSERT_TRUE(second);
  EXPECT_THAT(names_of(session.take(*second)),
              ElementsAre("TimerFired 1", "PolicyDecided 1", "AttemptStarted 1"));
  session.expect_replays();
}

TEST(Control, failed_attempt_that_would_be_repeated_at_once_waits_for_the_resumption) {
  auto session = driver();
  session.start(R"("")");
  session.take(ask(ControlVerb::pause));
  EXPECT_THAT(names_of(session.take(OrphanInput{OperationId{1}, 1, "its process ended"})),
              ElementsAre("AttemptOrphaned 1"));
  session.take(ask(ControlVerb::resume));
  session.fire_next();
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "PolicyDecided 1", "AttemptStarted 1"));
  session.expect_replays();
}

TEST(Control, what_is_so_already_is_not_recorded_again) {
  auto session = driver();
  session.start(R"("")");
  EXPECT_THAT(session.take(ask(ControlVerb::resume)), IsEmpty());
  session.take(ask(ControlVerb::pause));
  EXPECT_THAT(session.take(ask(ControlVerb::pause)), IsEmpty());
  session.take(ask(ControlVerb::resume));
  EXPECT_THAT(session.take(ask(ControlVerb::resume)), IsEmpty());
  // Whoever pauses last has the last word.
  EXPECT_THAT(names_of(session.take(ask(ControlVerb::pause))), ElementsAre("ControlAsked"));
  session.fire_next();
  EXPECT_TRUE(session.session->state().paused);
  session.expect_replays();
}

TEST(Control, terminated_session_ends_without_its_code_and_cancels_what_is_open) {
  auto session = driver(forgive);
  session.start(R"("")");
  EXPECT_THAT(names_of(session.take(ask(ControlVerb::terminate))), ElementsAre("ControlAsked"));
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired", "OperationCancelled 1", "SessionCancelled"));
  EXPECT_EQ(session.end->status, storage::SessionStatus::cancelled);
  EXPECT_EQ(session.end->message, "an incident");
  EXPECT_THAT(session.log->timers(Time{}, Time::max(), 9).value(), IsEmpty());
  session.expect_replays();
}

TEST(Control, cancel_asked_where_no_code_is_reaches_the_code_later) {
  auto session = driver(forgive);
  session.start(R"("")");
  EXPECT_THAT(ask_outside(session, ControlVerb::cancel), ElementsAre("ControlAsked"));
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired", "OperationCancelled 1", "SessionCompleted"));
  EXPECT_EQ(session.end->result, R"("forgiven")");
  session.expect_replays();
}

TEST(Control, pause_and_resume_work_where_no_code_is) {
  auto session = driver();
  session.start(R"("")");
  EXPECT_THAT(ask_outside(session, ControlVerb::pause), ElementsAre("ControlAsked"));
  EXPECT_TRUE(session.log->head(session.id).value()->paused);
  session.complete(1, R"("a")");
  EXPECT_THAT(ask_outside(session, ControlVerb::resume), ElementsAre("ControlAsked"));
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("TimerFired", "OperationRequested 2"));
  session.expect_replays();
}

TEST(Control, paused_session_refuses_updates_and_an_ended_one_everything) {
  auto session = driver(forgive);
  session.start(R"("")");
  session.take(ask(ControlVerb::pause));
  auto const refused = session.try_take(SignalInput{"set", "1", {}, {}, true});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::held);
  EXPECT_THAT(refused.error().detail, HasSubstr("is paused"));
  session.take(ask(ControlVerb::terminate));
  session.fire_next();
  auto const ended = session.try_take(ask(ControlVerb::pause));
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Errc::ended);
}

TEST(Control, who_asks_must_say_who_they_are) {
  auto session = driver();
  session.start(R"("")");
  auto const refused = session.try_take(ControlInput{ControlVerb::pause, "", {}, "why"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid);
}

TEST(Control, held_session_can_be_terminated_from_what_its_events_tell) {
  auto session = driver();
  session.start(R"("")");
  auto held = make_control_step(session.id,
                                session.log->info().log_id,
                                *session.log->head(session.id).value(),
                                storage::Held{"workflow_bug", "{}"},
                                session.now,
                                session.log->info().epoch);
  ASSERT_TRUE(held);
  std::vector<storage::Append> batch{held->append};
  ASSERT_TRUE(session.log->append(batch)->each.front());
  session.restart();
  auto const refused = session.try_take(ask(ControlVerb::pause));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::held);
  auto const secret = session.session->secret();
  session.session = Session::without_code(session.session->state(), secret, {});
  session.take(ask(ControlVerb::terminate));
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired", "OperationCancelled 1", "SessionCancelled"));
}

}  // namespace
}  // namespace dalsegno::engine::test
