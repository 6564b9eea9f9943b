#include "activities/http/retry_after.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace dalsegno::http {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// A number of `unit_ms` milliseconds.
std::optional<std::chrono::milliseconds> read_delay(std::string_view text, double unit_ms) {
  text = trimmed(text);
  double number = 0;
  auto const [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      !std::isfinite(number) || number < 0)
    return std::nullopt;
  std::chrono::milliseconds const longest = longest_retry_after;
  auto const ms = std::ceil(number * unit_ms);
  if (ms >= static_cast<double>(longest.count())) return longest;
  return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
}

/// Reads the fields of a date one after the other.
class DateText {
 public:
  explicit DateText(std::string_view text) : text_(text) {}

  bool skip(std::string_view expected) {
    if (!text_.starts_with(expected)) return fail();
    text_.remove_prefix(expected.size());
    return true;
  }
  void skip_word() {
    while (!text_.empty() && ((text_.front() | 0x20) >= 'a' && (text_.front() | 0x20) <= 'z'))
      text_.remove_prefix(1);
  }
  int number(std::size_t digits) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (text_.empty() || text_.front() < '0' || text_.front() > '9') {
        fail();
        return 0;
      }
      value = value * 10 + (text_.front() - '0');
      text_.remove_prefix(1);
    }
    return value;
  }
  unsigned month() {
    constexpr std::array<std::string_view, 12> names = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    auto const* const found = std::ranges::find(names, text_.substr(0, 3));
    if (found == names.end()) {
      fail();
      return 1;
    }
    text_.remove_prefix(3);
    return static_cast<unsigned>(found - names.begin()) + 1;
  }
  [[nodiscard]] bool has_next(char c) const { return text_.starts_with(c); }
  [[nodiscard]] bool ended_well() const { return is_fine_ && text_.empty(); }

 private:
  bool fail() {
    is_fine_ = false;
    return false;
  }
  std::string_view text_;
  bool is_fine_ = true;
};

/// RFC 9110, section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
/// "Sun Nov  6 08:49:37 1994".
std::optional<Time> read_date(std::string_view text, Time now) {
  DateText date(trimmed(text));
  int year = 0;
  unsigned month = 1;
  int day = 0;
  std::array<int, 3> clock{};
  auto const read_clock = [&] {
    clock[0] = date.number(2);
    date.skip(":");
    clock[1] = date.number(2);
    date.skip(":");
    clock[2] = date.number(2);
  };
  date.skip_word();
  if (date.has_next(',')) {
    date.skip(", ");
    day = date.number(2);
    bool const is_obsolete = date.has_next('-');
    date.skip(is_obsolete ? "-" : " ");
    month = date.month();
    date.skip(is_obsolete ? "-" : " ");
    year = date.number(is_obsolete ? 2 : 4);
    date.skip(" ");
    read_clock();
    date.skip(" GMT");
    if (is_obsolete) {
      auto const today = std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(now));
      int const this_year = static_cast<int>(today.year());
      year += this_year - this_year % 100;
      if (year > this_year + 50) year -= 100;
    }
  } else {
    date.skip(" ");
    month = date.month();
    date.skip(" ");
    if (date.has_next(' ')) {
      date.skip(" ");
      day = date.number(1);
    } else {
      day = date.number(2);
    }
    date.skip(" ");
    read_clock();
    date.skip(" ");
    year = date.number(4);
  }
  std::chrono::year_month_day const calendar{std::chrono::year(year),
                                             std::chrono::month(month),
                                             std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ended_well() || !calendar.ok() || clock[0] > 23 || clock[1] > 59 || clock[2] > 60)
    return std::nullopt;
  return Time(std::chrono::sys_days(calendar)) + std::chrono::hours(clock[0]) +
         std::chrono::minutes(clock[1]) + std::chrono::seconds(clock[2]);
}

}  // namespace

std::optional<std::chrono::milliseconds> retry_after(std::string_view value,
                                                     std::string_view value_ms,
                                                     Time now) {
  if (auto const exact = read_delay(value_ms, 1)) return exact;
  if (auto const seconds = read_delay(value, 1'000)) return seconds;
  auto const date = read_date(value, now);
  if (!date) return std::nullopt;
  auto const left = std::chrono::ceil<std::chrono::milliseconds>(*date - now);
  return std::clamp<std::chrono::milliseconds>(
      left, std::chrono::milliseconds(0), longest_retry_after);
}

}  // namespace dalsegno::http
