#include "engine/runtime/call_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

constexpr SteadyTime noon{std::chrono::hours(12)};

StartAttempt call(std::string tenant,
                  std::string session,
                  std::string name = "work",
                  storage::OperationKind kind = storage::OperationKind::activity,
                  std::uint64_t operation = 1) {
  storage::PolicyDecided decision;
  decision.effect = storage::DecisionEffect::permit;
  decision.attempt = 1;
  auto permit = Permit::from({}, OperationId{operation}, decision);
  return {.permit = std::move(*permit),
          .session = {std::move(tenant), std::move(session)},
          .run = {},
          .operation = OperationId{operation},
          .attempt = 1,
          .epoch = 0,
          .kind = kind,
          .name = std::move(name),
          .input = {},
          .input_digest = {},
          .workflow = {},
          .decision = {}};
}

TEST(CallQueue, serves_one_tenant_in_the_order_in_which_calls_came) {
  CallQueue queue({.name = "all", .calls = {"*"}});
  for (int i = 0; i < 5; ++i) queue.add(call("desk", std::to_string(i)), noon);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(queue.next(noon)->session.name, std::to_string(i));
  EXPECT_FALSE(queue.next(noon));
}

TEST(CallQueue, serves_a_tenant_that_comes_next_though_another_has_100000_waiting) {
  CallQueue queue({.name = "all", .calls = {"*"}});
  for (int i = 0; i < 100'000; ++i) queue.add(call("a", "of-a"), noon);
  for (int i = 0; i < 100; ++i) queue.ended(queue.next(noon)->session, Seconds(0.005));
  queue.add(call("b", "of-b"), noon);
  EXPECT_EQ(queue.next(noon)->session.tenant, "b");
  EXPECT_EQ(queue.next(noon)->session.tenant, "a");
}

TEST(CallQueue, gives_tenants_that_always_wait_equal_time_however_long_their_calls_take) {
  CallQueue queue({.name = "all", .calls = {"*"}});
  std::map<std::string, double> const takes{{"long", 0.050}, {"short", 0.010}};
  std::map<std::string, double> had;
  for (int i = 0; i < 5'000; ++i)
    for (auto const& [tenant, seconds] : takes) queue.add(call(tenant, "s"), noon);
  for (int i = 0; i < 3'000; ++i) {
    auto const next = queue.next(noon);
    auto const seconds = takes.at(next->session.tenant);
    had[next->session.tenant] += seconds;
    queue.ended(next->session, Seconds(seconds));
  }
  EXPECT_NEAR(had["long"] / had["short"], 1.0, 0.01);
}

TEST(CallQueue, lets_a_tenant_that_was_away_catch_up_by_its_credit_and_no_more) {
  CallQueue queue({.name = "all", .calls = {"*"}});
  for (int i = 0; i < 10'000; ++i) queue.add(call("busy", "s"), noon);
  for (int i = 0; i < 2'000; ++i) queue.ended(queue.next(noon)->session, Seconds(0.01));  // 20 s
  for (int i = 0; i < 10'000; ++i) queue.add(call("late", "s"), noon);
  int ahead = 0;
  while (true) {
    auto const next = queue.next(noon);
    queue.ended(next->session, Seconds(0.01));
    if (next->session.tenant == "busy") break;
    ++ahead;
  }
  EXPECT_NEAR(ahead * 0.01, fairness_credit.count(), 0.05);
}

TEST(CallQueue, begins_no_more_than_its_rate_allows_and_says_when_the_next_may) {
  CallQueue queue({.name = "slow", .calls = {"*"}, .rate = {2, 1'000ms}});
  for (int i = 0; i < 5; ++i) queue.add(call("desk", "s"), noon);
  EXPECT_TRUE(queue.next(noon));
  EXPECT_FALSE(queue.ready_at(noon + 100ms)) << "another may begin at once";
  EXPECT_TRUE(queue.next(noon + 100ms));
  EXPECT_FALSE(queue.next(noon + 999ms));
  EXPECT_EQ(queue.ready_at(noon + 999ms), noon + 1'000ms);
  EXPECT_TRUE(queue.next(noon + 1'000ms));
  EXPECT_FALSE(queue.next(noon + 1'000ms));
  EXPECT_TRUE(queue.next(noon + 1'100ms));
}

TEST(CallQueue, forgets_tenants_that_have_nothing_any_more) {
  CallQueue queue({.name = "all", .calls = {"*"}});
  for (int i = 0; i < 20'000; ++i) {
    queue.add(call("tenant-" + std::to_string(i), "s"), noon);
    queue.ended(queue.next(noon)->session, Seconds(0.01));
  }
  EXPECT_LE(queue.tenants(), 4'096U);
}

TEST(CallQueues, take_a_call_by_the_first_queue_that_names_it) {
  CallQueues queues({{.name = "money", .calls = {"tool/pay_*"}},
                     {.name = "tools", .calls = {"tool/*", "activity/fetch"}}});
  queues.add(call("t", "1", "pay_back", storage::OperationKind::tool), noon);
  queues.add(call("t", "2", "search", storage::OperationKind::tool), noon);
  queues.add(call("t", "3", "fetch"), noon);
  queues.add(call("t", "4", "pay_back"), noon);
  queues.add(call("t", "5", "large", storage::OperationKind::model), noon);
  auto const status = queues.status(noon + 3s);
  ASSERT_EQ(status.size(), 3U);
  EXPECT_EQ(status[0].waiting, 1U);
  EXPECT_EQ(status[1].waiting, 2U);
  EXPECT_EQ(status[2].waiting, 2U);
  EXPECT_EQ(status[2].name, "default");
  EXPECT_EQ(status[2].oldest, 3s);
  EXPECT_EQ(queues.waiting(), 5U);
}

TEST(CallQueues, serve_what_has_priority_first_and_equals_in_turns) {
  CallQueues queues({{.name = "low", .calls = {"activity/low"}, .priority = -1},
                     {.name = "high", .calls = {"activity/high"}, .priority = 5},
                     {.name = "same", .calls = {"activity/same"}}});
  for (auto const* const name : {"low", "same", "same", "other", "other", "high"})
    queues.add(call("t", "s", name), noon);
  std::vector<std::string> served;
  while (auto next = queues.next(noon)) served.push_back(next->attempt.name);
  std::vector<std::string> const expected{"high", "same", "other", "same", "other", "low"};
  EXPECT_EQ(served, expected);
}

TEST(CallQueues, refuse_what_could_not_be_meant) {
  auto const refused = [](QueueOptions queue) {
    auto const checked = CallQueues::check({std::move(queue)});
    return checked ? std::string() : checked.error().detail;
  };
  EXPECT_EQ(refused({.name = "ok", .calls = {"tool/*"}}), "");
  EXPECT_EQ(refused({.name = "", .calls = {"*"}}), "queue \"\": a name has 1 to 64 bytes");
  EXPECT_NE(refused({.name = "default", .calls = {"*"}}), "");
  EXPECT_NE(refused({.name = "none", .calls = {}}), "");
  EXPECT_NE(refused({.name = "kind", .calls = {"pay_*"}}).find("begin with"), std::string::npos);
  EXPECT_NE(refused({.name = "rate", .calls = {"*"}, .rate = {1, 0ms}}), "");
  EXPECT_FALSE(
      CallQueues::check({{.name = "two", .calls = {"*"}}, {.name = "two", .calls = {"*"}}}));
}

/// Whatever comes and ends in whatever order: no limit is exceeded, what a session asked for first
/// begins first, nothing is lost, and nothing waits that may begin.
RC_GTEST_PROP(CallQueue, keeps_its_limits_and_loses_nothing, ()) {
  QueueOptions options{.name = "any", .calls = {"*"}};
  options.concurrency = *rc::gen::inRange<std::size_t>(0, 4);
  options.per_tenant = *rc::gen::inRange<std::size_t>(0, 3);
  options.per_session = *rc::gen::inRange<std::size_t>(0, 3);
  CallQueue queue(options);
  std::vector<StartAttempt> running;
  std::map<SessionId, std::uint64_t> newest;
  std::size_t added = 0;
  std::size_t begun = 0;
  auto now = noon;
  auto const count = [&](auto const& same) {
    return static_cast<std::size_t>(std::ranges::count_if(running, same));
  };
  auto const may_begin = [&](SessionId const& of) {
    auto const tenant =
        count([&](StartAttempt const& call) { return call.session.tenant == of.tenant; });
    auto const session = count([&](StartAttempt const& call) { return call.session == of; });
    return (options.concurrency == 0 || running.size() < options.concurrency) &&
           (options.per_tenant == 0 || tenant < options.per_tenant) &&
           (options.per_session == 0 || session < options.per_session);
  };
  std::map<SessionId, std::size_t> waiting;
  auto const take = [&] {
    auto next = queue.next(now);
    if (!next) {
      for (auto const& [session, left] : waiting) RC_ASSERT(left == 0 || !may_begin(session));
      return false;
    }
    RC_ASSERT(may_begin(next->session));
    auto const number = static_cast<std::uint64_t>(next->operation);
    RC_ASSERT(newest[next->session] < number);
    newest[next->session] = number;
    --waiting[next->session];
    ++begun;
    running.push_back(std::move(*next));
    return true;
  };
  auto const end = [&](std::size_t index) {
    queue.ended(running[index].session, Seconds(*rc::gen::inRange(0, 50) / 1e3));
    running.erase(running.begin() + static_cast<std::ptrdiff_t>(index));
  };
  auto const moves = *rc::gen::inRange(1, 120);
  for (int i = 0; i < moves; ++i) {
    now += std::chrono::milliseconds(*rc::gen::inRange(0, 5));
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        take();
        break;
      case 1:
        if (!running.empty()) end(*rc::gen::inRange<std::size_t>(0, running.size()));
        break;
      default: {
        auto one = call(std::string(1, *rc::gen::inRange('a', 'd')),
                        std::string(1, *rc::gen::inRange('p', 's')),
                        "work",
                        storage::OperationKind::activity,
                        ++added);
        ++waiting[one.session];
        queue.add(std::move(one), now);
      }
    }
  }
  while (take() || !running.empty())
    if (!running.empty()) end(0);
  RC_ASSERT(begun == added);
  RC_ASSERT(queue.waiting() == 0U);
}

}  // namespace
}  // namespace dalsegno::engine::test
