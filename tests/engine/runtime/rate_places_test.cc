#include "engine/runtime/rate_places.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;

constexpr Time noon{std::chrono::hours(12)};
constexpr RateLimit three_a_minute{3, 60s};

TEST(RatePlaces, are_taken_until_the_rate_is_used_up_and_then_say_when_one_is_free) {
  RatePlaces places({{"few", three_a_minute}});
  RateKey const key{"few", three_a_minute};
  for (std::uint64_t taken = 0; taken < 3; ++taken) {
    auto const use = places.take("desk", key, noon + taken * 10s);
    EXPECT_EQ(use.calls, taken);
    EXPECT_FALSE(use.free_at);
  }
  auto const full = places.take("desk", key, noon + 30s);
  EXPECT_EQ(full.calls, 3U);
  ASSERT_TRUE(full.free_at);
  EXPECT_GE(*full.free_at, noon + 60s);
  EXPECT_LE(*full.free_at, noon + 60s + 60s / 512.0);
  EXPECT_TRUE(places.take("desk", key, *full.free_at - 1us).free_at);
  EXPECT_FALSE(places.take("desk", key, *full.free_at).free_at) << "as it was said";
}

TEST(RatePlaces, are_of_a_tenant_and_a_rule) {
  RatePlaces places({{"few", {1, 60s}}, {"more", {1, 60s}}});
  EXPECT_FALSE(places.take("desk", {"few", {1, 60s}}, noon).free_at);
  EXPECT_TRUE(places.take("desk", {"few", {1, 60s}}, noon).free_at);
  EXPECT_FALSE(places.take("desk", {"more", {1, 60s}}, noon).free_at);
  EXPECT_FALSE(places.take("other", {"few", {1, 60s}}, noon).free_at);
}

TEST(RatePlaces, a_place_that_is_given_back_is_free) {
  RatePlaces places({{"few", {1, 60s}}});
  EXPECT_FALSE(places.take("desk", {"few", {1, 60s}}, noon).free_at);
  places.give_back("desk", "few", noon);
  EXPECT_FALSE(places.take("desk", {"few", {1, 60s}}, noon + 1s).free_at);
}

TEST(RatePlaces, a_clock_that_was_set_back_frees_none) {
  RatePlaces places({{"few", {2, 60s}}});
  RateKey const key{"few", {2, 60s}};
  EXPECT_FALSE(places.take("desk", key, noon).free_at);
  EXPECT_FALSE(places.take("desk", key, noon - 5h).free_at);
  EXPECT_TRUE(places.take("desk", key, noon - 5h).free_at);
}

TEST(RatePlaces, are_never_taken_once_too_often_by_shards_at_once) {
  constexpr std::uint64_t limit = 50;
  RatePlaces places({{"few", {limit, 60s}}});
  std::atomic<std::uint64_t> taken = 0;
  {
    std::vector<std::jthread> shards;
    shards.reserve(4);
    for (int i = 0; i < 4; ++i) {
      shards.emplace_back([&] {
        for (int call = 0; call < 100; ++call)
          if (!places.take("desk", {"few", {limit, 60s}}, noon).free_at) ++taken;
      });
    }
  }
  EXPECT_EQ(taken, limit);
}

/// What a rate means, without buckets: the moments of all calls that started.
struct Naive {
  std::vector<Time> starts;

  [[nodiscard]] std::uint64_t since(Time moment) const {
    std::uint64_t count = 0;
    for (auto const start : starts) count += start > moment ? 1 : 0;
    return count;
  }
};

RC_GTEST_PROP(RatePlaces, keep_to_the_rate_in_every_span_of_time_and_waste_next_to_none, ()) {
  auto const limit = *rc::gen::inRange<std::uint64_t>(1, 6);
  auto const per = std::chrono::seconds(*rc::gen::inRange(1, 100));
  auto const waits =
      *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 30'000));  // milliseconds
  auto const width = std::chrono::microseconds(per) / 512;
  RateKey const key{"rule", {limit, per}};
  RatePlaces places({{"rule", key.limit}});
  Naive naive;
  Time now = noon;
  for (auto const wait : waits) {
    now += std::chrono::milliseconds(wait);
    auto const use = places.take("desk", key, now);
    // Exact but for a bucket: no fewer than there were, no more than in a span longer by one.
    RC_ASSERT(use.calls >= naive.since(now - per));
    RC_ASSERT(use.calls <= naive.since(now - per - width - 1us));
    RC_ASSERT(use.free_at.has_value() == (use.calls >= limit));
    if (use.free_at) {
      RC_ASSERT(*use.free_at > now);
      RC_ASSERT(naive.since(*use.free_at - per) < limit);
      continue;
    }
    naive.starts.push_back(now);
    RC_ASSERT(naive.since(now - per) <= limit);
  }
}

RC_GTEST_PROP(RatePlaces, read_from_a_log_answer_as_those_that_were_taken, ()) {
  RateKey const key{"rule", {4, 60s}};
  auto const waits = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 30));
  RatePlaces taken({{"rule", key.limit}});
  RatePlaces read({{"rule", key.limit}});
  Time now = noon;
  for (auto const wait : waits) {
    now += std::chrono::seconds(wait);
    if (!taken.take("desk", key, now).free_at) read.add("desk", "rule", now);
  }
  auto const a = taken.take("desk", key, now + 1s);
  auto const b = read.take("desk", key, now + 1s);
  RC_ASSERT(a.calls == b.calls);
  RC_ASSERT(a.free_at == b.free_at);
}

}  // namespace
}  // namespace dalsegno::engine::test
