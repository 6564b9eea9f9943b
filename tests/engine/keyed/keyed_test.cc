// Values under keys, conditions, and the alarm: with the real engine.

#include "dalsegno/dalsegno.h"
#include "dalsegno/testing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace dalsegno {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

SessionId const one{.name = "one"};

std::size_t count(std::vector<std::string> const& history, std::string const& type) {
  return static_cast<std::size_t>(std::ranges::count_if(history, [&](std::string const& line) {
    return line.contains("\"type\":\"" + type + "\"");
  }));
}

std::string say(Result<std::string> const& result) {
  return result ? *result
                : std::string(name_of(result.error().code)) + ": " + result.error().detail;
}

template <class Out, class In>
TestRuntime runtime_of(Workflow<Out> (*body)(Context&, In)) {
  Registry registry;
  registry.add(define_workflow("under_test", body));
  return TestRuntime(std::move(registry));
}

// ---- the store ----

/// Puts the number of each word that comes; looks back at the end of each frame and of each run.
Workflow<std::string> keep_words(Context& ctx, std::int64_t left) {
  co_await ctx.checkpoint(left);
  auto const word = co_await ctx.receive<std::string>("word");
  if (word == "forget") {
    ctx.store().erase("apple");
  } else {
    ctx.store().put(word, ctx.store().get<std::int64_t>(word).value_or(0) + 1);
  }
  if (left == 1) {
    std::string said;
    for (auto const& key : ctx.store().keys())
      said += key + '=' + std::to_string(*ctx.store().get<std::int64_t>(key)) + ' ';
    co_return said;
  }
  if (left == 3) co_await ctx.continue_as_new(left - 1);
  co_await ctx.checkpoint(left - 1);
  co_return "";
}

TEST(KeyedStore, lasts_over_checkpoints_continuations_and_crashes_anywhere) {
  auto const report = crash_everywhere(
      [] {
        Registry registry;
        registry.add(define_workflow("under_test", keep_words));
        return registry;
      },
      [](TestRuntime& runtime) {
        EXPECT_TRUE(runtime.start_session(one, "under_test", std::int64_t{6}));
        for (auto const* const word : {"apple", "pear", "apple", "forget", "pear", "plum"})
          EXPECT_TRUE(runtime.signal(one, "word", std::string(word)));
        return say(runtime.result<std::string>(one));
      });
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome;
  EXPECT_EQ(report.outcome, "pear=2 plum=1 ");
}

Workflow<std::string> put_twice(Context& ctx, std::int64_t) {
  ctx.store().put("a", std::string("same"));
  ctx.store().put("a", std::string("same"));
  ctx.store().put("b/1", 1);
  ctx.store().put("b/2", 2);
  std::string const missing = ctx.store().contains("c") ? "c" : "no c";
  std::string const erased = ctx.store().erase("c") ? "erased" : "nothing to erase";
  std::string keys;
  for (auto const& key : ctx.store().keys("b/")) keys += key + ' ';
  co_return missing + ", " + erased + ", " + keys;
}

TEST(KeyedStore, records_changes_and_nothing_else) {
  auto runtime = runtime_of(put_twice);
  ASSERT_TRUE(runtime.start_session(one, "under_test", std::int64_t{0}));
  EXPECT_EQ(say(runtime.result<std::string>(one)), "no c, nothing to erase, b/1 b/2 ");
  EXPECT_EQ(count(runtime.history(one), "StoreChanged"), 3U);
}

std::string refusal(Context& ctx, std::string key, std::string const& value) {
  try {
    ctx.store().put(std::move(key), value);
  } catch (Failure const& failure) {
    return failure.type();
  }
  return "stored";
}

Workflow<std::vector<std::string>> overfill(Context& ctx, std::int64_t) {
  std::vector<std::string> said;
  said.push_back(refusal(ctx, "", "x"));
  said.push_back(refusal(ctx, std::string(max_stored_key_bytes + 1, 'k'), "x"));
  said.push_back(refusal(ctx, "line\nbreak", "x"));
  said.push_back(refusal(ctx, "large", std::string(max_stored_value_bytes, 'v')));
  for (std::size_t i = 0; i < max_stored_keys; ++i) ctx.store().put(std::to_string(i), i);
  said.push_back(refusal(ctx, "one more", "x"));
  said.push_back(refusal(ctx, "7", "x"));  // one that is there
  for (std::size_t i = 0; i < max_stored_keys; ++i) ctx.store().erase(std::to_string(i));
  std::string const large(max_stored_value_bytes - 2, 'v');  // two quotes come on top
  std::size_t fit = 0;
  while (refusal(ctx, "large " + std::to_string(fit), large) == "stored") ++fit;
  said.push_back(std::to_string(fit));
  co_return said;
}

TEST(KeyedStore, refuses_what_is_too_much_and_says_why) {
  auto runtime = runtime_of(overfill);
  ASSERT_TRUE(runtime.start_session(one, "under_test", std::int64_t{0}));
  auto const said = runtime.result<std::vector<std::string>>(one);
  ASSERT_TRUE(said) << said.error().detail;
  EXPECT_THAT(*said,
              ElementsAre("invalid",
                          "invalid",
                          "invalid",
                          "too_large",
                          "store_full",
                          "stored",
                          "127"));  // 128 of 32 KiB are 4 MiB, and there are the keys
}

// ---- conditions ----

Workflow<> take_in_order(Context& ctx, std::string name, bool& busy, std::string& said) {
  co_await ctx.until([&busy] { return !busy; });
  busy = true;
  said += name + '[';
  co_await ctx.sleep(1s);
  said += ']';
  busy = false;
}

Workflow<std::string> one_at_a_time(Context& ctx, std::int64_t) {
  bool busy = false;
  std::string said;
  auto a = ctx.spawn(take_in_order(ctx, "a", busy, said));
  auto b = ctx.spawn(take_in_order(ctx, "b", busy, said));
  auto c = ctx.spawn(take_in_order(ctx, "c", busy, said));
  co_await ctx.all(std::move(a), std::move(b), std::move(c));
  co_return said;
}

TEST(Until, lets_one_go_on_after_the_other_in_the_order_in_which_they_waited) {
  auto const report = crash_everywhere(
      [] {
        Registry registry;
        registry.add(define_workflow("under_test", one_at_a_time));
        return registry;
      },
      [](TestRuntime& runtime) {
        EXPECT_TRUE(runtime.start_session(one, "under_test", std::int64_t{0}));
        return say(runtime.result<std::string>(one));
      });
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome;
  EXPECT_EQ(report.outcome, "a[]b[]c[]");
}

Workflow<std::string> until_or_late(Context& ctx, std::int64_t wanted) {
  std::int64_t sum = 0;
  auto const adds = ctx.on_update<std::int64_t>("add", [&sum](std::int64_t more) { sum += more; });
  auto const first = co_await ctx.any(ctx.until([&] { return sum >= wanted; }), ctx.sleep(10s));
  co_return (first.index() == 0 ? "enough: " : "late: ") + std::to_string(sum);
}

TEST(Until, is_a_part_of_any_and_sees_what_updates_do) {
  auto runtime = runtime_of(until_or_late);
  ASSERT_TRUE(runtime.start_session(one, "under_test", std::int64_t{5}));
  ASSERT_TRUE(runtime.update_with_json(one, {"add", "3"}));
  runtime.crash();
  ASSERT_TRUE(runtime.update_with_json(one, {"add", "4"}));
  EXPECT_EQ(say(runtime.result<std::string>(one)), "enough: 7");
  EXPECT_EQ(count(runtime.history(one), "OperationCancelled"), 1U);  // the sleep

  SessionId const other{.name = "other"};
  ASSERT_TRUE(runtime.start_session(other, "under_test", std::int64_t{5}));
  EXPECT_EQ(say(runtime.result<std::string>(other)), "late: 0");
}

TEST(Until, that_holds_at_once_waits_for_nothing) {
  auto runtime = runtime_of(until_or_late);
  ASSERT_TRUE(runtime.start_session(one, "under_test", std::int64_t{0}));
  EXPECT_EQ(say(runtime.result<std::string>(one)), "enough: 0");
}

Workflow<std::string> until_never(Context& ctx, bool shielded) {
  try {
    if (shielded) {
      bool cancelled = false;
      auto inner = [](Context& context, bool& seen) -> Workflow<> {
        co_await context.until([&context, &seen] { return seen || context.cancelled(); });
        co_await context.sleep(1s);  // a shield lets it
        seen = true;
      };
      co_await ctx.shield(inner(ctx, cancelled));
      co_return "shielded";
    }
    co_await ctx.until([] { return false; });
  } catch (Cancelled const& cancelled) {
    co_return std::string("cancelled: ") + cancelled.what();
  }
  co_return "went on";
}

TEST(Until, ends_when_the_session_is_cancelled_but_for_what_is_shielded) {
  auto runtime = runtime_of(until_never);
  ASSERT_TRUE(runtime.start_session(one, "under_test", false));
  ASSERT_TRUE(runtime.cancel(one, "ops", "enough"));
  EXPECT_EQ(say(runtime.result<std::string>(one)), "cancelled: enough");

  SessionId const other{.name = "other"};
  ASSERT_TRUE(runtime.start_session(other, "under_test", true));
  ASSERT_TRUE(runtime.cancel(other, "ops", "enough"));
  EXPECT_EQ(say(runtime.result<std::string>(other)), "shielded");
}

Workflow<std::string> until_with_command(Context& ctx, std::int64_t) {
  co_await ctx.until([&ctx] {
    ctx.store().put("a", 1);
    return true;
  });
  co_return "went on";
}

TEST(Until, whose_condition_issues_a_command_holds_the_session) {
  auto runtime = runtime_of(until_with_command);
  auto const started = runtime.start_session(one, "under_test", std::int64_t{0});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::held);
  EXPECT_THAT(started.error().detail, HasSubstr("may issue no command"));
}

// ---- the alarm ----

Workflow<std::string> ring_twice(Context& ctx, std::int64_t rung) {
  co_await ctx.checkpoint(rung);
  Alarm alarm(ctx);
  auto const sets =
      ctx.on_update<std::int64_t>("set", [&](std::int64_t s) { alarm.set_after(1s * s); });
  auto const clears = ctx.on_update<bool>("clear", [&](bool) { alarm.clear(); });
  co_await alarm.rings();
  ctx.set_attribute("rang_at_" + std::to_string(rung), to_string(ctx.now()));
  if (rung == 1) co_return to_string(ctx.now());
  alarm.set_after(1h);
  co_await ctx.checkpoint(rung + 1);
  co_return "";
}

TEST(Alarm, rings_at_the_time_it_was_set_to_last_also_over_checkpoints_and_crashes) {
  auto runtime = runtime_of(ring_twice);
  ASSERT_TRUE(runtime.start_session(one, "under_test", std::int64_t{0}));
  auto const start = runtime.now();
  runtime.advance(10s);
  EXPECT_FALSE(runtime.has_ended(one));  // it waits to be set
  ASSERT_TRUE(runtime.update_with_json(one, {"set", "100"}));
  runtime.advance(50s);
  ASSERT_TRUE(runtime.update_with_json(one, {"set", "100"}));
  runtime.crash();
  runtime.advance(99s);
  EXPECT_EQ(count(runtime.history(one), "AttributeSet"), 0U);
  runtime.advance(1s);
  EXPECT_EQ(count(runtime.history(one), "AttributeSet"), 1U);
  runtime.crash(30min);
  EXPECT_EQ(say(runtime.result<std::string>(one)), to_string(start + 160s + 1h));
}

TEST(Alarm, that_was_cleared_does_not_ring) {
  auto runtime = runtime_of(ring_twice);
  ASSERT_TRUE(runtime.start_session(one, "under_test", std::int64_t{0}));
  ASSERT_TRUE(runtime.update_with_json(one, {"set", "100"}));
  ASSERT_TRUE(runtime.update_with_json(one, {"clear", "true"}));
  runtime.advance(24h);
  EXPECT_EQ(count(runtime.history(one), "AttributeSet"), 0U);
  ASSERT_TRUE(runtime.update_with_json(one, {"set", "1"}));
  EXPECT_TRUE(runtime.result<std::string>(one));
}

}  // namespace
}  // namespace dalsegno
