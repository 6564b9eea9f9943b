#include "activities/tool/schema/number.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace dalsegno::schema {
namespace {

__extension__ using Wide = unsigned __int128;

/// The sign, and the digits without leading zeros, of an integer; "" for 0.
struct Integer {
  bool is_negative = false;
  std::string digits;
};

Integer integer_of(std::string_view text) {
  Integer out;
  if (text.starts_with('-')) {
    out.is_negative = true;
    text.remove_prefix(1);
  }
  auto const first = text.find_first_not_of('0');
  if (first != std::string_view::npos) out.digits = text.substr(first);
  if (out.digits.empty()) out.is_negative = false;
  return out;
}

std::string digits_of(double value) {
  char buffer[400];
  auto const size = std::snprintf(buffer, sizeof buffer, "%.0f", value);
  return {buffer, static_cast<std::size_t>(size)};
}

/// The integer nearest to `number` towards zero, exactly.
Integer integer_part(Json const& number) {
  if (auto const* const big = number.as_big_integer()) return integer_of(big->digits);
  if (auto const* const small = number.as_integer()) return integer_of(std::to_string(*small));
  return integer_of(digits_of(std::trunc(number.as_double().value_or(0))));
}

std::strong_ordering compare(Integer const& a, Integer const& b) {
  if (a.is_negative != b.is_negative)
    return a.is_negative ? std::strong_ordering::less : std::strong_ordering::greater;
  auto order = a.digits.size() <=> b.digits.size();
  if (order == 0) order = a.digits.compare(b.digits) <=> 0;
  return a.is_negative ? 0 <=> order : order;
}

double fraction_of(Json const& number) {
  double whole = 0;
  return number.as_big_integer() != nullptr ? 0 : std::modf(number.as_double().value_or(0), &whole);
}

/// A number as it is written in decimal: digits times a power of ten.
struct Decimal {
  std::string digits;  ///< without sign and leading zeros; "" for 0
  int exponent = 0;
};

Decimal decimal_of(Json const& number) {
  Decimal out;
  auto text = number.as_big_integer() != nullptr ? number.as_big_integer()->digits
                                                 : canonical_number(number.as_double().value_or(0));
  if (auto const e = text.find('e'); e != std::string::npos) {
    auto exponent = std::string_view(text).substr(e + 1);
    if (exponent.starts_with('+')) exponent.remove_prefix(1);
    std::from_chars(exponent.data(), exponent.data() + exponent.size(), out.exponent);
    text.resize(e);
  }
  if (auto const point = text.find('.'); point != std::string::npos) {
    out.exponent -= static_cast<int>(text.size() - point - 1);
    text.erase(point, 1);
  }
  out.digits = integer_of(text).digits;
  while (out.digits.ends_with('0')) {
    out.digits.pop_back();
    ++out.exponent;
  }
  return out;
}

std::uint64_t times(std::uint64_t a, std::uint64_t b, std::uint64_t modulus) {
  return static_cast<std::uint64_t>(Wide{a} * b % modulus);
}

}  // namespace

std::strong_ordering compare_numbers(Json const& a, Json const& b) {
  auto const order = compare(integer_part(a), integer_part(b));
  if (order != 0) return order;
  auto const x = fraction_of(a);
  auto const y = fraction_of(b);
  return x < y   ? std::strong_ordering::less
         : x > y ? std::strong_ordering::greater
                 : std::strong_ordering::equal;
}

bool is_integer(Json const& number) { return number.is_number() && fraction_of(number) == 0; }

bool is_multiple(Json const& number, Json const& divisor) {
  auto const dividend = decimal_of(number);
  auto const unit = decimal_of(divisor);
  if (dividend.digits.empty()) return true;
  std::uint64_t modulus = 0;
  auto const end = unit.digits.data() + unit.digits.size();
  auto const read = std::from_chars(unit.digits.data(), end, modulus);
  if (read.ec != std::errc() || modulus == 0)  // a divisor of more than 19 digits
    return std::fmod(std::strtod(dividend.digits.c_str(), nullptr),
                     std::strtod(unit.digits.c_str(), nullptr)) == 0;
  int shift = dividend.exponent - unit.exponent;
  // The dividend's digits have no factor 10, so no multiple of ten divides them.
  if (shift < 0) return false;
  std::uint64_t rest = 0;
  for (char const digit : dividend.digits)
    rest = (times(rest, 10, modulus) + static_cast<std::uint64_t>(digit - '0')) % modulus;
  for (; shift > 0 && rest != 0; --shift) rest = times(rest, 10, modulus);
  return rest == 0;
}

}  // namespace dalsegno::schema
