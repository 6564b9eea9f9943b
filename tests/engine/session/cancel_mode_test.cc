// What becomes of the effect of a cancelled operation, and of children; continuing as a new run, at
// the level of one session. With the engine around it: tests/engine/testing/composition_test.cc.

#include "dalsegno/workflow.h"
#include "tests/engine/session/session_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using Text = std::string;

constexpr RetryPolicy two_attempts{.initial = 1s, .max_attempts = 2, .jitter = 0};
constexpr Activity<Text, Text> asked{"asked", {.retry = two_attempts}};
constexpr Activity<Text, Text> waited{"waited",
                                      {.retry = two_attempts, .on_cancel = OnCancel::wait}};
constexpr Activity<Text, Text> left{"left",
                                    {.retry = two_attempts, .on_cancel = OnCancel::abandon}};

PolicySet all_permitted() {
  return PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
    {"id": "all", "effect": "permit", "actions": ["*.call", "session.start"]}]})")
      .value();
}

SessionDriver driver(Workflow<Text> (*body)(Context&, Text)) {
  SessionDriver made(define_workflow("workflow", body));
  made.policy = all_permitted();
  return made;
}

/// Cancels a call after a second and says how it ended.
Workflow<Text> cancel_after_a_second(Context& ctx, Activity<Text, Text> activity) {
  auto call = ctx.call(activity, "x");
  call.begin();
  co_await ctx.sleep(1s);
  call.cancel();
  Text end;
  try {
    co_return "got " + co_await call;
  } catch (Cancelled const& cancelled) {
    end = cancelled.what();
  }
  co_return "cancelled: " + end;
}
Workflow<Text> cancel_asked(Context& ctx, Text) {
  co_return co_await cancel_after_a_second(ctx, asked);
}
Workflow<Text> cancel_waited(Context& ctx, Text) {
  co_return co_await cancel_after_a_second(ctx, waited);
}
Workflow<Text> cancel_left(Context& ctx, Text) {
  co_return co_await cancel_after_a_second(ctx, left);
}

TEST(OnCancel, attempt_ends_the_operation_at_once_and_tells_the_attempt) {
  auto session = driver(cancel_asked);
  session.start(R"("")");
  auto const events = session.fire_next();
  EXPECT_THAT(names_of(events),
              ElementsAre("TimerFired 2", "OperationCancelled 1", "SessionCompleted"));
  EXPECT_FALSE(find_body<storage::OperationCancelled>(events)->abandoned);
  session.expect_replays();
}

TEST(OnCancel, abandon_ends_the_operation_at_once_and_leaves_the_attempt_alone) {
  auto session = driver(cancel_left);
  session.start(R"("")");
  auto const events = session.fire_next();
  EXPECT_TRUE(find_body<storage::OperationCancelled>(events)->abandoned);
  EXPECT_EQ(session.end->result, R"("cancelled: the workflow cancelled it")");
  session.expect_replays();
}

TEST(OnCancel, wait_gives_the_result_of_an_attempt_that_was_done_all_the_same) {
  auto session = driver(cancel_waited);
  session.start(R"("")");
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("TimerFired 2", "CancellationAsked 1"));
  EXPECT_FALSE(session.end);
  session.restart();
  EXPECT_THAT(names_of(session.complete(1, R"("it")")),
              ElementsAre("OperationCompleted 1", "SessionCompleted"));
  EXPECT_EQ(session.end->result, R"("got it")");
  session.expect_replays();
}

TEST(OnCancel, wait_repeats_no_attempt_that_failed_or_whose_process_ended) {
  for (bool const orphaned : {false, true}) {
    auto session = driver(cancel_waited);
    session.start(R"("")");
    session.fire_next();
    auto const events = orphaned ? session.take(OrphanInput{OperationId{1}, 1, "the process ended"})
                                 : session.fail(1, 1);
    EXPECT_THAT(names_of(events),
                ElementsAre(orphaned ? "AttemptOrphaned 1" : "AttemptFailed 1",
                            "OperationCancelled 1",
                            "SessionCompleted"));
    EXPECT_TRUE(session.end->result.starts_with(R"("cancelled: it was asked to end)"));
    session.expect_replays();
  }
}

TEST(OnCancel, wait_ends_a_call_at_once_that_only_waits_for_its_next_attempt) {
  auto session = driver(cancel_waited);
  session.start(R"("")");
  session.fail(1, 1);  // the next attempt and the sleep are due at the same time: 1 before 2
  session.now += 900ms;
  EXPECT_THAT(
      names_of(session.take(CancelInput{"ann", "enough"})),
      ElementsAre(
          "CancelRequested", "OperationCancelled 1", "OperationCancelled 2", "SessionCancelled"));
  session.expect_replays();
}

Workflow<Text> wait_in_shield(Context& ctx, Text what) {
  co_return co_await ctx.call(waited, what);
}
Workflow<Text> shield_and_wait(Context& ctx, Text) {
  auto shielded = ctx.shield(wait_in_shield(ctx, "shielded"));
  Text end;
  try {
    end = co_await ctx.call(waited, "open");
  } catch (Cancelled const&) {
    end = "cancelled";
  }
  co_return end + ", " + co_await shielded;
}

TEST(OnCancel, of_a_call_in_a_shield_is_not_asked_by_a_request_to_cancel_the_session) {
  auto session = driver(shield_and_wait);
  session.start(R"("")");  // 1: open, 2: shielded
  EXPECT_THAT(names_of(session.take(CancelInput{"ann", "enough"})),
              ElementsAre("CancelRequested", "CancellationAsked 1"));
  session.expect_replays();
  session.restart();
  session.fail(1, 1);
  EXPECT_FALSE(session.end);
  session.fail(2, 1);  // is tried again: nobody asked it to end
  session.fire_next();
  session.complete(2, R"("done")", 2);
  EXPECT_EQ(session.end->result, R"("cancelled, done")");
  session.expect_replays();
}

// ---- children ----

ChildEndInput ended(std::uint64_t operation, std::string payload) {
  ChildEndInput end;
  end.operation = static_cast<OperationId>(operation);
  end.session = "x";
  end.run.bytes.fill(3);
  end.payload = std::move(payload);
  return end;
}

Workflow<Text> races_a_child(Context& ctx, Text) {
  auto const winner = co_await ctx.any(
      ctx.call_child<Text>("other", Text("a"), {.id = "a", .on_cancel = OnCancel::wait}),
      ctx.call_child<Text>("other", Text("b"), {.id = "b"}),
      ctx.call_child<Text>("other", Text("c"), {.id = "c", .on_cancel = OnCancel::abandon}),
      ctx.sleep(1s));
  co_await ctx.sleep(1s);
  co_return std::to_string(winner.index());
}

TEST(Child, that_loses_an_any_is_told_what_its_options_say) {
  auto session = driver(races_a_child);
  EXPECT_THAT(names_of(session.start(R"("")")),
              ElementsAre("SessionStarted",
                          "OperationRequested 1",
                          "PolicyDecided 1",
                          "ChildStarted 1",
                          "OperationRequested 2",
                          "PolicyDecided 2",
                          "ChildStarted 2",
                          "OperationRequested 3",
                          "PolicyDecided 3",
                          "ChildStarted 3",
                          "TimerStarted 4"));
  ASSERT_EQ(session.children.size(), 3U);
  EXPECT_EQ(session.children[1].session, (SessionId{"default", "b"}));
  EXPECT_EQ(session.children[1].principal, "tester");
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 4",
                          "CancellationAsked 1",
                          "OperationCancelled 2",
                          "OperationCancelled 3",
                          "TimerStarted 5"));
  ASSERT_EQ(session.telling.size(), 3U);
  EXPECT_EQ(session.telling[0].close, std::nullopt);
  EXPECT_EQ(session.telling[1].close, storage::ParentClose::cancel);
  EXPECT_EQ(session.telling[2].close, storage::ParentClose::abandon);
  session.expect_replays();
  session.restart();
  // What was waited for ends unseen; what comes for the others means nothing.
  EXPECT_THAT(names_of(session.take(ended(1, R"("late")"))), ElementsAre("ChildEnded 1"));
  EXPECT_TRUE(session.take(ended(2, R"("late")")).empty());
  session.fire_next();
  EXPECT_EQ(session.end->result, R"("3")");
  session.expect_replays();
}

Workflow<Text> child_over_checkpoints(Context& ctx, Text turn) {
  co_await ctx.checkpoint(turn);
  auto child =
      ctx.call_child<Text>("other", Text("x"), {.parent_close = ParentClose::abandon}).named("it");
  child.begin();
  if (turn.size() < 2) {
    co_await ctx.sleep(1s);
    co_await ctx.checkpoint(turn + "x");
  }
  co_return co_await child;
}

TEST(Child, with_a_name_lasts_over_checkpoints_and_is_started_once) {
  auto session = driver(child_over_checkpoints);
  session.start(R"("")");
  session.fire_next();
  session.fire_next();
  EXPECT_EQ(session.children.size(), 1U);
  session.expect_replays();
  session.restart();
  session.take(ended(1, R"("done")"));
  EXPECT_EQ(session.end->result, R"("done")");
  session.expect_replays();
}

Workflow<Text> tainted_parent(Context& ctx, Text) {
  auto first = co_await ctx.call_child<Text>("other", Text("x"), {.id = "a"});
  co_return first + co_await ctx.call_child<Text>("other", Text("y"), {.id = "b"});
}

TEST(Child, brings_its_taint_with_its_end_and_gets_that_of_its_parent) {
  auto session = driver(tainted_parent);
  session.start(R"("")");
  auto end = ended(1, R"("x")");
  end.taint = {"web_page"};
  end.senders = {"mallory"};
  session.take(end);
  EXPECT_TRUE(session.session->state().taint.contains("web_page"));
  ASSERT_EQ(session.children.size(), 2U);
  EXPECT_EQ(session.children[1].taint, std::vector<std::string>{"web_page"});
  EXPECT_EQ(session.children[1].senders, std::vector<std::string>{"mallory"});
  session.expect_replays();
}

// ---- runs ----

struct Turn {
  std::int64_t run = 0;
  std::int64_t loop = 0;
  std::string heard;
};
BOOST_DESCRIBE_STRUCT(Turn, (), (run, loop, heard))

Workflow<Text> runs_with_checkpoints(Context& ctx, Turn turn) {
  for (; turn.loop < 2; ++turn.loop) {
    co_await ctx.checkpoint(turn);
    turn.heard += co_await ctx.receive<Text>("word");
    turn.heard += std::to_string(ctx.random_below(10));
  }
  if (turn.run == 2) co_return turn.heard;
  auto open = ctx.call(asked, "x");
  open.begin();
  co_await ctx.continue_as_new(Turn{turn.run + 1, 0, turn.heard});
  co_return "not reached";
}

TEST(ContinueAsNew, replays_as_it_was_from_the_start_and_each_checkpoint_of_each_run) {
  SessionDriver session(define_workflow("workflow", runs_with_checkpoints));
  session.policy = all_permitted();
  session.start(R"({"run":0,"loop":0,"heard":""})");
  for (auto const* const word : {"a", "b", "c", "d", "e"}) {
    session.signal("word", '"' + std::string(word) + '"', word);
    session.expect_replays();
    session.restart();
  }
  EXPECT_EQ(session.log->runs(session.id)->size(), 3U);
  session.signal("word", R"("f")", "f");
  ASSERT_TRUE(session.end);
  std::string words;
  for (char const letter : session.end->result)
    if (letter >= 'a' && letter <= 'f') words += letter;
  EXPECT_EQ(words, "abcdef");
}

TEST(ContinueAsNew, ends_the_run_with_its_event_and_begins_the_next_with_what_it_takes_over) {
  SessionDriver session(define_workflow("workflow", runs_with_checkpoints));
  session.policy = all_permitted();
  session.start(R"({"run":0,"loop":1,"heard":""})");
  session.signal("other", R"("kept")");
  EXPECT_THAT(names_of(session.signal("word", R"("a")")),
              ElementsAre("InputReceived",
                          "OperationRequested 2",
                          "PolicyDecided 2",
                          "AttemptStarted 2",
                          "OperationCancelled 2",
                          "ContinuedAsNew",
                          "SessionStarted",
                          "RunCarried",
                          "InputReceived",
                          "OperationRequested 1"));
  auto const& state = session.session->state();
  EXPECT_EQ(state.senders.size(), 1U);  // who sent a signal before cannot approve now
  EXPECT_EQ(state.calls.size(), 1U);    // nor does continuing reset what policies count
  EXPECT_EQ(state.inbox.size(), 1U);
  session.expect_replays();
}

Workflow<void> continues_beside(Context& ctx) { co_await ctx.continue_as_new(Text("x")); }
Workflow<Text> spawns_a_continuation(Context& ctx, Text) {
  auto beside = ctx.spawn(continues_beside(ctx));
  co_await beside;
  co_return "";
}

TEST(ContinueAsNew, in_a_spawned_workflow_is_a_bug_that_holds_the_session) {
  auto session = driver(spawns_a_continuation);
  auto const started = session.try_start(R"("")");
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::held);
}

}  // namespace
}  // namespace dalsegno::engine::test
