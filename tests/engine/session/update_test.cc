// Updates: refused before anything is recorded, or taken in, dealt with and answered.

#include "dalsegno/workflow.h"
#include "tests/engine/session/session_driver.h"

#include <boost/describe/class.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Text = std::string;

constexpr Activity<Text, Text> look_up{"look_up"};

/// Counts up by updates until it is told that it is enough.
Workflow<int> count_up(Context& ctx, int count) {
  int validated = 0;
  auto const adds = ctx.on_update<int>(
      "add",
      [&](int by) {
        ++validated;
        if (by < 0) throw Failure("negative", "only up");
      },
      [&](int by) { return count += by; });
  auto const looks = ctx.on_update<Text>("look", [&](Text what) -> Workflow<Text> {
    auto found = co_await ctx.call(look_up, what);
    ++count;
    co_return found;
  });
  auto const fails = ctx.on_update<int>("fail", [](int) { throw Failure("no_luck", "it failed"); });
  auto const commands =
      ctx.on_update<int>("commands", [&](int) { ctx.set_attribute("x", 1); }, [](int) {});
  auto const asked = ctx.on_query("validated", [&] { return validated; });
  co_await ctx.receive<int>("enough");
  co_return count;
}

SessionDriver driver() { return SessionDriver(define_workflow("workflow", count_up)); }

SignalInput update(std::string name, std::string arguments, std::string key = {}) {
  return {std::move(name), std::move(arguments), std::move(key), "sender", true};
}

TEST(Update, is_recorded_dealt_with_and_answered_in_one_step) {
  auto session = driver();
  session.start("1");
  EXPECT_THAT(names_of(session.take(update("add", "4"))),
              ElementsAre("InputReceived", "UpdateEnded"));
  auto const ended = find_body<storage::UpdateEnded>(session.history());
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->result.bytes, "5");
  EXPECT_EQ(session.session->state().inbox.size(), 0U);
  session.expect_replays();
  session.signal("enough", "0");
  EXPECT_EQ(session.end->result, "5");
  session.expect_replays();
}

TEST(Update, that_the_validator_refuses_leaves_nothing_behind) {
  auto session = driver();
  session.start("1");
  auto const before = session.session->fingerprint();
  auto const refused = session.try_take(update("add", "-4"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid);
  EXPECT_THAT(refused.error().detail, HasSubstr("negative: only up"));
  EXPECT_EQ(session.session->fingerprint(), before);
  EXPECT_THAT(names_of(session.take(update("add", "4"))),
              ElementsAre("InputReceived", "UpdateEnded"));
}

TEST(Update, of_the_wrong_shape_or_an_unknown_name_is_refused_with_what_was_meant) {
  auto session = driver();
  session.start("1");
  auto const wrong = session.try_take(update("add", R"("four")"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Errc::invalid);
  auto const unknown = session.try_take(update("ad", "4"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::not_found);
  EXPECT_THAT(unknown.error().detail, HasSubstr(R"(did you mean "add"?)"));
}

TEST(Update, whose_validator_issues_a_command_is_refused) {
  auto session = driver();
  session.start("1");
  auto const refused = session.try_take(update("commands", "4"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid);
}

TEST(Update, validators_do_not_run_on_replay) {
  auto session = driver();
  session.start("1");
  session.take(update("add", "4"));
  EXPECT_EQ(session.session->query("validated", "null").value(), "1");
  session.restart();
  EXPECT_EQ(session.session->query("validated", "null").value(), "0");
}

TEST(Update, handler_that_calls_answers_when_it_is_done) {
  auto session = driver();
  session.start("1");
  EXPECT_THAT(
      names_of(session.take(update("look", R"("x")"))),
      ElementsAre("InputReceived", "OperationRequested 2", "PolicyDecided 2", "AttemptStarted 2"));
  EXPECT_EQ(session.session->state().updates.size(), 1U);
  session.restart();
  session.orphan_open_attempts();
  EXPECT_THAT(names_of(session.complete(2, R"("found")", 2)),
              ElementsAre("OperationCompleted 2", "UpdateEnded"));
  EXPECT_THAT(session.session->state().updates, IsEmpty());
  session.expect_replays();
}

TEST(Update, failure_of_its_handler_is_recorded_and_the_workflow_goes_on) {
  auto session = driver();
  session.start("1");
  session.take(update("fail", "4"));
  auto const ended = find_body<storage::UpdateEnded>(session.history());
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->type, "no_luck");
  EXPECT_EQ(ended->message, "it failed");
  session.signal("enough", "0");
  EXPECT_EQ(session.end->result, "1");
  session.expect_replays();
}

TEST(Update, that_is_under_way_when_the_session_ends_is_left_unanswered) {
  auto session = driver();
  session.start("1");
  session.take(update("look", R"("x")"));
  EXPECT_THAT(names_of(session.signal("enough", "0")),
              ElementsAre("InputReceived", "OperationCancelled 2", "SessionCompleted"));
  EXPECT_EQ(session.end->result, "1");
  session.expect_replays();
}

TEST(Update, more_than_the_limit_at_once_are_refused) {
  auto session = driver();
  session.start("1");
  for (std::size_t i = 0; i < max_open_updates; ++i) session.take(update("look", R"("x")"));
  auto const refused = session.try_take(update("look", R"("x")"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::overloaded);
}

TEST(Update, of_a_name_that_has_a_handler_may_not_have_another) {
  SessionDriver session(define_workflow(
      "workflow", +[](Context& ctx, int) -> Workflow<int> {
        auto const one = ctx.on_update<int>("set", [](int) {});
        auto const two = ctx.on_update<int>("set", [](int) {});
        co_return 0;
      }));
  auto const started = session.try_start("1");
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::held);
  EXPECT_THAT(started.error().detail, HasSubstr(R"(the update "set" already)"));
}

TEST(Update, code_that_lost_its_handler_diverges_from_the_log) {
  auto session = driver();
  session.start("1");
  session.take(update("add", "4"));
  session.workflow = define_workflow(
      "workflow", +[](Context& ctx, int) -> Workflow<int> {
        co_await ctx.receive<int>("enough");
        co_return 0;
      });
  auto const report = session.replay();
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->divergence);
}

}  // namespace
}  // namespace dalsegno::engine::test
