#include "engine/runtime/engine.h"

#include "dalsegno/workflow.h"
#include "engine/replay/replayer.h"
#include "storage/memory/memory_log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace dalsegno::engine {
namespace {

using namespace std::chrono_literals;

struct Order {
  std::string id;
  std::int64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(Order, (), (id, amount))

constexpr Activity<Order, std::string> charge{
    "charge", {.start_to_close = {}, .retry = {.initial = 1ms, .max_attempts = 3}}};
constexpr Activity<std::string, std::string> forbidden{"forbidden"};

Workflow<std::string> buy(Context& ctx, Order order) {
  auto receipt = co_await ctx.call(charge, order);
  auto second = co_await ctx.call(charge, Order{order.id + "-tip", 1});
  co_return receipt + "+" + second;
}

Workflow<std::string> denied(Context& ctx, std::string input) {
  try {
    co_return co_await ctx.call(forbidden, input);
  } catch (PolicyDenied const& denial) {
    co_return "denied: " + std::string(denial.what());
  }
}

Workflow<std::string> race(Context& ctx, std::string) {
  auto winner = co_await ctx.any(ctx.sleep(1h), ctx.receive<std::string>("go"));
  auto late = co_await ctx.receive<std::string>("never", 1ms);
  co_return std::to_string(winner.index()) + (late ? "late" : "none");
}

Workflow<std::string> answering(Context& ctx, std::int64_t turns) {
  for (;;) {
    co_await ctx.checkpoint(turns);
    auto [turn, text] = co_await ctx.receive_with_sequence<std::string>("turn");
    if (text == "end") co_return std::to_string(turns);
    auto reply = co_await ctx.call(charge, Order{text, turns});
    ctx.answer(turn, ctx.last_operation(), reply);
    ++turns;
  }
}

constexpr std::string_view policy_text = R"({"dalsegno_policy": 1, "name": "test", "rules": [
  {"id": "all", "effect": "permit", "actions": ["*.call"]},
  {"id": "not-that", "effect": "forbid", "actions": ["activity.call"], "resources": ["forbidden"], "reason": "never"}]})";

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    registry.add(define_workflow("buy", buy));
    registry.add(define_workflow("denied", denied));
    registry.add(define_workflow("race", race));
    registry.add(define_workflow("answering", answering));
    registry.add(charge, [this](ActivityContext const& context, Order const& order) {
      ++calls;
      if (order.id == "flaky" && context.attempt < 3) throw ActivityError("busy", "try again");
      return "paid " + order.id + " " + std::to_string(order.amount);
    });
    registry.add(forbidden,
                 [](ActivityContext const&, std::string const&) -> std::string { std::abort(); });
    open();
  }

  void open() {
    engine.reset();
    log = storage::open_memory(store);
    auto started = Engine::start(*log, registry, PolicySet::parse(policy_text).value(), {});
    ASSERT_TRUE(started) << started.error().detail;
    engine = std::move(*started);
  }

  std::string run(std::string const& workflow, std::string const& input) {
    SessionId const id{"default", workflow};
    auto const receipt = engine->start_session({id, workflow, input, "tester"});
    EXPECT_TRUE(receipt) << receipt.error().detail;
    auto const end = engine->wait_for_end(id);
    EXPECT_TRUE(end) << end.error().detail;
    return end ? end->result + end->type : "error";
  }

  void expect_replays(std::string const& name) {
    SessionId const id{"default", name};
    auto const find = [this](std::string_view workflow) {
      return registry.find_workflow(workflow);
    };
    auto const report = replay_session(*log, find, id, {ReplayFrom::Kind::start});
    ASSERT_TRUE(report) << report.error().detail;
    EXPECT_FALSE(report->divergence) << describe(*report->divergence);
  }

  std::atomic<int> calls = 0;
  Registry registry;
  std::shared_ptr<storage::MemoryStore> store = storage::make_memory_store(7);
  std::unique_ptr<storage::EventLog> log;
  std::unique_ptr<Engine> engine;
};

TEST_F(EngineTest, runs_a_workflow_of_two_calls_to_its_end_and_replays_it) {
  EXPECT_EQ(run("buy", R"({"id":"a","amount":3})"), R"("paid a 3+paid a-tip 1")");
  EXPECT_EQ(calls, 2);
  expect_replays("buy");
}

TEST_F(EngineTest, repeats_a_failed_attempt_as_its_policy_says) {
  EXPECT_EQ(run("buy", R"({"id":"flaky","amount":3})"), R"("paid flaky 3+paid flaky-tip 1")");
  EXPECT_EQ(calls, 4);
  expect_replays("buy");
}

TEST_F(EngineTest, gives_a_denial_to_the_workflow_and_performs_nothing) {
  EXPECT_EQ(run("denied", R"("x")"), R"("denied: never")");
  expect_replays("denied");
}

TEST_F(EngineTest, lets_the_first_of_any_win_and_cancels_the_others) {
  SessionId const id{"default", "race"};
  ASSERT_TRUE(engine->start_session({id, "race", R"("")", ""}));
  ASSERT_TRUE(engine->signal(id, {"go", R"("now")", "k1", ""}));
  auto const again = engine->signal(id, {"go", R"("now")", "k1", ""});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->repeated);
  auto const end = engine->wait_for_end(id);
  ASSERT_TRUE(end) << end.error().detail;
  EXPECT_EQ(end->result, R"("1none")");
  expect_replays("race");
}

TEST_F(EngineTest, answers_turns_across_checkpoints_and_restarts) {
  SessionId const id{"default", "answering"};
  ASSERT_TRUE(engine->start_session({id, "answering", "0", ""}));
  for (int turn = 0; turn < 5; ++turn) {
    auto const name = "t" + std::to_string(turn);
    auto const answer = engine->ask(id, {"turn", '"' + name + '"', name, ""});
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(*answer, "\"paid " + name + " " + std::to_string(turn) + "\"");
    if (turn == 2) open();
    auto const again = engine->ask(id, {"turn", '"' + name + '"', name, ""});
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(*again, *answer);
  }
  EXPECT_EQ(calls, 5);
  ASSERT_TRUE(engine->signal(id, {"turn", R"("end")", "", ""}));
  EXPECT_EQ(engine->wait_for_end(id)->result, R"("5")");
  expect_replays("answering");
  auto const checkpoints = log->checkpoints(id, log->head(id).value()->run).value();
  EXPECT_EQ(checkpoints.size(), 5U);
  auto const find = [this](std::string_view workflow) { return registry.find_workflow(workflow); };
  auto const whole =
      replay_session(*log, find, id, {ReplayFrom::Kind::start}).value().session->fingerprint();
  for (auto const checkpoint : checkpoints) {
    auto const report = replay_session(*log, find, id, {ReplayFrom::Kind::checkpoint, checkpoint});
    ASSERT_TRUE(report) << report.error().detail;
    ASSERT_FALSE(report->divergence) << describe(*report->divergence);
    EXPECT_EQ(report->session->fingerprint(), whole);
  }
}

TEST_F(EngineTest, acknowledges_a_repeated_signal_of_a_session_that_has_ended) {
  SessionId const id{"default", "answering"};
  ASSERT_TRUE(engine->start_session({id, "answering", "0", ""}));
  auto const first = engine->signal(id, {"turn", R"("end")", "goodbye", ""});
  ASSERT_TRUE(first && engine->wait_for_end(id));
  open();
  auto const again = engine->signal(id, {"turn", R"("end")", "goodbye", ""});
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->sequence, first->sequence);
  auto const other = engine->signal(id, {"turn", R"("end")", "another", ""});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::ended);
}

TEST_F(EngineTest, refuses_what_is_not_json_before_it_is_recorded) {
  SessionId const id{"default", "s"};
  EXPECT_EQ(engine->start_session({id, "answering", "{", ""}).error().code, Errc::invalid);
  ASSERT_TRUE(engine->start_session({id, "answering", "0", ""}));
  EXPECT_EQ(engine->signal(id, {"turn", "\"\xff\"", "", ""}).error().code, Errc::invalid);
  EXPECT_EQ(log->head(id).value()->last_sequence, 2U);
}

TEST_F(EngineTest, a_result_that_is_not_json_fails_the_call) {
  registry.add_tool("broken", [](ActivityContext const&, std::string_view) {
    return ActivityReply{.payload = "{"};
  });
  registry.add(define_workflow(
      "broken", +[](Context& ctx, std::string) -> Workflow<std::string> {
        co_return co_await ctx.tool<std::string>("broken", std::string("x"));
      }));
  open();
  EXPECT_EQ(run("broken", R"("x")"), "result_not_json");
}

TEST_F(EngineTest, a_start_repeated_with_another_input_is_a_conflict) {
  SessionId const id{"default", "s"};
  auto const first = engine->start_session({id, "answering", "0", ""});
  auto const same = engine->start_session({id, "answering", "0", ""});
  auto const other = engine->start_session({id, "answering", "1", ""});
  ASSERT_TRUE(first && same);
  EXPECT_EQ(first->run, same->run);
  EXPECT_TRUE(same->repeated);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::conflict);
}

}  // namespace
}  // namespace dalsegno::engine
