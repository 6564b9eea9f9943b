#include "engine/schedule/wall_clock.h"

#include "dalsegno/schedule.h"

#include <date/tz.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>

namespace dalsegno {

/// The library says "unknown" where the files are Debian's: there the version stands in the first
/// line of their text form.
std::string zone_data_version() {
  std::string version = "unknown";
  try {
    version = date::get_tzdb().version;
  } catch (std::exception const&) {
    return version;  // there are no files
  }
  for (auto const* const folder : {"/usr/share/zoneinfo", "/usr/lib/zoneinfo"}) {
    if (version != "unknown") break;
    std::ifstream file(std::filesystem::path(folder) / "tzdata.zi");
    std::string line;
    constexpr std::string_view lead = "# version ";
    constexpr std::size_t longest = 40;
    if (std::getline(file, line) && line.starts_with(lead) && line.size() < longest)
      version = line.substr(lead.size());
  }
  return version;
}

}  // namespace dalsegno

namespace dalsegno::engine {
namespace {

constexpr std::chrono::sys_seconds first_time =
    std::chrono::sys_days(std::chrono::year(-9999) / 1 / 1);
constexpr std::chrono::sys_seconds last_time =
    std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);

/// A name of the database, not a path: "Europe/Berlin", "Etc/GMT+5".
bool may_be_name(std::string_view name) {
  constexpr std::size_t longest = 64;
  return !name.empty() && name.size() <= longest && name.front() != '/' && !name.contains("..") &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '/' || c == '_' || c == '-' || c == '+';
         });
}

}  // namespace

Result<WallClock> WallClock::of_zone(std::string const& name) {
  if (name == "UTC") return WallClock(nullptr);
  if (!may_be_name(name)) return Error{Errc::invalid, "zone: that is no name of a time zone"};
  try {
    return WallClock(date::locate_zone(name));
  } catch (std::exception const& error) {
    return Error{Errc::invalid, "zone \"" + name + "\": " + error.what()};
  }
}

ClockSegment WallClock::segment_at(std::chrono::sys_seconds time) const {
  if (zone_ == nullptr) return {first_time, last_time, std::chrono::seconds(0)};
  auto const info = zone_->get_info(time);
  return {std::max(info.begin, first_time), std::min(info.end, last_time), info.offset};
}

}  // namespace dalsegno::engine
