#include "storage/event/json_number.h"

#include "dalsegno/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

namespace dalsegno {

namespace {

/// The exponent of ten of the first significant digit of `number` (JSON's grammar, not zero).
/// An exponent that no std::int64_t holds is taken for a very large one.
std::int64_t decimal_magnitude(std::string_view number) {
  auto const e = std::min(number.find_first_of("eE"), number.size());
  std::int64_t exponent = 0;
  if (e < number.size()) {
    auto digits = number.substr(e + 1);
    bool const negative = digits.front() == '-';
    if (negative || digits.front() == '+') digits.remove_prefix(1);
    auto const [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error != std::errc()) exponent = std::numeric_limits<std::int64_t>::max() / 2;
    if (negative) exponent = -exponent;
  }
  auto const mantissa = number.substr(0, e);
  auto const point = std::min(mantissa.find('.'), mantissa.size());
  auto const first = mantissa.find_first_of("123456789");
  auto const distance = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
  return exponent + (distance > 0 ? distance - 1 : distance);
}

/// `digits` times a power of ten, laid out as Number::toString does it; the first digit stands for
/// 10^(point - 1).
/// Source: ECMA-262, section "Number::toString", whose names are k = digits.size() and n = point.
std::string lay_out(std::string_view digits, int point) {
  int const count = static_cast<int>(digits.size());
  std::string out;
  if (point >= count && point <= 21) {
    out += digits;
    out.append(static_cast<std::size_t>(point - count), '0');
  } else if (point > 0 && point <= 21) {
    out += digits.substr(0, static_cast<std::size_t>(point));
    out += '.';
    out += digits.substr(static_cast<std::size_t>(point));
  } else if (point > -6 && point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-point), '0');
    out += digits;
  } else {
    out += digits.front();
    if (count > 1) out += '.';
    out += digits.substr(1);
    out += point > 0 ? "e+" : "e-";
    out += std::to_string(std::abs(point - 1));
  }
  return out;
}

}  // namespace

std::optional<double> storage::nearest_double(std::string_view number) {
  double value = 0;
  auto const [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error == std::errc()) return value;
  // Out of range says neither on which side, nor what the value is.
  if (decimal_magnitude(number) > 0) return std::nullopt;
  return number.front() == '-' ? -0.0 : 0.0;
}

std::string canonical_number(double value) {
  if (!std::isfinite(value)) throw std::invalid_argument("a JSON number must be finite");
  if (value == 0) return "0";
  // The shortest digits that read back as `value`, in the form "d.ddde+xx".
  char buffer[32];
  auto* const end =
      std::to_chars(buffer, buffer + sizeof buffer, std::abs(value), std::chars_format::scientific)
          .ptr;
  auto* const e = std::find(buffer, end, 'e');
  std::string digits(buffer, e);
  if (digits.size() > 1) digits.erase(1, 1);
  int exponent = 0;
  auto* const exponent_digits = e[1] == '+' ? e + 2 : e + 1;
  std::from_chars(exponent_digits, end, exponent);
  auto text = lay_out(digits, exponent + 1);
  return value < 0 ? "-" + text : text;
}

}  // namespace dalsegno
