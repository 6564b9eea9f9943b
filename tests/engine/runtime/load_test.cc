// Many sessions, few in memory, several clients at once.

#include "tests/engine/runtime/runtime_fixture.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;

constexpr Activity<std::int64_t, std::int64_t> add_one{
    "add_one", {.start_to_close = {}, .retry = {.initial = 1ms, .max_attempts = 0, .jitter = 0.5}}};

Workflow<std::int64_t> adds(Context& ctx, std::int64_t times) {
  std::int64_t sum = 0;
  for (; times > 0; --times) sum = co_await ctx.call(add_one, sum);
  co_return sum;
}

struct Visits {
  std::int64_t left = 0;
  std::int64_t sum = 0;
};
BOOST_DESCRIBE_STRUCT(Visits, (), (left, sum))

Workflow<std::int64_t> visited(Context& ctx, Visits visits) {
  for (; visits.left > 0; --visits.left) {
    co_await ctx.checkpoint(visits);
    co_await ctx.sleep(1ms);
    auto const number = co_await ctx.receive<std::int64_t>("number");
    visits.sum += co_await ctx.call(add_one, number);
  }
  co_return visits.sum;
}

Workflow<std::int64_t> sleeps_until_noon(Context& ctx, std::int64_t noon_us) {
  co_await ctx.sleep_until(Time{std::chrono::microseconds(noon_us)});
  co_return 1;
}

Workflow<std::int64_t> waits_for_noon_or_a_number(Context& ctx, std::int64_t noon_us) {
  auto const first = co_await ctx.any(ctx.receive<std::int64_t>("number"),
                                      ctx.sleep_until(Time{std::chrono::microseconds(noon_us)}));
  auto const second = co_await ctx.receive<std::int64_t>("number");
  co_return static_cast<std::int64_t>(first.index()) * 100 + second;
}

/// Gathers numbers until it is told to end.
Workflow<std::int64_t> gathers(Context& ctx, std::int64_t gathered) {
  for (;;) {
    co_await ctx.checkpoint(gathered);
    auto const number = co_await ctx.receive<std::int64_t>("number");
    if (number < 0) co_return gathered;
    ++gathered;
  }
}

class LoadTest : public RuntimeTest {
 protected:
  LoadTest() {
    registry.add(define_workflow("adds", adds));
    registry.add(define_workflow("visited", visited));
    registry.add(define_workflow("gathers", gathers));
    registry.add(define_workflow("sleeps_until_noon", sleeps_until_noon));
    registry.add(define_workflow("waits_for_noon_or_a_number", waits_for_noon_or_a_number));
    registry.add(add_one, [this](ActivityContext const& context, std::int64_t number) {
      // One in ten fails the first time.
      if (context.attempt == 1 && ++calls % 10 == 0) throw ActivityError("busy", "try again");
      return number + 1;
    });
  }
  std::atomic<int> calls = 0;
  std::atomic<Time> now{};  // of the engine, which ends after the body of a test
};

TEST_F(LoadTest, a_hundred_sessions_of_twenty_steps_on_four_shards_come_to_their_ends) {
  options.shards = 4;
  std::mutex mutex;
  std::map<SessionId, Sequence> durable;
  options.on_durable = [&](SessionId const& id, std::span<storage::Event const> events) {
    std::lock_guard const lock(mutex);
    EXPECT_EQ(events.front().sequence, durable[id] + 1) << to_string(id);
    durable[id] = events.back().sequence;
  };
  open();
  for (int i = 0; i < 100; ++i) start(name("s" + std::to_string(i)), "adds", "20");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(end_of(name("s" + std::to_string(i))), "20");
  for (int i = 0; i < 100; ++i) expect_replays(name("s" + std::to_string(i)));
}

TEST_F(LoadTest, sessions_leave_memory_whenever_they_wait_and_come_back_as_they_were) {
  options.max_idle_sessions = 0;
  options.shards = 2;
  open();
  constexpr int sessions = 40;
  constexpr int visits = 5;
  for (int i = 0; i < sessions; ++i) {
    start(name("s" + std::to_string(i)), "visited", to_json(Visits{visits, 0}));
  }
  for (int number = 1; number <= visits; ++number) {
    for (int i = 0; i < sessions; ++i) {
      auto const key = std::to_string(number);
      auto const sent = engine->signal(name("s" + std::to_string(i)), {"number", key, key, ""});
      ASSERT_TRUE(sent) << sent.error().detail;
    }
  }
  for (int i = 0; i < sessions; ++i) {
    auto const id = name("s" + std::to_string(i));
    EXPECT_EQ(end_of(id), "20");  // 2 + 3 + 4 + 5 + 6
    expect_replays(id);
  }
}

TEST_F(LoadTest, a_producer_key_sent_by_eight_threads_at_once_has_one_sequence) {
  open();
  auto const id = name("gathers");
  start(id, "gathers", "0");
  constexpr int keys = 50;
  std::mutex mutex;
  std::map<int, std::set<Sequence>> sequences;
  std::map<int, int> first_ones;
  {
    std::latch ready(8);
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&] {
        ready.arrive_and_wait();
        for (int key = 0; key < keys; ++key) {
          auto const sent = engine->signal(id, {"number", "1", std::to_string(key), ""});
          ASSERT_TRUE(sent) << sent.error().detail;
          std::lock_guard const lock(mutex);
          sequences[key].insert(sent->sequence);
          first_ones[key] += sent->repeated ? 0 : 1;
        }
      });
    }
  }
  for (int key = 0; key < keys; ++key) {
    EXPECT_EQ(sequences[key].size(), 1U) << key;
    EXPECT_EQ(first_ones[key], 1) << key;
  }
  EXPECT_EQ(count<storage::InputReceived>(id), static_cast<std::size_t>(keys));
  ASSERT_TRUE(engine->signal(id, {"number", "-1", "", ""}));
  EXPECT_EQ(end_of(id), std::to_string(keys));
}

// A client that had passed the gate when the runtime stopped used to wait for ever.
TEST_F(LoadTest, a_stop_under_load_loses_nothing_acknowledged_and_leaves_nobody_waiting) {
  options.shards = 2;
  constexpr int sessions = 6;
  for (int round = 0; round < 8; ++round) {
    open();
    for (int i = 0; i < sessions; ++i) {
      ASSERT_TRUE(engine->start_session({name("s" + std::to_string(i)), "gathers", "0", ""}));
    }
    std::mutex mutex;
    std::map<std::string, Sequence> acknowledged;
    std::latch enough(100);
    std::atomic<int> left = 100;
    {
      std::vector<std::jthread> clients;
      for (int client = 0; client < 4; ++client) {
        clients.emplace_back([&, client] {
          for (int i = 0;; ++i) {
            auto const session = "s" + std::to_string(i % sessions);
            auto const key =
                std::to_string(round) + "/" + std::to_string(client) + "/" + std::to_string(i);
            auto const sent = engine->signal(name(session), {"number", "1", key, ""});
            if (!sent) {
              EXPECT_EQ(sent.error().code, Errc::unavailable) << sent.error().detail;
              break;
            }
            std::lock_guard const lock(mutex);
            acknowledged.emplace(session + " " + key, sent->sequence);
            if (left-- > 0) enough.count_down();
          }
        });
      }
      enough.wait();
      engine->stop();
    }
    for (int i = 0; i < sessions; ++i) {
      auto const session = "s" + std::to_string(i);
      std::map<std::string, Sequence> found;
      for (auto const& event : history(name(session))) {
        auto const* const input = std::get_if<storage::InputReceived>(&event.body);
        if (input != nullptr) {
          EXPECT_TRUE(found.emplace(session + " " + input->producer_key, event.sequence).second);
        }
      }
      for (auto const& [key, sequence] : acknowledged) {
        if (key.starts_with(session + " ")) EXPECT_EQ(found[key], sequence) << key;
      }
    }
  }
}

// A look brings a thousand timers; when more than that were due at the same microsecond, the rest
// was passed over.
TEST_F(LoadTest, everybody_wakes_who_sleeps_until_the_same_moment) {
  constexpr int sleepers = 2'100;
  constexpr Time morning{std::chrono::hours(10'000)};
  constexpr Time noon = morning + 6h;
  now = morning;
  options.now = [this] { return now.load(); };
  options.max_idle_sessions = 0;
  open();
  std::latch started(sleepers);
  for (int i = 0; i < sleepers; ++i) {
    engine->start_session({name("s" + std::to_string(i)),
                           "sleeps_until_noon",
                           std::to_string(noon.time_since_epoch().count()),
                           ""},
                          [&](Result<Receipt> const& receipt) {
                            EXPECT_TRUE(receipt);
                            started.count_down();
                          });
  }
  started.wait();
  now = noon - 1us;
  open();
  EXPECT_EQ(log->head(name("s0")).value()->status, storage::SessionStatus::open)
      << "woken too early";
  now = noon;
  open();
  for (int i = 0; i < sleepers; ++i) EXPECT_EQ(end_of(name("s" + std::to_string(i))), "1");
}

// The service that watches the timers sleeps up to a second when the clock is moved: a signal used
// to overtake a timer that had been due before it.
TEST_F(LoadTest, a_timer_that_is_due_fires_before_a_signal_that_comes_after_it) {
  constexpr Time morning{std::chrono::hours(10'000)};
  constexpr Time noon = morning + 6h;
  now = morning;
  options.now = [this] { return now.load(); };
  open();
  auto const id = name("s");
  start(id, "waits_for_noon_or_a_number", std::to_string(noon.time_since_epoch().count()));
  now = noon + 1h;
  ASSERT_TRUE(engine->signal(id, {"number", "7", "", ""}));
  EXPECT_EQ(end_of(id), "107");
  expect_replays(id);
}

}  // namespace
}  // namespace dalsegno::engine::test
