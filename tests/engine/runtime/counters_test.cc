#include "engine/runtime/counters.h"

#include "tests/engine/runtime/runtime_fixture.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;

constexpr Time noon{std::chrono::hours(12)};
SessionId const ann{"desk", "ann"};
SessionId const bob{"desk", "bob"};
SessionId const other{"other", "ann"};

CounterKey of_tenant(std::string_view name, std::optional<std::chrono::seconds> window = {}) {
  return {CounterScope::tenant, "tool.call", name, window};
}

PolicySet counting(std::string const& condition) {
  return PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
    {"id": "few", "effect": "permit", "actions": ["*.call"], "when": )" +
                          condition + "}]}")
      .value();
}

TEST(Counters, that_policy_asks_for_are_found_in_its_conditions) {
  EXPECT_FALSE(counters_asked(permit_all()).any());
  EXPECT_FALSE(counters_asked(counting(R"({"counter": {"per": "session"}, "below": 3})")).any());
  auto const asked = counters_asked(counting(R"({"any": [
      {"not": {"counter": {"per": "tenant", "window": "1h"}, "below": 3}},
      {"counter": {"per": "session", "window": "2h"}, "below": 3}]})"));
  EXPECT_EQ(asked.window, 2h);
  EXPECT_TRUE(asked.of_sessions);
  EXPECT_FALSE(asked.ever);
}

TEST(Counters, count_the_calls_of_a_tenant_by_name_ever_and_over_a_window) {
  CallCounters counters({.ever = true, .of_sessions = true, .window = 3600s});
  counters.add(ann, "tool.call", "pay", noon);
  counters.add(bob, "tool.call", "pay", noon + 50min);
  counters.add(bob, "tool.call", "read", noon + 50min);
  counters.add(bob, "model.call", "pay", noon + 50min);
  counters.add(other, "tool.call", "pay", noon + 50min);
  auto const later = noon + 55min;
  EXPECT_EQ(counters.count(ann, of_tenant("pay"), later), 2U);
  EXPECT_EQ(counters.count(ann, of_tenant("*"), later), 3U);
  EXPECT_EQ(counters.count(ann, of_tenant("pay", 3600s), later), 2U);
  EXPECT_EQ(counters.count(ann, of_tenant("pay", 3600s), noon + 70min), 1U);
  EXPECT_EQ(counters.count(ann, {CounterScope::session, "tool.call", "pay", 3600s}, later), 1U);
  EXPECT_EQ(counters.count(other, of_tenant("nothing"), later), 0U);
  counters.take_back(bob, "tool.call", "pay", noon + 50min);
  EXPECT_EQ(counters.count(ann, of_tenant("pay", 3600s), later), 1U);
  EXPECT_EQ(counters.count(ann, of_tenant("pay"), later), 1U);
}

TEST(Counters, are_not_known_where_nobody_asked_for_them) {
  CallCounters const counters({.window = 60s});
  EXPECT_EQ(counters.count(ann, of_tenant("pay"), noon), std::nullopt);
  EXPECT_EQ(counters.count(ann, of_tenant("pay", 61s), noon), std::nullopt);
  EXPECT_EQ(counters.count(ann, {CounterScope::session, "tool.call", "pay", 60s}, noon),
            std::nullopt);
  EXPECT_EQ(counters.count(ann, of_tenant("pay", 60s), noon), 0U);
}

TEST(Counters, never_answer_too_little_and_little_too_much) {
  CallCounters counters({.window = 24h});
  for (int i = 0; i < 24 * 60; ++i)
    counters.add(ann, "tool.call", "pay", noon + std::chrono::minutes(i));
  auto const end = noon + 24h;
  for (auto const window : {1h, 6h, 24h}) {
    auto const exact = static_cast<std::uint64_t>(window / 1min);
    auto const count = counters.count(ann, of_tenant("pay", window), end).value();
    EXPECT_GE(count, exact - 1);
    EXPECT_LE(count, exact + 4) << "a bucket is 24h / 512 wide";
  }
}

TEST(Counters, a_clock_that_was_set_back_frees_no_place) {
  CallCounters counters({.window = 60s});
  counters.add(ann, "tool.call", "pay", noon);
  EXPECT_EQ(counters.count(ann, of_tenant("pay", 60s), noon - 5h), 1U);
}

TEST(Counters, of_calls_that_are_decided_at_once_never_let_one_too_many) {
  CallCounters counters({.ever = true});
  constexpr std::uint64_t limit = 50;
  std::atomic<std::uint64_t> started = 0;
  {
    std::vector<std::jthread> shards;
    shards.reserve(4);
    for (int i = 0; i < 4; ++i) {
      shards.emplace_back([&] {
        ShardCounters mine(counters);
        for (int call = 0; call < 100; ++call) {
          mine.about(ann, noon);
          mine.reserve("tool.call", "pay", noon);
          bool const permitted = *mine.counter(of_tenant("pay")) < limit;
          mine.settle(permitted);
          if (permitted) ++started;
          mine.keep();
        }
      });
    }
  }
  EXPECT_LE(started, limit);
  EXPECT_EQ(counters.count(ann, of_tenant("pay"), noon), started);
}

TEST(Counters, what_came_to_nothing_is_given_back) {
  CallCounters counters({.ever = true});
  ShardCounters mine(counters);
  mine.about(ann, noon);
  mine.reserve("tool.call", "pay", noon);
  EXPECT_EQ(mine.counter(of_tenant("pay")), 0U) << "without itself";
  mine.settle(true);
  mine.reserve("tool.call", "pay", noon);
  EXPECT_EQ(mine.counter(of_tenant("pay")), 1U) << "the other one of the same step counts";
  mine.give_back();
  EXPECT_EQ(counters.count(ann, of_tenant("pay"), noon), 0U);
}

// ---- with an engine ----

Workflow<int> pay_twice(Context& ctx, int) {
  int paid = 0;
  for (int i = 0; i < 2; ++i) {
    try {
      co_await ctx.tool<int>("pay", i);
      ++paid;
    } catch (PolicyDenied const&) {
      continue;
    }
  }
  co_return paid;
}

class CountersOfAnEngine : public RuntimeTest {
 protected:
  void SetUp() override {
    registry.add(define_workflow("pay_twice", pay_twice));
    registry.add_tool("pay",
                      [](ActivityContext const&, std::string_view) { return ActivityReply{"0"}; });
    policy = counting(R"({"counter": {"per": "tenant", "window": "1h"}, "below": 3})");
  }
};

TEST_F(CountersOfAnEngine, hold_over_sessions_and_over_a_restart) {
  open();
  start(name("one"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("one")), "2");
  open();
  start(name("two"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("two")), "1") << "three in an hour, over both";
  expect_replays(name("two"));
  auto const events = history(name("two"));
  auto const* const decided = std::get_if<storage::PolicyDecided>(&events[2].body);
  ASSERT_NE(decided, nullptr);
  EXPECT_EQ(decided->ambient,
            (std::vector<storage::NamedValue>{{"calls/tenant/3600s/tool.call/pay", "2"}}));
}

}  // namespace
}  // namespace dalsegno::engine::test
