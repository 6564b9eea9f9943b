// Activities on real threads: who waits for a thread, who gives signs of life, who is told to stop.

#include "dalsegno/dalsegno.h"
#include "tests/engine/runtime/runtime_fixture.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr RetryPolicy at_once{.initial = 0ms, .max_interval = 0ms, .max_attempts = 3, .jitter = 0};

constexpr Activity<std::string, std::string> watched{"watched",
                                                     {.retry = at_once, .heartbeat = 10s}};
constexpr Activity<std::string, std::string> queued{
    "queued", {.retry = at_once, .schedule_to_start = 10s, .effect = EffectClass::at_most_once}};
constexpr Activity<std::string, std::string> later{"later", {.retry = at_once}};

Workflow<std::string> call_watched(Context& ctx, std::string input) {
  co_return co_await ctx.call(watched, input);
}
Workflow<std::string> call_queued(Context& ctx, std::string input) {
  try {
    co_return co_await ctx.call(queued, input);
  } catch (ActivityTimedOut const& late) {
    co_return std::string(name_of(late.timeout()));
  }
}
Workflow<std::string> call_later(Context& ctx, std::string input) {
  co_return co_await ctx.call(later, input);
}

/// A clock that the test moves, and a place where threads wait for it.
class Activities : public RuntimeTest {
 protected:
  Activities() {
    registry.add(define_workflow("watched", call_watched))
        .add(define_workflow("queued", call_queued))
        .add(define_workflow("later", call_later));
    options.now = [this] { return now_.load(); };
    options.activity_threads = 1;
  }

  void pass(std::chrono::seconds time) {
    now_ = now_.load() + time;
    std::lock_guard const lock(mutex_);
    changed_.notify_all();
  }
  template <class Until>
  void wait_until(Until until) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, until);
  }
  void notify() {
    std::lock_guard const lock(mutex_);
    changed_.notify_all();
  }
  /// Until that many events of the type are durable in the session.
  template <class Body>
  void wait_for_events(SessionId const& id, std::size_t wanted) {
    wait_until([&] { return seen_ >= 0 && count<Body>(id) >= wanted; });
  }
  void watch_steps() {
    options.on_durable = [this](SessionId const&, std::span<storage::Event const>) {
      ++seen_;
      notify();
    };
  }

  std::atomic<Time> now_ = Time(std::chrono::hours(1'000));
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<int> seen_ = 0;
};

TEST_F(Activities, that_fall_silent_are_told_to_stop_and_the_next_attempt_goes_on_from_there) {
  std::atomic<bool> has_beaten = false;
  registry.add(watched, [&](ActivityContext const& context, std::string const&) {
    if (context.attempt > 1) return "from " + context.last_heartbeat<std::string>().value_or("?");
    wait_until([&] { return now_.load() >= Time(std::chrono::hours(1'000)) + 7s; });
    context.heartbeat(std::string("page 4"));
    has_beaten = true;
    std::stop_callback const wake(context.stop, [this] { notify(); });
    notify();
    wait_until([&] { return context.stop.stop_requested(); });
    return std::string("nobody waits for this");
  });
  watch_steps();
  open();
  start(name("one"), "watched", R"("x")");
  pass(7s);
  wait_until([&] { return has_beaten.load(); });
  pass(3s);  // it is not silent
  wait_for_events<storage::HeartbeatRecorded>(name("one"), 1);
  pass(7s);  // now it is
  EXPECT_EQ(end_of(name("one")), R"("from page 4")");
  EXPECT_EQ(count<storage::HeartbeatRecorded>(name("one")), 1U);
  EXPECT_EQ(count<storage::AttemptFailed>(name("one")), 1U);
  expect_replays(name("one"));
}

TEST_F(Activities, that_wait_too_long_for_a_thread_are_never_performed) {
  std::promise<void> began;
  std::promise<void> may_end;
  auto const end = may_end.get_future().share();
  std::atomic<int> performed = 0;
  registry.add(queued, [&](ActivityContext const&, std::string const& what) {
    ++performed;
    if (what != "long") return what;
    began.set_value();
    end.wait();
    return what;
  });
  open();
  start(name("one"), "queued", R"("long")");
  began.get_future().wait();
  start(name("two"), "queued", R"("short")");
  pass(10s);
  EXPECT_EQ(end_of(name("two")), R"("schedule_to_start_timeout")");
  may_end.set_value();
  EXPECT_EQ(end_of(name("one")), R"("long")") << "that one was begun in time";
  close();
  EXPECT_EQ(performed, 1);
}

TEST_F(Activities, left_to_somebody_outside_are_ended_in_a_later_process) {
  std::promise<std::string> given;
  registry.add(later, [&](ActivityContext const& context, std::string const&) {
    given.set_value(context.complete_later());
    return std::string();
  });
  watch_steps();
  open();
  start(name("one"), "later", R"("x")");
  auto const token = given.get_future().get();
  wait_for_events<storage::AttemptDeferred>(name("one"), 1);
  open();  // the process ends, and another one begins
  EXPECT_EQ(engine->end_from_outside("no token", completed_outside("1")).error().code,
            Errc::invalid);
  auto const receipt = engine->end_from_outside(token, completed_outside(R"("signed")"));
  ASSERT_TRUE(receipt) << receipt.error().detail;
  EXPECT_EQ(end_of(name("one")), R"("signed")");
  EXPECT_EQ(count<storage::AttemptStarted>(name("one")), 1U);
  EXPECT_EQ(engine->end_from_outside(token, completed_outside("1")).error().code, Errc::ended);
  expect_replays(name("one"));
}

}  // namespace
}  // namespace dalsegno::engine::test
