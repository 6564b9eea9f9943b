#include "activities/model/affinity/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace dalsegno::activities {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t block_tokens = 1'000;

std::vector<BlockDigest> chain(std::uint64_t session, std::size_t length) {
  std::vector<BlockDigest> prompt;
  for (std::size_t i = 0; i < length; ++i) prompt.push_back(BlockDigest{(session << 32U) + i});
  return prompt;
}

std::vector<AffinityEndpoint> pool(std::size_t count) {
  std::vector<AffinityEndpoint> endpoints(count);
  for (std::size_t i = 0; i < count; ++i)
    endpoints[i] = {.name = "e" + std::to_string(i), .prefill_tokens_per_second = 10'000};
  return endpoints;
}

AffinityRouter make(std::vector<AffinityEndpoint> endpoints, std::uint64_t assumed = 10'000) {
  auto router = AffinityRouter::create(std::move(endpoints),
                                       {.block_tokens = block_tokens, .assumed_blocks = assumed});
  EXPECT_TRUE(router) << router.error().detail;
  return std::move(*router);
}

Time at(int second) { return Time(seconds(second)); }

AffinityRequest request(std::vector<BlockDigest> const& blocks) {
  return {.blocks = blocks, .tokens = blocks.size() * block_tokens, .previous = {}};
}

AffinityChoice route(AffinityRouter& router, std::vector<BlockDigest> const& blocks, Time now) {
  auto choice = router.route(request(blocks), now);
  EXPECT_TRUE(choice) << choice.error().detail;
  return std::move(*choice);
}

TEST(AffinityRouter, goes_back_to_the_cache_that_has_the_prompt) {
  auto router = make(pool(4));
  auto const first = route(router, chain(1, 10), at(0));
  route(router, chain(2, 30), at(0));
  auto const again = route(router, chain(1, 12), at(60));
  EXPECT_EQ(again.endpoint, first.endpoint);
  EXPECT_EQ(again.predicted_blocks, 10U);
  EXPECT_DOUBLE_EQ(again.candidates[again.endpoint].cost, 8 * 0.2);
}

TEST(AffinityRouter, leaves_a_cache_whose_queue_costs_more_than_it_saves) {
  auto router = make(pool(2));
  auto const first = route(router, chain(1, 10), at(0));  // one second of prefill
  ASSERT_EQ(first.endpoint, 0U);
  route(router, chain(2, 200), at(10));  // the second endpoint: 20 seconds
  auto const prompt = chain(1, 110);
  auto const long_one = route(router, prompt, at(20));
  EXPECT_EQ(long_one.endpoint, 0U) << "busy for 10 more seconds";
  AffinityRequest next = request(prompt);
  next.previous = PreviousPrompt{.endpoint = 1, .blocks = prompt};
  auto const moved = router.route(next, at(21));
  EXPECT_EQ(moved->binding, BindingCause::evicted);
  EXPECT_EQ(moved->endpoint, 0U);
}

TEST(AffinityRouter, counts_a_queue_in_prefill_time_and_not_in_requests) {
  auto router = make(pool(2));
  route(router, chain(1, 500), at(0));  // 50 s at one
  for (std::uint64_t i = 0; i < 20; ++i)
    route(router, chain(10 + i, 1), at(0));  // 2 s at the other
  EXPECT_EQ(route(router, chain(99, 1), at(1)).endpoint, 1U);
}

TEST(AffinityRouter, names_every_rejected_candidate_with_its_reason) {
  auto router = make(pool(4));
  router.set_health(1, EndpointHealth::draining, at(0));
  router.set_health(2, EndpointHealth::down, at(0));
  auto const choice = route(router, chain(1, 10), at(0));
  ASSERT_EQ(choice.candidates.size(), 4U);
  EXPECT_EQ(choice.endpoint, 0U);
  EXPECT_EQ(choice.candidates[0].rejected, std::nullopt);
  EXPECT_EQ(choice.candidates[1].rejected, RejectionReason::draining);
  EXPECT_EQ(choice.candidates[2].rejected, RejectionReason::down);
  EXPECT_EQ(choice.candidates[3].rejected, RejectionReason::costlier);
}

TEST(AffinityRouter, takes_a_draining_endpoint_only_when_none_is_up) {
  auto router = make(pool(2));
  router.set_health(0, EndpointHealth::down, at(0));
  router.set_health(1, EndpointHealth::draining, at(0));
  EXPECT_EQ(route(router, chain(1, 1), at(0)).endpoint, 1U);
  router.set_health(1, EndpointHealth::down, at(0));
  auto const none = router.route(request(chain(1, 1)), at(0));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::unavailable);
}

TEST(AffinityRouter, gives_an_endpoint_of_twice_the_weight_the_prompt_at_up_to_twice_the_cost) {
  auto endpoints = pool(2);
  endpoints[1].weight = 2;
  auto router = make(endpoints);
  route(router, chain(1, 100), at(0));
  EXPECT_EQ(route(router, chain(2, 10), at(0)).endpoint, 0U);
}

TEST(AffinityRouter, forgets_the_cache_of_an_endpoint_that_was_down) {
  auto router = make(pool(1));
  route(router, chain(1, 10), at(0));
  router.set_health(0, EndpointHealth::down, at(5));
  router.set_health(0, EndpointHealth::up, at(6));
  EXPECT_EQ(route(router, chain(1, 10), at(10)).predicted_blocks, 0U);
}

TEST(AffinityRouter, records_why_a_session_moved) {
  auto router = make(pool(2));
  auto const prompt = chain(1, 10);
  auto next = request(prompt);
  EXPECT_EQ(router.route(next, at(0))->binding, BindingCause::first);
  next.previous = PreviousPrompt{.endpoint = 0, .blocks = prompt};
  EXPECT_EQ(router.route(next, at(60))->binding, BindingCause::kept);
  router.set_health(0, EndpointHealth::draining, at(120));
  EXPECT_EQ(router.route(next, at(120))->binding, BindingCause::draining);
  router.set_health(0, EndpointHealth::down, at(180));
  EXPECT_EQ(router.route(next, at(180))->binding, BindingCause::down);
}

TEST(AffinityRouter, records_that_a_queue_was_why_a_session_moved) {
  auto router = make(pool(2));
  auto const prompt = chain(1, 10);
  ASSERT_EQ(route(router, prompt, at(0)).endpoint, 0U);
  router.set_health(1, EndpointHealth::down, at(5));
  route(router, chain(2, 1'000), at(10));  // the first one is busy for 100 seconds
  router.set_health(1, EndpointHealth::up, at(10));
  auto next = request(prompt);
  next.previous = PreviousPrompt{.endpoint = 0, .blocks = prompt};
  auto const moved = router.route(next, at(11));
  EXPECT_EQ(moved->endpoint, 1U);
  EXPECT_EQ(moved->binding, BindingCause::queue);
}

TEST(AffinityRouter, lengthens_a_queue_by_what_a_first_token_was_late) {
  auto router = make(pool(1));
  auto const first = route(router, chain(1, 10), at(0));
  auto const second = route(router, chain(2, 10), at(0));
  EXPECT_EQ(second.expected_first_token, at(2));
  router.report(first, {.cached_tokens = 0, .first_token = at(4)});
  EXPECT_NEAR(route(router, chain(3, 0), at(1)).candidates[0].wait_seconds, 4, 1e-6);
  router.report(second, {.cached_tokens = 0, .first_token = at(5)});
  EXPECT_NEAR(route(router, chain(3, 0), at(1)).candidates[0].wait_seconds, 4, 1e-6)
      << "the second was late because the first was: it is counted once";
}

TEST(AffinityRouter, learns_how_fast_an_endpoint_prefills) {
  auto router = make(pool(1));
  for (int i = 0; i < 60; ++i) {
    auto const choice = route(router, chain(static_cast<std::uint64_t>(i), 10), at(i * 60));
    router.report(choice, {.cached_tokens = 0, .first_token = at(i * 60) + milliseconds(500)});
  }
  EXPECT_NEAR(router.prefill_tokens_per_second(0), 20'000, 200);
}

TEST(AffinityRouter, accounts_for_each_miss_by_its_cause) {
  auto router = make(pool(2), 50);
  auto const whole = chain(1, 10);
  auto choice = route(router, whole, at(0));
  EXPECT_EQ(router.report(choice, {.cached_tokens = 0, .first_token = {}}).cause, MissCause::none);

  auto next = request(whole);
  next.previous = PreviousPrompt{.endpoint = 0, .blocks = whole};
  choice = *router.route(next, at(60));
  EXPECT_EQ(router.report(choice, {.cached_tokens = 10'000, .first_token = {}}).cause,
            MissCause::none);

  auto changed = whole;
  for (std::size_t i = 4; i < changed.size(); ++i) changed[i] = BlockDigest{900 + i};
  next.blocks = changed;
  choice = *router.route(next, at(120));
  auto account = router.report(choice, {.cached_tokens = 4'000, .first_token = {}});
  EXPECT_EQ(account.cause, MissCause::prefix_changed);
  EXPECT_EQ(account.changed_at, 4U);

  next = request(whole);
  next.previous = PreviousPrompt{.endpoint = 1, .blocks = whole};
  router.set_health(0, EndpointHealth::down, at(150));
  router.set_health(0, EndpointHealth::up, at(151));
  router.set_health(1, EndpointHealth::down, at(151));
  choice = *router.route(next, at(180));
  EXPECT_EQ(router.report(choice, {.cached_tokens = 0, .first_token = {}}).cause,
            MissCause::endpoint_moved);

  choice = route(router, whole, at(240));
  EXPECT_EQ(router.report(choice, {.cached_tokens = 10'000, .first_token = {}}).cause,
            MissCause::none);
  choice = route(router, whole, at(300));
  EXPECT_EQ(router.report(choice, {.cached_tokens = 2'000, .first_token = {}}).cause,
            MissCause::unknown)
      << "it had more of it a minute ago, and nothing came in between";

  route(router, chain(2, 10), at(360));
  choice = route(router, whole, at(420));
  EXPECT_EQ(router.report(choice, {.cached_tokens = 2'000, .first_token = {}}).cause,
            MissCause::evicted);
}

TEST(AffinityRouter, takes_a_report_within_the_slack_for_what_was_predicted) {
  auto router = make(pool(1));
  route(router, chain(1, 10), at(0));
  auto const choice = route(router, chain(1, 11), at(60));
  auto const account = router.report(choice, {.cached_tokens = 9'800, .first_token = {}});
  EXPECT_EQ(account.reported_blocks, 10U);
  EXPECT_EQ(router.capacity_blocks(0), 10'000U);
}

TEST(AffinityRouter, ignores_what_an_endpoint_did_before_it_went_down) {
  auto router = make(pool(1), 100);
  route(router, chain(1, 50), at(0));
  auto const choice = route(router, chain(1, 50), at(60));
  router.set_health(0, EndpointHealth::down, at(61));
  router.set_health(0, EndpointHealth::up, at(62));
  router.report(choice, {.cached_tokens = 0, .first_token = at(90)});
  EXPECT_EQ(router.capacity_blocks(0), 100U);
  EXPECT_EQ(route(router, chain(2, 1), at(63)).candidates[0].wait_seconds, 0);
}

TEST(AffinityRouter, refuses_a_pool_that_makes_no_sense) {
  auto const code = [](std::vector<AffinityEndpoint> endpoints, AffinityOptions options = {}) {
    auto const router = AffinityRouter::create(std::move(endpoints), options);
    return router ? "" : router.error().detail;
  };
  EXPECT_THAT(code({}), testing::HasSubstr("1 to 4096 endpoints"));
  EXPECT_THAT(code({{.name = ""}}), testing::HasSubstr("no name"));
  EXPECT_THAT(code({{.name = "a"}, {.name = "a"}}), testing::HasSubstr("two endpoints"));
  EXPECT_THAT(code({{.name = "a", .weight = 0}}), testing::HasSubstr("weight"));
  auto const nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(code({{.name = "a", .prefill_tokens_per_second = nan}}),
              testing::HasSubstr("prefill_tokens_per_second"));
  EXPECT_THAT(code(pool(1), {.priced_miss = -1}), testing::HasSubstr("priced_miss"));
  EXPECT_THAT(code(pool(1), {.block_tokens = 0}), testing::HasSubstr("block_tokens"));
  EXPECT_THAT(code(pool(1), {.assumed_blocks = 0}), testing::HasSubstr("assumed_blocks"));
}

/// Drives two routers with the same random calls.
struct Walk {
  AffinityRouter router = make(pool(4), 60);
  AffinityRouter twin = make(pool(4), 60);
  std::vector<AffinityChoice> open;
  Time now;

  void step() {
    now += milliseconds(*rc::gen::inRange(0, 3'000));
    switch (*rc::gen::inRange(0, 8)) {
      case 0:
        health();
        break;
      case 1:
      case 2:
        answer();
        break;
      default:
        ask();
    }
  }

  void health() {
    auto const endpoint = *rc::gen::inRange<std::size_t>(0, 4);
    auto const health = *rc::gen::element(
        EndpointHealth::up, EndpointHealth::up, EndpointHealth::draining, EndpointHealth::down);
    router.set_health(endpoint, health, now);
    twin.set_health(endpoint, health, now);
  }

  void answer() {
    if (open.empty()) return;
    auto const which = *rc::gen::inRange<std::size_t>(0, open.size());
    AffinityReport report;
    if (*rc::gen::arbitrary<bool>())
      report.cached_tokens = *rc::gen::inRange<std::uint64_t>(0, 40'000);
    if (*rc::gen::arbitrary<bool>())
      report.first_token = now - milliseconds(*rc::gen::inRange(0, 5'000));
    auto const ours = router.report(open[which], report);
    auto const theirs = twin.report(open[which], report);
    RC_ASSERT(ours.cause == theirs.cause);
    RC_ASSERT(ours.capacity_blocks == theirs.capacity_blocks);
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
  }

  void ask() {
    auto const prompt =
        chain(*rc::gen::inRange<std::uint64_t>(0, 6), *rc::gen::inRange<std::size_t>(0, 30));
    auto asked = request(prompt);
    if (*rc::gen::arbitrary<bool>())
      asked.previous =
          PreviousPrompt{.endpoint = *rc::gen::inRange<std::size_t>(0, 4), .blocks = prompt};
    auto const choice = router.route(asked, now);
    auto const twins = twin.route(asked, now);
    RC_ASSERT(choice.has_value() == twins.has_value());
    if (!choice) return;
    RC_ASSERT(choice->endpoint == twins->endpoint);
    check(*choice);
    open.push_back(*choice);
  }

  void check(AffinityChoice const& choice) const {
    auto const health = [&](std::size_t i) { return router.health(i); };
    bool any_up = false;
    for (std::size_t i = 0; i < 4; ++i) any_up = any_up || health(i) == EndpointHealth::up;
    RC_ASSERT(health(choice.endpoint) != EndpointHealth::down);
    RC_ASSERT(!any_up || health(choice.endpoint) == EndpointHealth::up);
    auto const& taken = choice.candidates[choice.endpoint];
    for (auto const& other : choice.candidates) {
      auto const stated = other.wait_seconds + 8 * other.prefill_seconds;
      RC_ASSERT(std::abs(other.cost - stated) <= 1e-9 * (1 + stated));
      RC_ASSERT(other.rejected.has_value() == (other.endpoint != choice.endpoint));
      if (health(other.endpoint) == health(choice.endpoint)) RC_ASSERT(taken.cost <= other.cost);
    }
  }
};

RC_GTEST_PROP(AffinityRouter,
              takes_the_cheapest_that_is_up_and_equal_calls_give_equal_choices,
              ()) {
  Walk walk;
  auto const steps = *rc::gen::inRange(1, 150);
  for (int i = 0; i < steps; ++i) walk.step();
}

/// A server's LRU cache, written without any cleverness.
class Server {
 public:
  explicit Server(std::size_t capacity) : capacity_(capacity) {}

  std::uint64_t use(std::vector<BlockDigest> const& prompt) {
    std::uint64_t hits = 0;
    while (hits < prompt.size() && std::ranges::find(blocks_, prompt[hits]) != blocks_.end())
      ++hits;
    for (auto i = prompt.size(); i-- > 0;) {
      std::erase(blocks_, prompt[i]);
      blocks_.insert(blocks_.begin(), prompt[i]);
    }
    blocks_.resize(std::min(blocks_.size(), capacity_));
    return hits;
  }

 private:
  std::size_t capacity_;
  std::vector<BlockDigest> blocks_;
};

RC_GTEST_PROP(AffinityRouter, learns_the_size_of_a_cache_that_was_assumed_wrongly, ()) {
  auto const truth = *rc::gen::inRange<std::size_t>(40, 150);
  auto const assumed = *rc::gen::element(truth / 4, truth / 2, truth, truth * 2, truth * 4);
  auto router = make(pool(1), assumed);
  Server server(truth);
  auto random = *rc::gen::inRange<std::uint64_t>(0, 1'000'000);
  for (int i = 0; i < 600; ++i) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    auto const prompt = chain((random >> 33U) % 20, 10);
    auto const choice = route(router, prompt, at(i * 10));
    router.report(choice, {.cached_tokens = server.use(prompt) * block_tokens, .first_token = {}});
  }
  // Nothing is found or missed between two depths that sessions come to.
  RC_ASSERT(router.capacity_blocks(0) + 10 >= truth);
  RC_ASSERT(router.capacity_blocks(0) <= truth + 10);
}

}  // namespace
}  // namespace dalsegno::activities
