#include "activities/model/client/breaker.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace dalsegno::activities {
namespace {

using namespace std::chrono_literals;

ModelFault fault_named(std::string_view type) { return {.type = std::string(type), .message = {}}; }
ModelFault asks_for(std::chrono::milliseconds pause) {
  auto fault = fault_named(fault::rate_limited);
  fault.retry_after = pause;
  return fault;
}

/// A breaker that opens after two failures.
class BreakerTest : public testing::Test {
 protected:
  void fail(ModelFault const& fault = fault_named("cut_off")) {
    breaker_.begin(now_);
    breaker_.failed(fault, now_);
  }
  [[nodiscard]] bool is_free() const { return !breaker_.blocked_until(now_); }

  Time now_ = Time{} + 1h;
  Breaker breaker_{{.failures = 2, .pause = 10s, .longest_pause = 30s}};
};

TEST_F(BreakerTest, leaves_an_endpoint_alone_after_failures_in_a_row) {
  fail();
  EXPECT_TRUE(is_free());
  breaker_.succeeded();
  fail();
  EXPECT_TRUE(is_free()) << "not in a row";
  fail();
  EXPECT_EQ(breaker_.blocked_until(now_), now_ + 10s);
  EXPECT_EQ(breaker_.state(now_), Breaker::State::open);
}

TEST_F(BreakerTest, lets_one_call_try_it_after_the_pause) {
  fail();
  fail();
  now_ += 10s;
  EXPECT_TRUE(is_free());
  breaker_.begin(now_);
  EXPECT_FALSE(is_free()) << "while the trial is under way";
  EXPECT_EQ(breaker_.state(now_), Breaker::State::half_open);
  breaker_.succeeded();
  EXPECT_TRUE(is_free());
  fail();
  EXPECT_TRUE(is_free()) << "as if nothing had been";
}

TEST_F(BreakerTest, doubles_the_pause_each_time_up_to_the_longest) {
  fail();
  fail();
  for (auto const pause : {20s, 30s, 30s}) {
    now_ = *breaker_.blocked_until(now_);
    fail();
    EXPECT_EQ(breaker_.blocked_until(now_), now_ + pause);
  }
}

TEST_F(BreakerTest, a_trial_that_is_given_up_leaves_the_next_one_to_try) {
  fail();
  fail();
  now_ += 10s;
  breaker_.begin(now_);
  breaker_.abandoned();
  EXPECT_TRUE(is_free());
}

TEST_F(BreakerTest, a_server_that_asks_for_a_pause_gets_it_and_has_not_failed) {
  fail(asks_for(3s));
  EXPECT_EQ(breaker_.state(now_), Breaker::State::cooling);
  EXPECT_EQ(breaker_.blocked_until(now_), now_ + 3s);
  now_ += 3s;
  fail(fault_named(fault::overloaded));
  EXPECT_EQ(breaker_.blocked_until(now_), now_ + 1s) << "where it does not say for how long";
  now_ += 1s;
  fail(asks_for(0s));
  EXPECT_TRUE(is_free());
}

TEST_F(BreakerTest, what_is_wrong_with_a_call_says_nothing_of_the_endpoint) {
  for (int i = 0; i < 10; ++i) fail(fault_named(fault::bad_request));
  for (int i = 0; i < 10; ++i) fail(fault_named("denied"));
  EXPECT_TRUE(is_free());
}

RC_GTEST_PROP(BreakerProperty, is_never_blocked_for_longer_than_its_longest_pause, ()) {
  Time now = Time{} + 1h;
  Breaker breaker({.failures = 3, .pause = 1s, .longest_pause = 8s});
  auto const steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 5));
  for (auto const step : steps) {
    if (auto const until = breaker.blocked_until(now)) {
      RC_ASSERT(*until > now);
      RC_ASSERT(*until <= now + 8s);
      now = *until;
      RC_ASSERT(!breaker.blocked_until(now));
    }
    breaker.begin(now);
    if (step == 0) breaker.succeeded();
    if (step == 1) breaker.failed(fault_named("timed_out"), now);
    if (step == 2) breaker.failed(asks_for(5s), now);
    if (step == 3) breaker.failed(fault_named(fault::bad_request), now);
    if (step == 4) breaker.abandoned();
    now += 100ms;
  }
}

}  // namespace
}  // namespace dalsegno::activities
