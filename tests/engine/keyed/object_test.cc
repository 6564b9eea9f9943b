// Objects: methods one at a time, a store, an alarm. With the real engine, and a crash after each
// step and each effect.

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
using testing::HasSubstr;

SessionId const cart{.name = "cart-17"};

std::string say(Result<std::string> const& result) {
  return result ? *result
                : std::string(name_of(result.error().code)) + ": " + result.error().detail;
}

std::size_t count(std::vector<std::string> const& history, std::string const& type) {
  return static_cast<std::size_t>(std::ranges::count_if(history, [&](std::string const& line) {
    return line.contains("\"type\":\"" + type + "\"");
  }));
}

struct Line {
  std::string article;
  std::int64_t count = 1;
};
BOOST_DESCRIBE_STRUCT(Line, (), (article, count))

constexpr Activity<std::string, std::int64_t> stock{"stock"};

/// Reads, calls, writes: two at a time would lose one.
Workflow<std::int64_t> add(Object& object, Line line) {
  auto const before = object.store().get<std::int64_t>(line.article).value_or(0);
  auto const there = co_await object.context().call(stock, line.article);
  if (before + line.count > there) throw Failure("no_stock", "there are " + std::to_string(there));
  object.store().put(line.article, before + line.count);
  object.alarm().set_after(30min);
  co_return before + line.count;
}

Workflow<std::string> list(Object& object, std::int64_t) {
  std::string said;
  for (auto const& key : object.store().keys()) {
    if (key != "dalsegno.alarm")
      said += key + '=' + std::to_string(*object.store().get<std::int64_t>(key)) + ' ';
  }
  co_return said;
}

Workflow<> close_cart(Object& object, bool) {
  object.end();
  co_return;
}

Workflow<> forget(Object& object) {
  object.end();
  co_return;
}

Workflow<> fail_twice(Object& object) {
  auto const failed = object.store().get<std::int64_t>("failed").value_or(0);
  if (failed < 2) {
    object.store().put("failed", failed + 1);
    throw Failure("not_now", "later");
  }
  object.end();
  co_return;
}

Workflow<> fail_always(Object&) {
  throw Failure("never", "no");
  co_return;
}

Workflow<> arm(Object& object, std::int64_t seconds) {
  object.alarm().set_after(std::chrono::seconds(seconds));
  co_return;
}

struct Order {
  std::string cart;
  std::vector<Line> lines;
};
BOOST_DESCRIBE_STRUCT(Order, (), (cart, lines))

Workflow<std::string> shop(Context& ctx, Order order) {
  std::string said;
  for (auto const& line : order.lines) {
    try {
      auto const now = co_await call_object<std::int64_t>(ctx, "cart", order.cart, "add", line);
      said += std::to_string(now) + ' ';
    } catch (PromiseRejected const& rejected) {
      said += rejected.type() + ' ';
    }
  }
  co_return said;
}

Workflow<std::string> mistake(Context& ctx, std::string method) {
  try {
    co_await call_object<void>(ctx, "cart", "cart-17", method, std::string("no line"));
  } catch (PromiseRejected const& rejected) {
    co_return rejected.type();
  }
  co_return "done";
}

Registry registry_of() {
  Registry registry;
  registry
      .add(define_object("cart")
               .on("add", add)
               .on("list", list)
               .on("close", close_cart)
               .on_alarm(forget)
               .workflow())
      .add(define_object("tries").on("arm", arm).on_alarm(fail_twice).workflow())
      .add(define_object("fails").on("arm", arm).on_alarm(fail_always).workflow())
      .add(define_workflow("shop", shop))
      .add(define_workflow("mistake", mistake))
      .add(stock, [](ActivityContext const&, std::string) { return std::int64_t{1'000}; });
  return registry;
}

TEST(Object, keeps_what_each_call_stored_wherever_a_process_ends) {
  auto const report = crash_everywhere(registry_of, [](TestRuntime& runtime) {
    std::string said;
    for (auto const& line : {Line{"shoes", 1}, Line{"hat", 2}, Line{"shoes", 2}}) {
      auto const now = call_object<std::int64_t>(runtime, cart, "cart", "add", line);
      said += now ? std::to_string(*now) + ' ' : now.error().detail;
    }
    said += say(call_object<std::string>(runtime, cart, "cart", "list", std::int64_t{0}));
    runtime.advance(31min);
    return said + (runtime.has_ended(cart) ? "forgotten" : "kept");
  });
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome
                      << "\nexpected: " << report.difference->expected;
  EXPECT_EQ(report.outcome, "1 2 3 hat=2 shoes=3 forgotten");
}

TEST(Object, runs_its_methods_one_at_a_time_though_they_wait) {
  auto const report = crash_everywhere(
      registry_of,
      [](TestRuntime& runtime) {
        // Three sessions at once, each call of which waits for an activity.
        for (auto const* const name : {"x", "y", "z"})
          EXPECT_TRUE(runtime.start_session(
              SessionId{.name = name}, "shop", Order{"cart-17", {{"shoes", 1}, {"shoes", 1}}}));
        for (auto const* const name : {"x", "y", "z"})
          EXPECT_TRUE(runtime.result<std::string>(SessionId{.name = name}));
        return say(call_object<std::string>(runtime, cart, "cart", "list", std::int64_t{0}));
      },
      {.max_runs = 300});
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome
                      << "\nexpected: " << report.difference->expected;
  EXPECT_EQ(report.outcome, "shoes=6 ");
}

TEST(Object, tells_who_called_what_its_method_failed_with_and_goes_on) {
  TestRuntime runtime(registry_of());
  ASSERT_TRUE(call_object<std::int64_t>(runtime, cart, "cart", "add", Line{"shoes", 999}));
  auto const refused = call_object<std::int64_t>(runtime, cart, "cart", "add", Line{"shoes", 2});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::failed);
  EXPECT_THAT(refused.error().detail, HasSubstr("no_stock"));
  EXPECT_EQ(say(call_object<std::string>(runtime, cart, "cart", "list", std::int64_t{0})),
            "shoes=999 ");

  SessionId const buyer{.name = "buyer"};
  ASSERT_TRUE(runtime.start_session(buyer, "shop", Order{"cart-17", {{"shoes", 2}, {"shoes", 1}}}));
  EXPECT_EQ(say(runtime.result<std::string>(buyer)), "no_stock 1000 ");
}

TEST(Object, refuses_arguments_and_methods_that_it_does_not_know) {
  TestRuntime runtime(registry_of());
  auto const wrong = call_object<std::int64_t>(runtime, cart, "cart", "add", std::string("shoes"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Errc::invalid);
  EXPECT_TRUE(runtime.history(cart).empty());  // nothing began
  auto const unknown = call_object<std::int64_t>(runtime, cart, "cart", "ad", Line{"shoes", 1});
  EXPECT_EQ(unknown.error().code, Errc::not_found);
  EXPECT_THAT(unknown.error().detail, HasSubstr("did you mean \"add\"?"));

  ASSERT_TRUE(call_object<std::int64_t>(runtime, cart, "cart", "add", Line{"shoes", 1}));
  for (auto const* const method : {"add", "no_such_method"}) {
    SessionId const caller{.name = method};
    ASSERT_TRUE(runtime.start_session(caller, "mistake", std::string(method)));
    EXPECT_EQ(say(runtime.result<std::string>(caller)),
              method == std::string("add") ? "payload_mismatch" : "not_found");
  }
}

TEST(Object, begins_anew_with_an_empty_store_once_it_has_ended) {
  TestRuntime runtime(registry_of());
  ASSERT_TRUE(call_object<std::int64_t>(runtime, cart, "cart", "add", Line{"shoes", 1}));
  auto const closed = runtime.start_with_update(cart, "cart", "null", {"close", "true"});
  EXPECT_EQ(say(closed), "null");
  EXPECT_TRUE(runtime.has_ended(cart));
  EXPECT_EQ(say(call_object<std::string>(runtime, cart, "cart", "list", std::int64_t{0})), "");
  EXPECT_EQ(runtime.runs(cart), 2U);
}

TEST(Object, of_many_calls_starts_again_from_a_checkpoint) {
  TestRuntime runtime(registry_of());
  for (int i = 0; i < 250; ++i)
    ASSERT_TRUE(call_object<std::int64_t>(runtime, cart, "cart", "add", Line{"shoes", 1}));
  EXPECT_EQ(count(runtime.history(cart), "CheckpointTaken"), 2U);
  runtime.crash();
  EXPECT_EQ(say(call_object<std::string>(runtime, cart, "cart", "list", std::int64_t{0})),
            "shoes=250 ");
}

TEST(Object, whose_alarm_fails_is_tried_again_later_and_later) {
  TestRuntime runtime(registry_of());
  SessionId const tries{.name = "tries"};
  ASSERT_TRUE(runtime.start_with_update(tries, "tries", "null", {"arm", "10"}));
  runtime.advance(15s);  // at 10 and 12 s it failed
  EXPECT_FALSE(runtime.has_ended(tries));
  runtime.advance(1s);
  EXPECT_TRUE(runtime.has_ended(tries));
  EXPECT_TRUE(runtime.result_as_json(tries));

  SessionId const fails{.name = "fails"};
  ASSERT_TRUE(runtime.start_with_update(fails, "fails", "null", {"arm", "10"}));
  runtime.advance(1h);
  EXPECT_THAT(say(runtime.result<std::string>(fails)), HasSubstr("never: no"));
}

}  // namespace
}  // namespace dalsegno
