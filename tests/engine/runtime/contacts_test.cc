// What an activity reports of its contacts is in the log however it ended; and what it asks is
// answered by the policy that permitted it.

#include "dalsegno/errors.h"
#include "tests/engine/runtime/runtime_fixture.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <latch>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno::engine {
namespace {

using namespace std::chrono_literals;

constexpr Activity<std::string, std::string> visit{"visit", {.retry = {.max_attempts = 1}}};

/// Ends with what became of the call.
Workflow<std::string> visits(Context& ctx, std::string how) {
  try {
    co_return co_await ctx.call(visit, how);
  } catch (Failure const& failure) {
    co_return failure.type();
  }
}

constexpr Activity<std::string, std::string> hurried{
    "visit", {.start_to_close = 1ms, .retry = {.max_attempts = 1}}};

/// Lets a call go, or waits no longer than a moment for it, and then for the end.
Workflow<std::string> gives_up(Context& ctx, std::string how) {
  if (how == "lets go") {
    co_await ctx.any(ctx.call(visit, std::string("waits")), ctx.receive<std::string>("go"));
  } else {
    try {
      co_await ctx.call(hurried, std::string("waits"));
    } catch (ActivityFailed const&) {
      how += " no more";
    }
  }
  co_await ctx.receive<std::string>("end");
  co_return how;
}

class ContactsTest : public test::RuntimeTest {
 protected:
  ContactsTest() {
    registry.add(define_workflow("visits", visits)).add(define_workflow("gives_up", gives_up));
    registry.add(visit, [this](ActivityContext const& context, std::string const& how) {
      {
        std::lock_guard const lock(mutex_);
        seen_ = context;
        if (asks_) answer_ = asks_(context);
      }
      if (how == "waits") {
        std::unique_lock lock(mutex_);
        std::condition_variable_any never;
        never.wait(lock, context.stop, [] { return false; });
      }
      context.contacted({.method = "GET", .host = how, .outcome = "answered"});
      context.contacted({.method = "GET", .host = how, .outcome = "denied"});
      if (how == "fails") throw ActivityError("busy", "later");
      if (how == "throws") throw std::runtime_error("broken");
      if (how == "throws anything") throw 7;
      return std::string("fine");
    });
  }

  /// What the log has of the one attempt's contacts.
  std::vector<Contact> contacts(std::string const& how) {
    open();
    start(name(how), "visits", to_json(how));
    end_ = end_of(name(how));
    std::vector<Contact> found;
    for (auto const& event : history(name(how)))
      for (auto const& contact : storage::contacts_of(event.body)) found.push_back(contact);
    expect_replays(name(how));
    return found;
  }

  /// The answer that the activity got to `asks` under these rules.
  std::optional<PolicyAnswer> answer(
      std::string const& rules,
      std::function<std::optional<PolicyAnswer>(ActivityContext const&)> asks) {
    policy = PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
        {"id": "calls", "effect": "permit", "actions": ["activity.call"]})" +
                              rules + "]}")
                 .value();
    asks_ = std::move(asks);
    store = storage::make_memory_store(11);
    static_cast<void>(contacts("asks"));
    std::lock_guard const lock(mutex_);
    return answer_;
  }

  std::string end_;
  std::mutex mutex_;
  // Guarded by mutex_.
  ActivityContext seen_;
  std::optional<PolicyAnswer> answer_;
  std::function<std::optional<PolicyAnswer>(ActivityContext const&)> asks_;  // set before it runs
};

TEST_F(ContactsTest, are_recorded_however_the_attempt_ends) {
  for (std::string const how : {"works", "fails", "throws", "throws anything"}) {
    auto const found = contacts(how);
    ASSERT_EQ(found.size(), 2U) << how;
    EXPECT_EQ(found[0], (Contact{.method = "GET", .host = how, .outcome = "answered"}));
    EXPECT_EQ(found[1].outcome, "denied");
  }
  EXPECT_EQ(end_, R"("exception")");
}

TEST_F(ContactsTest, are_recorded_when_the_attempt_was_told_that_nobody_waits_for_it_any_more) {
  for (std::string const how : {"lets go", "waits"}) {
    std::latch late(1);
    options.on_durable = [&](SessionId const&, std::span<storage::Event const> events) {
      for (auto const& event : events)
        if (std::holds_alternative<storage::AttemptOrphaned>(event.body)) late.count_down();
    };
    open();
    start(name(how), "gives_up", to_json(how));
    if (how == "lets go") {
      ASSERT_TRUE(engine->signal(name(how), {"go", R"("go")", "", "tester"}));
    }
    late.wait();
    ASSERT_TRUE(engine->signal(name(how), {"end", R"("end")", "", "tester"}));
    EXPECT_EQ(end_of(name(how)), how == "waits" ? R"("waits no more")" : R"("lets go")");
    for (auto const& event : history(name(how)))
      if (std::holds_alternative<storage::AttemptOrphaned>(event.body)) {
        EXPECT_EQ(storage::contacts_of(event.body).size(), 2U);
      }
    expect_replays(name(how));
    close();
  }
}

TEST_F(ContactsTest, tells_an_activity_for_whom_it_acts) {
  static_cast<void>(contacts("works"));
  std::lock_guard const lock(mutex_);
  EXPECT_EQ(seen_.workflow, "visits");
  EXPECT_EQ(
      seen_.principal,
      (ActivityPrincipal{.kind = "workflow", .id = "tester", .tenant = "default", .roles = {}}));
}

std::optional<PolicyAnswer> may_connect(ActivityContext const& context) {
  return context.decide("net.connect", "a.test:443", Json().set("host", "a.test"));
}

TEST_F(ContactsTest, lets_an_activity_ask_the_policy_that_permitted_it) {
  auto const permitted = answer(R"(, {"id": "net", "effect": "permit", "actions": ["net.*"],
      "resources": ["a.test:*"], "when": {"all": [
        {"attribute": "host", "eq": "a.test"}, {"attribute": "principal.id", "eq": "tester"},
        {"attribute": "session", "eq": "asks"}, {"attribute": "workflow", "eq": "visits"},
        {"argument": "", "eq": "asks"}]}})",
                                may_connect);
  ASSERT_TRUE(permitted);
  EXPECT_TRUE(permitted->permitted) << permitted->reason;
  EXPECT_EQ(permitted->rules, std::vector<std::string>{"net"});
  EXPECT_EQ(permitted->policy, storage::to_hex(policy.digest()));

  auto const denied = answer(R"(, {"id": "net", "effect": "permit", "actions": ["net.connect"]},
      {"id": "not-for-them", "effect": "forbid", "actions": ["net.connect"],
       "principals": {"ids": ["test*"]}, "reason": "they may not"})",
                             may_connect);
  ASSERT_TRUE(denied);
  EXPECT_FALSE(denied->permitted);
  EXPECT_EQ(denied->rules, std::vector<std::string>{"not-for-them"});
  EXPECT_EQ(denied->reason, "they may not");
}

TEST_F(ContactsTest, has_no_answer_where_no_rule_names_the_action) {
  EXPECT_FALSE(answer("", may_connect));
  EXPECT_FALSE(answer(R"(, {"id": "read", "effect": "permit", "actions": ["artifact.read"]})",
                      [](auto const& context) { return context.decide("no.such", "x", Json()); }));
  EXPECT_FALSE(may_connect(ActivityContext())) << "without a runtime";
}

TEST_F(ContactsTest, takes_no_word_for_what_the_permit_knows_better) {
  auto const denied =
      answer(R"(, {"id": "net", "effect": "permit", "actions": ["net.connect"],
      "when": {"attribute": "taint", "contains": "nothing"}})",
             [](ActivityContext const& context) {
               return context.decide(
                   "net.connect", "a.test:443", Json().set("taint", Json::Array{"nothing"}));
             });
  ASSERT_TRUE(denied);
  EXPECT_FALSE(denied->permitted);
}

TEST_F(ContactsTest, does_not_meet_obligations_beyond_the_record) {
  auto const denied = answer(R"(, {"id": "net", "effect": "permit", "actions": ["net.connect"],
      "obligations": {"require_approval": {"roles": ["lead"], "count": 1, "within": "1h"}}})",
                             may_connect);
  ASSERT_TRUE(denied);
  EXPECT_FALSE(denied->permitted);
  EXPECT_TRUE(denied->reason.contains("require_approval")) << denied->reason;
  auto const logged = answer(R"(, {"id": "net", "effect": "permit", "actions": ["net.connect"],
      "obligations": {"log": "alert"}})",
                             may_connect);
  EXPECT_TRUE(logged && logged->permitted);
}

}  // namespace
}  // namespace dalsegno::engine
