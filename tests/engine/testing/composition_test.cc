// Sessions that go on in another run, start each other, and undo what they did: with the real
// engine, and a crash after each step and each effect.

#include "dalsegno/dalsegno.h"
#include "dalsegno/testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno {

BOOST_DESCRIBE_ENUM(ParentClose, terminate, cancel, abandon)
BOOST_DESCRIBE_ENUM(OnCancel, attempt, wait, abandon)

namespace {

using namespace std::chrono_literals;

SessionId const parent{.name = "parent"};
SessionId const child{.name = "the-child"};

constexpr Activity<std::string, std::string> book{
    "book", {.retry = {.initial = 1s, .max_attempts = 2, .jitter = 0}}};
constexpr Activity<std::string, void> unbook{
    "unbook", {.retry = {.initial = 1s, .max_attempts = 3, .jitter = 0}}};

/// What the activities did outside, by idempotency key.
struct Ledger {
  std::map<std::string, std::string> booked;
  std::vector<std::string> undone;
  std::string cannot_book;
  std::string cannot_undo;
};

std::string say(Result<std::string> const& result) {
  return result ? *result
                : std::string(name_of(result.error().code)) + ": " + result.error().detail;
}

std::size_t count(std::vector<std::string> const& history, std::string const& type) {
  return static_cast<std::size_t>(std::ranges::count_if(history, [&](std::string const& line) {
    return line.contains("\"type\":\"" + type + "\"");
  }));
}

// ---- workflows ----

struct Tally {
  std::int64_t left = 0;
  std::int64_t sum = 0;
};
BOOST_DESCRIBE_STRUCT(Tally, (), (left, sum))

/// Takes one number in each run.
Workflow<std::int64_t> add_up(Context& ctx, Tally tally) {
  ctx.set_attribute("sum", tally.sum);
  if (tally.left == 0) co_return tally.sum;
  tally.sum += co_await ctx.receive<std::int64_t>("number");
  --tally.left;
  co_await ctx.continue_as_new(tally);
  co_return -1;
}

/// Leaves all signals to the next run.
Workflow<std::string> hand_over(Context& ctx, std::int64_t run) {
  if (run == 0) {
    co_await ctx.receive<std::string>("go");
    co_await ctx.continue_as_new(std::int64_t{1});
  }
  std::string heard;
  while (ctx.unread_signals() > 0) heard += co_await ctx.receive<std::string>("word");
  co_return heard;
}

Workflow<std::string> turn_round(Context& ctx, std::int64_t run) {
  co_await ctx.continue_as_new(run + 1);
  co_return "";
}

Workflow<std::string> stay_for(Context& ctx, std::int64_t seconds) {
  co_await ctx.sleep(std::chrono::seconds(seconds));
  co_return "stayed " + std::to_string(seconds);
}

Workflow<std::string> book_one(Context& ctx, std::string what) {
  co_return co_await ctx.call(book, what);
}

Workflow<std::string> in_two_runs(Context& ctx, std::string what) {
  if (!what.starts_with("second ")) {
    co_await ctx.sleep(1h);
    co_await ctx.continue_as_new("second " + what);
  }
  co_return co_await ctx.call(book, what);
}

Workflow<std::string> fail_with(Context& ctx, std::string type) {
  co_await ctx.sleep(1s);
  throw Failure(type, "as it was told to");
}

Workflow<std::string> wait_for_go(Context& ctx, std::string what) {
  std::string end = "cancelled";
  try {
    co_return co_await ctx.receive<std::string>("go");
  } catch (Cancelled const& cancelled) {
    end = cancelled.what();
  }
  co_return what + " ended: " + end;
}

struct Asked {
  std::string workflow;
  std::string input;
  std::string id;
  ParentClose parent_close = ParentClose::terminate;
  OnCancel on_cancel = OnCancel::attempt;
};
BOOST_DESCRIBE_STRUCT(Asked, (), (workflow, input, id, parent_close, on_cancel))

ChildOptions options_of(Asked const& asked) {
  return {.id = asked.id, .parent_close = asked.parent_close, .on_cancel = asked.on_cancel};
}

Workflow<std::string> call_one(Context& ctx, Asked asked) {
  std::string failed;
  try {
    co_return "got " +
        co_await ctx.call_child<std::string>(asked.workflow, asked.input, options_of(asked));
  } catch (ChildFailed const& failure) {
    failed = failure.type();
  } catch (PolicyDenied const& denied) {
    failed = "denied " + std::string(denied.what());
  }
  co_return "child failed: " + failed;
}

/// Starts a child and ends without it, after an hour.
Workflow<std::string> leave_one(Context& ctx, Asked asked) {
  {
    auto const left = ctx.start_child<std::string>(asked.workflow, asked.input, options_of(asked));
  }
  co_await ctx.sleep(1h);
  co_return "left";
}

/// The same, in one step.
Workflow<std::string> leave_at_once(Context& ctx, Asked asked) {
  auto const left = ctx.start_child<std::string>(asked.workflow, asked.input, options_of(asked));
  co_return "left";
}

Workflow<std::string> lose_one(Context& ctx, Asked asked) {
  auto lost = ctx.start_child<std::string>(asked.workflow, asked.input, options_of(asked));
  co_await ctx.sleep(1h);
  lost.cancel();
  try {
    co_return "got " + co_await lost;
  } catch (Cancelled const&) {
  }
  co_return "cancelled";
}

Workflow<std::string> start_later(Context& ctx, std::string what) {
  co_return co_await ctx.start_detached(
      "book_one", what, {.id = "later", .delay = std::chrono::hours(48)});
}

Workflow<std::string> start_and_end(Context& ctx, std::string what) {
  auto const started = ctx.start_detached("book_one", what, {.id = "later"});
  co_return "ended";
}

Workflow<std::string> two_children(Context& ctx, std::string what) {
  auto first = ctx.start_child<std::string>("book_one", what + " out");
  auto second = ctx.start_child<std::string>("in_two_runs", what + " back");
  auto [there, back] = co_await ctx.all(std::move(first), std::move(second));
  co_return there + " and " + back;
}

Workflow<std::string> book_all(Context& ctx, Saga& saga, std::string what) {
  std::string done;
  for (auto const* const part : {"flight", "hotel", "car"}) {
    done += co_await ctx.call(book, what + ' ' + part) + ' ';
    saga.undo_with(unbook, what + ' ' + part);
  }
  co_return done;
}

Workflow<std::string> trip(Context& ctx, std::string what) {
  co_return co_await run_saga<std::string>(
      ctx, [&ctx, what](Saga& saga) { return book_all(ctx, saga, what); });
}

Workflow<std::string> careful_trip(Context& ctx, std::string what) {
  std::string end;
  try {
    co_return co_await trip(ctx, what);
  } catch (CompensationFailed const& failed) {
    end = failed.cause() + ", not undone: ";
    for (auto const& one : failed.failed()) end += one.name + ' ' + one.type;
  } catch (Failure const& failed) {
    end = "undone after " + failed.type();
  }
  co_return end;
}

/// A day trip that calls children, continues, and undoes what it did.
Workflow<std::string> all_of_it(Context& ctx, std::string what) {
  if (!what.starts_with("second ")) {
    auto const booked = co_await ctx.call_child<std::string>("two_children", what);
    ctx.set_attribute("booked", booked);
    co_await ctx.continue_as_new("second " + what);
  }
  co_return co_await careful_trip(ctx, what);
}

Registry registry_of(std::shared_ptr<Ledger> const& ledger) {  // shared: the activities keep it
  Registry registry;
  registry.add(define_workflow("add_up", add_up));
  registry.add(define_workflow("hand_over", hand_over));
  registry.add(define_workflow("turn_round", turn_round));
  registry.add(define_workflow("stay_for", stay_for));
  registry.add(define_workflow("book_one", book_one));
  registry.add(define_workflow("in_two_runs", in_two_runs));
  registry.add(define_workflow("fail_with", fail_with));
  registry.add(define_workflow("wait_for_go", wait_for_go));
  registry.add(define_workflow("call_one", call_one));
  registry.add(define_workflow("leave_one", leave_one));
  registry.add(define_workflow("leave_at_once", leave_at_once));
  registry.add(define_workflow("lose_one", lose_one));
  registry.add(define_workflow("start_later", start_later));
  registry.add(define_workflow("start_and_end", start_and_end));
  registry.add(define_workflow("two_children", two_children));
  registry.add(define_workflow("trip", trip));
  registry.add(define_workflow("careful_trip", careful_trip));
  registry.add(define_workflow("all_of_it", all_of_it));
  registry.add(book, [ledger](ActivityContext const& context, std::string const& what) {
    if (!ledger->cannot_book.empty() && what.contains(ledger->cannot_book))
      throw ActivityError("sold_out", what);
    ledger->booked[context.idempotency_key] = what;
    return what;
  });
  registry.add(unbook, [ledger](ActivityContext const&, std::string const& what) {
    if (!ledger->cannot_undo.empty() && what.contains(ledger->cannot_undo))
      throw ActivityError("no_refund", what);
    if (std::ranges::find(ledger->undone, what) == ledger->undone.end())
      ledger->undone.push_back(what);
  });
  return registry;
}

TestRuntime runtime_of(std::shared_ptr<Ledger> const& ledger = std::make_shared<Ledger>()) {
  return TestRuntime(registry_of(ledger));
}

/// Crashes everywhere; the outcome must be `outcome` each time.
void expect_same_everywhere(Scenario const& scenario, std::string const& outcome) {
  auto const report =
      crash_everywhere([] { return registry_of(std::make_shared<Ledger>()); }, scenario);
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome
                      << "\nexpected: " << report.difference->expected;
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.outcome, outcome);
}

std::string run_parent(TestRuntime& runtime, std::string const& workflow, Asked const& asked) {
  EXPECT_TRUE(runtime.start_session(parent, workflow, asked));
  return say(runtime.result<std::string>(parent));
}

// ---- runs ----

TEST(ContinueAsNew, goes_on_in_another_run_and_the_result_is_that_of_the_last) {
  auto runtime = runtime_of();
  ASSERT_TRUE(runtime.start_session(parent, "add_up", Tally{3, 0}));
  for (std::int64_t number = 1; number <= 3; ++number)
    ASSERT_TRUE(runtime.signal(parent, "number", number));
  EXPECT_EQ(runtime.result<std::int64_t>(parent).value(), 6);
  EXPECT_EQ(runtime.runs(parent), 4U);
  EXPECT_TRUE(runtime.history(parent).front().contains("\"follows\""));
}

TEST(ContinueAsNew, carries_over_every_unread_signal_in_order_and_none_twice) {
  auto runtime = runtime_of();
  ASSERT_TRUE(runtime.start_session(parent, "hand_over", std::int64_t{0}));
  for (auto const* const word : {"a", "b", "c"})
    ASSERT_TRUE(runtime.signal(parent, "word", std::string(word), word));
  ASSERT_TRUE(runtime.signal(parent, "go", std::string()));
  EXPECT_EQ(runtime.result<std::string>(parent).value(), "abc");
  EXPECT_EQ(count(runtime.history(parent), "InputReceived"), 3U);
  // Who repeats a signal of the run before is told where it stands now.
  auto const repeated = runtime.signal(parent, "word", std::string("b"), "b");
  ASSERT_TRUE(repeated) << repeated.error().detail;
  EXPECT_TRUE(repeated->repeated);
  EXPECT_TRUE(runtime.history(parent).at(repeated->sequence - 1).contains("\"b\""));
}

TEST(ContinueAsNew, keeps_the_attributes_of_the_run_before) {
  auto runtime = runtime_of();
  ASSERT_TRUE(runtime.start_session(parent, "add_up", Tally{2, 40}));
  ASSERT_TRUE(runtime.signal(parent, "number", std::int64_t{2}));
  auto const history = runtime.history(parent);
  ASSERT_GE(history.size(), 2U);
  EXPECT_TRUE(history[1].contains("RunCarried")) << history[1];
  EXPECT_TRUE(history[1].contains("{\"name\":\"sum\",\"value\":40}")) << history[1];
}

TEST(ContinueAsNew, is_whole_or_not_at_all_whichever_step_a_process_ends_after) {
  expect_same_everywhere(
      [](TestRuntime& runtime) {
        EXPECT_TRUE(runtime.start_session(parent, "add_up", Tally{3, 0}));
        for (std::int64_t number = 1; number <= 3; ++number)
          EXPECT_TRUE(runtime.signal(parent, "number", number, "key-" + std::to_string(number)));
        return say(runtime.result_as_json(parent)) + ' ' + std::to_string(runtime.runs(parent));
      },
      "6 4");
}

TEST(ContinueAsNew, leaves_a_repeated_start_what_it_was) {
  auto runtime = runtime_of();
  auto const started = runtime.start_session(parent, "add_up", Tally{2, 0});
  ASSERT_TRUE(started);
  ASSERT_TRUE(runtime.signal(parent, "number", std::int64_t{1}));
  auto const repeated = runtime.start_session(parent, "add_up", Tally{2, 0});
  ASSERT_TRUE(repeated) << repeated.error().detail;
  EXPECT_TRUE(repeated->repeated);
  EXPECT_EQ(repeated->run, started->run);
  EXPECT_EQ(runtime.start_session(parent, "add_up", Tally{1, 1}).error().code, Errc::conflict);
}

TEST(ContinueAsNew, without_waiting_for_anything_holds_the_session) {
  auto runtime = runtime_of();
  auto const started = runtime.start_session(parent, "turn_round", std::int64_t{0});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::held);
  EXPECT_TRUE(started.error().detail.contains("continued as new")) << started.error().detail;
}

TEST(StartAgain, is_refused_allowed_or_allowed_after_a_failure_as_the_start_says) {
  auto runtime = runtime_of();
  auto const start = [&](std::string const& workflow, Reuse reuse) {
    return runtime.start_session(parent, workflow, std::string("busy"), {.reuse = reuse});
  };
  ASSERT_TRUE(start("fail_with", Reuse::reject));
  EXPECT_TRUE(start("fail_with", Reuse::allow)->repeated);  // it is open: the same request
  EXPECT_EQ(start("book_one", Reuse::allow).error().code, Errc::conflict);
  runtime.advance(1h);
  EXPECT_TRUE(start("fail_with", Reuse::reject)->repeated);
  EXPECT_EQ(runtime.runs(parent), 1U);
  auto const again = start("book_one", Reuse::allow_if_failed);
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_FALSE(again->repeated);
  EXPECT_EQ(say(runtime.result<std::string>(parent)), "busy");
  EXPECT_EQ(runtime.runs(parent), 2U);
  EXPECT_TRUE(start("book_one", Reuse::allow_if_failed)->repeated);  // it completed
  EXPECT_EQ(start("fail_with", Reuse::allow_if_failed).error().code, Errc::conflict);
  EXPECT_FALSE(start("fail_with", Reuse::allow)->repeated);
  EXPECT_EQ(runtime.runs(parent), 3U);
}

TEST(DelayedStart, begins_the_code_when_its_time_has_come_and_keeps_what_came_before) {
  auto runtime = runtime_of();
  auto const begun = runtime.now();
  ASSERT_TRUE(runtime.start_session(
      parent, "wait_for_go", std::string("it"), {.delay = std::chrono::hours(5)}));
  ASSERT_TRUE(runtime.signal(parent, "go", std::string("went")));
  EXPECT_FALSE(runtime.has_ended(parent));
  runtime.crash();
  EXPECT_EQ(say(runtime.result<std::string>(parent)), "went");
  EXPECT_EQ(runtime.now(), begun + 5h);
}

TEST(DelayedStart, that_is_cancelled_before_never_begins) {
  auto runtime = runtime_of();
  ASSERT_TRUE(runtime.start_session(
      parent, "wait_for_go", std::string("it"), {.delay = std::chrono::hours(5)}));
  ASSERT_TRUE(runtime.cancel(parent, "test", "enough"));
  EXPECT_EQ(say(runtime.result<std::string>(parent)), "ended: cancelled: enough");
}

// ---- children ----

TEST(Child, gives_its_result_to_its_parent_and_is_a_session_of_its_own) {
  auto const ledger = std::make_shared<Ledger>();
  auto runtime = runtime_of(ledger);
  EXPECT_EQ(run_parent(runtime, "call_one", {"book_one", "a room", "the-child"}), "got a room");
  EXPECT_EQ(say(runtime.result<std::string>(child)), "a room");
  EXPECT_EQ(ledger->booked.size(), 1U);
  EXPECT_TRUE(runtime.history(child).front().contains("\"origin\":{\"session\":\"parent\""));
}

TEST(Child, has_a_name_made_from_its_parent_where_none_is_given) {
  auto runtime = runtime_of();
  EXPECT_EQ(run_parent(runtime, "call_one", {"book_one", "a room", ""}), "got a room");
  auto const history = runtime.history(parent);
  auto const started = std::ranges::find_if(
      history, [](std::string const& line) { return line.contains("ChildStarted"); });
  ASSERT_NE(started, history.end());
  EXPECT_TRUE(started->contains("\"session\":\"parent/1-")) << *started;
}

TEST(Child, that_fails_or_cannot_be_started_fails_in_its_parent_with_a_type) {
  auto runtime = runtime_of();
  auto const outcome = [&](std::string const& name, Asked const& asked) {
    SessionId const one{.name = name};
    EXPECT_TRUE(runtime.start_session(one, "call_one", asked));
    return say(runtime.result<std::string>(one));
  };
  EXPECT_EQ(outcome("a", {"fail_with", "busy", ""}), "child failed: busy");
  EXPECT_EQ(outcome("b", {"nothing", "", ""}), "child failed: unknown_workflow");
  EXPECT_EQ(outcome("c", {"book_one", "x", "the-child"}), "got x");
  EXPECT_EQ(outcome("d", {"book_one", "x", "the-child"}), "child failed: conflict");
  EXPECT_EQ(outcome("e", {"book_one", "x", "e"}), "child failed: conflict");
}

TEST(Child, is_started_only_if_policy_permits_it) {
  TestRuntime runtime(registry_of(std::make_shared<Ledger>()),
                      {.policy = R"({"dalsegno_policy": 1, "rules": [
    {"id": "rooms", "effect": "permit", "actions": ["session.start"], "resources": ["stay_for"]},
    {"id": "calls", "effect": "permit", "actions": ["activity.call"]}]})"});
  EXPECT_TRUE(run_parent(runtime, "call_one", {"book_one", "x", "the-child"})
                  .starts_with("child failed: denied"));
  EXPECT_EQ(runtime.result<std::string>(child).error().code, Errc::not_found);
}

TEST(Child, wakes_a_parent_that_is_not_in_memory_any_more) {
  auto runtime = runtime_of();
  ASSERT_TRUE(runtime.start_session(parent, "call_one", Asked{"wait_for_go", "it", "the-child"}));
  runtime.crash();  // nothing of the parent is in memory now
  ASSERT_TRUE(runtime.signal(child, "go", std::string("went")));
  EXPECT_EQ(say(runtime.result<std::string>(parent)), "got went");
}

TEST(Child, is_started_once_and_told_once_whichever_step_a_process_ends_after) {
  expect_same_everywhere(
      [](TestRuntime& runtime) {
        auto const result = run_parent(runtime, "call_one", {"book_one", "a room", "the-child"});
        return result + ' ' + std::to_string(runtime.runs(child)) + ' ' +
               std::to_string(count(runtime.history(parent), "ChildEnded"));
      },
      "got a room 1 1");
}

TEST(Child, that_continues_as_new_reports_the_end_of_its_last_run) {
  expect_same_everywhere(
      [](TestRuntime& runtime) {
        auto const result = run_parent(runtime, "call_one", {"in_two_runs", "room", "the-child"});
        return result + ' ' + std::to_string(runtime.runs(child));
      },
      "got second room 2");
}

std::string end_of_child(TestRuntime& runtime, std::string const& workflow, ParentClose close) {
  auto const result = run_parent(runtime, workflow, {"wait_for_go", "it", "the-child", close});
  runtime.advance(2h);
  return result + ", " + say(runtime.result<std::string>(child));
}

TEST(ParentClose, terminates_cancels_or_leaves_the_child_also_after_a_crash) {
  expect_same_everywhere(
      [](TestRuntime& runtime) {
        return end_of_child(runtime, "leave_one", ParentClose::terminate);
      },
      "left, ended: cancelled: its parent, parent: the session ended");
  expect_same_everywhere(
      [](TestRuntime& runtime) { return end_of_child(runtime, "leave_one", ParentClose::cancel); },
      "left, it ended: its parent, parent: the session ended");
  expect_same_everywhere(
      [](TestRuntime& runtime) {
        auto const outcome = end_of_child(runtime, "leave_one", ParentClose::abandon);
        EXPECT_TRUE(runtime.signal(child, "go", std::string("went"), "go"));
        return outcome.substr(0, 17) + ", " + say(runtime.result<std::string>(child));
      },
      "left, unavailable, went");
}

TEST(ParentClose, counts_for_a_child_whose_start_was_asked_for_in_the_parents_last_step) {
  for (auto const close : {ParentClose::terminate, ParentClose::cancel}) {
    auto const report = crash_everywhere(
        [] { return registry_of(std::make_shared<Ledger>()); },
        [close](TestRuntime& runtime) { return end_of_child(runtime, "leave_at_once", close); });
    EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome
                        << "\nexpected: " << report.difference->expected;
    EXPECT_TRUE(report.outcome.contains("the session ended")) << report.outcome;
  }
}

TEST(OnCancel, of_a_child_asks_waits_or_leaves_it_alone) {
  auto const lose = [](OnCancel on_cancel) {
    return [on_cancel](TestRuntime& runtime) {
      auto const result =
          run_parent(runtime,
                     "lose_one",
                     {"wait_for_go", "it", "the-child", ParentClose::terminate, on_cancel});
      if (on_cancel == OnCancel::abandon)
        EXPECT_TRUE(runtime.signal(child, "go", std::string("went"), "go"));
      return result + ", " + say(runtime.result<std::string>(child));
    };
  };
  expect_same_everywhere(lose(OnCancel::attempt),
                         "cancelled, it ended: its parent, parent: the workflow cancelled it");
  expect_same_everywhere(lose(OnCancel::wait),
                         "got it ended: the workflow cancelled it, it ended: the workflow "
                         "cancelled it");
  expect_same_everywhere(lose(OnCancel::abandon), "cancelled, went");
}

TEST(Cancel, of_a_parent_reaches_the_child_that_it_waits_for) {
  auto runtime = runtime_of();
  ASSERT_TRUE(runtime.start_session(parent, "call_one", Asked{"wait_for_go", "it", "the-child"}));
  ASSERT_TRUE(runtime.cancel(parent, "test", "enough"));
  EXPECT_EQ(say(runtime.result<std::string>(parent)), "ended: cancelled: enough");
  EXPECT_EQ(say(runtime.result<std::string>(child)), "it ended: its parent, parent: enough");
}

TEST(Detached, starts_once_after_its_delay_whichever_step_a_process_ends_after) {
  expect_same_everywhere(
      [](TestRuntime& runtime) {
        auto const begun = runtime.now();
        EXPECT_TRUE(runtime.start_session(parent, "start_later", std::string("a room")));
        auto outcome = say(runtime.result<std::string>(parent));
        SessionId const later{.name = "later"};
        outcome += ' ' + say(runtime.result<std::string>(later));
        outcome += runtime.now() == begun + 48h ? " in time" : " not in time";
        return outcome + ' ' + std::to_string(runtime.runs(later));
      },
      "later a room in time 1");
}

TEST(Detached, starts_also_when_its_parent_ends_in_the_same_step) {
  expect_same_everywhere(
      [](TestRuntime& runtime) {
        EXPECT_TRUE(runtime.start_session(parent, "start_and_end", std::string("a room")));
        auto const outcome = say(runtime.result<std::string>(parent));
        return outcome + ' ' + say(runtime.result<std::string>({.name = "later"}));
      },
      "ended a room");
}

// ---- sagas ----

TEST(Saga, that_succeeds_undoes_nothing) {
  auto const ledger = std::make_shared<Ledger>();
  auto runtime = runtime_of(ledger);
  ASSERT_TRUE(runtime.start_session(parent, "trip", std::string("Rome")));
  EXPECT_EQ(say(runtime.result<std::string>(parent)), "Rome flight Rome hotel Rome car ");
  EXPECT_TRUE(ledger->undone.empty());
}

TEST(Saga, undoes_what_was_done_in_reverse_order_and_fails_as_its_step_did) {
  auto const ledger = std::make_shared<Ledger>();
  ledger->cannot_book = "car";
  auto runtime = runtime_of(ledger);
  ASSERT_TRUE(runtime.start_session(parent, "trip", std::string("Rome")));
  EXPECT_EQ(say(runtime.result<std::string>(parent)), "ended: sold_out: Rome car");
  EXPECT_EQ(ledger->undone, (std::vector<std::string>{"Rome hotel", "Rome flight"}));
}

TEST(Saga, reports_what_could_not_be_undone_and_undoes_the_rest) {
  auto const ledger = std::make_shared<Ledger>();
  ledger->cannot_book = "car";
  ledger->cannot_undo = "hotel";
  auto runtime = runtime_of(ledger);
  ASSERT_TRUE(runtime.start_session(parent, "careful_trip", std::string("Rome")));
  EXPECT_EQ(say(runtime.result<std::string>(parent)), "sold_out, not undone: unbook no_refund");
  EXPECT_EQ(ledger->undone, (std::vector<std::string>{"Rome flight"}));
}

TEST(Saga, of_a_session_that_is_cancelled_is_undone_out_of_reach_of_that) {
  auto const ledger = std::make_shared<Ledger>();
  ledger->cannot_book = "car";  // is tried again after a second
  auto runtime = runtime_of(ledger);
  ASSERT_TRUE(runtime.start_session(parent, "trip", std::string("Rome")));
  ASSERT_TRUE(runtime.cancel(parent, "test", "enough"));
  EXPECT_EQ(say(runtime.result<std::string>(parent)), "ended: cancelled: enough");
  EXPECT_EQ(ledger->undone, (std::vector<std::string>{"Rome hotel", "Rome flight"}));
}

TEST(CrashEverywhere, finds_nothing_in_a_parent_with_children_a_continuation_and_a_saga) {
  std::shared_ptr<Ledger> ledger;  // shared: the activities of one run keep it
  auto const report = crash_everywhere(
      [&] {
        ledger = std::make_shared<Ledger>();
        ledger->cannot_book = "car";
        return registry_of(ledger);
      },
      [&](TestRuntime& runtime) {
        EXPECT_TRUE(runtime.start_session(parent, "all_of_it", std::string("Rome")));
        auto outcome = say(runtime.result<std::string>(parent)) + ';';
        for (auto const& [key, what] : ledger->booked) outcome += ' ' + what + ',';
        for (auto const& what : ledger->undone) outcome += " -" + what;
        return outcome + ' ' + std::to_string(runtime.runs(parent));
      });
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome
                      << "\nexpected: " << report.difference->expected;
  EXPECT_TRUE(report.complete);
  EXPECT_TRUE(report.outcome.starts_with("undone after sold_out;")) << report.outcome;
  EXPECT_TRUE(report.outcome.ends_with("-second Rome hotel -second Rome flight 2"))
      << report.outcome;
  EXPECT_GT(report.crashes, 20U);
}

}  // namespace
}  // namespace dalsegno
