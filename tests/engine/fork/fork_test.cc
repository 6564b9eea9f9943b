// Runs that are made of other runs: forked from an event, or begun again.

#include "engine/fork/fork.h"

#include "dalsegno/workflow.h"
#include "storage/vault/vault.h"
#include "tests/engine/session/session_driver.h"
#include "tools/dalsegno/forensics/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Text = std::string;

constexpr Activity<Text, Text> look_up{"look_up",
                                       {.retry = {.initial = 1s, .max_attempts = 3, .jitter = 0}}};
constexpr Activity<Text, Text> pay{"pay", {.effect = EffectClass::at_most_once}};
constexpr Activity<Text, Text> book{"book", {.effect = EffectClass::reconcilable}};

/// Draws, calls, takes a word, draws again.
Workflow<Text> draws(Context& ctx, Text) {
  auto const first = ctx.random();
  auto const found = co_await ctx.call(look_up, std::to_string(first));
  auto const said = co_await ctx.receive<Text>("word");
  co_return std::to_string(first) + " " + found + " " + said + " " + std::to_string(ctx.random());
}

Workflow<Text> calls_three(Context& ctx, Text) {
  auto first = ctx.call(look_up, "a");
  auto second = ctx.call(pay, "b");
  auto third = ctx.call(book, "c");
  first.begin();
  second.begin();
  third.begin();
  co_return co_await std::move(first) + co_await std::move(second) + co_await std::move(third);
}

struct Count {
  std::int64_t turns = 0;
  std::uint64_t sum = 0;
};
BOOST_DESCRIBE_STRUCT(Count, (), (turns, sum))

/// Keeps its state over checkpoints; a large one is an artifact.
Workflow<Text> counts(Context& ctx, Count state) {
  for (;;) {
    co_await ctx.checkpoint(state);
    auto const said = co_await ctx.receive<Text>("word");
    ctx.set_attribute("said", said);
    if (said == "stop") co_return std::to_string(state.sum);
    ++state.turns;
    state.sum += ctx.random();
  }
}

Workflow<Text> parent(Context& ctx, Text) {
  co_return co_await ctx.call_child<Text>("child", Text("x"), {.id = "the child"});
}

Workflow<Text> updated(Context& ctx, Text) {
  auto const handler = ctx.on_update<Text>("change", [&ctx](Text to) -> Workflow<Text> {
    co_return co_await ctx.receive<Text>("word") + to;
  });
  co_return co_await ctx.receive<Text>("end");
}

class ForkTest : public testing::Test {
 protected:
  static SessionDriver driver(Workflow<Text> (*body)(Context&, Text) = draws) {
    return SessionDriver(define_workflow("workflow", body));
  }
  static ForkOptions options() { return {"ann", "an incident"}; }

  Result<ForkPlan> plan(SessionDriver& session, Sequence at, ForkOptions how = options()) {
    ++made_;
    RunId run;
    run.bytes.fill(static_cast<std::uint8_t>(100 + made_));
    storage::SessionSecret secret;
    secret.bytes.fill(static_cast<std::uint8_t>(200 + made_));
    return plan_fork(
        *session.log, {session.id, at, std::move(how)}, {session.now, run, 1'000 + made_, secret});
  }
  /// Writes it, and lets another process go on with the new run.
  Fork fork(SessionDriver& session, Sequence at, ForkOptions how = options()) {
    auto planned = plan(session, at, std::move(how));
    EXPECT_TRUE(planned) << planned.error().detail;
    if (!planned) return {};
    std::vector<storage::Append> batch{planned->step.append};
    for (auto const& next : planned->step.then) batch.push_back(next.append);
    auto const receipt = session.log->append(batch);
    EXPECT_TRUE(receipt);
    for (auto const& one : receipt->each) EXPECT_TRUE(one) << one.error().detail;
    session.id = planned->fork.session;
    session.restart();
    return planned->fork;
  }
  /// Verification finds nothing, and every run replays.
  static void expect_sound(SessionDriver const& session) {
    session.expect_replays();
    auto const report = forensics::verify_store(*session.log);
    ASSERT_TRUE(report) << report.error().detail;
    for (auto const& finding : report->findings.list())
      if (finding.check != "watermark" && finding.check != "decision")
        ADD_FAILURE() << finding.check << " @" << finding.sequence << ": " << finding.detail;
  }
  static void finish(SessionDriver& session) {
    session.complete(1, R"("found")");
    session.signal("word", R"("hello")", "k1");
  }
  std::uint64_t made_ = 0;
};

TEST_F(ForkTest, goes_on_from_the_copy_with_random_numbers_of_its_own) {
  auto session = driver();
  session.start(R"("")");
  finish(session);
  auto const before = session.end->result;
  auto const old_run = session.session->state().run;
  auto const forked = fork(session, 5);  // the call has its result
  EXPECT_EQ(forked.from, old_run);
  EXPECT_EQ(forked.at, 6U);  // with the receiver that came of it
  EXPECT_EQ(forked.signals, 1U);
  EXPECT_THAT(names_of(session.history()),
              ElementsAre("SessionStarted",
                          "OperationRequested 1",
                          "PolicyDecided 1",
                          "AttemptStarted 1",
                          "OperationCompleted 1",
                          "OperationRequested 2",
                          "Forked",
                          "InputReceived"));
  expect_sound(session);
  session.end.reset();
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("TimerFired", "SessionCompleted"));
  ASSERT_TRUE(session.end);
  auto const after = session.end->result;
  auto const cut = [](std::string const& text) { return text.substr(0, text.find("hello")); };
  EXPECT_EQ(cut(after), cut(before));  // what was drawn before the point
  EXPECT_NE(after, before);
  expect_sound(session);
}

TEST_F(ForkTest, signals_that_came_later_stay_away_when_that_is_asked_for) {
  auto session = driver();
  session.start(R"("")");
  finish(session);
  auto how = options();
  how.signals = LaterSignals::left_out;
  EXPECT_EQ(fork(session, 5, how).signals, 0U);
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("TimerFired"));
  session.end.reset();
  session.signal("word", R"("another")");
  EXPECT_THAT(session.end->result, HasSubstr("another"));
  expect_sound(session);
}

TEST_F(ForkTest, a_signal_that_comes_again_is_found_where_it_stands_now) {
  auto session = driver();
  session.start(R"("")");
  finish(session);
  auto const forked = fork(session, 5);
  EXPECT_EQ(session.log->find_producer_key(session.id, "k1").value(), forked.forked + 1);
}

TEST_F(ForkTest, attempts_under_way_at_the_point_go_on_as_their_effect_class_says) {
  auto session = driver(calls_three);
  session.start(R"("")");
  ASSERT_THAT(session.attempts, SizeIs(3));
  auto const run = session.session->state().run;
  session.complete(1, R"("a")");
  session.complete(2, R"("b")");
  session.complete(3, R"("c")");
  fork(session, 1);
  session.orphan_open_attempts();
  session.fire_next();
  while (auto const due = session.session->due_timer(session.now)) session.take(*due);
  expect_sound(session);
  // The first is made again, the third asks the far side first; the second waits for a person.
  ASSERT_THAT(session.attempts, SizeIs(2));
  EXPECT_EQ(session.attempts[0].operation, OperationId{1});
  EXPECT_FALSE(session.attempts[0].asks_first);
  EXPECT_NE(session.attempts[0].run, run);
  EXPECT_EQ(session.attempts[1].operation, OperationId{3});
  EXPECT_TRUE(session.attempts[1].asks_first);
  EXPECT_TRUE(session.session->state().operations.at(OperationId{2}).doubt);
}

TEST_F(ForkTest, an_attempt_that_was_left_to_somebody_outside_is_made_again_as_well) {
  auto session = driver();
  session.start(R"("")");
  session.take(DeferInput{OperationId{1}, 1});
  auto how = options();
  how.terminate = true;
  fork(session, 5, how);
  EXPECT_EQ(session.log->head(session.id).value()->open_attempts, 1U);
  session.orphan_open_attempts();
  session.fire_next();
  while (auto const due = session.session->due_timer(session.now)) session.take(*due);
  EXPECT_THAT(session.attempts, SizeIs(1));
  expect_sound(session);
}

TEST_F(ForkTest, what_was_approved_for_the_forked_run_is_asked_for_again) {
  auto session = driver();
  session.policy = PolicySet::parse(R"({"dalsegno_policy": 1, "name": "leads", "rules": [
    {"id": "leads", "effect": "permit", "actions": ["activity.call"],
     "obligations": {"require_approval": {"roles": ["lead"], "count": 1, "within": "10h"}}}]})")
                       .value();
  session.start(R"("")");
  session.take(session.answer_of(1, "bob", {"lead"}));
  session.fire_next();
  ASSERT_THAT(session.attempts, SizeIs(1));
  auto const point = session.history().size();
  session.complete(1, R"("found")");
  auto how = options();
  how.terminate = true;
  fork(session, point, how);
  session.orphan_open_attempts();
  session.fire_next();
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "PolicyDecided 1", "ApprovalRequested 1"));
  EXPECT_THAT(session.attempts, IsEmpty());
  session.take(session.answer_of(1, "bob", {"lead"}));
  session.fire_next();
  EXPECT_THAT(session.attempts, SizeIs(1));
  expect_sound(session);
}

TEST_F(ForkTest, lists_what_the_forked_run_did_after_the_point) {
  auto session = driver(calls_three);
  session.start(R"("")");
  auto const run = session.session->state().run;
  session.complete(1, R"("a")");
  session.complete(2, R"("b")");
  auto how = options();
  how.terminate = true;
  auto const forked = fork(session, 1, how);
  ASSERT_THAT(forked.effects, SizeIs(3));
  std::vector<std::string> told;
  for (auto const& effect : forked.effects) {
    EXPECT_EQ(effect.run, run);
    EXPECT_EQ(effect.idempotency_key, idempotency_key(session.id, run, effect.operation));
    told.push_back(effect.kind + " " + effect.name + ": " + effect.outcome);
  }
  EXPECT_THAT(
      told,
      ElementsAre(
          "activity look_up: completed", "activity pay: completed", "activity book: under way"));
  EXPECT_EQ(find_body<storage::Forked>(session.history())->effects_after, 3U);
}

TEST_F(ForkTest, ends_the_open_run_in_the_same_write) {
  auto session = driver();
  session.start(R"("")");
  auto const run = session.session->state().run;
  EXPECT_EQ(plan(session, 1).error().code, Errc::conflict);
  auto how = options();
  how.terminate = true;
  fork(session, 1, how);
  EXPECT_THAT(names_of(session.history(run)),
              ElementsAre("SessionStarted",
                          "OperationRequested 1",
                          "PolicyDecided 1",
                          "AttemptStarted 1",
                          "ControlAsked",
                          "TimerFired",
                          "OperationCancelled 1",
                          "SessionCancelled"));
  EXPECT_NE(session.session->state().run, run);
  expect_sound(session);
}

TEST_F(ForkTest, checkpoints_are_copied_and_random_numbers_begin_anew_behind_the_point) {
  SessionDriver session(define_workflow("workflow", counts));
  session.start(R"({"turns":0,"sum":0})");
  session.signal("word", R"("one")");
  session.signal("word", '"' + std::string(100'000, 'x') + '"');  // an artifact
  session.signal("word", R"("three")");
  session.signal("word", R"("stop")");
  auto const before = session.end->result;
  auto const at = session.log->checkpoints(session.id, session.session->state().run).value().at(1);
  auto const forked = fork(session, at);
  EXPECT_EQ(forked.signals, 2U);
  expect_sound(session);
  EXPECT_THAT(session.checkpoints(), SizeIs(2));
  session.end.reset();
  while (!session.end) session.fire_next();
  EXPECT_NE(session.end->result, before);
  EXPECT_THAT(session.checkpoints(), SizeIs(3));
  expect_sound(session);
}

TEST_F(ForkTest, another_session_has_digests_artifacts_and_checkpoints_of_its_own) {
  SessionDriver session(define_workflow("workflow", counts));
  session.start(R"({"turns":0,"sum":0})");
  session.signal("word", R"("one")", "k1");
  session.signal("word", '"' + std::string(100'000, 'x') + '"');
  session.signal("word", R"("three")");
  auto const source = session.id;
  auto const digest = find_body<storage::SessionStarted>(session.history())->input_digest;
  auto how = options();
  how.as = "a copy";
  auto const forked = fork(session, session.history().size(), how);
  EXPECT_EQ(forked.session.name, "a copy");
  EXPECT_EQ(forked.signals, 0U);
  EXPECT_EQ(session.log->head(source).value()->status, storage::SessionStatus::open);
  auto const started = *find_body<storage::SessionStarted>(session.history());
  EXPECT_NE(started.input_digest, digest);
  EXPECT_FALSE(started.follows);
  EXPECT_TRUE(session.log->find_producer_key(session.id, "k1").value());
  expect_sound(session);
  session.fire_next();
  session.signal("word", R"("stop")");
  ASSERT_TRUE(session.end);
  expect_sound(session);
  // The copy does not need the session that it comes from.
  auto const nothing = session.log->destroy_vault(source, {});
  ASSERT_TRUE(nothing);
  session.expect_replays();
}

TEST_F(ForkTest, verification_finds_a_copy_that_says_something_else) {
  auto session = driver();
  session.start(R"("")");
  finish(session);
  auto planned = plan(session, 5);
  ASSERT_TRUE(planned);
  // Made by hand as a forger would: the result of the call is another one.
  std::vector<storage::Append> batch{planned->step.append};
  for (auto const& next : planned->step.then) batch.push_back(next.append);
  auto second = storage::decode(batch.at(1).step.bytes).value().step;
  std::get<storage::OperationCompleted>(second.events.front().body).result.bytes = R"("forged")";
  batch.at(1).step = storage::encode(second).value();
  batch.at(1).head.hash = batch.at(1).step.hash;
  batch.resize(2);
  ASSERT_TRUE(session.log->append(batch)->each.at(1));
  auto const report = forensics::verify_store(*session.log).value();
  EXPECT_TRUE(std::ranges::any_of(report.findings.list(), [](auto const& finding) {
    return finding.check == "fork" && finding.severity == forensics::Severity::failure;
  }));
}

TEST_F(ForkTest, a_restart_begins_again_with_the_first_input) {
  SessionDriver session(define_workflow("workflow", counts));
  session.start(R"({"turns":5,"sum":7})");
  session.signal("word", R"("one")");
  auto how = options();
  how.terminate = true;
  auto const again = fork(session, 0, how);
  EXPECT_EQ(again.at, 0U);
  EXPECT_EQ(again.signals, 0U);
  EXPECT_THAT(names_of(session.history()),
              ElementsAre("SessionStarted", "Forked", "TimerStarted 1"));
  expect_sound(session);
  session.fire_next();
  session.signal("word", R"("stop")");
  EXPECT_EQ(session.end->result, R"("7")");
  expect_sound(session);
  // The fork of a restarted run, and its restart, are those of any other.
  fork(session, 5, options());
  expect_sound(session);
  auto once_more = options();
  once_more.terminate = true;
  EXPECT_EQ(fork(session, 0, once_more).from, again.from);
  expect_sound(session);
}

TEST_F(ForkTest, is_refused_where_the_run_cannot_go_on) {
  auto session = driver();
  session.start(R"("")");
  finish(session);
  auto const last = session.history().size();
  EXPECT_THAT(plan(session, last).error().detail,
              HasSubstr("it has ended: choose an event before"));
  EXPECT_EQ(plan(session, last + 1).error().code, Errc::not_found);
  auto how = options();
  how.run = RunId{};
  EXPECT_EQ(plan(session, 1, how).error().code, Errc::not_found);
  EXPECT_EQ(plan(session, 1, {"", "why"}).error().code, Errc::invalid);
  EXPECT_EQ(plan(session, 1, {"ann", ""}).error().code, Errc::invalid);
  how = options();
  how.as = session.id.name;
  EXPECT_EQ(plan(session, 1, how).error().code, Errc::invalid);
  how.as = std::string(1, '\n');
  EXPECT_EQ(plan(session, 1, how).error().code, Errc::invalid);
  ASSERT_TRUE(session.log->destroy_vault(session.id, {}));
  EXPECT_EQ(plan(session, 1).error().code, Errc::undecidable);
  session.id.name = "nobody";
  EXPECT_EQ(plan(session, 1).error().code, Errc::not_found);
}

TEST_F(ForkTest, is_refused_while_a_child_is_open) {
  auto session = driver(parent);
  session.policy = PolicySet::parse(R"({"dalsegno_policy": 1, "name": "all", "rules": [
    {"id": "all", "effect": "permit", "actions": ["*"]}]})")
                       .value();
  session.start(R"("")");
  auto how = options();
  how.terminate = true;
  auto const refused = plan(session, 1, how);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_THAT(refused.error().detail, HasSubstr("the child"));
}

TEST_F(ForkTest, is_refused_while_an_update_is_under_way) {
  auto session = driver(updated);
  session.start(R"("")");
  session.take(SignalInput{"change", R"("x")", {}, "sender", true});
  auto how = options();
  how.terminate = true;
  EXPECT_THAT(plan(session, session.history().size(), how).error().detail, HasSubstr("an update"));
  EXPECT_TRUE(plan(session, 1, how));
}

}  // namespace
}  // namespace dalsegno::engine::test
