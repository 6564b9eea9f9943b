#include "engine/schedule/cron.h"

#include "dalsegno/ids.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace dalsegno::engine {
namespace {

WallTime wall(
    int year, unsigned month, unsigned day, int hour = 0, int minute = 0, int second = 0) {
  return std::chrono::local_days(std::chrono::year(year) / std::chrono::month(month) /
                                 std::chrono::day(day)) +
         std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
}

std::string text_of(WallTime time) {
  return dalsegno::to_string(Time(time.time_since_epoch())).substr(0, 19);
}

std::string first_after(std::string const& expression, WallTime time) {
  auto const cron = Cron::parse(expression);
  if (!cron) return cron.error().detail;
  auto const next = cron->at_or_after(time + std::chrono::seconds(1));
  return next ? text_of(*next) : "never";
}

TEST(Cron, finds_the_next_match) {
  struct Case {
    std::string expression;
    WallTime after;
    std::string next;
  };
  // 2026-11-23 is a Monday.
  auto const noon = wall(2026, 11, 23, 12);
  std::vector<Case> const cases{
      {"* * * * *", noon, "2026-11-23T12:01:00"},
      {"* * * * * *", noon, "2026-11-23T12:00:01"},
      {"*/15 * * * *", noon, "2026-11-23T12:15:00"},
      {"*/15 * * * * *", wall(2026, 11, 23, 12, 59, 50), "2026-11-23T13:00:00"},
      {"7-59/20 * * * *", wall(2026, 11, 23, 12, 47), "2026-11-23T13:07:00"},
      {"0 9-17/4 * * *", noon, "2026-11-23T13:00:00"},
      {"0 9-17/4 * * *", wall(2026, 11, 23, 17), "2026-11-24T09:00:00"},
      {"30 2 * * *", noon, "2026-11-24T02:30:00"},
      {"0 0 * * 0", noon, "2026-11-29T00:00:00"},
      {"0 0 * * 7", noon, "2026-11-29T00:00:00"},
      {"0 0 * * sun", noon, "2026-11-29T00:00:00"},
      {"0 0 * * FRI-sun", noon, "2026-11-27T00:00:00"},
      {"0 0 * * fri-7", wall(2026, 11, 28), "2026-11-29T00:00:00"},
      {"0 0 * * mon-fri", wall(2026, 11, 27), "2026-11-30T00:00:00"},
      {"0 0 * * 1,3,5", noon, "2026-11-25T00:00:00"},
      {"0 0 1 jan *", noon, "2027-01-01T00:00:00"},
      {"0 0 1 Jan,JUL *", wall(2027, 1, 1), "2027-07-01T00:00:00"},
      {"0 0 31 * *", wall(2026, 1, 31), "2026-03-31T00:00:00"},
      {"0 0 30 * *", wall(2026, 1, 30), "2026-03-30T00:00:00"},
      {"0 0 31 12 *", wall(2026, 12, 31), "2027-12-31T00:00:00"},
      // Leap years: 2028 is one, 2100 is none.
      {"0 0 29 2 *", noon, "2028-02-29T00:00:00"},
      {"0 0 29 2 *", wall(2096, 2, 29), "2104-02-29T00:00:00"},
      {"0 0 29 2 *", wall(1999, 12, 31), "2000-02-29T00:00:00"},
      // Both restricted: either is enough. A field that begins with * does not restrict so.
      {"0 0 13 * fri", noon, "2026-11-27T00:00:00"},
      {"0 0 24 * fri", noon, "2026-11-24T00:00:00"},
      {"0 0 */2 * fri", noon, "2026-11-27T00:00:00"},
      {"0 0 */2 * fri", wall(2026, 11, 27), "2026-12-11T00:00:00"},
      {"0 0 29 2 */7", noon, "2032-02-29T00:00:00"},
      {"0 0 29 2 */7", wall(2088, 2, 29), "2128-02-29T00:00:00"},
      {"@yearly", noon, "2027-01-01T00:00:00"},
      {"@annually", noon, "2027-01-01T00:00:00"},
      {"@monthly", noon, "2026-12-01T00:00:00"},
      {"@weekly", noon, "2026-11-29T00:00:00"},
      {"@daily", noon, "2026-11-24T00:00:00"},
      {"@midnight", noon, "2026-11-24T00:00:00"},
      {"@HOURLY", noon, "2026-11-23T13:00:00"},
      {"  0\t0 *  * *  ", noon, "2026-11-24T00:00:00"},
  };
  for (auto const& one : cases)
    EXPECT_EQ(first_after(one.expression, one.after), one.next) << one.expression;
}

TEST(Cron, says_what_is_wrong) {
  struct Case {
    std::string expression;
    std::string why;
  };
  std::vector<Case> const cases{
      {"", "has 0 fields"},
      {"* * * *", "has 4 fields"},
      {"* * * * * * *", "has 7 fields"},
      {"60 * * * *", "minute: 60 is not in 0-59"},
      {"* 24 * * *", "hour: 24 is not in 0-23"},
      {"* * 0 * *", "day of month: 0 is not in 1-31"},
      {"* * 32 * *", "day of month: 32 is not in 1-31"},
      {"* * * 13 *", "month: 13 is not in 1-12"},
      {"* * * * 8", "day of week: 8 is not in 0-7"},
      {"60 * * * * *", "second: 60 is not in 0-59"},
      {"5/10 * * * *", "a step is of * or of a range"},
      {"*/0 * * * *", "a step of 0"},
      {"*/ * * * *", "a value is missing"},
      {"10-5 * * * *", "runs backward"},
      {"* * * * sun-mon-tue", "is no value"},
      {"1,,2 * * * *", "a value is missing"},
      {", * * * *", "a value is missing"},
      {"-1 * * * *", "a value is missing"},
      {"99999 * * * *", "is no value"},
      {"* * L * *", "\"L\" is no value"},
      {"* * ? * *", "is no value"},
      {"0 0 30 2 *", "there is no such day"},
      {"0 0 31 4,6,9,11 *", "there is no such day"},
      {"@reboot", "not known"},
      {"@every 5m", "has 2 fields"},
      {"\x01\x02 * * * *", "\"??\" is no value"},
      {std::string(2'000, '*'), "longer than"},
  };
  for (auto const& one : cases) {
    auto const cron = Cron::parse(one.expression);
    ASSERT_FALSE(cron) << one.expression;
    EXPECT_EQ(cron.error().code, Errc::invalid);
    EXPECT_TRUE(cron.error().detail.contains(one.why)) << cron.error().detail;
  }
}

TEST(Cron, matches_just_what_it_finds) {
  for (auto const* const expression : {"*/7 3,9 1-15/2 * mon", "5 4 29 2 *", "0 */6 */3 */2 *"}) {
    auto const cron = Cron::parse(expression);
    ASSERT_TRUE(cron);
    auto at = wall(2027, 12, 25);
    auto next = cron->at_or_after(at);
    for (int minute = 0; minute < 60 * 24 * 80; ++minute, at += std::chrono::minutes(1)) {
      ASSERT_TRUE(next);
      ASSERT_EQ(cron->matches(at), at == *next) << expression << ' ' << text_of(at);
      if (at == *next) next = cron->at_or_after(at + std::chrono::seconds(1));
    }
  }
}

}  // namespace
}  // namespace dalsegno::engine
