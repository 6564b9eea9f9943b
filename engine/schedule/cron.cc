#include "engine/schedule/cron.h"

#include "dalsegno/try.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::engine {
namespace {

constexpr std::size_t max_bytes = 1'000;
/// From a 29 February that is a Sunday to the next one it takes 28 years, and 40 over the year
/// 2100.
constexpr int horizon_years = 41;

constexpr std::array month_names = std::to_array<std::string_view>(
    {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"});
constexpr std::array weekday_names =
    std::to_array<std::string_view>({"sun", "mon", "tue", "wed", "thu", "fri", "sat"});

struct Alias {
  std::string_view name;
  std::string_view meaning;
};
constexpr std::array aliases = std::to_array<Alias>({{"@yearly", "0 0 1 1 *"},
                                                     {"@annually", "0 0 1 1 *"},
                                                     {"@monthly", "0 0 1 * *"},
                                                     {"@weekly", "0 0 * * 0"},
                                                     {"@daily", "0 0 * * *"},
                                                     {"@midnight", "0 0 * * *"},
                                                     {"@hourly", "0 * * * *"}});

struct Field {
  std::string_view name;
  unsigned least = 0;
  unsigned most = 0;
  std::span<std::string_view const> names = {};  // of least, least + 1 …
};
constexpr Field second{"second", 0, 59};
constexpr Field minute{"minute", 0, 59};
constexpr Field hour{"hour", 0, 23};
constexpr Field day{"day of month", 1, 31};
constexpr Field month{"month", 1, 12, month_names};
constexpr Field weekday{"day of week", 0, 7, weekday_names};  // 7 is Sunday, too

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Error wrong(Field const& field, std::string what) {
  return {Errc::invalid, std::string(field.name) + ": " + std::move(what)};
}
/// For messages: what came from outside is shown in part, and only if it can be.
std::string shown(std::string_view text) {
  std::string out = "\"";
  for (auto const c : text.substr(0, 40)) out += c >= ' ' && c < '\x7f' ? c : '?';
  return out + (text.size() > 40 ? "…\"" : "\"");
}

Result<unsigned> read_number(Field const& field, std::string_view text) {
  if (text.empty()) return wrong(field, "a value is missing");
  if (text.size() > 4 || !std::ranges::all_of(text, is_digit))
    return wrong(field, shown(text) + " is no value");
  unsigned value = 0;
  for (auto const c : text) value = value * 10 + static_cast<unsigned>(c - '0');
  return value;
}

Result<unsigned> read_value(Field const& field, std::string_view text) {
  for (std::size_t i = 0; i < field.names.size(); ++i) {
    if (std::ranges::equal(text, field.names[i], {}, lower))
      return field.least + static_cast<unsigned>(i);
  }
  TRY(auto const value, read_number(field, text));
  if (value < field.least || value > field.most)
    return wrong(field,
                 std::to_string(value) + " is not in " + std::to_string(field.least) + "-" +
                     std::to_string(field.most));
  return value;
}

struct Range {
  unsigned first = 0;
  unsigned last = 0;
};

Result<Range> read_range(Field const& field, std::string_view text) {
  if (text == "*") return Range{field.least, field.most};
  auto const dash = text.find('-');
  TRY(auto const first, read_value(field, text.substr(0, dash)));
  if (dash == std::string_view::npos) return Range{first, first};
  TRY(auto last, read_value(field, text.substr(dash + 1)));
  if (field.most == 7 && last == 0 && first > 0) last = 7;  // fri-sun
  if (last < first) return wrong(field, shown(text) + " runs backward");
  return Range{first, last};
}

template <std::size_t size>
Result<> read_item(Field const& field, std::string_view text, std::bitset<size>& to) {
  auto const slash = text.find('/');
  auto const range_text = text.substr(0, slash);
  TRY(auto const range, read_range(field, range_text));
  unsigned step = 1;
  if (slash != std::string_view::npos) {
    if (range_text != "*" && !range_text.contains('-'))
      return wrong(field, shown(text) + ": a step is of * or of a range, as in 5-59/10");
    TRY(step, read_number(field, text.substr(slash + 1)));
    if (step == 0) return wrong(field, "a step of 0");
  }
  for (auto value = range.first; value <= range.last; value += step)
    to.set(field.most == 7 ? value % 7 : value);
  return {};
}

template <std::size_t size>
Result<> read_field(Field const& field, std::string_view text, std::bitset<size>& to) {
  for (;;) {
    auto const comma = text.find(',');
    TRY_VOID(read_item(field, text.substr(0, comma), to));
    if (comma == std::string_view::npos) return {};
    text.remove_prefix(comma + 1);
  }
}

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  std::vector<std::string_view> words;
  for (;;) {
    auto const begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    auto const end = std::min(text.find_first_of(blanks), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

/// The next set bit, `from` included.
template <std::size_t size>
std::optional<unsigned> next_of(std::bitset<size> const& bits, unsigned from) {
  for (; from < size; ++from)
    if (bits.test(from)) return from;
  return std::nullopt;
}

}  // namespace

Result<Cron> Cron::parse(std::string_view text) {
  auto const refused = [whole = shown(text)](std::string const& what) {
    return Error{Errc::invalid, "cron " + whole + ": " + what};
  };
  if (text.size() > max_bytes)
    return refused("longer than " + std::to_string(max_bytes) + " bytes");
  auto words = words_of(text);
  if (words.size() == 1 && words[0].starts_with('@')) {
    auto const* const alias = std::ranges::find_if(aliases, [&](Alias const& known) {
      return std::ranges::equal(words[0], known.name, {}, lower);
    });
    if (alias == aliases.end())
      return refused("not known; known are @yearly, @monthly, @weekly, @daily and @hourly");
    words = words_of(alias->meaning);
  }
  if (words.size() != 5 && words.size() != 6)
    return refused("has " + std::to_string(words.size()) +
                   " fields; five are minute, hour, day of month, month, day of week; six begin "
                   "with the second");
  Cron made;
  Result<> done;
  auto const read = [&](Field const& field, std::string_view word, auto& to) {
    if (done) done = read_field(field, word, to);
  };
  auto word = words.begin();
  if (words.size() == 6)
    read(second, *word++, made.seconds_);
  else
    made.seconds_.set(0);
  read(minute, *word++, made.minutes_);
  read(hour, *word++, made.hours_);
  made.any_day_ = word->starts_with('*');
  read(day, *word++, made.days_);
  read(month, *word++, made.months_);
  made.any_weekday_ = word->starts_with('*');
  read(weekday, *word++, made.weekdays_);
  if (!done) return refused(done.error().detail);
  if (!made.at_or_after(WallTime(std::chrono::local_days(std::chrono::year(2000) / 1 / 1))))
    return refused("there is no such day");
  return made;
}

bool Cron::matches_day(std::chrono::local_days at) const {
  std::chrono::year_month_day const date(at);
  if (!months_.test(static_cast<unsigned>(date.month()))) return false;
  bool const of_month = days_.test(static_cast<unsigned>(date.day()));
  bool const of_week = weekdays_.test(std::chrono::weekday(at).c_encoding());
  return any_day_ || any_weekday_ ? of_month && of_week : of_month || of_week;
}

std::optional<std::chrono::seconds> Cron::time_of_day(std::chrono::seconds from) const {
  auto const value = static_cast<unsigned>(from.count());
  auto const made = [](unsigned h, unsigned m, unsigned s) {
    return std::chrono::seconds(h * 3'600 + m * 60 + s);
  };
  auto const from_hour = value / 3'600;
  auto const from_minute = value / 60 % 60;
  auto const first_minute = *next_of(minutes_, 0);  // each field has one value at least
  auto const first_second = *next_of(seconds_, 0);
  if (hours_.test(from_hour)) {
    if (minutes_.test(from_minute))
      if (auto const s = next_of(seconds_, value % 60)) return made(from_hour, from_minute, *s);
    if (auto const m = next_of(minutes_, from_minute + 1)) return made(from_hour, *m, first_second);
  }
  if (auto const h = next_of(hours_, from_hour + 1)) return made(*h, first_minute, first_second);
  return std::nullopt;
}

bool Cron::matches(WallTime time) const {
  auto const at = std::chrono::floor<std::chrono::days>(time);
  return matches_day(at) && time_of_day(time - at) == time - at;
}

std::optional<WallTime> Cron::at_or_after(WallTime time) const {
  auto at = std::chrono::floor<std::chrono::days>(time);
  auto const last = at + std::chrono::days(366 * horizon_years);
  for (auto from = time - at; at <= last; ++at, from = std::chrono::seconds(0)) {
    std::chrono::year_month_day const date(at);
    if (!months_.test(static_cast<unsigned>(date.month()))) {
      at = std::chrono::local_days(date.year() / date.month() / std::chrono::last);
      continue;
    }
    if (!matches_day(at)) continue;
    if (auto const found = time_of_day(from)) return at + *found;
  }
  return std::nullopt;
}

}  // namespace dalsegno::engine
