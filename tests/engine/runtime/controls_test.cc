// Pausing and ending sessions, updates, and what a session begins with: through the whole engine.

#include "dalsegno/errors.h"
#include "dalsegno/payload.h"
#include "engine/session/control_step.h"
#include "tests/engine/runtime/runtime_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::engine::test {
namespace {

using storage::ControlVerb;
using testing::HasSubstr;

constexpr Activity<std::int64_t, std::int64_t> add_one{"add_one"};

/// Adds signals until one is 0; takes updates.
Workflow<std::int64_t> sum_up(Context& ctx, std::int64_t sum) {
  auto const adds = ctx.on_update<std::int64_t>(
      "add",
      [&](std::int64_t by) {
        if (by < 0) throw Failure("negative", "only up");
      },
      [&](std::int64_t by) -> Workflow<std::int64_t> {
        sum += co_await ctx.call(add_one, by);
        co_return sum;
      });
  auto const fails = ctx.on_update<std::int64_t>(
      "fail", [](std::int64_t) { throw Failure("no_luck", "it failed"); });
  auto const total = ctx.on_query("total", [&] { return sum; });
  for (;;) {
    auto const number = co_await ctx.receive<std::int64_t>("number");
    if (number == 0) co_return sum;
    sum += number;
  }
}

Workflow<std::int64_t> at_once(Context&, std::int64_t number) { co_return number; }

Workflow<std::int64_t> wrong(Context& ctx, std::int64_t) {
  co_await ctx.receive<std::int64_t>("number");
  throw std::logic_error("a bug");
}

class ControlsTest : public RuntimeTest {
 protected:
  ControlsTest() {
    registry.add(define_workflow("sum_up", sum_up)).add(define_workflow("at_once", at_once));
    registry.add(define_workflow("wrong", wrong));
    registry.add(add_one, [](ActivityContext const&, std::int64_t number) { return number + 1; });
    open();
  }

  [[nodiscard]] static SignalInput number(std::int64_t value, std::string key = {}) {
    return {"number", std::to_string(value), std::move(key), "tester"};
  }
  [[nodiscard]] static SignalInput update(std::string what,
                                          std::int64_t value,
                                          std::string key = {}) {
    return {std::move(what), std::to_string(value), std::move(key), "tester", true};
  }
  Result<Receipt> ask(std::string session, ControlVerb verb) {
    return engine->control(name(std::move(session)), {verb, "ann", {}, "an incident"});
  }
  [[nodiscard]] StartRequest first(std::string session, SignalInput input) const {
    StartRequest request{name(std::move(session)), "sum_up", "5", "tester"};
    request.first = std::move(input);
    return request;
  }
};

TEST_F(ControlsTest, paused_session_takes_signals_and_deals_with_them_when_it_is_resumed) {
  start(name("one"), "sum_up", "5");
  ASSERT_TRUE(ask("one", ControlVerb::pause));
  EXPECT_TRUE(ask("one", ControlVerb::pause)->repeated);
  ASSERT_TRUE(engine->signal(name("one"), number(7)));
  EXPECT_EQ(engine->query(name("one"), "total", "null").value(), "5");
  // Also after a crash.
  open();
  ASSERT_TRUE(engine->signal(name("one"), number(0)));
  EXPECT_EQ(engine->query(name("one"), "total", "null").value(), "5");
  ASSERT_TRUE(ask("one", ControlVerb::resume));
  EXPECT_EQ(end_of(name("one")), "12");
  expect_replays(name("one"));
}

TEST_F(ControlsTest, terminated_session_ends_and_whoever_waits_learns_it) {
  start(name("one"), "sum_up", "5");
  ASSERT_TRUE(ask("one", ControlVerb::terminate));
  EXPECT_EQ(end_of(name("one")), "cancelled");
  EXPECT_EQ(ask("one", ControlVerb::terminate).error().code, Errc::ended);
  expect_replays(name("one"));
}

TEST_F(ControlsTest, held_session_can_only_be_terminated) {
  start(name("one"), "wrong", "5");
  EXPECT_FALSE(engine->signal(name("one"), number(1)));
  EXPECT_EQ(ask("one", ControlVerb::pause).error().code, Errc::held);
  ASSERT_TRUE(ask("one", ControlVerb::terminate));
  EXPECT_EQ(end_of(name("one")), "cancelled");
  EXPECT_EQ(log->head(name("one")).value()->status, storage::SessionStatus::cancelled);
  EXPECT_EQ(count<storage::OperationCancelled>(name("one")), 1U);
  expect_replays(name("one"));
}

/// As an operator does it who has the store alone.
TEST_F(ControlsTest, what_was_asked_while_no_runtime_had_the_store_is_done_when_one_opens_it) {
  start(name("one"), "sum_up", "5");
  start(name("two"), "wrong", "5");
  EXPECT_FALSE(engine->signal(name("two"), number(1)));
  close();
  auto const store_alone = storage::open_memory(store);
  for (auto const* const session : {"one", "two"}) {
    SessionState state;
    state.session = name(session);
    state.run = store_alone->head(state.session).value()->run;
    state.log_id = store_alone->info().log_id;
    ASSERT_TRUE(storage::read_verified(
        *store_alone, state.session, state.run, 1, storage::Reading::run, [&](auto const& step) {
          for (auto const& event : step.step.events)
            apply(state, event, step.step.header.recorded_at);
          apply_step_end(state, step.step.header, step.hash);
          return true;
        }));
    auto const step = make_control_asked_step(state,
                                              {ControlVerb::terminate, "ann", {}, "an incident"},
                                              state.last_time,
                                              store_alone->info().epoch);
    ASSERT_TRUE(step && *step);
    ASSERT_TRUE(store_alone->append({&(*step)->append, 1})->each.front());
  }
  open();
  EXPECT_EQ(end_of(name("one")), "cancelled");
  while (log->head(name("two")).value()->status == storage::SessionStatus::held)
    std::this_thread::yield();
  EXPECT_EQ(end_of(name("two")), "cancelled");
}

TEST_F(ControlsTest, update_is_answered_with_the_result_of_its_handler) {
  start(name("one"), "sum_up", "5");
  EXPECT_EQ(engine->ask(name("one"), update("add", 2, "k")).value(), "8");
  // Repeated: the recorded result, also in another process.
  EXPECT_EQ(engine->ask(name("one"), update("add", 2, "k")).value(), "8");
  open();
  EXPECT_EQ(engine->ask(name("one"), update("add", 2, "k")).value(), "8");
  EXPECT_EQ(engine->ask(name("one"), update("add", 1)).value(), "10");
  ASSERT_TRUE(engine->signal(name("one"), number(0)));
  EXPECT_EQ(end_of(name("one")), "10");
  expect_replays(name("one"));
}

TEST_F(ControlsTest, refused_update_is_told_why_and_leaves_no_event) {
  start(name("one"), "sum_up", "5");
  auto const before = history(name("one")).size();
  auto const refused = engine->ask(name("one"), update("add", -2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid);
  EXPECT_THAT(refused.error().detail, HasSubstr("negative: only up"));
  EXPECT_EQ(history(name("one")).size(), before);
}

TEST_F(ControlsTest, failed_update_is_told_its_failure_once_and_again) {
  start(name("one"), "sum_up", "5");
  for (int i = 0; i < 2; ++i) {
    auto const failed = engine->ask(name("one"), update("fail", 1, "k"));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Errc::failed);
    EXPECT_THAT(failed.error().detail, HasSubstr("no_luck: it failed"));
  }
  EXPECT_EQ(count<storage::UpdateEnded>(name("one")), 1U);
}

TEST_F(ControlsTest, session_begins_with_its_first_signal_in_one_write) {
  auto const receipt = engine->start_session(first("one", number(7, "k")));
  ASSERT_TRUE(receipt) << receipt.error().detail;
  EXPECT_EQ(receipt->sequence, 2U);
  EXPECT_FALSE(receipt->repeated);
  EXPECT_EQ(log->head(name("one")).value()->steps, 1U);
  EXPECT_EQ(engine->query(name("one"), "total", "null").value(), "12");
  // Repeated, it is the same signal; with another key another one to the same session.
  auto const again = engine->start_session(first("one", number(7, "k")));
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->sequence, 2U);
  ASSERT_TRUE(engine->start_session(first("one", number(1, "l"))));
  EXPECT_EQ(engine->query(name("one"), "total", "null").value(), "13");
  ASSERT_TRUE(engine->signal(name("one"), number(0)));
  EXPECT_EQ(end_of(name("one")), "13");
  expect_replays(name("one"));
  EXPECT_EQ(engine->start_session(first("one", number(7, "k")))->sequence, 2U);
  EXPECT_EQ(engine->start_session(first("one", number(7))).error().code, Errc::ended);
}

TEST_F(ControlsTest, first_signal_of_any_size_is_received) {
  auto const words = '"' + std::string(100'000, 'x') + '"';
  StartRequest request{name("one"), "sum_up", "5", "tester"};
  request.first = SignalInput{"other", words, {}, "tester"};
  ASSERT_TRUE(engine->start_session(std::move(request)));
  expect_replays(name("one"));
}

TEST_F(ControlsTest, session_of_another_workflow_is_sent_no_first_signal) {
  start(name("one"), "wrong", "5");
  EXPECT_EQ(engine->start_session(first("one", number(7))).error().code, Errc::conflict);
}

TEST_F(ControlsTest, session_begins_with_its_first_update_or_not_at_all) {
  EXPECT_EQ(engine->ask_first(first("one", update("add", 2, "k"))).value(), "8");
  EXPECT_EQ(engine->ask_first(first("one", update("add", 2, "k"))).value(), "8");
  EXPECT_EQ(engine->ask_first(first("one", update("add", 1))).value(), "10");
  auto const refused = engine->ask_first(first("two", update("add", -2)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid);
  EXPECT_FALSE(log->head(name("two")).value());
  auto const unknown = engine->ask_first(first("two", update("ad", 2)));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Errc::not_found);
  EXPECT_FALSE(log->head(name("two")).value());
  expect_replays(name("one"));
}

TEST_F(ControlsTest, start_with_its_first_update_is_written_whole_or_not_at_all) {
  std::size_t appends = 0;
  open([&](TamperedLog::Batch batch) -> std::optional<Result<storage::CommitReceipt>> {
    for (auto const& append : batch) appends += append.session == name("one") ? 1 : 0;
    if (appends == 0) return std::nullopt;
    EXPECT_EQ(batch.size(), 2U);
    return Error{Errc::io, "the disk is gone"};
  });
  EXPECT_FALSE(engine->ask_first(first("one", update("add", 2))));
  EXPECT_EQ(appends, 2U);
  open();
  EXPECT_FALSE(log->head(name("one")).value());
}

}  // namespace
}  // namespace dalsegno::engine::test
