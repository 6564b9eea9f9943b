#include "engine/schedule/spec.h"

#include "dalsegno/schedule.h"
#include "engine/schedule/plan.h"

#include <date/tz.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno {

namespace {

using namespace std::chrono_literals;
using engine::CompiledSpec;

Time utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0, int second = 0) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) /
                               std::chrono::day(day)) +
         std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
}

std::string text_of(Time time) { return to_string(time).substr(0, 16); }

/// The next occurrences, in UTC.
std::string next_of(ScheduleSpec const& spec, Time after, std::size_t count) {
  auto const found = occurrences_after(spec, after, count);
  if (!found) return found.error().detail;
  std::string out;
  for (auto const& time : *found) out += (out.empty() ? "" : " ") + text_of(time);
  return out;
}

ScheduleSpec in(std::string zone, std::string cron) {
  return {.cron = {std::move(cron)}, .zone = std::move(zone)};
}
ScheduleSpec skipping(ScheduleSpec spec) {
  spec.missing = MissingTime::skip;
  return spec;
}
ScheduleSpec both_times(ScheduleSpec spec) {
  spec.repeated = RepeatedTime::both;
  return spec;
}

TEST(ScheduleZones, are_looked_up_by_name) {
  EXPECT_EQ(next_of(in("Asia/Kathmandu", "0 0 * * *"), utc(2026, 11, 23), 2),
            "2026-11-23T18:15 2026-11-24T18:15");
  EXPECT_EQ(next_of(in("UTC", "0 0 * * *"), utc(2026, 11, 23), 1), "2026-11-24T00:00");
  EXPECT_EQ(next_of(in("Etc/GMT+5", "0 0 * * *"), utc(2026, 11, 23), 1), "2026-11-23T05:00");
  for (auto const* const name : {"", "Europe/Atlantis", "../UTC", "/etc/passwd", "Europe/\n"})
    EXPECT_TRUE(next_of(in(name, "0 0 * * *"), utc(2026, 1, 1), 1).starts_with("zone")) << name;
  EXPECT_NE(zone_data_version(), "");
}

// Clocks go forward: Berlin 2026-03-29 02:00 to 03:00, New York 2026-03-08 02:00 to 03:00, Lord
// Howe 2026-10-04 02:00 to 02:30.

TEST(ScheduleZones, move_what_a_change_of_clocks_leaves_out_to_its_end) {
  EXPECT_EQ(next_of(in("Europe/Berlin", "30 2 * * *"), utc(2026, 3, 28), 3),
            "2026-03-28T01:30 2026-03-29T01:00 2026-03-30T00:30");
  EXPECT_EQ(next_of(in("America/New_York", "30 2 * * *"), utc(2026, 3, 7), 3),
            "2026-03-07T07:30 2026-03-08T07:00 2026-03-09T06:30");
  EXPECT_EQ(next_of(in("Australia/Lord_Howe", "15 2 * * *"), utc(2026, 10, 2, 20), 2),
            "2026-10-03T15:30 2026-10-04T15:15");
  // Twelve wall times are left out, and they are one occurrence; 03:00 is the same.
  EXPECT_EQ(next_of(in("Europe/Berlin", "*/5 2,3 29 3 *"), utc(2026, 3, 29), 2),
            "2026-03-29T01:00 2026-03-29T01:05");
  EXPECT_EQ(next_of(in("Europe/Berlin", "*/30 * * * *"), utc(2026, 3, 29), 4),
            "2026-03-29T00:30 2026-03-29T01:00 2026-03-29T01:30 2026-03-29T02:00");
}

TEST(ScheduleZones, skip_what_a_change_of_clocks_leaves_out_when_told_to) {
  EXPECT_EQ(next_of(skipping(in("Europe/Berlin", "30 2 * * *")), utc(2026, 3, 28), 3),
            "2026-03-28T01:30 2026-03-30T00:30 2026-03-31T00:30");
  EXPECT_EQ(next_of(skipping(in("America/New_York", "30 2 * * *")), utc(2026, 3, 7), 2),
            "2026-03-07T07:30 2026-03-09T06:30");
  EXPECT_EQ(next_of(skipping(in("Australia/Lord_Howe", "15 2 * * *")), utc(2026, 10, 2, 20), 1),
            "2026-10-04T15:15");
}

// Clocks go back: Berlin 2026-10-25 03:00 to 02:00, New York 2026-11-01 02:00 to 01:00, Lord Howe
// 2026-04-05 02:00 to 01:30.

TEST(ScheduleZones, take_a_wall_time_that_comes_twice_once) {
  EXPECT_EQ(next_of(in("Europe/Berlin", "30 2 * * *"), utc(2026, 10, 24, 12), 2),
            "2026-10-25T00:30 2026-10-26T01:30");
  EXPECT_EQ(next_of(in("America/New_York", "30 1 * * *"), utc(2026, 10, 31, 12), 2),
            "2026-11-01T05:30 2026-11-02T06:30");
  EXPECT_EQ(next_of(in("Australia/Lord_Howe", "45 1 * * *"), utc(2026, 4, 4), 2),
            "2026-04-04T14:45 2026-04-05T15:15");
  EXPECT_EQ(next_of(in("Europe/Berlin", "*/30 * * * *"), utc(2026, 10, 25), 4),
            "2026-10-25T00:30 2026-10-25T02:00 2026-10-25T02:30 2026-10-25T03:00");
  // Also when it is asked for in between.
  EXPECT_EQ(next_of(in("Europe/Berlin", "30 2 * * *"), utc(2026, 10, 25, 1), 1),
            "2026-10-26T01:30");
}

TEST(ScheduleZones, take_a_wall_time_that_comes_twice_each_time_when_told_to) {
  EXPECT_EQ(next_of(both_times(in("Europe/Berlin", "30 2 * * *")), utc(2026, 10, 24, 12), 3),
            "2026-10-25T00:30 2026-10-25T01:30 2026-10-26T01:30");
  EXPECT_EQ(next_of(both_times(in("Australia/Lord_Howe", "45 1 * * *")), utc(2026, 4, 4), 3),
            "2026-04-04T14:45 2026-04-04T15:15 2026-04-05T15:15");
  EXPECT_EQ(next_of(both_times(in("Europe/Berlin", "0 * * * *")), utc(2026, 10, 24, 23), 4),
            "2026-10-25T00:00 2026-10-25T01:00 2026-10-25T02:00 2026-10-25T03:00");
}

TEST(ScheduleZones, know_days_that_were_left_out_altogether) {
  // Samoa had no 30 December 2011.
  EXPECT_EQ(next_of(in("Pacific/Apia", "0 12 30 12 *"), utc(2011, 12, 1), 2),
            "2011-12-30T10:00 2012-12-29T22:00");
  EXPECT_EQ(next_of(skipping(in("Pacific/Apia", "0 12 30 12 *")), utc(2011, 12, 1), 1),
            "2012-12-29T22:00");
}

TEST(ScheduleIntervals, count_from_1970_whatever_the_zone) {
  ScheduleSpec const spec{.intervals = {{90min, 15min}}, .zone = "Europe/Berlin"};
  EXPECT_EQ(next_of(spec, Time(), 2), "1970-01-01T00:15 1970-01-01T01:45");
  EXPECT_EQ(next_of(spec, Time(15min), 1), "1970-01-01T01:45");
  EXPECT_EQ(next_of(spec, Time(15min) - 1us, 1), "1970-01-01T00:15");
  EXPECT_EQ(next_of(spec, Time(-1h), 1), "1970-01-01T00:15");
}

TEST(ScheduleSpec, is_the_union_of_its_parts_within_its_bounds) {
  ScheduleSpec spec{.cron = {"0 6 * * *", "0 18 * * *", "0 6 * * mon"}, .intervals = {{24h, 6h}}};
  EXPECT_EQ(next_of(spec, utc(2026, 11, 22, 12), 3),
            "2026-11-22T18:00 2026-11-23T06:00 2026-11-23T18:00");
  spec.start_at = utc(2026, 11, 23, 6);
  spec.end_at = utc(2026, 11, 23, 18);
  EXPECT_EQ(next_of(spec, utc(2026, 1, 1), 9), "2026-11-23T06:00 2026-11-23T18:00");
  EXPECT_EQ(next_of(spec, utc(2026, 11, 23, 18), 9), "");
}

TEST(ScheduleSpec, ends_with_the_year_9999) {
  ScheduleSpec const spec{.cron = {"0 0 * * *"}, .intervals = {{24h}}};
  EXPECT_EQ(next_of(spec, utc(9999, 12, 29), 5), "9999-12-30T00:00 9999-12-31T00:00");
  EXPECT_EQ(next_of(spec, Time::max(), 5), "");
  EXPECT_EQ(next_of(in("Europe/Berlin", "0 0 * * *"), utc(9999, 12, 30), 5), "9999-12-30T23:00");
}

TEST(ScheduleSpec, is_refused_with_a_reason) {
  auto const why = [](ScheduleSpec const& spec) {
    auto const fine = check(spec);
    return fine ? std::string("fine") : fine.error().detail;
  };
  EXPECT_TRUE(why({}).contains("neither a cron expression nor an interval"));
  EXPECT_TRUE(why({.cron = {"x"}}).contains("cron \"x\""));
  EXPECT_TRUE(why({.intervals = {{0s}}}).contains("1 second to 3,660 days"));
  EXPECT_TRUE(why({.intervals = {{std::chrono::days(3'661)}}}).contains("1 second"));
  EXPECT_TRUE(why({.intervals = {{1h, 1h}}}).contains("offset"));
  EXPECT_TRUE(why({.intervals = {{1h}}, .jitter = -1s}).contains("jitter"));
  EXPECT_TRUE(why({.intervals = {{1h}}, .jitter = 25h}).contains("jitter"));
  EXPECT_TRUE(why({.intervals = {{1h}}, .start_at = Time::max()}).contains("start_at"));
  EXPECT_TRUE(why({.intervals = {{1h}}, .end_at = Time::min()}).contains("end_at"));
  EXPECT_TRUE(why({.cron = std::vector<std::string>(101, "* * * * *")}).contains("more than 100"));
  EXPECT_EQ(why({.cron = {"@daily"}, .intervals = {{1h, 59min}}, .jitter = 24h}), "fine");
}

TEST(ScheduleJitter, is_the_same_each_time_and_stays_before_the_next_occurrence) {
  auto const spec =
      CompiledSpec::compile({.intervals = {{10min}}, .jitter = std::chrono::hours(1)});
  ASSERT_TRUE(spec);
  auto at = utc(2026, 1, 1);
  bool differs = false;
  for (int i = 0; i < 200; ++i, at += 10min) {
    auto const begins = spec->begins_at("nightly", at);
    EXPECT_EQ(begins, spec->begins_at("nightly", at));
    EXPECT_GE(begins, at);
    EXPECT_LT(begins, at + 10min);
    differs = differs || begins - at != spec->begins_at("weekly", at) - at;
  }
  EXPECT_TRUE(differs);
  // Pinned: what a schedule has recorded must not depend on the version of this program.
  EXPECT_EQ(to_string(spec->begins_at("nightly", utc(2026, 1, 1))), "2026-01-01T00:08:06.839557Z");
}

// ---- a slow oracle: it looks at each minute ----

char const* const zones[] = {"UTC",
                             "Europe/Berlin",
                             "America/New_York",
                             "Australia/Lord_Howe",
                             "Asia/Kathmandu",
                             "America/Sao_Paulo",
                             "Pacific/Auckland"};

bool matches(engine::Cron const& cron, std::chrono::seconds local) {
  return cron.matches(engine::WallTime(local));
}

/// Whether the spec, of one expression of five fields, occurs at this whole minute.
bool occurs_at(ScheduleSpec const& spec,
               engine::Cron const& cron,
               date::time_zone const& zone,
               std::chrono::sys_seconds at) {
  auto const local = zone.to_local(at);
  if (spec.missing == MissingTime::move) {
    auto const before = zone.to_local(at - 1s);
    auto shown = before + 1s;  // had nobody touched the clock
    for (; shown < local; shown += 1min)
      if (matches(cron, shown.time_since_epoch())) return true;
  }
  if (!matches(cron, local.time_since_epoch())) return false;
  if (spec.repeated == RepeatedTime::both) return true;
  auto const info = zone.get_info(local);
  return info.result != date::local_info::ambiguous || at < info.second.begin;
}

rc::Gen<std::string> field(int least, int most) {
  auto const value = rc::gen::map(rc::gen::inRange(least, most + 1),
                                  [](int number) { return std::to_string(number); });
  auto const step = rc::gen::map(rc::gen::inRange(1, 20),
                                 [](int number) { return "*/" + std::to_string(number); });
  auto const range =
      rc::gen::map(rc::gen::pair(rc::gen::inRange(least, most + 1), rc::gen::inRange(0, 10)),
                   [most](std::pair<int, int> const& ends) {
                     return std::to_string(ends.first) + "-" +
                            std::to_string(std::min(most, ends.first + ends.second));
                   });
  return rc::gen::weightedOneOf<std::string>(
      {{4, rc::gen::just(std::string("*"))}, {2, value}, {1, step}, {1, range}});
}

ScheduleSpec any_spec() {
  ScheduleSpec spec;
  spec.cron = {*field(0, 59) + ' ' + *field(0, 4) + ' ' + *field(1, 28) + " * " + *field(0, 7)};
  spec.zone = *rc::gen::elementOf(std::vector<std::string>(std::begin(zones), std::end(zones)));
  spec.missing = *rc::gen::element(MissingTime::move, MissingTime::skip);
  spec.repeated = *rc::gen::element(RepeatedTime::first, RepeatedTime::both);
  return spec;
}

/// Mostly a day or two before a change of clocks.
Time any_time(std::string const& zone) {
  auto const day = *rc::gen::inRange(0, 366 * 30);
  auto time = std::chrono::sys_days(std::chrono::year(2005) / 1 / 1) + std::chrono::days(day);
  if (*rc::gen::inRange(0, 4) > 0 && zone != "UTC") {
    auto const end = date::locate_zone(zone)->get_info(std::chrono::sys_seconds(time)).end;
    if (end < std::chrono::sys_days(std::chrono::year(2036) / 1 / 1))
      return end - std::chrono::minutes(*rc::gen::inRange(0, 2 * 1'440)) -
             std::chrono::microseconds(*rc::gen::inRange(0, 2));
  }
  return time + std::chrono::seconds(*rc::gen::inRange(0, 86'400));
}

RC_GTEST_PROP(ScheduleOracle, agrees_with_a_look_at_each_minute, ()) {
  auto const spec = any_spec();
  auto const after = any_time(spec.zone);
  auto const compiled = CompiledSpec::compile(spec);
  RC_ASSERT(compiled.has_value());
  auto const cron = engine::Cron::parse(spec.cron.front());
  auto const* const zone = date::locate_zone(spec.zone);
  auto at = std::chrono::floor<std::chrono::minutes>(after) + 1min;
  auto const until = after + std::chrono::days(5);
  auto next = compiled->next_after(after);
  for (; at <= until; at += 1min) {
    bool const expected = occurs_at(spec, *cron, *zone, at);
    bool const found = next && *next == at;
    if (expected != found)
      RC_FAIL(spec.cron.front() + " " + spec.zone + " at " + to_string(Time(at)) + ": expected " +
              (expected ? "yes" : "no") + ", next " + (next ? to_string(*next) : "never"));
    if (found) next = compiled->next_after(*next);
  }
}

RC_GTEST_PROP(ScheduleOracle, is_strictly_later_and_monotone, ()) {
  auto spec = any_spec();
  spec.cron.push_back("*/10 " + *field(0, 59) + " * * * *");
  spec.intervals.push_back({std::chrono::seconds(*rc::gen::inRange(60, 100'000)), {}});
  auto const compiled = CompiledSpec::compile(spec);
  RC_ASSERT(compiled.has_value());
  auto const early = any_time(spec.zone);
  auto const late = early + std::chrono::seconds(*rc::gen::inRange(0, 100'000));
  auto const after_early = compiled->next_after(early);
  auto const after_late = compiled->next_after(late);
  RC_ASSERT(after_early && after_late);
  RC_ASSERT(*after_early > early);
  RC_ASSERT(*after_late > late);
  RC_ASSERT(*after_early <= *after_late);
  // Nothing lies between: from just before it, it is the next one still.
  RC_ASSERT(compiled->next_after(*after_early - 1us) == after_early);
  RC_ASSERT((late >= *after_early) || (after_late == after_early));
}

}  // namespace
}  // namespace dalsegno
