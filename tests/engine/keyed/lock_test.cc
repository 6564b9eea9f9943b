// Locks that sessions share: with the real engine, and a crash after each step and each effect.

#include "dalsegno/dalsegno.h"
#include "dalsegno/testing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dalsegno {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

SessionId const a{.name = "a"};
SessionId const b{.name = "b"};
SessionId const c{.name = "c"};
SessionId const lock_session{.name = "lock/till"};

std::string say(Result<std::string> const& result) {
  return result ? *result
                : std::string(name_of(result.error().code)) + ": " + result.error().detail;
}

struct Visit {
  std::int64_t stays_s = 10;
  std::int64_t lease_s = 60;
  std::int64_t waits_s = -1;  ///< for ever
  bool gives_back = true;
};
BOOST_DESCRIBE_STRUCT(Visit, (), (stays_s, lease_s, waits_s, gives_back))

constexpr Activity<std::string, void> note{"note"};

LockOptions options_of(Visit const& visit) {
  LockOptions options;
  options.lease = std::chrono::seconds(visit.lease_s);
  if (visit.waits_s >= 0) options.wait = std::chrono::seconds(visit.waits_s);
  return options;
}

Workflow<std::string> visit_till(Context& ctx, Visit visit) {
  auto const lock = co_await acquire_lock(ctx, "till", options_of(visit));
  if (!lock) co_return "did not wait";
  auto const me = ctx.session().name;
  co_await ctx.call(note, me + " in");
  co_await ctx.sleep(std::chrono::seconds(visit.stays_s));
  auto const renewed = co_await renew_lock(ctx, *lock, std::chrono::seconds(visit.lease_s));
  co_await ctx.call(note, me + " out");
  if (visit.gives_back) co_await release_lock(ctx, *lock);
  co_return renewed ? "held" : "lost";
}

Workflow<std::uint64_t> fence_of(Context& ctx, std::string name) {
  auto const lock = co_await acquire_lock(ctx, name);
  co_await release_lock(ctx, *lock);
  co_return lock->fence;
}

Registry registry_of(std::shared_ptr<std::vector<std::string>> notes) {
  Registry registry;
  registry.add(define_workflow("visit", visit_till)).add(define_workflow("fence", fence_of));
  registry.add(note, [notes](ActivityContext const&, std::string said) {
    if (notes->empty() || notes->back() != said) notes->push_back(said);
  });
  add_locks(registry);
  return registry;
}

TEST(Lock, is_held_by_one_at_a_time_in_the_order_they_came_wherever_a_process_ends) {
  std::shared_ptr<std::vector<std::string>> notes;
  auto const report = crash_everywhere(
      [&notes] {
        notes = std::make_shared<std::vector<std::string>>();
        return registry_of(notes);
      },
      [&notes](TestRuntime& runtime) {
        for (auto const& session : {a, b})
          EXPECT_TRUE(runtime.start_session(session, "visit", Visit{}));
        std::string said;
        for (auto const& session : {a, b}) said += say(runtime.result<std::string>(session)) + ' ';
        runtime.advance(1h);
        for (auto const& one : *notes) said += one + ", ";
        return said + (runtime.has_ended(lock_session) ? "free" : "still held");
      });
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome
                      << "\nexpected: " << report.difference->expected;
  EXPECT_EQ(report.outcome, "held held a in, a out, b in, b out, free");
}

TEST(Lock, of_one_that_does_not_come_back_goes_to_the_next_when_its_lease_ends) {
  auto const notes = std::make_shared<std::vector<std::string>>();
  TestRuntime runtime(registry_of(notes));
  ASSERT_TRUE(runtime.start_session(a, "visit", Visit{.stays_s = 600, .lease_s = 60}));
  ASSERT_TRUE(runtime.start_session(b, "visit", Visit{.stays_s = 10}));
  runtime.advance(59s);
  EXPECT_THAT(*notes, ElementsAre("a in"));
  runtime.advance(1s);
  EXPECT_THAT(*notes, ElementsAre("a in", "b in"));
  EXPECT_EQ(say(runtime.result<std::string>(b)), "held");
  EXPECT_EQ(say(runtime.result<std::string>(a)), "lost");  // and gave back nothing
}

TEST(Lock, that_is_renewed_is_kept) {
  auto const notes = std::make_shared<std::vector<std::string>>();
  TestRuntime runtime(registry_of(notes));
  Visit keeps{.stays_s = 50, .lease_s = 60, .gives_back = false};
  ASSERT_TRUE(runtime.start_session(a, "visit", keeps));
  ASSERT_TRUE(runtime.start_session(b, "visit", Visit{.stays_s = 1}));
  runtime.advance(50s);  // renewed, and not given back
  EXPECT_TRUE(runtime.has_ended(a));
  runtime.advance(59s);
  EXPECT_THAT(*notes, ElementsAre("a in", "a out"));
  runtime.advance(1s);
  EXPECT_THAT(*notes, ElementsAre("a in", "a out", "b in"));
}

TEST(Lock, is_not_waited_for_longer_than_was_said) {
  auto const notes = std::make_shared<std::vector<std::string>>();
  TestRuntime runtime(registry_of(notes));
  ASSERT_TRUE(runtime.start_session(a, "visit", Visit{.stays_s = 30}));
  ASSERT_TRUE(runtime.start_session(b, "visit", Visit{.waits_s = 5}));
  ASSERT_TRUE(runtime.start_session(c, "visit", Visit{.stays_s = 1}));
  EXPECT_EQ(say(runtime.result<std::string>(b)), "did not wait");
  EXPECT_EQ(say(runtime.result<std::string>(a)), "held");
  EXPECT_EQ(say(runtime.result<std::string>(c)), "held");
  EXPECT_THAT(*notes, ElementsAre("a in", "a out", "c in", "c out"));
}

TEST(Lock, goes_past_one_that_was_cancelled_or_terminated_while_it_waited) {
  for (bool const terminated : {false, true}) {
    auto const notes = std::make_shared<std::vector<std::string>>();
    TestRuntime runtime(registry_of(notes));
    ASSERT_TRUE(runtime.start_session(a, "visit", Visit{.stays_s = 30}));
    ASSERT_TRUE(runtime.start_session(b, "visit", Visit{.lease_s = 600}));
    ASSERT_TRUE(runtime.start_session(c, "visit", Visit{.stays_s = 1}));
    if (terminated) {
      ASSERT_TRUE(runtime.terminate(b, "ops", "enough"));
    } else {
      ASSERT_TRUE(runtime.cancel(b, "ops", "enough"));
    }
    EXPECT_EQ(runtime.result<std::string>(b).error().code, Errc::ended);
    EXPECT_EQ(say(runtime.result<std::string>(c)), "held");
    // One that was cancelled said so; the other could not, and its lease had to end.
    EXPECT_EQ(notes->back(), "c out");
    auto const waited =
        std::chrono::duration_cast<std::chrono::seconds>(runtime.now() - TestOptions().start);
    EXPECT_EQ(waited.count(), terminated ? 631 : 31);
  }
}

TEST(Lock, gives_each_holder_a_higher_fence_also_after_it_was_free) {
  TestRuntime runtime(registry_of(std::make_shared<std::vector<std::string>>()));
  std::uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    SessionId const session{.name = "s" + std::to_string(i)};
    ASSERT_TRUE(runtime.start_session(session, "fence", std::string("till")));
    auto const fence = runtime.result<std::uint64_t>(session);
    ASSERT_TRUE(fence) << fence.error().detail;
    EXPECT_GT(*fence, last);
    last = *fence;
    runtime.advance(i < 2 ? 0s : 61s);
    EXPECT_EQ(runtime.has_ended(lock_session), i >= 2);
  }
  EXPECT_EQ(runtime.runs(lock_session), 3U);
}

TEST(Lock, serves_hundreds_in_order_over_its_checkpoints) {
  auto const notes = std::make_shared<std::vector<std::string>>();
  TestRuntime runtime(registry_of(notes));
  constexpr int visitors = 130;
  for (int i = 0; i < visitors; ++i) {
    SessionId const session{.name = "v" + std::to_string(i)};
    ASSERT_TRUE(runtime.start_session(session, "visit", Visit{.stays_s = 1}));
  }
  runtime.crash();
  runtime.advance(10min);
  ASSERT_EQ(notes->size(), 2U * visitors);
  for (std::size_t i = 0; i < visitors; ++i)
    EXPECT_EQ((*notes)[2 * i], "v" + std::to_string(i) + " in");
}

TEST(Lock, with_a_name_that_is_none_is_refused) {
  TestRuntime runtime(registry_of(std::make_shared<std::vector<std::string>>()));
  ASSERT_TRUE(runtime.start_session(a, "fence", std::string()));
  EXPECT_THAT(say(runtime.result<std::string>(a)), HasSubstr("the name of a lock has 1 to 150"));
}

}  // namespace
}  // namespace dalsegno
