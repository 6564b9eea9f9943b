#include "engine/policy/zone.h"

#include "engine/policy/time_text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace dalsegno::engine {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

struct Named {
  std::string_view name;
  int offset_minutes;
  Daylight daylight;
};

constexpr std::array named = std::to_array<Named>({
    {"UTC", 0, Daylight::none},
    {"Africa/Johannesburg", 120, Daylight::none},
    {"Africa/Lagos", 60, Daylight::none},
    {"Africa/Nairobi", 180, Daylight::none},
    {"America/Anchorage", -540, Daylight::america},
    {"America/Argentina/Buenos_Aires", -180, Daylight::none},
    {"America/Bogota", -300, Daylight::none},
    {"America/Chicago", -360, Daylight::america},
    {"America/Denver", -420, Daylight::america},
    {"America/Halifax", -240, Daylight::america},
    {"America/Los_Angeles", -480, Daylight::america},
    {"America/Mexico_City", -360, Daylight::none},
    {"America/New_York", -300, Daylight::america},
    {"America/Phoenix", -420, Daylight::none},
    {"America/Sao_Paulo", -180, Daylight::none},
    {"America/Toronto", -300, Daylight::america},
    {"America/Vancouver", -480, Daylight::america},
    {"Asia/Bangkok", 420, Daylight::none},
    {"Asia/Dhaka", 360, Daylight::none},
    {"Asia/Dubai", 240, Daylight::none},
    {"Asia/Hong_Kong", 480, Daylight::none},
    {"Asia/Jakarta", 420, Daylight::none},
    {"Asia/Karachi", 300, Daylight::none},
    {"Asia/Kolkata", 330, Daylight::none},
    {"Asia/Manila", 480, Daylight::none},
    {"Asia/Riyadh", 180, Daylight::none},
    {"Asia/Seoul", 540, Daylight::none},
    {"Asia/Shanghai", 480, Daylight::none},
    {"Asia/Singapore", 480, Daylight::none},
    {"Asia/Taipei", 480, Daylight::none},
    {"Asia/Tokyo", 540, Daylight::none},
    {"Australia/Adelaide", 570, Daylight::australia},
    {"Australia/Brisbane", 600, Daylight::none},
    {"Australia/Melbourne", 600, Daylight::australia},
    {"Australia/Perth", 480, Daylight::none},
    {"Australia/Sydney", 600, Daylight::australia},
    {"Europe/Amsterdam", 60, Daylight::europe},
    {"Europe/Athens", 120, Daylight::europe},
    {"Europe/Berlin", 60, Daylight::europe},
    {"Europe/Brussels", 60, Daylight::europe},
    {"Europe/Bucharest", 120, Daylight::europe},
    {"Europe/Budapest", 60, Daylight::europe},
    {"Europe/Copenhagen", 60, Daylight::europe},
    {"Europe/Dublin", 0, Daylight::europe},
    {"Europe/Helsinki", 120, Daylight::europe},
    {"Europe/Istanbul", 180, Daylight::none},
    {"Europe/Kyiv", 120, Daylight::europe},
    {"Europe/Lisbon", 0, Daylight::europe},
    {"Europe/London", 0, Daylight::europe},
    {"Europe/Madrid", 60, Daylight::europe},
    {"Europe/Moscow", 180, Daylight::none},
    {"Europe/Oslo", 60, Daylight::europe},
    {"Europe/Paris", 60, Daylight::europe},
    {"Europe/Prague", 60, Daylight::europe},
    {"Europe/Rome", 60, Daylight::europe},
    {"Europe/Stockholm", 60, Daylight::europe},
    {"Europe/Vienna", 60, Daylight::europe},
    {"Europe/Warsaw", 60, Daylight::europe},
    {"Europe/Zurich", 60, Daylight::europe},
    {"Pacific/Auckland", 720, Daylight::new_zealand},
    {"Pacific/Honolulu", -600, Daylight::none},
});

constexpr auto names = [] {
  std::array<std::string_view, named.size()> out{};
  for (std::size_t i = 0; i < named.size(); ++i) out[i] = named[i].name;
  return out;
}();

/// A Sunday of a month, and the hours after its midnight in UTC or in the zone's winter time.
Time sunday(std::chrono::year year, unsigned month, int which, hours at) {
  auto const in = year / std::chrono::month{month};
  auto const day =
      which > 0 ? std::chrono::sys_days(in / std::chrono::Sunday[static_cast<unsigned>(which)])
                : std::chrono::sys_days(in / std::chrono::Sunday[std::chrono::last]);
  return Time(day) + at;
}

/// Whether clocks are forward. `winter` is what they would show if they were not.
bool is_summer(Time time, Time winter, Daylight daylight) {
  auto const year =
      std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(winter)).year();
  switch (daylight) {
    case Daylight::none:
      return false;
    case Daylight::europe:  // 01:00 UTC everywhere
      return time >= sunday(year, 3, 0, hours(1)) && time < sunday(year, 10, 0, hours(1));
    case Daylight::america:  // 02:00 on the wall
      return winter >= sunday(year, 3, 2, hours(2)) && winter < sunday(year, 11, 1, hours(1));
    case Daylight::australia:
      return winter >= sunday(year, 10, 1, hours(2)) || winter < sunday(year, 4, 1, hours(2));
    case Daylight::new_zealand:
      return winter >= sunday(year, 9, 0, hours(2)) || winter < sunday(year, 4, 1, hours(2));
  }
  return false;
}

}  // namespace

std::optional<Zone> find_zone(std::string_view name) {
  auto const* const found = std::ranges::find(named, name, &Named::name);
  if (found != named.end()) return Zone{minutes(found->offset_minutes), found->daylight};
  if (name.size() != 6 || (name[0] != '+' && name[0] != '-')) return std::nullopt;
  auto const offset = parse_time_of_day(name.substr(1));
  if (!offset || *offset > hours(14)) return std::nullopt;
  return Zone{name[0] == '-' ? -*offset : *offset, Daylight::none};
}

std::span<std::string_view const> zone_names() { return names; }

std::chrono::local_time<std::chrono::microseconds> local_time(Time time, Zone zone) {
  auto winter = time + zone.offset;
  if (is_summer(time, winter, zone.daylight)) winter += hours(1);
  return std::chrono::local_time<std::chrono::microseconds>(winter.time_since_epoch());
}

}  // namespace dalsegno::engine
