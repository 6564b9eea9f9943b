// Activities as users write and test them: limits of time, effect classes, ends from outside; each
// class with a crash at every place.

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

namespace dalsegno {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

SessionId const order{.name = "order-17"};

constexpr RetryPolicy quickly{.initial = 1s, .factor = 1, .max_attempts = 5, .jitter = 0};

constexpr Activity<std::int64_t, std::string> import{"import",
                                                     {.start_to_close = 1h, .retry = quickly}};
constexpr Activity<std::int64_t, std::string> pay{
    "pay", {.start_to_close = 1h, .retry = quickly, .effect = EffectClass::at_most_once}};
constexpr Activity<std::int64_t, std::string> book{
    "book", {.start_to_close = 1h, .retry = quickly, .effect = EffectClass::reconcilable}};
constexpr Activity<std::int64_t, std::string> sign{
    "sign", {.start_to_close = 72h, .retry = quickly, .heartbeat = 24h}};

Workflow<std::string> call_import(Context& ctx, std::int64_t amount) {
  co_return co_await ctx.call(import, amount);
}
Workflow<std::string> call_pay(Context& ctx, std::int64_t amount) {
  try {
    co_return co_await ctx.call(pay, amount);
  } catch (ActivityFailed const& failed) {
    co_return "not paid: " + std::string(failed.what());
  }
}
Workflow<std::string> call_book(Context& ctx, std::int64_t amount) {
  co_return co_await ctx.call(book, amount);
}
Workflow<std::string> call_sign(Context& ctx, std::int64_t amount) {
  try {
    co_return co_await ctx.call(sign, amount);
  } catch (ActivityTimedOut const& late) {
    co_return "not signed: " + std::string(name_of(late.timeout()));
  }
}

/// What has happened outside.
struct Outside {
  std::int64_t effects = 0;
  std::map<std::string, std::int64_t> by_key;
  std::string token;
};

Registry workflows() {
  Registry registry;
  registry.add(define_workflow("import", call_import))
      .add(define_workflow("pay", call_pay))
      .add(define_workflow("book", call_book))
      .add(define_workflow("sign", call_sign));
  return registry;
}

// ---- heartbeats ----

TEST(Activities, hand_what_the_last_heartbeat_said_to_the_next_attempt) {
  auto registry = workflows();
  registry.add(import, [](ActivityContext const& context, std::int64_t pages) {
    auto const done = context.last_heartbeat<std::int64_t>().value_or(0);
    for (auto page = done; page < pages; ++page) {
      if (page == done + 3) throw ActivityError("busy", "no more than three pages at a time");
      context.heartbeat(page + 1);
    }
    return "attempt " + std::to_string(context.attempt) + " began at " + std::to_string(done);
  });
  TestRuntime runtime(std::move(registry));
  ASSERT_TRUE(runtime.start_session(order, "import", 7));
  runtime.crash();
  EXPECT_EQ(runtime.result<std::string>(order).value(), "attempt 3 began at 6");
}

TEST(Activities, refuse_a_heartbeat_that_is_too_large) {
  auto registry = workflows();
  registry.add(import, [](ActivityContext const& context, std::int64_t) {
    context.heartbeat(std::string(20'000, 'x'));
    return std::string();
  });
  TestRuntime runtime(std::move(registry));
  ASSERT_TRUE(runtime.start_session(order, "import", 7));
  auto const end = runtime.result<std::string>(order);
  EXPECT_THAT(end.error().detail, HasSubstr("heartbeat_too_large"));
  EXPECT_THAT(end.error().detail, HasSubstr("16384"));
}

TEST(Activities, wait_as_long_as_the_far_side_asks) {
  auto registry = workflows();
  registry.add(import, [](ActivityContext const& context, std::int64_t) {
    if (context.attempt == 1) throw ActivityError("busy", "later").after(90s);
    return std::string("done");
  });
  TestRuntime runtime(std::move(registry));
  auto const start = runtime.now();
  ASSERT_TRUE(runtime.start_session(order, "import", 7));
  EXPECT_EQ(runtime.result<std::string>(order).value(), "done");
  EXPECT_EQ(runtime.now(), start + 90s);
}

// ---- at most once ----

Registry bank(std::shared_ptr<Outside> const& outside) {  // shared: the activities keep it
  auto registry = workflows();
  registry.add(pay, [outside](ActivityContext const&, std::int64_t amount) {
    ++outside->effects;
    return "paid " + std::to_string(amount);
  });
  return registry;
}

/// A person who looks at the bank's books, and says what is to become of each payment in doubt.
std::string pay_with_a_person(TestRuntime& runtime, Outside const& outside) {
  if (!runtime.start_session(order, "pay", 20)) return "not started";
  for (int turn = 0; turn < 10; ++turn) {
    auto const open = runtime.in_doubt();
    if (!open) return open.error().detail;
    if (open->empty()) break;
    auto const& call = open->front();
    bool const happened = outside.effects > 0;
    auto const said = runtime.resolve(call.session,
                                      call.operation,
                                      happened ? Resolve::completed : Resolve::retry,
                                      {.by = "ann", .reason = "I looked into the books"},
                                      happened ? R"("paid 20")" : "");
    // Somebody was quicker: this very request, before the process ended.
    bool const was_quicker =
        !said && (said.error().code == Errc::not_found || said.error().code == Errc::conflict ||
                  said.error().code == Errc::ended);
    if (!said && !was_quicker) return said.error().detail;
  }
  return runtime.result<std::string>(order).value_or("nothing") + ", " +
         std::to_string(outside.effects) + " payments";
}

TEST(Activities, at_most_once_are_made_once_wherever_the_process_ends) {
  auto outside = std::make_shared<Outside>();  // shared: as `bank` wants it
  auto const report = crash_everywhere(
      [&] {
        *outside = {};
        return bank(outside);
      },
      [&](TestRuntime& runtime) { return pay_with_a_person(runtime, *outside); });
  EXPECT_EQ(report.outcome, "paid 20, 1 payments");
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome;
  EXPECT_GE(report.crashes, 3U);
  EXPECT_TRUE(report.complete);
}

TEST(Activities, in_doubt_hold_up_their_own_session_and_no_other) {
  auto outside = std::make_shared<Outside>();  // shared: as `bank` wants it
  auto registry = workflows();
  registry.add(pay, [outside](ActivityContext const&, std::int64_t amount) {
    if (++outside->effects == 1) throw std::runtime_error("connection reset");
    return "paid " + std::to_string(amount);
  });
  TestRuntime runtime(std::move(registry));
  ASSERT_TRUE(runtime.start_session(order, "pay", 20));
  SessionId const another{.name = "order-18"};
  ASSERT_TRUE(runtime.start_session(another, "pay", 30));
  EXPECT_EQ(runtime.result<std::string>(another).value(), "paid 30");
  EXPECT_EQ(runtime.result<std::string>(order).error().code, Errc::unavailable);
  runtime.crash();
  auto const open = runtime.in_doubt().value();
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].session, order);
  EXPECT_EQ(open[0].action, "activity.call");
  EXPECT_EQ(open[0].what, "pay");
  EXPECT_EQ(open[0].attempt, 1U);
  EXPECT_EQ(open[0].arguments, "20");
  EXPECT_THAT(open[0].reason, HasSubstr("connection reset"));
  EXPECT_THAT(open[0].idempotency_key, HasSubstr("default/order-17/"));
  Resolver const ann{.by = "ann", .reason = "the bank knows nothing"};
  ASSERT_TRUE(runtime.resolve(order, open[0].operation, Resolve::failed, ann));
  EXPECT_EQ(runtime.result<std::string>(order).value(), "not paid: ann: the bank knows nothing");
  EXPECT_EQ(runtime.resolve(order, open[0].operation, Resolve::retry, ann).error().code,
            Errc::ended);
  EXPECT_EQ(runtime.resolve(SessionId{.name = "nobody"}, OperationId{1}, Resolve::retry, ann)
                .error()
                .code,
            Errc::not_found);
}

// ---- reconcilable ----

Registry hotel(std::shared_ptr<Outside> const& outside) {  // shared: the activities keep it
  auto registry = workflows();
  registry.add(book, [outside](ActivityContext const& context, std::int64_t nights) {
    ++outside->effects;
    outside->by_key[context.idempotency_key] = nights;
    return "booked " + std::to_string(nights);
  });
  registry.add_reconciler(book, [outside](ActivityContext const& context, std::int64_t nights) {
    return outside->by_key.contains(context.idempotency_key)
               ? Reconciled<std::string>::happened("booked " + std::to_string(nights))
               : Reconciled<std::string>::did_not_happen();
  });
  return registry;
}

TEST(Activities, reconcilable_happen_once_wherever_the_process_ends) {
  auto outside = std::make_shared<Outside>();  // shared: as `hotel` wants it
  auto const report = crash_everywhere(
      [&] {
        *outside = {};
        return hotel(outside);
      },
      [&](TestRuntime& runtime) {
        if (!runtime.start_session(order, "book", 3)) return std::string("not started");
        return runtime.result<std::string>(order).value_or("nothing") + ", " +
               std::to_string(outside->effects) + " bookings";
      });
  EXPECT_EQ(report.outcome, "booked 3, 1 bookings");
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome;
  EXPECT_TRUE(report.complete);
}

TEST(Activities, reconcilable_wait_for_a_person_when_the_far_side_cannot_tell) {
  auto registry = workflows();
  registry.add(book, [](ActivityContext const&, std::int64_t) -> std::string {
    throw std::runtime_error("connection reset");
  });
  int asked = 0;
  registry.add_reconciler(book, [&asked](ActivityContext const&, std::int64_t) {
    if (++asked == 1) throw ActivityError("busy", "the hotel does not answer");
    return Reconciled<std::string>::unknown("the hotel has closed");
  });
  TestRuntime runtime(std::move(registry));
  ASSERT_TRUE(runtime.start_session(order, "book", 3));
  EXPECT_EQ(runtime.result<std::string>(order).error().code, Errc::unavailable);
  auto const open = runtime.in_doubt().value();
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].attempt, 3U) << "asked again after the hotel did not answer";
  EXPECT_THAT(open[0].reason, HasSubstr("the hotel has closed"));
}

TEST(Activities, reconcilable_without_a_reconciler_wait_for_a_person) {
  auto registry = workflows();
  registry.add(book, [](ActivityContext const&, std::int64_t) -> std::string {
    throw std::runtime_error("connection reset");
  });
  TestRuntime runtime(std::move(registry));
  ASSERT_TRUE(runtime.start_session(order, "book", 3));
  runtime.advance(1h);
  auto const open = runtime.in_doubt().value();
  ASSERT_EQ(open.size(), 1U);
  EXPECT_THAT(open[0].reason, HasSubstr("no reconciler of \"book\""));
}

// ---- idempotent ----

TEST(Activities, idempotent_have_one_effect_wherever_the_process_ends) {
  auto outside = std::make_shared<Outside>();  // shared: the activities keep it
  auto const report = crash_everywhere(
      [&] {
        *outside = {};
        auto registry = workflows();
        registry.add(import, [outside](ActivityContext const& context, std::int64_t pages) {
          context.heartbeat(pages);
          outside->by_key[context.idempotency_key] = pages;
          if (context.attempt == 1) throw ActivityError("busy", "later");
          return std::string("imported");
        });
        return registry;
      },
      [&](TestRuntime& runtime) {
        if (!runtime.start_session(order, "import", 3)) return std::string("not started");
        return runtime.result<std::string>(order).value_or("nothing") + ", " +
               std::to_string(outside->by_key.size()) + " imports";
      });
  EXPECT_EQ(report.outcome, "imported, 1 imports");
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome;
}

// ---- ended from outside ----

Registry notary(std::shared_ptr<Outside> const& outside) {  // shared: the activities keep it
  auto registry = workflows();
  registry.add(sign, [outside](ActivityContext const& context, std::int64_t) {
    outside->token = context.complete_later();
    return std::string("nobody sees this");
  });
  return registry;
}

TEST(Activities, are_completed_from_outside_wherever_the_process_ends) {
  auto outside = std::make_shared<Outside>();  // shared: as `notary` wants it
  auto const report = crash_everywhere(
      [&] {
        *outside = {};
        return notary(outside);
      },
      [&](TestRuntime& runtime) {
        if (!runtime.start_session(order, "sign", 3)) return std::string("not started");
        runtime.advance(20h);
        auto beat = runtime.heartbeat_activity(outside->token, std::string("read it"));
        runtime.advance(20h);
        auto said = runtime.complete_activity(outside->token, std::string("signed"));
        if (!beat) return beat.error().detail;
        // Spent: by this very request, before the process ended.
        if (!said && said.error().code != Errc::ended) return said.error().detail;
        return runtime.result<std::string>(order).value_or("nothing");
      });
  EXPECT_EQ(report.outcome, "signed");
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome;
}

TEST(Activities, left_to_somebody_outside_keep_their_limits_of_time) {
  auto outside = std::make_shared<Outside>();  // shared: as `notary` wants it
  TestRuntime runtime(notary(outside));
  ASSERT_TRUE(runtime.start_session(order, "sign", 3));
  auto const first = outside->token;
  runtime.crash();
  runtime.advance(23h);
  EXPECT_EQ(outside->token, first) << "the crash is none of its business";
  runtime.advance(2h);  // nobody gave a sign of life
  EXPECT_NE(outside->token, first);
  EXPECT_EQ(runtime.complete_activity(first, std::string("late")).error().code, Errc::ended);
  EXPECT_EQ(runtime.heartbeat_activity(first, 1).error().code, Errc::ended);
  ASSERT_TRUE(runtime.complete_activity(outside->token, std::string("signed")));
  EXPECT_EQ(runtime.result<std::string>(order).value(), "signed");
}

TEST(Activities, left_to_somebody_outside_can_fail_and_be_repeated) {
  auto outside = std::make_shared<Outside>();  // shared: as `notary` wants it
  TestRuntime runtime(notary(outside));
  auto const start = runtime.now();
  ASSERT_TRUE(runtime.start_session(order, "sign", 3));
  auto const first = outside->token;
  ASSERT_TRUE(runtime.fail_activity(first, ActivityError("ill", "the notary is ill").after(20h)));
  EXPECT_EQ(runtime.fail_activity(first, ActivityError("ill", "again")).error().code, Errc::ended);
  runtime.advance(20h);
  EXPECT_NE(outside->token, first);
  ASSERT_TRUE(runtime.complete_activity(outside->token, std::string("signed")));
  EXPECT_EQ(runtime.result<std::string>(order).value(), "signed");
  EXPECT_EQ(runtime.now(), start + 20h);
}

TEST(Activities, tokens_of_nobody_are_refused) {
  auto outside = std::make_shared<Outside>();  // shared: as `notary` wants it
  TestRuntime runtime(notary(outside));
  ASSERT_TRUE(runtime.start_session(order, "sign", 3));
  auto const end_with = [&](std::string const& token) {
    return runtime.complete_activity(token, std::string("mine")).error().code;
  };
  EXPECT_EQ(end_with("open sesame"), Errc::invalid);
  EXPECT_EQ(end_with(""), Errc::invalid);
  EXPECT_EQ(end_with(outside->token.substr(0, outside->token.size() - 6)), Errc::not_found)
      << "another session's";
  EXPECT_EQ(runtime.complete_activity_with_json(outside->token, "{").error().code, Errc::invalid);
  TestRuntime another(notary(std::make_shared<Outside>()), {.seed = 2});
  ASSERT_TRUE(another.start_session(order, "sign", 3));
  auto const foreign = another.complete_activity(outside->token, std::string("mine"));
  EXPECT_EQ(foreign.error().code, Errc::ended) << "of another run of a session of that name";
  EXPECT_FALSE(runtime.has_ended(order));
  EXPECT_FALSE(another.has_ended(order));
}

}  // namespace
}  // namespace dalsegno
