// Sessions that go on in another run while something of the run before is on its way.

#include "tests/engine/runtime/runtime_fixture.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <string>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;

constexpr Activity<std::int64_t, std::int64_t> slow{"slow"};

struct Stage {
  std::int64_t run = 0;
  std::int64_t noon_us = 0;
};
BOOST_DESCRIBE_STRUCT(Stage, (), (run, noon_us))

Workflow<std::int64_t> waits_until_noon_and_goes_on(Context& ctx, Stage stage) {
  if (stage.run == 0) {
    co_await ctx.any(ctx.call(slow, 1),
                     ctx.sleep_until(Time{std::chrono::microseconds(stage.noon_us)}));
    co_await ctx.continue_as_new(Stage{1, 0});
  }
  co_return co_await ctx.receive<std::int64_t>("number");
}

Workflow<std::int64_t> goes_on_when_told(Context& ctx, Stage stage) {
  if (stage.run == 0) {
    co_await ctx.receive<std::int64_t>("go");
    co_await ctx.continue_as_new(Stage{1, 0});
  }
  co_return co_await ctx.receive<std::int64_t>("number") +
      co_await ctx.receive<std::int64_t>("number");
}

class RunsTest : public RuntimeTest {
 protected:
  RunsTest() {
    registry.add(define_workflow("until_noon", waits_until_noon_and_goes_on));
    registry.add(define_workflow("when_told", goes_on_when_told));
  }
};

TEST_F(RunsTest, a_result_means_nothing_to_the_run_that_a_due_timer_began_just_before_it) {
  constexpr Time morning{std::chrono::hours(10'000)};
  constexpr Time noon = morning + 6h;
  std::atomic<Time> now = morning;
  options.now = [&now] { return now.load(); };
  std::latch begun(1);
  std::latch let_go(1);
  registry.add(slow, [&](ActivityContext const&, std::int64_t number) {
    begun.count_down();
    let_go.wait();
    return number;
  });
  open();
  auto const id = name("s");
  start(id, "until_noon", to_json(Stage{0, noon.time_since_epoch().count()}));
  auto const first = log->head(id).value()->run;
  begun.wait();
  now = noon + 1h;  // nothing fires the timer before the result comes
  let_go.count_down();
  while (log->head(id).value()->run == first) std::this_thread::yield();
  ASSERT_TRUE(engine->signal(id, {"number", "7", "", ""}));
  EXPECT_EQ(end_of(id), "7");
  EXPECT_EQ(count<storage::AttemptOrphaned>(id), 0U);
  expect_replays(id);
  close();  // its threads look at `now`
}

TEST_F(RunsTest, a_repeated_signal_is_acknowledged_where_it_stands_while_the_next_run_is_written) {
  std::latch reached(1);
  std::latch let_go(1);
  options.hurry_up_to = 0;  // the committer writes, so the shard goes on meanwhile
  open([&](TamperedLog::Batch batch) -> std::optional<Result<storage::CommitReceipt>> {
    for (auto const& append : batch) {
      if (!append.follows) continue;
      reached.count_down();
      let_go.wait();
    }
    return std::nullopt;
  });
  auto const id = name("s");
  start(id, "when_told", to_json(Stage{}));
  auto const first = engine->signal(id, {"number", "7", "seven", ""});
  ASSERT_TRUE(first);
  engine->signal(id, {"go", "1", "", ""}, [](Result<Receipt> const&) {});
  reached.wait();
  auto const again = engine->signal(id, {"number", "7", "seven", ""});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->run, first->run);
  EXPECT_EQ(again->sequence, first->sequence);
  let_go.count_down();
  ASSERT_TRUE(engine->signal(id, {"number", "5", "five", ""}));
  EXPECT_EQ(end_of(id), "12");
  expect_replays(id);
}

}  // namespace
}  // namespace dalsegno::engine::test
