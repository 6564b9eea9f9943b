// Signals from session to session, and promises that others keep: with the real engine, and a crash
// after each step and each effect.

#include "dalsegno/dalsegno.h"
#include "dalsegno/testing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

SessionId const sender{.name = "sender"};
SessionId const receiver{.name = "receiver"};

std::string say(Result<std::string> const& result) {
  return result ? *result
                : std::string(name_of(result.error().code)) + ": " + result.error().detail;
}

struct Letter {
  std::string to;
  std::vector<std::string> words;
  std::string workflow;
};
BOOST_DESCRIBE_STRUCT(Letter, (), (to, words, workflow))

Workflow<std::string> send(Context& ctx, Letter letter) {
  std::string said;
  for (auto const& word : letter.words) {
    try {
      if (letter.workflow.empty()) {
        co_await ctx.signal(letter.to, "word", word);
      } else {
        co_await ctx.signal_or_start(letter.to, letter.workflow, std::int64_t{2}, "word", word);
      }
      said += "sent ";
    } catch (MessageFailed const& failed) {
      said += failed.type() + ' ';
    } catch (PolicyDenied const&) {
      said += "denied ";
    }
  }
  co_return said;
}

Workflow<std::string> hear(Context& ctx, std::int64_t words) {
  std::string heard;
  for (; words > 0; --words) heard += co_await ctx.receive<std::string>("word") + ' ';
  co_return heard;
}

constexpr Activity<std::string, std::string> hand_out{"hand_out"};
constexpr Activity<std::string, std::string> web{"web", {.untrusted = true}};

Workflow<std::string> wait_for_promise(Context& ctx, std::string name) {
  co_await ctx.checkpoint(name);
  auto promise = ctx.promise<std::string>(name);
  co_await ctx.call(hand_out, promise.token());
  if (!name.empty() && !ctx.store().contains("again")) {
    ctx.store().put("again", true);
    co_await ctx.checkpoint(name);
  }
  try {
    co_return "kept: " + co_await std::move(promise);
  } catch (PromiseRejected const& rejected) {
    co_return "rejected: " + rejected.type() + ", " + rejected.what();
  }
}

Workflow<std::string> wait_an_hour(Context& ctx, std::int64_t) {
  auto promise = ctx.promise<std::string>();
  co_await ctx.call(hand_out, promise.token());
  auto const first = co_await ctx.any(std::move(promise), ctx.sleep(1h));
  co_return first.index() == 0 ? "kept: " + std::get<0>(first) : "nobody kept it";
}

struct Asked {
  std::string token;
  std::string result;
};
BOOST_DESCRIBE_STRUCT(Asked, (), (token, result))

Workflow<std::string> keep(Context& ctx, std::int64_t times) {
  auto const asked = co_await ctx.receive<Asked>("keep");
  std::string said;
  try {
    for (; times > 0; --times) {
      if (asked.result.empty()) {
        co_await ctx.reject(asked.token, "no_stock", "sold out");
      } else {
        co_await ctx.resolve(asked.token, asked.result);
      }
      said += "told ";
    }
  } catch (Failure const& failure) {
    said += failure.type();
  }
  co_return said;
}

Workflow<std::string> ask_the_other(Context& ctx, std::string result) {
  auto promise = ctx.promise<std::string>();
  co_await ctx.signal_or_start(
      "receiver", "keep", std::int64_t{1}, "keep", Asked{promise.token(), result});
  try {
    co_return "kept: " + co_await std::move(promise);
  } catch (PromiseRejected const& rejected) {
    co_return "rejected: " + rejected.type() + ", " + rejected.what();
  }
}

Workflow<std::string> read_and_send(Context& ctx, std::string to) {
  auto const page = co_await ctx.call(web, std::string("page"));
  co_await ctx.signal(to, "word", page);
  co_return "sent";
}

struct Outside {
  std::vector<std::string> tokens;
};

Registry registry_of(std::shared_ptr<Outside> outside = std::make_shared<Outside>()) {
  Registry registry;
  registry.add(define_workflow("send", send))
      .add(define_workflow("hear", hear))
      .add(define_workflow("wait_for_promise", wait_for_promise))
      .add(define_workflow("wait_an_hour", wait_an_hour))
      .add(define_workflow("keep", keep))
      .add(define_workflow("ask_the_other", ask_the_other))
      .add(define_workflow("read_and_send", read_and_send))
      .add(hand_out,
           [outside](ActivityContext const&, std::string token) {
             outside->tokens.push_back(token);
             return token;
           })
      .add(web, [](ActivityContext const&, std::string page) { return "the " + page; });
  return registry;
}

void expect_same_everywhere(Scenario const& scenario, std::string const& outcome) {
  auto const report = crash_everywhere([] { return registry_of(); }, scenario);
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome
                      << "\nexpected: " << report.difference->expected;
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.outcome, outcome);
}

// ---- signals ----

TEST(SignalSession, comes_once_and_in_order_whichever_step_a_process_ends_after) {
  expect_same_everywhere(
      [](TestRuntime& runtime) {
        EXPECT_TRUE(runtime.start_session(receiver, "hear", std::int64_t{3}));
        EXPECT_TRUE(runtime.start_session(sender, "send", Letter{"receiver", {"a", "b", "c"}, ""}));
        return say(runtime.result<std::string>(sender)) + "| " +
               say(runtime.result<std::string>(receiver));
      },
      "sent sent sent | a b c ");
}

TEST(SignalSession, starts_the_one_that_is_not_there_with_it_and_once) {
  expect_same_everywhere(
      [](TestRuntime& runtime) {
        EXPECT_TRUE(runtime.start_session(sender, "send", Letter{"receiver", {"a", "b"}, "hear"}));
        auto const sent = say(runtime.result<std::string>(sender));
        return sent + "| " + say(runtime.result<std::string>(receiver)) + "| " +
               std::to_string(runtime.runs(receiver)) + " runs";
      },
      "sent sent | a b | 1 runs");
}

TEST(SignalSession, that_cannot_be_delivered_says_why) {
  TestRuntime runtime(registry_of());
  ASSERT_TRUE(runtime.start_session(sender, "send", Letter{"nobody", {"a"}, ""}));
  EXPECT_EQ(say(runtime.result<std::string>(sender)), "not_found ");

  ASSERT_TRUE(runtime.start_session(receiver, "hear", std::int64_t{0}));
  SessionId const late{.name = "late"};
  ASSERT_TRUE(runtime.start_session(late, "send", Letter{"receiver", {"a"}, ""}));
  EXPECT_EQ(say(runtime.result<std::string>(late)), "ended ");

  SessionId const wrong{.name = "wrong"};
  ASSERT_TRUE(runtime.start_session(wrong, "send", Letter{"sender 2", {"a"}, "no_such_workflow"}));
  EXPECT_EQ(say(runtime.result<std::string>(wrong)), "unknown_workflow ");

  SessionId const nameless{.name = "nameless"};
  ASSERT_TRUE(runtime.start_session(nameless, "send", Letter{"", {"a"}, ""}));
  EXPECT_THAT(say(runtime.result<std::string>(nameless)), HasSubstr("no valid name of a session"));
}

TEST(SignalSession, needs_a_permit_for_that_session) {
  TestOptions options;
  options.policy = R"({"dalsegno_policy": 1, "rules": [{"id": "to-receiver", "effect": "permit",
      "actions": ["session.signal"], "resources": ["receiver"]}]})";
  TestRuntime runtime(registry_of(), options);
  ASSERT_TRUE(runtime.start_session(receiver, "hear", std::int64_t{1}));
  ASSERT_TRUE(runtime.start_session(sender, "send", Letter{"somebody", {"a"}, ""}));
  EXPECT_EQ(say(runtime.result<std::string>(sender)), "denied ");
  SessionId const second{.name = "second"};
  ASSERT_TRUE(runtime.start_session(second, "send", Letter{"receiver", {"a"}, ""}));
  EXPECT_EQ(say(runtime.result<std::string>(second)), "sent ");
}

TEST(SignalSession, hands_on_what_taints_the_sender) {
  TestOptions options;
  options.policy = R"({"dalsegno_policy": 1, "rules": [
      {"id": "all", "effect": "permit", "actions": ["*"]},
      {"id": "clean", "effect": "forbid", "actions": ["session.signal"], "resources": ["third"],
       "when": {"attribute": "taint", "contains": "web"}}]})";
  TestRuntime runtime(registry_of(), options);
  SessionId const third{.name = "third"};
  ASSERT_TRUE(runtime.start_session(third, "hear", std::int64_t{1}));
  // One that heard from a tainted one may not pass it on.
  ASSERT_TRUE(runtime.start_session(receiver, "hear", std::int64_t{2}));
  ASSERT_TRUE(runtime.start_session(sender, "read_and_send", std::string("receiver")));
  ASSERT_EQ(say(runtime.result<std::string>(sender)), "sent");
  bool tainted = false;
  for (auto const& line : runtime.history(receiver))
    tainted = tainted || (line.contains("InputReceived") && line.contains(R"("taint":["web"])"));
  EXPECT_TRUE(tainted);
}

// ---- promises ----

TEST(Promise, is_kept_once_by_whoever_has_its_token) {
  auto const outside = std::make_shared<Outside>();
  TestRuntime runtime(registry_of(outside));
  ASSERT_TRUE(runtime.start_session(receiver, "wait_for_promise", std::string()));
  ASSERT_EQ(outside->tokens.size(), 1U);
  auto const token = outside->tokens.front();
  EXPECT_THAT(token, StartsWith("dalsegno-promise-"));
  runtime.crash(24h);

  EXPECT_EQ(runtime.resolve_promise("dalsegno-promise-AAAA", 1).error().code, Errc::invalid);
  EXPECT_EQ(runtime.heartbeat_activity(token, 1).error().code, Errc::invalid);
  auto forged = token;
  forged[60] = forged[60] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(runtime.resolve_promise(forged, 1));

  ASSERT_TRUE(runtime.resolve_promise(token, std::string("here")));
  EXPECT_EQ(runtime.resolve_promise(token, std::string("again")).error().code, Errc::ended);
  EXPECT_EQ(say(runtime.result<std::string>(receiver)), "kept: here");
}

TEST(Promise, that_is_rejected_says_why) {
  auto const outside = std::make_shared<Outside>();
  TestRuntime runtime(registry_of(outside));
  ASSERT_TRUE(runtime.start_session(receiver, "wait_for_promise", std::string()));
  ASSERT_TRUE(runtime.reject_promise(outside->tokens.at(0), "no_stock", "sold out"));
  EXPECT_EQ(say(runtime.result<std::string>(receiver)), "rejected: no_stock, sold out");
}

TEST(Promise, with_a_name_lasts_over_checkpoints_under_the_same_token) {
  auto const outside = std::make_shared<Outside>();
  TestRuntime runtime(registry_of(outside));
  ASSERT_TRUE(runtime.start_session(receiver, "wait_for_promise", std::string("paid")));
  runtime.crash();
  ASSERT_EQ(outside->tokens.size(), 2U);
  EXPECT_EQ(outside->tokens[0], outside->tokens[1]);
  ASSERT_TRUE(runtime.resolve_promise(outside->tokens[0], std::string("here")));
  EXPECT_EQ(say(runtime.result<std::string>(receiver)), "kept: here");
}

TEST(Promise, that_nobody_waits_for_any_more_cannot_be_kept) {
  auto const outside = std::make_shared<Outside>();
  TestRuntime runtime(registry_of(outside));
  ASSERT_TRUE(runtime.start_session(receiver, "wait_an_hour", std::int64_t{0}));
  EXPECT_EQ(say(runtime.result<std::string>(receiver)), "nobody kept it");
  EXPECT_EQ(runtime.resolve_promise(outside->tokens.at(0), std::string("late")).error().code,
            Errc::ended);
}

TEST(Promise, of_another_session_is_kept_once_whichever_step_a_process_ends_after) {
  expect_same_everywhere(
      [](TestRuntime& runtime) {
        EXPECT_TRUE(runtime.start_session(sender, "ask_the_other", std::string("yes")));
        return say(runtime.result<std::string>(sender)) + "; " +
               say(runtime.result<std::string>(receiver));
      },
      "kept: yes; told ");
  expect_same_everywhere(
      [](TestRuntime& runtime) {
        EXPECT_TRUE(runtime.start_session(sender, "ask_the_other", std::string()));
        return say(runtime.result<std::string>(sender)) + "; " +
               say(runtime.result<std::string>(receiver));
      },
      "rejected: no_stock, sold out; told ");
}

TEST(Promise, is_no_token_of_another_kind_or_tenant) {
  TestRuntime runtime(registry_of());
  ASSERT_TRUE(runtime.start_session(receiver, "keep", std::int64_t{1}));
  ASSERT_TRUE(runtime.signal(receiver, "keep", Asked{"dalsegno-attempt-AAAA", "x"}));
  EXPECT_EQ(say(runtime.result<std::string>(receiver)), "invalid");

  auto const outside = std::make_shared<Outside>();
  TestRuntime others(registry_of(outside));
  SessionId const elsewhere{.tenant = "acme", .name = "waits"};
  ASSERT_TRUE(others.start_session(elsewhere, "wait_for_promise", std::string()));
  ASSERT_TRUE(others.start_session(receiver, "keep", std::int64_t{1}));
  ASSERT_TRUE(others.signal(receiver, "keep", Asked{outside->tokens.at(0), "x"}));
  EXPECT_EQ(say(others.result<std::string>(receiver)), "invalid");
}

}  // namespace
}  // namespace dalsegno
