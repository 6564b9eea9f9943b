// Sessions whose code does not match their log, or is wrong: held, and released after a fix.

#include "tests/engine/runtime/runtime_fixture.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <stdexcept>
#include <string>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;

constexpr Activity<std::string, std::string> greet{"greet"};

Workflow<std::string> original(Context& ctx, std::string whom) {
  co_await ctx.sleep(1min);
  auto const text = co_await ctx.call(greet, whom);
  co_return text + " " + co_await ctx.receive<std::string>("go");
}

Workflow<std::string> changed(Context& ctx, std::string whom) {
  co_await ctx.sleep(2min);
  auto const text = co_await ctx.call(greet, whom);
  co_return text + " " + co_await ctx.receive<std::string>("go");
}

Workflow<std::string> with_a_bug(Context& ctx, std::string whom) {
  co_await ctx.sleep(1min);
  co_await ctx.call(greet, whom);
  throw std::logic_error("an index out of range");
}

Workflow<std::string> with_a_bug_on_signal(Context& ctx, std::string) {
  co_await ctx.receive<std::string>("go");
  throw std::logic_error("an index out of range");
}

class HoldTest : public RuntimeTest {
 protected:
  HoldTest() {
    options.now = [this] { return now.load(); };
    registry.add(greet, [this](ActivityContext const&, std::string const& whom) {
      ++greetings;
      return "hello " + whom;
    });
  }
  void deploy(Workflow<std::string> (*code)(Context&, std::string),
              TamperedLog::OnAppend on_append = {}) {
    close();
    registry.add(define_workflow("greeting", code));
    open(std::move(on_append));
  }
  /// The process ends before its timers are due, so that the next one fires them.
  void an_hour_later() {
    close();
    now = now.load() + 1h;
  }
  [[nodiscard]] Errc refused_signal() {
    auto const sent = engine->signal(id, {"go", R"("on")", "", ""});
    return sent ? Errc::invalid : sent.error().code;
  }

  SessionId id = name("greeting");
  std::atomic<Time> now = Time{std::chrono::hours(10'000)};
  std::atomic<int> greetings = 0;
};

// The timer had been fired while the session was held, and was not looked for again: it slept on
// for ever.
TEST_F(HoldTest, a_diverged_session_is_held_and_goes_on_when_it_is_released_after_a_fix) {
  deploy(original);
  start(id, "greeting", R"("you")");
  an_hour_later();
  deploy(changed);
  EXPECT_TRUE(end_of(id).starts_with("held")) << end_of(id);
  EXPECT_EQ(refused_signal(), Errc::held);
  EXPECT_EQ(history(id).size(), 3U) << "nothing is appended but the hold";
  auto const held = std::get<storage::Held>(history(id).back().body);
  EXPECT_EQ(held.kind, "divergence");
  EXPECT_NE(held.report.find("TimerStarted"), std::string::npos) << held.report;

  // Released without a fix it is held again.
  ASSERT_TRUE(engine->release(id, "somebody", "let us see"));
  EXPECT_TRUE(end_of(id).starts_with("held"));
  EXPECT_EQ(greetings, 0);

  deploy(original);
  EXPECT_EQ(refused_signal(), Errc::held) << "a deploy alone releases nobody";
  auto const released = engine->release(id, "somebody", "fixed");
  ASSERT_TRUE(released) << released.error().detail;
  ASSERT_TRUE(engine->signal(id, {"go", R"("on")", "", ""}));
  EXPECT_EQ(end_of(id), R"("hello you on")");
  EXPECT_EQ(greetings, 1);
  expect_replays(id);
}

// The session was not read back after its release: an attempt that was open when it was held stayed
// open.
TEST_F(HoldTest, an_attempt_that_was_open_when_the_session_was_held_is_repeated_after_its_release) {
  int appends = 0;
  deploy(original, [&](TamperedLog::Batch batch) -> std::optional<Result<storage::CommitReceipt>> {
    for (auto const& append : batch) appends += append.session == id ? 1 : 0;
    if (appends < 3) return std::nullopt;  // the start, the timer with the call, then the result
    return Result<storage::CommitReceipt>(Error{Errc::io, "the machine went down here"});
  });
  start(id, "greeting", R"("you")");
  an_hour_later();
  open([&](TamperedLog::Batch batch) -> std::optional<Result<storage::CommitReceipt>> {
    for (auto const& append : batch) appends += append.session == id ? 1 : 0;
    if (appends < 3) return std::nullopt;
    return Result<storage::CommitReceipt>(Error{Errc::io, "the machine went down here"});
  });
  EXPECT_TRUE(end_of(id).starts_with("io"));
  EXPECT_EQ(greetings, 1);

  deploy(changed);
  EXPECT_TRUE(end_of(id).starts_with("held")) << end_of(id);
  deploy(original);
  ASSERT_TRUE(engine->release(id, "somebody", "fixed"));
  ASSERT_TRUE(engine->signal(id, {"go", R"("on")", "", ""}));
  EXPECT_EQ(end_of(id), R"("hello you on")");
  EXPECT_EQ(greetings, 2);
  EXPECT_EQ(count<storage::AttemptOrphaned>(id), 1U);
  expect_replays(id);
}

TEST_F(HoldTest, a_bug_holds_the_session_and_its_fix_takes_up_the_result_again) {
  deploy(original);
  start(id, "greeting", R"("you")");
  an_hour_later();
  deploy(with_a_bug);
  EXPECT_TRUE(end_of(id).starts_with("held"));
  auto const held = std::get<storage::Held>(history(id).back().body);
  EXPECT_EQ(held.kind, "workflow_bug");
  EXPECT_NE(held.report.find("index out of range"), std::string::npos);
  deploy(original);
  ASSERT_TRUE(engine->release(id, "somebody", "fixed"));
  ASSERT_TRUE(engine->signal(id, {"go", R"("on")", "", ""}));
  EXPECT_EQ(end_of(id), R"("hello you on")");
  expect_replays(id);
}

// Whoever released a session right when it was told to be held was answered that it is not held.
TEST_F(HoldTest, can_be_released_as_soon_as_it_is_known_to_be_held) {
  deploy(with_a_bug);
  for (int i = 0; i < 50; ++i) {
    auto const one = name("s" + std::to_string(i));
    start(one, "greeting", R"("you")");
  }
  an_hour_later();
  open();
  for (int i = 0; i < 50; ++i) {
    auto const one = name("s" + std::to_string(i));
    EXPECT_TRUE(end_of(one).starts_with("held"));
    auto const released = engine->release(one, "somebody", "at once");
    EXPECT_TRUE(released) << released.error().detail;
  }
}

// It used to leave memory before its hold was durable; the next signal then found it open.
TEST_F(HoldTest, a_session_stays_in_memory_until_its_hold_is_durable) {
  options.max_idle_sessions = 0;
  options.hurry_up_to = 0;
  deploy(with_a_bug_on_signal);
  start(id, "greeting", R"("you")");
  std::latch both_sent(1);
  open([&](TamperedLog::Batch) -> std::optional<Result<storage::CommitReceipt>> {
    both_sent.wait();
    return std::nullopt;
  });
  std::latch told(2);
  auto const expect_held = [&](Result<Receipt> const& receipt) {
    EXPECT_EQ(receipt.error().code, Errc::held) << receipt.error().detail;
    told.count_down();
  };
  engine->signal(id, {"go", R"("on")", "", ""}, expect_held);
  let_the_shard_catch_up();
  engine->signal(id, {"go", R"("on")", "", ""}, expect_held);
  let_the_shard_catch_up();
  both_sent.count_down();
  told.wait();
  EXPECT_EQ(count<storage::Held>(id), 1U);
}

TEST_F(HoldTest, only_what_is_held_can_be_released) {
  deploy(original);
  start(id, "greeting", R"("you")");
  EXPECT_EQ(engine->release(id, "me", "why").error().code, Errc::conflict);
  EXPECT_EQ(engine->release(name("nobody"), "me", "why").error().code, Errc::not_found);
}

// A signal with an over-long name held the session that it was sent to.
TEST_F(HoldTest, no_client_can_hold_a_session_by_what_it_sends) {
  deploy(original);
  start(id, "greeting", R"("you")");
  auto const refused = engine->signal(id, {std::string(300'000, 'n'), "1", "", ""});
  EXPECT_EQ(refused.error().code, Errc::too_large);
  ASSERT_TRUE(engine->signal(id, {"go", R"("on")", "", ""}));
  an_hour_later();
  open();
  EXPECT_EQ(end_of(id), R"("hello you on")");
}

}  // namespace
}  // namespace dalsegno::engine::test
