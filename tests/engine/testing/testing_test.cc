#include "dalsegno/testing.h"

#include "dalsegno/dalsegno.h"
#include "tests/support/temporary_folder.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace dalsegno {
namespace {

using namespace std::chrono_literals;

SessionId const order{.name = "order-17"};

constexpr Activity<std::int64_t, std::string> pay{"pay"};
constexpr Activity<std::int64_t, std::string> ship{"ship"};

Workflow<std::string> sell(Context& ctx, std::int64_t amount) {
  auto const receipt = co_await ctx.call(pay, amount);
  co_await ctx.sleep(24h);
  auto const address = co_await ctx.receive<std::string>("address", 72h);
  if (!address) co_return "sent back " + receipt;
  co_return receipt + ", " + co_await ctx.call(ship, amount) + " to " + *address;
}

Workflow<std::string> wait(Context& ctx, std::int64_t /*input*/) {
  co_return co_await ctx.receive<std::string>("go");
}

Workflow<std::string> race(Context& ctx, std::int64_t /*input*/) {
  auto const winner = co_await ctx.any(ctx.call(pay, 1), ctx.call(ship, 2));
  co_return winner.index() == 0 ? "pay" : "ship";
}

int runs_of_odd = 0;

/// What no workflow may do.
Workflow<std::string> odd(Context& ctx, std::int64_t /*input*/) {
  if (++runs_of_odd > 1) co_await ctx.sleep(1s);
  co_return co_await ctx.call(pay, 1);
}

Workflow<std::string> sell_otherwise(Context& ctx, std::int64_t amount) {
  co_return co_await ctx.call(ship, amount);
}

/// What the activities did outside: by idempotency key, or however often they were called.
struct Ledger {
  std::map<std::string, std::int64_t> paid;
  std::int64_t careless = 0;
};

Registry shop(std::shared_ptr<Ledger> const& ledger) {  // shared: the activities keep it
  Registry registry;
  registry.add(define_workflow("sell", sell));
  registry.add(pay, [ledger](ActivityContext const& context, std::int64_t amount) {
    ledger->paid[context.idempotency_key] = amount;
    ledger->careless += amount;
    return "paid " + std::to_string(amount);
  });
  registry.add(ship, [](ActivityContext const&, std::int64_t) { return std::string("shipped"); });
  return registry;
}

std::string buy(TestRuntime& runtime) {
  EXPECT_TRUE(runtime.start_session(order, "sell", 20));
  runtime.advance(30h);
  EXPECT_TRUE(runtime.signal(order, "address", std::string("Lisbon")));
  return runtime.result<std::string>(order).value_or("no result");
}

TEST(TestRuntime, skips_the_time_that_a_workflow_waits_and_fires_its_timers_when_they_are_due) {
  TestRuntime runtime(shop(std::make_shared<Ledger>()));
  auto const start = runtime.now();
  ASSERT_TRUE(runtime.start_session(order, "sell", 20));
  EXPECT_FALSE(runtime.has_ended(order));
  EXPECT_EQ(runtime.result<std::string>(order).value(), "sent back paid 20");
  EXPECT_EQ(runtime.now(), start + 96h);
  EXPECT_TRUE(runtime.has_ended(order));
  EXPECT_TRUE(runtime.history(order).front().contains("SessionStarted"));
  EXPECT_TRUE(runtime.history(order).back().contains("SessionCompleted"));
}

TEST(TestRuntime, says_what_a_session_waits_for_when_nothing_comes_by_itself) {
  Registry registry;
  registry.add(define_workflow("wait", wait));
  TestRuntime runtime(std::move(registry));
  ASSERT_TRUE(runtime.start_session(order, "wait", 0));
  EXPECT_EQ(runtime.result<std::string>(order).error().code, Errc::unavailable);
  ASSERT_TRUE(runtime.cancel(order, "test", "enough"));
  EXPECT_EQ(runtime.result<std::string>(order).error().code, Errc::ended);
  EXPECT_EQ(runtime.result<std::string>({.name = "nobody"}).error().code, Errc::not_found);
}

TEST(TestRuntime, goes_on_from_its_store_after_a_crash) {
  TestRuntime runtime(shop(std::make_shared<Ledger>()));
  ASSERT_TRUE(runtime.start_session(order, "sell", 20));
  runtime.crash();
  runtime.advance(25h);
  runtime.crash();
  ASSERT_TRUE(runtime.signal(order, "address", std::string("Lisbon")));
  EXPECT_EQ(runtime.result<std::string>(order).value(), "paid 20, shipped to Lisbon");
}

TEST(TestRuntime, asks_the_policy_that_it_is_given_and_refuses_one_that_it_cannot_read) {
  auto const ledger = std::make_shared<Ledger>();
  TestRuntime runtime(shop(ledger), {.policy = R"({"dalsegno_policy": 1, "rules": []})"});
  ASSERT_TRUE(runtime.start_session(order, "sell", 20));
  EXPECT_EQ(runtime.result<std::string>(order).error().code, Errc::ended);
  EXPECT_TRUE(ledger->paid.empty());
  EXPECT_THROW(TestRuntime(Registry(), {.policy = "{"}), std::invalid_argument);
}

TEST(TestRuntime, does_the_same_each_time) {
  auto const history = [] {
    TestRuntime runtime(shop(std::make_shared<Ledger>()), {.seed = 7});
    buy(runtime);
    return runtime.history(order);
  };
  EXPECT_EQ(history(), history());
}

TEST(CrashEverywhere, finds_nothing_in_a_workflow_whose_effects_may_be_repeated) {
  std::shared_ptr<Ledger> ledger;  // shared: the activities of one run keep it
  auto const report = crash_everywhere(
      [&] {
        ledger = std::make_shared<Ledger>();
        return shop(ledger);
      },
      [&](TestRuntime& runtime) {
        auto const outcome = buy(runtime);
        return outcome + ", paid " + std::to_string(ledger->paid.size()) + " times";
      });
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome;
  EXPECT_EQ(report.outcome, "paid 20, shipped to Lisbon, paid 1 times");
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.crashes, 7U);  // after five steps and two calls
  EXPECT_EQ(report.duplicates, 2U);
}

TEST(CrashEverywhere, finds_an_effect_that_is_not_to_be_repeated) {
  std::shared_ptr<Ledger> ledger;  // shared: as above
  auto const report = crash_everywhere(
      [&] {
        ledger = std::make_shared<Ledger>();
        return shop(ledger);
      },
      [&](TestRuntime& runtime) {
        buy(runtime);
        return std::to_string(ledger->careless);
      });
  ASSERT_FALSE(report);
  EXPECT_EQ(report.difference->what,
            "the process ended after attempt 1 of pay in order-17, before its result was recorded");
  EXPECT_EQ(report.difference->expected, "20");
  EXPECT_EQ(report.difference->outcome, "40");
}

TEST(CrashEverywhere, finds_an_outcome_that_depends_on_which_of_two_results_comes_first) {
  auto const make = [] {
    auto registry = shop(std::make_shared<Ledger>());
    registry.add(define_workflow("race", race));
    return registry;
  };
  auto const report = crash_everywhere(make, [](TestRuntime& runtime) {
    EXPECT_TRUE(runtime.start_session(order, "race", 0));
    return runtime.result<std::string>(order).value_or("no result");
  });
  ASSERT_FALSE(report);
  EXPECT_EQ(report.outcome, "pay");
  EXPECT_EQ(report.difference->outcome, "ship");
}

TEST(CrashEverywhere, finds_code_that_depends_on_more_than_its_log) {
  auto const make = [] {
    auto registry = shop(std::make_shared<Ledger>());
    runs_of_odd = 0;
    registry.add(define_workflow("odd", odd));
    return registry;
  };
  auto const report = crash_everywhere(make, [](TestRuntime& runtime) {
    EXPECT_TRUE(runtime.start_session(order, "odd", 0));
    auto const result = runtime.result<std::string>(order);
    return result ? *result : std::string(name_of(result.error().code));
  });
  ASSERT_FALSE(report);
  EXPECT_EQ(report.difference->outcome, name_of(Errc::held));
}

TEST(ReplaySessions, names_the_sessions_that_changed_code_would_not_go_on_with) {
  test::TemporaryFolder const folder;
  auto const open = [&] {
    return std::move(Store::open((folder.path() / "data").string()).value());
  };
  {
    auto runtime = Runtime::start(
        open(),
        shop(std::make_shared<Ledger>()),
        {.policy =
             R"({"dalsegno_policy":1,"rules":[{"id":"all","effect":"permit","actions":["*.call"]}]})",
         .redaction = {.enabled = false}});
    ASSERT_TRUE(runtime) << runtime.error().detail;
    ASSERT_TRUE((*runtime)->start_session(order, "sell", 20));
  }
  auto const store = open();
  EXPECT_TRUE(replay_sessions(store, shop(std::make_shared<Ledger>())).value().empty());
  Registry changed;
  changed.add(define_workflow("sell", sell_otherwise));
  auto const failures = replay_sessions(store, changed).value();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].session, order);
  EXPECT_EQ(failures[0].code, Errc::diverged);
  EXPECT_TRUE(failures[0].report.contains("pay")) << failures[0].report;
  EXPECT_EQ(replay_sessions(store, Registry()).value()[0].code, Errc::unknown_workflow);
}

}  // namespace
}  // namespace dalsegno
