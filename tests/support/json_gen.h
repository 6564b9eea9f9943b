#pragma once

// Random JSON values for rapidcheck.

#include "dalsegno/json.h"

#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno {

/// How rapidcheck shows a counterexample.
inline void showValue(Json const& value, std::ostream& out) { out << to_string(value); }

}  // namespace dalsegno

namespace dalsegno::test {

/// UTF-8 of 0 to about 20 characters: plain ones, ones that JSON escapes, and every length that
/// UTF-8 has.
inline rc::Gen<std::string> utf8_text() {
  auto const code_point = rc::gen::weightedOneOf<unsigned>({
      {8, rc::gen::inRange(0x20U, 0x7FU)},
      {2, rc::gen::element(unsigned{'"'}, unsigned{'\\'}, unsigned{'/'}, 0x7FU)},
      {2, rc::gen::inRange(0x00U, 0x20U)},
      {2, rc::gen::inRange(0x80U, 0x800U)},
      {2, rc::gen::inRange(0x800U, 0xD800U)},
      {2, rc::gen::inRange(0xE000U, 0x10000U)},
      {2, rc::gen::inRange(0x10000U, 0x110000U)},
  });
  return rc::gen::map(rc::gen::resize(20, rc::gen::container<std::vector<unsigned>>(code_point)),
                      [](std::vector<unsigned> const& code_points) {
                        std::string text;
                        for (auto const c : code_points) {
                          auto const put = [&](unsigned byte) { text += static_cast<char>(byte); };
                          auto const put_tail = [&](unsigned shift) {
                            put(0x80 | ((c >> shift) & 0x3F));
                          };
                          if (c < 0x80) {
                            put(c);
                          } else if (c < 0x800) {
                            put(0xC0 | c >> 6), put_tail(0);
                          } else if (c < 0x10000) {
                            put(0xE0 | c >> 12), put_tail(6), put_tail(0);
                          } else {
                            put(0xF0 | c >> 18), put_tail(12), put_tail(6), put_tail(0);
                          }
                        }
                        return text;
                      });
}

/// Any finite double, all bit patterns alike.
inline rc::Gen<double> finite_double() {
  auto const halves = rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 32);
  return rc::gen::map(rc::gen::pair(halves, halves), [](auto const& half) {
    auto const value = std::bit_cast<double>(half.first << 32 | half.second);
    constexpr std::uint64_t exponent_bit = std::uint64_t{1} << 62;
    return std::isfinite(value)
               ? value
               : std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) & ~exponent_bit);
  });
}

/// An integer of 17 to 400 digits.
inline rc::Gen<Json> big_integer() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::arbitrary<bool>(),
                     rc::gen::inRange('1', ':'),
                     rc::gen::mapcat(rc::gen::inRange<std::size_t>(16, 400),
                                     [](std::size_t count) {
                                       return rc::gen::container<std::string>(
                                           count, rc::gen::inRange('0', ':'));
                                     })),
      [](std::tuple<bool, char, std::string> const& parts) {
        auto const& [negative, first, rest] = parts;
        return Json(Json::BigInteger{(negative ? "-" : "") + std::string(1, first) + rest});
      });
}

inline rc::Gen<Json> json_scalar() {
  auto const to_value = [](auto value) { return Json(std::move(value)); };
  return rc::gen::weightedOneOf<Json>({
      {1, rc::gen::just(Json())},
      {1, rc::gen::map(rc::gen::arbitrary<bool>(), to_value)},
      {3, rc::gen::map(rc::gen::arbitrary<std::int64_t>(), to_value)},
      {3, rc::gen::map(finite_double(), to_value)},
      {1, rc::gen::map(rc::gen::inRange(-1000, 1000), [](int value) { return Json(value / 4.0); })},
      {1, big_integer()},
      {5, rc::gen::map(utf8_text(), to_value)},
  });
}

/// A value of at most `levels` levels of arrays and objects.
inline rc::Gen<Json> json_value(int levels) {
  if (levels == 0) return json_scalar();
  auto const inner = rc::gen::lazy([levels] { return json_value(levels - 1); });
  auto const array = rc::gen::map(rc::gen::resize(6, rc::gen::container<Json::Array>(inner)),
                                  [](Json::Array items) { return Json(std::move(items)); });
  auto const object =
      rc::gen::map(rc::gen::resize(6,
                                   rc::gen::container<std::vector<std::pair<std::string, Json>>>(
                                       rc::gen::pair(utf8_text(), inner))),
                   [](std::vector<std::pair<std::string, Json>> const& members) {
                     Json made{Json::Object{}};
                     for (auto const& [name, value] : members) made.set(name, value);
                     return made;
                   });
  return rc::gen::weightedOneOf<Json>({{1, json_scalar()}, {2, array}, {2, object}});
}

}  // namespace dalsegno::test

template <>
struct rc::Arbitrary<dalsegno::Json> {
  static Gen<dalsegno::Json> arbitrary() { return dalsegno::test::json_value(4); }
};
