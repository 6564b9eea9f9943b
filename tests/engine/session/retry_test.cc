#include "dalsegno/try.h"
#include "engine/session/random.h"
#include "tests/engine/session/session_driver.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

namespace dalsegno::engine {
namespace {

using std::chrono::microseconds;

rc::Gen<storage::RecordedRetry> any_retry() {
  auto const milliseconds =
      rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, 100'000),
                     rc::gen::arbitrary<std::uint64_t>(),
                     rc::gen::just(std::numeric_limits<std::uint64_t>::max()));
  auto const factor = rc::gen::oneOf(rc::gen::element(0.0,
                                                      -1.0,
                                                      1.0,
                                                      1e300,
                                                      std::numeric_limits<double>::infinity(),
                                                      std::numeric_limits<double>::quiet_NaN()),
                                     rc::gen::map(rc::gen::inRange(100, 1'000), [](int hundredths) {
                                       return hundredths / 100.0;
                                     }));
  return rc::gen::build<storage::RecordedRetry>(
      rc::gen::set(&storage::RecordedRetry::initial_ms, milliseconds),
      rc::gen::set(&storage::RecordedRetry::max_interval_ms, milliseconds),
      rc::gen::set(&storage::RecordedRetry::factor, factor));
}

rc::Gen<std::uint32_t> any_count() {
  return rc::gen::oneOf(rc::gen::inRange<std::uint32_t>(0, 50),
                        rc::gen::arbitrary<std::uint32_t>());
}

double any_unit() { return unit_interval(*rc::gen::arbitrary<std::uint64_t>()); }

RC_GTEST_PROP(Backoff, is_never_negative_and_never_above_its_bound, ()) {
  auto const retry = *any_retry();
  auto const jitter =
      *rc::gen::element(0.0, 0.1, 0.5, 1.0, 7.0, -1.0, std::numeric_limits<double>::quiet_NaN());
  auto const delay = backoff(retry, jitter, *any_count(), any_unit());
  RC_ASSERT(delay >= microseconds(0));
  auto const bound =
      std::min(static_cast<double>(retry.max_interval_ms) * 1'000.0, longest_delay_us) * 2.0;
  RC_ASSERT(static_cast<double>(delay.count()) <= bound);
  RC_ASSERT(Time{std::chrono::sys_days(std::chrono::year(9'000) / 1 / 1)} + delay < Time::max());
}

RC_GTEST_PROP(Backoff, grows_with_each_failure_when_there_is_no_jitter, ()) {
  auto const retry = *any_retry();
  auto const failed = *any_count();
  auto const next = failed == std::numeric_limits<std::uint32_t>::max() ? failed : failed + 1;
  RC_ASSERT(backoff(retry, 0.0, failed, any_unit()) <= backoff(retry, 0.0, next, any_unit()));
}

RC_GTEST_PROP(Backoff, stays_within_the_jitter_of_the_plain_delay, ()) {
  auto retry = *any_retry();
  retry.initial_ms %= 1'000'000;
  retry.max_interval_ms %= 1'000'000;
  auto const failed = *any_count();
  auto const plain = static_cast<double>(backoff(retry, 0.0, failed, 0.0).count());
  auto const delay = static_cast<double>(backoff(retry, 0.25, failed, any_unit()).count());
  RC_ASSERT(delay >= plain * 0.75 - 1.0);
  RC_ASSERT(delay <= plain * 1.25 + 1.0);
}

TEST(Backoff, is_the_initial_delay_after_the_first_failure) {
  storage::RecordedRetry const retry{5, 1'500, 60'000, 2.0};
  EXPECT_EQ(backoff(retry, 0.0, 1, 0.5), microseconds(1'500'000));
  EXPECT_EQ(backoff(retry, 0.0, 2, 0.5), microseconds(3'000'000));
  EXPECT_EQ(backoff(retry, 0.0, 30, 0.5), microseconds(60'000'000));
}

// No delay at all times infinity is no number: it became a point of time far in the past.
TEST(Backoff, of_nothing_stays_nothing_however_often_it_failed) {
  storage::RecordedRetry const retry{0, 0, 60'000, 2.0};
  EXPECT_EQ(backoff(retry, 0.1, 100'000, 0.5), microseconds(0));
}

TEST(Mix, gives_the_published_numbers_of_splitmix64) {
  // From the reference implementation (Vigna, splitmix64.c) with seed 1234567.
  EXPECT_EQ(mix(1'234'567, 1), 6'457'827'717'110'365'317U);
  EXPECT_EQ(mix(1'234'567, 2), 3'203'168'211'198'807'973U);
  EXPECT_EQ(mix(1'234'567, 3), 9'817'491'932'198'370'423U);
}

constexpr Activity<std::string, std::string> flaky{
    "flaky",
    {.start_to_close = {},
     .retry = {.initial = std::chrono::milliseconds(700), .max_attempts = 0, .jitter = 0.5}}};

RC_GTEST_PROP(Retry, is_computed_alike_in_life_after_a_restart_and_by_an_auditor, ()) {
  auto const definition = define_workflow(
      "under_test", +[](Context& ctx, std::string input) -> Workflow<std::string> {
        co_return co_await ctx.call(flaky, input);
      });
  auto const failures = *rc::gen::inRange<std::uint32_t>(1, 8);
  test::SessionDriver life(definition);
  test::SessionDriver crashing(definition);
  life.seed = crashing.seed = *rc::gen::arbitrary<std::uint64_t>();
  for (auto* const session : {&life, &crashing}) session->start(R"("")");
  for (std::uint32_t attempt = 1; attempt <= failures; ++attempt) {
    auto const retry_at = test::find_body<storage::AttemptFailed>(life.fail(1, attempt))->retry_at;
    crashing.restart();
    RC_ASSERT(test::find_body<storage::AttemptFailed>(crashing.fail(1, attempt))->retry_at ==
              retry_at);
    auto const unit = unit_interval(mix(life.seed ^ mix(1), attempt));
    RC_ASSERT(retry_at == life.now + backoff({0, 700, 60'000, 2.0}, 0.5, attempt, unit));
    life.fire_next();
    crashing.restart();
    crashing.fire_next();
  }
}

TEST(Retry, waits_as_long_as_the_far_side_asks_and_no_longer_than_a_day) {
  using namespace std::chrono_literals;
  auto const definition = define_workflow(
      "under_test", +[](Context& ctx, std::string input) -> Workflow<std::string> {
        co_return co_await ctx.call(flaky, input);
      });
  test::SessionDriver session(definition);
  session.start(R"("")");
  std::uint32_t attempt = 0;
  auto const retried_after = [&](std::chrono::milliseconds asked) {
    auto const events =
        session.take(FailureInput{OperationId{1}, ++attempt, "busy", "later", true, {}, asked});
    auto const delay = *test::find_body<storage::AttemptFailed>(events)->retry_at - session.now;
    if (delay > 0s) session.fire_next();  // else it has begun
    return delay;
  };
  EXPECT_EQ(retried_after(90s), 90s);
  EXPECT_EQ(retried_after(0s), 0s);
  EXPECT_EQ(retried_after(-5s), 0s);
  EXPECT_EQ(retried_after(std::chrono::milliseconds::max()), longest_asked_delay);
  session.complete(1, R"("done")", ++attempt);
  session.expect_replays();
}

}  // namespace
}  // namespace dalsegno::engine
