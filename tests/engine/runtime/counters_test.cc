#include "engine/runtime/counters.h"

#include "engine/policy/rate.h"
#include "engine/policy/recorded.h"
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

class RatesOfAnEngine : public CountersOfAnEngine {
 protected:
  void SetUp() override {
    CountersOfAnEngine::SetUp();
    policy = limited(3);
    options.now = [this] { return now.load(); };
  }
  static PolicySet limited(int calls) {
    return PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
      {"id": "few", "effect": "permit", "actions": ["*.call"],
       "obligations": {"rate": {"calls": )" +
                            std::to_string(calls) + R"(, "per": "1h"}}}]})")
        .value();
  }
  /// What the decision of the session's call answers when it is made again from the log.
  [[nodiscard]] Redecision again(SessionId const& session,
                                 storage::PolicyDecided const& decided) const {
    return decide_again(
        policy,
        decided,
        {.session = &session, .workflow = "pay_twice", .recorded_at = now, .arguments = "0"});
  }
  static std::string use_in(storage::PolicyDecided const& decided) {
    for (auto const& [asked, answer] : decided.ambient)
      if (asked == "rate/3600s/few") return answer;
    return "not asked";
  }
  [[nodiscard]] std::vector<storage::PolicyDecided> decisions(SessionId const& session) const {
    std::vector<storage::PolicyDecided> out;
    for (auto const& event : history(session))
      if (auto const* const decided = std::get_if<storage::PolicyDecided>(&event.body))
        out.push_back(*decided);
    return out;
  }

  std::atomic<Time> now = noon;  // its threads look at it
};

TEST_F(RatesOfAnEngine, hold_over_sessions_and_a_restart_and_say_when_there_is_room_again) {
  open();
  start(name("one"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("one")), "2");
  open();
  start(name("two"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("two")), "1") << "three in an hour, over both";
  expect_replays(name("two"));
  auto const made = decisions(name("two"));
  ASSERT_EQ(made.size(), 2U);
  EXPECT_EQ(use_in(made[0]), R"({"calls":2})");
  EXPECT_EQ(made[1].effect, storage::DecisionEffect::deny);
  EXPECT_EQ(made[1].rules, std::vector<std::string>{"few"});
  auto const use = read_rate_use(use_in(made[1]));
  ASSERT_TRUE(use && use->free_at);
  EXPECT_EQ(made[1].reason,
            "rule few permits 3 calls in 1h, and 3 were made; the next one may start at " +
                to_string(*use->free_at));
  now = *use->free_at;
  start(name("three"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("three")), "2");
}

TEST_F(RatesOfAnEngine, are_judged_again_from_the_record_exactly) {
  open();
  for (auto const* const session : {"one", "two"}) {
    start(name(session), "pay_twice", "0");
    static_cast<void>(end_of(name(session)));
  }
  for (auto const* const session : {"one", "two"}) {
    for (auto const& decided : decisions(name(session))) {
      auto const redecided = again(name(session), decided);
      EXPECT_TRUE(redecided.unknown.empty());
      EXPECT_EQ(redecided.decision.permitted, decided.effect == storage::DecisionEffect::permit);
      EXPECT_EQ(redecided.decision.reason, decided.reason);
    }
  }
  policy = limited(1);
  EXPECT_FALSE(again(name("one"), decisions(name("one"))[1]).decision.permitted)
      << "under a stricter policy";
}

TEST_F(RatesOfAnEngine, leave_a_retry_the_place_of_its_call) {
  int failures = 1;
  registry.add_tool("pay", [&failures](ActivityContext const&, std::string_view) {
    if (failures-- > 0) throw ActivityError("busy", "later");
    return ActivityReply{"0"};
  });
  registry.add(define_workflow(
      "pay_once", +[](Context& ctx, int) -> Workflow<int> {
        co_return co_await ctx.tool<int>("pay", 0, {.retry = {.initial = 1ms}});
      }));
  policy = limited(1);
  options.now = {};
  open();
  start(name("one"), "pay_once", "0");
  EXPECT_EQ(end_of(name("one")), "0") << "decided twice, and one call";
  EXPECT_EQ(decisions(name("one")).size(), 2U);
}

TEST_F(RatesOfAnEngine, are_no_places_that_a_call_waits_on_for_approval) {
  policy = PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
    {"id": "asked", "effect": "permit", "actions": ["*.call"], "principals": {"ids": ["asking"]},
     "obligations": {"require_approval": {"ids": ["rita"], "count": 1, "within": "1h"}}},
    {"id": "few", "effect": "permit", "actions": ["*.call"],
     "obligations": {"rate": {"calls": 2, "per": "1h"}}}]})")
               .value();
  open();
  auto const waits = engine->start_session({name("waits"), "pay_twice", "0", "asking"});
  ASSERT_TRUE(waits);
  let_the_shard_catch_up();
  start(name("other"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("other")), "2");
}

TEST_F(RatesOfAnEngine, of_a_shadow_policy_take_no_places_and_judge_by_those_of_the_active_one) {
  options.shadow_policies = {limited(1)};
  open();
  start(name("one"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("one")), "2");
  auto const made = decisions(name("one"));
  ASSERT_EQ(made.size(), 2U);
  EXPECT_EQ(made[0].shadows[0].effect, storage::DecisionEffect::permit);
  EXPECT_EQ(made[1].shadows[0].effect, storage::DecisionEffect::deny);
}

TEST_F(RatesOfAnEngine, that_only_a_shadow_policy_has_count_as_met) {
  options.shadow_policies = {limited(1)};
  policy = permit_all();
  open();
  start(name("one"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("one")), "2");
  for (auto const& decided : decisions(name("one"))) {
    EXPECT_EQ(decided.shadows[0].effect, storage::DecisionEffect::permit);
    EXPECT_EQ(decided.shadows[0].obligations.size(), 1U) << "whoever looks sees that there is one";
  }
}

TEST_F(RatesOfAnEngine, count_no_call_that_the_log_did_not_take) {
  std::atomic<bool> refuse = false;
  open([&refuse](TamperedLog::Batch batch) -> std::optional<Result<storage::CommitReceipt>> {
    if (!refuse) return std::nullopt;
    storage::CommitReceipt receipt;
    for (std::size_t i = 0; i < batch.size(); ++i)
      receipt.each.emplace_back(Error{Errc::stale, "another step came first"});
    return receipt;
  });
  refuse = true;
  EXPECT_FALSE(engine->start_session({name("one"), "pay_twice", "0", "tester"}));
  refuse = false;
  start(name("two"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("two")), "2");
  start(name("three"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("three")), "1") << "three in all";
}

TEST_F(RatesOfAnEngine, an_expired_permit_is_not_revived_by_a_clock_that_was_set_back) {
  policy = PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
    {"id": "short", "effect": "permit", "actions": ["*.call"],
     "expires": "1970-01-01T13:00:00Z"}]})")
               .value();
  now = noon + 2h;
  open();
  start(name("late"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("late")), "0");
  now = noon;
  start(name("back"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("back")), "0") << "another session of the same runtime has seen the time";
  open();
  start(name("again"), "pay_twice", "0");
  EXPECT_EQ(end_of(name("again")), "0") << "as has the log";
}

TEST_F(RatesOfAnEngine, two_shards_at_once_never_exceed) {
  options.shards = 2;
  policy = limited(7);
  open();
  for (int i = 0; i < 10; ++i) start(name("s" + std::to_string(i)), "pay_twice", "0");
  int paid = 0;
  for (int i = 0; i < 10; ++i) paid += std::stoi(end_of(name("s" + std::to_string(i))));
  EXPECT_EQ(paid, 7);
}

}  // namespace
}  // namespace dalsegno::engine::test
