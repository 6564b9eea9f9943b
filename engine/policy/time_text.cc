#include "engine/policy/time_text.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

namespace dalsegno::engine {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// Takes `count` digits from the front.
std::optional<int> digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (char const c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::year_month_day> take_date(std::string_view& text) {
  auto const year = digits(text, 4);
  if (!year || *year < 1970 || !take(text, '-')) return std::nullopt;
  auto const month = digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  auto const day = digits(text, 2);
  if (!day) return std::nullopt;
  std::chrono::year_month_day const date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return date;
}

std::optional<minutes> take_minutes(std::string_view& text, int most_hours) {
  auto const hour = digits(text, 2);
  if (!hour || *hour > most_hours || !take(text, ':')) return std::nullopt;
  auto const minute = digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  return minutes(*hour * 60 + *minute);
}

std::optional<std::chrono::microseconds> take_fraction(std::string_view& text) {
  if (!take(text, '.')) return std::chrono::microseconds(0);
  std::int64_t value = 0;
  std::int64_t unit = 1'000'000;
  while (unit > 1) {
    auto const digit = digits(text, 1);
    if (!digit) break;
    unit /= 10;
    value += *digit * unit;
  }
  if (unit == 1'000'000) return std::nullopt;
  return std::chrono::microseconds(value);
}

std::optional<minutes> take_offset(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return minutes(0);
  bool const behind = text.starts_with('-');
  if (!behind && !text.starts_with('+')) return std::nullopt;
  text.remove_prefix(1);
  auto const offset = take_minutes(text, 23);
  if (!offset) return std::nullopt;
  return behind ? -*offset : *offset;
}

constexpr std::array<std::pair<char, std::int64_t>, 4> units = {
    {{'d', 86'400}, {'h', 3'600}, {'m', 60}, {'s', 1}}};
constexpr seconds longest = std::chrono::days(3'650);

std::string two_digits(std::int64_t value) {
  return {static_cast<char>('0' + value / 10 % 10), static_cast<char>('0' + value % 10)};
}

}  // namespace

std::optional<Time> parse_instant(std::string_view text) {
  auto const date = take_date(text);
  if (!date || (!take(text, 'T') && !take(text, 't'))) return std::nullopt;
  auto const time = take_minutes(text, 23);
  if (!time || !take(text, ':')) return std::nullopt;
  auto const second = digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  auto const fraction = take_fraction(text);
  auto const offset = fraction ? take_offset(text) : std::nullopt;
  if (!offset || !text.empty()) return std::nullopt;
  return Time(std::chrono::sys_days(*date)) + *time + seconds(*second) + *fraction - *offset;
}

std::optional<seconds> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (code != std::errc{} || end + 1 != text.data() + text.size() || text.starts_with('-'))
    return std::nullopt;
  for (auto const& [letter, length] : units) {
    if (*end != letter) continue;
    if (count < 1 || count > longest.count() / length) return std::nullopt;
    return seconds(count * length);
  }
  return std::nullopt;
}

std::string duration_text(seconds duration) {
  for (auto const& [letter, length] : units) {
    if (duration.count() % length == 0) return std::to_string(duration.count() / length) + letter;
  }
  return {};
}

std::optional<minutes> parse_time_of_day(std::string_view text) {
  auto const time = take_minutes(text, 24);
  if (!time || !text.empty() || *time > std::chrono::hours(24)) return std::nullopt;
  return time;
}

std::string time_of_day_text(minutes time) {
  return two_digits(time.count() / 60) + ":" + two_digits(time.count() % 60);
}

}  // namespace dalsegno::engine
