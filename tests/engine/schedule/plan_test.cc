#include "engine/schedule/plan.h"

#include <gtest/gtest.h>

#include <chrono>

namespace dalsegno::engine {
namespace {

using namespace std::chrono_literals;

Time const begin = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);
ScheduleSpec const hourly{.cron = {"@hourly"}};

TEST(SchedulePlan, waits_for_what_is_yet_to_come) {
  auto const plan = make_plan("s", hourly, begin, begin + 59min, {.catch_up = 1h});
  EXPECT_TRUE(plan.due.empty());
  EXPECT_EQ(plan.missed, 0U);
  EXPECT_EQ(plan.considered.time(), begin);
  ASSERT_TRUE(plan.next);
  EXPECT_EQ(plan.next->occurrence.time(), begin + 1h);
  EXPECT_EQ(plan.next->begins.time(), begin + 1h);
  EXPECT_EQ(plan.zone_data, zone_data_version());
}

TEST(SchedulePlan, makes_up_for_what_lies_in_the_window_and_counts_the_rest) {
  auto const plan = make_plan("s", hourly, begin, begin + 10h, {.catch_up = 3h});
  ASSERT_EQ(plan.due.size(), 4U);  // 07:00 is just 3 hours old
  EXPECT_EQ(plan.due.front().time(), begin + 7h);
  EXPECT_EQ(plan.due.back().time(), begin + 10h);
  EXPECT_EQ(plan.missed, 6U);
  EXPECT_EQ(plan.considered.time(), begin + 10h);
  EXPECT_EQ(plan.next->occurrence.time(), begin + 11h);
}

TEST(SchedulePlan, takes_only_so_many_at_once) {
  auto const plan = make_plan("s", hourly, begin, begin + 10h, {.catch_up = 24h, .most_due = 4});
  EXPECT_EQ(plan.due.size(), 4U);
  EXPECT_EQ(plan.considered.time(), begin + 4h);
  EXPECT_EQ(plan.next->begins.time(), begin + 5h);  // due, too
}

TEST(SchedulePlan, does_not_count_for_ever) {
  ScheduleSpec const each_second{.intervals = {{1s}}};
  auto const now = begin + std::chrono::days(3'000);
  auto const plan = make_plan("s", each_second, begin, now, {.catch_up = 10s});
  EXPECT_EQ(plan.missed, 10'000U);
  EXPECT_EQ(plan.due.size(), 10U);
  EXPECT_EQ(plan.due.back().time(), now);
}

TEST(SchedulePlan, ends_with_the_schedule) {
  auto spec = hourly;
  spec.end_at = begin + 1h;
  auto const plan = make_plan("s", spec, begin, begin + 5h, {.catch_up = 24h});
  EXPECT_EQ(plan.due.size(), 1U);
  EXPECT_FALSE(plan.next);
}

TEST(SchedulePlan, says_what_cannot_be_computed_here) {
  auto spec = hourly;
  spec.zone = "Europe/Atlantis";
  EXPECT_TRUE(make_plan("s", spec, begin, begin, {.catch_up = 1h}).problem.contains("Atlantis"));
  auto const backfill = plan_backfill(spec, begin, begin + 1h, 10);
  EXPECT_TRUE(backfill.problem.contains("Atlantis"));
  EXPECT_TRUE(backfill.done);
}

TEST(SchedulePlan, backfills_a_range_with_both_its_ends) {
  auto const some = plan_backfill(hourly, begin, begin + 3h, 3);
  EXPECT_EQ(some.due.size(), 3U);
  EXPECT_EQ(some.due.front().time(), begin);
  EXPECT_FALSE(some.done);
  auto const rest = plan_backfill(hourly, some.due.back().time() + 1us, begin + 3h, 3);
  ASSERT_EQ(rest.due.size(), 1U);
  EXPECT_EQ(rest.due.front().time(), begin + 3h);
  EXPECT_TRUE(rest.done);
}

}  // namespace
}  // namespace dalsegno::engine
