#include "dalsegno/json.h"
#include "tests/support/json_gen.h"
#include "tests/support/shared_data.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>

namespace dalsegno {
namespace {

std::string canonical_of(std::string_view text) {
  auto const result = canonicalize(text);
  EXPECT_TRUE(result) << text << ": " << (result ? "" : result.error().detail);
  return result.value_or("");
}

std::string bytes_of_hex(std::string const& hex) {
  std::istringstream stream(hex);
  std::string bytes;
  for (std::string pair; stream >> pair;) bytes += static_cast<char>(std::stoi(pair, nullptr, 16));
  return bytes;
}

TEST(CanonicalJson, is_what_the_vectors_of_rfc_8785_expect) {
  auto const folder = test::shared_data("jcs");
  if (!folder) GTEST_SKIP() << "the folder jcs of the shared test data is not here";
  int count = 0;
  for (auto const& entry : std::filesystem::directory_iterator(*folder / "input")) {
    auto const ours = canonical_of(test::read_bytes(entry.path()));
    auto const name = entry.path().filename();
    EXPECT_EQ(ours, test::read_bytes(*folder / "output" / name)) << name;
    auto hex_name = name;
    hex_name.replace_extension(".txt");
    EXPECT_EQ(ours, bytes_of_hex(test::read_bytes(*folder / "outhex" / hex_name))) << name;
    ++count;
  }
  EXPECT_EQ(count, 6);
}

TEST(CanonicalJson, prints_numbers_as_ecmascript_does) {
  auto const folder = test::shared_data("jcs");
  if (!folder) GTEST_SKIP() << "the folder jcs of the shared test data is not here";
  std::istringstream lines(test::read_bytes(*folder / "numbers.csv"));
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    auto const comma = line.find(',');
    auto const number = std::bit_cast<double>(std::stoull(line.substr(0, comma), nullptr, 16));
    EXPECT_EQ(canonical_number(number), line.substr(comma + 1)) << line;
    ++count;
  }
  EXPECT_EQ(count, 1024);
}

TEST(CanonicalJson, changes_between_plain_and_exponent_where_ecmascript_does) {
  EXPECT_EQ(canonical_number(0.0), "0");
  EXPECT_EQ(canonical_number(-0.0), "0");
  EXPECT_EQ(canonical_number(1e21), "1e+21");
  EXPECT_EQ(canonical_number(999999999999999900000.0), "999999999999999900000");
  EXPECT_EQ(canonical_number(1e-6), "0.000001");
  EXPECT_EQ(canonical_number(1e-7), "1e-7");
  EXPECT_EQ(canonical_number(-1.5), "-1.5");
  EXPECT_EQ(canonical_number(123456789.125), "123456789.125");
  EXPECT_EQ(canonical_number(5e-324), "5e-324");
}

TEST(CanonicalJson, refuses_numbers_that_json_does_not_have) {
  for (double const value : {std::numeric_limits<double>::infinity(), -HUGE_VAL, std::nan("")})
    EXPECT_THROW((void)canonical_number(value), std::invalid_argument);
}

TEST(CanonicalJson, does_not_tell_apart_how_a_number_was_written) {
  EXPECT_EQ(canonical_of("[1.0, 10e-1, 1, 100e-2]"), "[1,1,1,1]");
  EXPECT_EQ(canonical_of("[-0, 0.0, 0]"), "[0,0,0]");
}

TEST(CanonicalJson, keeps_the_digits_of_an_integer_that_no_double_holds) {
  EXPECT_EQ(canonical_of("9007199254740993"), "9007199254740993");
  EXPECT_EQ(canonical_of("-123456789012345678901234567890"), "-123456789012345678901234567890");
}

TEST(CanonicalJson, escapes_only_what_it_must) {
  std::string all;
  for (char c = 0; c < 0x20; ++c) all += c;
  all += "\"\\/\x7F\u2028\u20ac";
  std::string quoted;
  append_quoted(quoted, all);
  EXPECT_EQ(
      quoted,
      "\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e"
      "\\u000f\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a"
      "\\u001b\\u001c\\u001d\\u001e\\u001f\\\"\\\\/\x7F\u2028\u20ac\"");
}

TEST(CanonicalJson, says_what_is_wrong_with_a_text_that_is_no_json) {
  auto const result = canonicalize("{");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::invalid);
}

/// UTF-16 code units of a UTF-8 text, computed the plain way.
std::u16string utf16(std::string_view text) {
  std::u16string units;
  for (std::size_t i = 0; i < text.size();) {
    auto const byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    auto const lead = byte(i);
    unsigned const length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    unsigned code_point = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (unsigned k = 1; k < length; ++k) code_point = code_point << 6 | (byte(i + k) & 0x3F);
    if (code_point >= 0x10000) {
      units += static_cast<char16_t>(0xD800 + ((code_point - 0x10000) >> 10));
      units += static_cast<char16_t>(0xDC00 + ((code_point - 0x10000) & 0x3FF));
    } else {
      units += static_cast<char16_t>(code_point);
    }
    i += length;
  }
  return units;
}

RC_GTEST_PROP(CanonicalJson, orders_names_by_their_utf16_code_units, ()) {
  auto const prefix = *test::utf8_text();
  auto const a = prefix + *test::utf8_text();
  auto const b = prefix + *test::utf8_text();
  RC_ASSERT(canonical_less(a, b) == (utf16(a) < utf16(b)));
  RC_ASSERT(!canonical_less(a, a));
}

RC_GTEST_PROP(CanonicalJson, is_its_own_canonical_form, (Json const& value)) {
  auto const once = canonical(value);
  auto const twice = canonicalize(once);
  RC_ASSERT(twice);
  RC_ASSERT(*twice == once);
}

Json shuffled(Json value) {
  if (auto* object = value.as_object()) {
    std::ranges::reverse(*object);
    if (!object->empty())
      std::ranges::rotate(
          *object, object->begin() + *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(*object)));
    for (auto& member : *object) member.value = shuffled(std::move(member.value));
  }
  if (auto* array = value.as_array())
    for (auto& item : *array) item = shuffled(std::move(item));
  return value;
}

RC_GTEST_PROP(CanonicalJson, does_not_depend_on_the_order_of_members, (Json const& value)) {
  RC_ASSERT(canonical(shuffled(value)) == canonical(value));
}

RC_GTEST_PROP(CanonicalJson, reads_back_as_exactly_the_same_double, ()) {
  auto const number = *test::finite_double();
  RC_PRE(number != 0);
  auto const text = canonical_number(number);
  double again = 0;
  std::from_chars(text.data(), text.data() + text.size(), again);
  RC_ASSERT(std::bit_cast<std::uint64_t>(again) == std::bit_cast<std::uint64_t>(number));
}

}  // namespace
}  // namespace dalsegno
