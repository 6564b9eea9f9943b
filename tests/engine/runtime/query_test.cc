// Queries: a look at a session that leaves no trace.

#include "dalsegno/payload.h"
#include "tests/engine/runtime/runtime_fixture.h"

#include <gtest/gtest.h>

#include <chrono>
#include <latch>
#include <string>

namespace dalsegno::engine::test {
namespace {

using namespace std::chrono_literals;

constexpr Activity<std::int64_t, std::int64_t> add_one{"add_one"};

Workflow<std::int64_t> tally(Context& ctx, std::int64_t sum) {
  auto const total = ctx.on_query("total", [&] { return sum; });
  auto const above = ctx.on_query<std::int64_t>("above", [&](std::int64_t bound) {
    if (bound < 0) throw Failure("negative", "a bound is not negative");
    return sum > bound;
  });
  auto const mischief = ctx.on_query("mischief", [&] {
    ctx.set_attribute("looked", true);
    return true;
  });
  auto const chance = ctx.on_query("chance", [&] { return ctx.random(); });
  for (;;) {
    auto const number = co_await ctx.receive<std::int64_t>("number");
    if (number == 0) break;
    sum += co_await ctx.call(add_one, number);
  }
  auto const last = ctx.on_query("last", [&] { return std::string("nearly over"); });
  co_await ctx.receive<std::int64_t>("end");
  co_return sum;
}

Workflow<std::int64_t> twice(Context& ctx, std::int64_t number) {
  auto const one = ctx.on_query("same", [&] { return number; });
  auto const other = ctx.on_query("same", [&] { return number; });
  co_return number;
}

class QueryTest : public RuntimeTest {
 protected:
  QueryTest() {
    registry.add(define_workflow("tally", tally)).add(define_workflow("twice", twice));
    registry.add(add_one, [](ActivityContext const&, std::int64_t number) { return number + 1; });
    open();
    start(name("one"), "tally", "5");
  }

  void send(std::string const& signal, std::int64_t number) {
    ASSERT_TRUE(engine->signal(name("one"), {signal, std::to_string(number), "", "tester"}));
  }
  [[nodiscard]] std::string asked(std::string const& query, std::string const& arguments = "null") {
    auto const answer = engine->query(name("one"), query, arguments);
    return answer ? *answer
                  : std::string(name_of(answer.error().code)) + ": " + answer.error().detail;
  }
  void wait_for_total(std::string const& total) {
    while (asked("total") != total) std::this_thread::yield();
  }
};

TEST_F(QueryTest, is_answered_from_the_variables_of_the_workflow_and_leaves_no_event) {
  EXPECT_EQ(asked("total"), "5");
  EXPECT_EQ(asked("above", "4"), "true");
  send("number", 10);
  wait_for_total("16");
  auto const before = history(name("one")).size();
  EXPECT_EQ(asked("above", "16"), "false");
  EXPECT_EQ(history(name("one")).size(), before);
  expect_replays(name("one"));
}

TEST_F(QueryTest, is_answered_by_a_session_that_was_not_in_memory_and_after_a_restart) {
  send("number", 10);
  wait_for_total("16");
  open();
  EXPECT_EQ(asked("total"), "16");
}

TEST_F(QueryTest, is_refused_when_it_does_more_than_look_and_nothing_has_changed) {
  auto const before = history(name("one")).size();
  EXPECT_EQ(asked("mischief"),
            "invalid: session default/one, query \"mischief\": a query handler only looks: it may "
            "issue no command");
  EXPECT_EQ(asked("chance").substr(0, 8), "invalid:");
  EXPECT_EQ(asked("above", "-1"),
            "invalid: session default/one, query \"above\": negative: a bound is not negative");
  EXPECT_EQ(asked("above", R"("many")").substr(0, 8), "invalid:");
  EXPECT_EQ(history(name("one")).size(), before);
  send("number", 0);
  send("end", 1);
  EXPECT_EQ(end_of(name("one")), "5");
  expect_replays(name("one"));
}

TEST_F(QueryTest, says_what_is_asked_in_vain_and_what_was_meant) {
  EXPECT_EQ(asked("totl"),
            "not_found: session default/one answers no query \"totl\" now; did you mean "
            "\"total\"?");
  EXPECT_EQ(asked("last").substr(0, 10), "not_found:") << "its handler does not stand yet";
  send("number", 0);
  while (asked("last") != R"("nearly over")") std::this_thread::yield();
  send("end", 1);
  EXPECT_EQ(end_of(name("one")), "5");
  EXPECT_EQ(asked("total").substr(0, 6), "ended:");
  EXPECT_EQ(engine->query(name("nobody"), "total", "null").error().code, Errc::not_found);
}

TEST_F(QueryTest, two_handlers_of_one_name_are_a_bug_of_the_workflow) {
  EXPECT_FALSE(engine->start_session({name("two"), "twice", "1", "tester"}));
}

}  // namespace
}  // namespace dalsegno::engine::test
