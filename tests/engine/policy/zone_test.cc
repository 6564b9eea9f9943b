#include "engine/policy/zone.h"

#include "engine/policy/time_text.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>

namespace dalsegno::engine {
namespace {

TEST(Zone, shows_the_same_time_as_the_machines_zone_files_in_2026) {
  if (!std::filesystem::exists("/usr/share/zoneinfo/Europe/Berlin"))
    GTEST_SKIP() << "no zone files on this machine";
  auto const first = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);
  for (auto const name : zone_names()) {
    if (!std::filesystem::exists("/usr/share/zoneinfo/" + std::string(name))) continue;
    setenv("TZ", std::string(name).c_str(), 1);
    tzset();
    auto const zone = find_zone(name).value();
    for (int half_hours = 0; half_hours < 365 * 48; ++half_hours) {
      auto const time = Time(first) + std::chrono::minutes(30 * half_hours);
      auto const utc = std::chrono::system_clock::to_time_t(time);
      std::tm there{};
      localtime_r(&utc, &there);
      auto const ours = local_time(time, zone).time_since_epoch();
      auto const theirs = std::chrono::seconds(timegm(&there));
      ASSERT_EQ(ours, theirs) << name << " at " << to_string(time);
    }
  }
  unsetenv("TZ");
  tzset();
}

TEST(Zone, takes_offsets_and_refuses_what_it_does_not_know) {
  EXPECT_EQ(find_zone("+05:30")->offset, std::chrono::minutes(330));
  EXPECT_EQ(find_zone("-03:00")->offset, std::chrono::minutes(-180));
  for (auto const* const name : {"", "utc", "Berlin", "+5:30", "+15:00", "05:30", "+05:60"})
    EXPECT_FALSE(find_zone(name)) << name;
}

TEST(TimeText, reads_instants_as_rfc_3339_has_them) {
  EXPECT_EQ(to_string(parse_instant("2026-11-23T01:02:03Z").value()),
            "2026-11-23T01:02:03.000000Z");
  EXPECT_EQ(to_string(parse_instant("2026-11-23t01:02:03.25+01:30").value()),
            "2026-11-22T23:32:03.250000Z");
  for (auto const* const text : {"",
                                 "2026-11-23",
                                 "2026-11-23T01:02:03",
                                 "2026-13-01T00:00:00Z",
                                 "2026-02-29T00:00:00Z",
                                 "2026-11-23T24:00:00Z",
                                 "2026-11-23T01:02:03.Z",
                                 "2026-11-23T01:02:03.1234567Z",
                                 "2026-11-23T01:02:03Z ",
                                 "1969-12-31T00:00:00Z"})
    EXPECT_FALSE(parse_instant(text)) << text;
}

TEST(TimeText, reads_durations_and_writes_them_in_the_largest_unit) {
  EXPECT_EQ(parse_duration("90s"), std::chrono::seconds(90));
  EXPECT_EQ(duration_text(parse_duration("48h").value()), "2d");
  EXPECT_EQ(duration_text(std::chrono::seconds(90)), "90s");
  for (auto const* const text :
       {"", "0s", "1", "h", "1.5h", "-1h", "+1h", "1h ", "4000d", "99999999999999999999s"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

}  // namespace
}  // namespace dalsegno::engine
