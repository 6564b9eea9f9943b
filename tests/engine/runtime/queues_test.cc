// Calls that wait for others: limits of queues, back-pressure, calls that nobody waits for any
// more.

#include "tests/engine/runtime/runtime_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <semaphore>
#include <string>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;

constexpr Activity<std::int64_t, std::int64_t> work{"work"};
constexpr Activity<std::int64_t, std::int64_t> other{"other"};

Workflow<std::int64_t> works(Context& ctx, std::int64_t number) {
  co_return co_await ctx.call(work, number);
}

Workflow<std::int64_t> calls_other(Context& ctx, std::int64_t number) {
  co_return co_await ctx.call(other, number);
}

class QueuesTest : public RuntimeTest {
 protected:
  QueuesTest() {
    registry.add(define_workflow("works", works)).add(define_workflow("calls_other", calls_other));
    registry.add(other, [](ActivityContext const&, std::int64_t number) { return number; });
  }

  [[nodiscard]] QueueStatus status(std::string_view name) const {
    auto const all = engine->queues();
    auto const found = std::ranges::find(all, name, &QueueStatus::name);
    return found == all.end() ? QueueStatus{} : *found;
  }
};

TEST_F(QueuesTest, perform_no_more_calls_at_once_than_their_limit_and_all_of_them_in_the_end) {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  registry.add(work, [&](ActivityContext const&, std::int64_t number) {
    auto const running = ++now;
    auto seen = most.load();
    while (seen < running && !most.compare_exchange_weak(seen, running)) {
    }
    std::this_thread::yield();
    --now;
    return number;
  });
  options.queues = {{.name = "few", .calls = {"activity/work"}, .concurrency = 2}};
  open();
  for (int i = 0; i < 100; ++i) start(name(std::to_string(i)), "works", std::to_string(i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(end_of(name(std::to_string(i))), std::to_string(i));
  EXPECT_LE(most, 2);
  EXPECT_EQ(status("few").waiting, 0U);
}

TEST_F(QueuesTest, one_that_is_full_does_not_delay_another) {
  std::latch begun(1);
  std::latch let_go(1);
  registry.add(work, [&](ActivityContext const&, std::int64_t number) {
    if (number == 0) {
      begun.count_down();
      let_go.wait();
    }
    return number;
  });
  options.queues = {{.name = "one", .calls = {"activity/work"}, .concurrency = 1}};
  open();
  start(name("first"), "works", "0");
  begun.wait();
  start(name("second"), "works", "1");
  start(name("third"), "calls_other", "7");
  EXPECT_EQ(end_of(name("third")), "7");
  EXPECT_EQ(status("one").running, 1U);
  let_go.count_down();
  EXPECT_EQ(end_of(name("second")), "1");
}

TEST_F(QueuesTest, refuse_starts_before_they_are_acknowledged_while_too_many_calls_wait) {
  std::latch begun(1);
  std::latch let_go(1);
  registry.add(work, [&](ActivityContext const&, std::int64_t number) {
    if (number == 0) {
      begun.count_down();
      let_go.wait();
    }
    return number;
  });
  options.queues = {{.name = "one", .calls = {"*"}, .concurrency = 1}};
  options.max_waiting_calls = 1;
  open();
  start(name("runs"), "works", "0");
  begun.wait();
  // Nothing waits yet; once this one does, nothing is started.
  start(name("waits"), "works", "1");
  while (status("one").waiting == 0) std::this_thread::yield();
  auto const refused = engine->start_session({name("late"), "works", "2", "tester"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::overloaded);
  EXPECT_NE(refused.error().detail.find("session default/late is not started"), std::string::npos)
      << refused.error().detail;
  EXPECT_FALSE(log->head(name("late")).value());
  let_go.count_down();
  EXPECT_EQ(end_of(name("waits")), "1");
  start(name("late"), "works", "2");
  EXPECT_EQ(end_of(name("late")), "2");
}

TEST_F(QueuesTest, do_not_begin_a_call_that_nobody_waits_for_any_more) {
  std::latch begun(1);
  std::latch let_go(1);
  std::atomic<int> performed = 0;
  registry.add(work, [&](ActivityContext const&, std::int64_t number) {
    ++performed;
    if (number == 0) {
      begun.count_down();
      let_go.wait();
    }
    return number;
  });
  options.queues = {{.name = "one", .calls = {"*"}, .concurrency = 1}};
  open();
  start(name("runs"), "works", "0");
  begun.wait();
  start(name("waits"), "works", "1");
  while (status("one").waiting == 0) std::this_thread::yield();
  ASSERT_TRUE(engine->cancel(name("waits"), {"tester", "not needed"}));
  EXPECT_EQ(engine->wait_for_end(name("waits"))->status, storage::SessionStatus::cancelled);
  let_go.count_down();
  EXPECT_EQ(end_of(name("runs")), "0");
  start(name("next"), "works", "3");
  EXPECT_EQ(end_of(name("next")), "3");
  EXPECT_EQ(performed, 2);
}

TEST_F(QueuesTest, that_are_wrong_keep_a_runtime_from_starting) {
  options.queues = {{.name = "default", .calls = {"*"}}};
  log = std::make_unique<TamperedLog>(storage::open_memory(store), TamperedLog::OnAppend{});
  auto const started = Engine::start(*log, registry, policy, options);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::invalid);
  EXPECT_NE(started.error().detail.find("queue \"default\""), std::string::npos);
}

}  // namespace
}  // namespace dalsegno::engine::test
