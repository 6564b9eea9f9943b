#include "dalsegno/json.h"

#include "storage/event/foreign_json.h"
#include "tests/support/json_gen.h"
#include "tests/support/shared_data.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

// RapidJSON adds to a null pointer, which UBSan would report.
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("undefined"))), apply_to = function)
#endif
#include <rapidjson/reader.h>
#ifdef __clang__
#pragma clang attribute pop
#endif

namespace dalsegno {
namespace {

using namespace std::string_literals;

Json parsed(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text << ": " << (value ? "" : value.error().detail);
  return value ? *value : Json();
}

std::string refusal(std::string_view text) {
  auto const value = parse_json(text);
  if (value) return "accepted";
  EXPECT_EQ(value.error().code, Errc::invalid);
  return value.error().detail;
}

std::vector<std::filesystem::path> json_files(std::filesystem::path const& folder) {
  std::vector<std::filesystem::path> files;
  for (auto const& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

TEST(Json, accepts_and_refuses_what_the_json_test_suite_says) {
  auto const folder = test::shared_data("jsontestsuite");
  if (!folder) GTEST_SKIP() << "the folder jsontestsuite of the shared test data is not here";
  // RFC 8259 says that names SHOULD be unique, RFC 8785 that they must be: the strict reader
  // refuses a second one, the one for strangers' texts takes it.
  std::set<std::string> const refused_by_choice{"y_object_duplicated_key.json",
                                                "y_object_duplicated_key_and_value.json"};
  std::size_t count = 0;
  for (auto const& path : json_files(*folder)) {
    auto const name = path.filename().string();
    auto const value = parse_json(test::read_bytes(path));
    auto const foreign = storage::parse_foreign_json(test::read_bytes(path));
    if (name.starts_with("y_")) {
      EXPECT_TRUE(foreign) << name;
      EXPECT_EQ(value.has_value(), !refused_by_choice.contains(name)) << name;
    } else if (name.starts_with("n_")) {
      EXPECT_FALSE(foreign) << name;
      EXPECT_FALSE(value) << name;
    } else {
      EXPECT_TRUE(name.starts_with("i_")) << name;
    }
    ++count;
  }
  EXPECT_GE(count, 177U);
}

TEST(Json, reads_the_texts_on_which_parsers_differ_as_recorded_here) {
  auto const folder = test::shared_data("jsontestsuite/transform");
  if (!folder) GTEST_SKIP() << "the folder jsontestsuite of the shared test data is not here";
  std::map<std::string, std::string> const expected{
      {"number_-9223372036854775808.json", "[-9223372036854775808]"},
      {"number_-9223372036854775809.json", "[-9223372036854775809]"},
      {"number_1.0.json", "[1.0]"},
      {"number_1.000000000000000005.json", "[1.0]"},
      {"number_1000000000000000.json", "[1000000000000000]"},
      {"number_10000000000000000999.json", "[10000000000000000999]"},
      {"number_1e-999.json", "[0.0]"},
      {"number_1e6.json", "[1000000.0]"},
      {"number_9223372036854775807.json", "[9223372036854775807]"},
      {"number_9223372036854775808.json", "[9223372036854775808]"},
      {"object_key_nfc_nfd.json", "{\"\u00e9\":\"NFC\",\"e\u0301\":\"NFD\"}"},
      {"object_key_nfd_nfc.json", "{\"e\u0301\":\"NFD\",\"\u00e9\":\"NFC\"}"},
      {"object_same_key_different_values.json", "line 1, column 8: the key \"a\" is there twice"},
      {"object_same_key_same_value.json", "line 1, column 8: the key \"a\" is there twice"},
      {"object_same_key_unclear_values.json", "line 1, column 9: the key \"a\" is there twice"},
      {"string_1_escaped_invalid_codepoint.json", R"(line 1, column 3: \uD800 is half of a pair)"},
      {"string_1_invalid_codepoint.json", "line 1, column 3: byte 0xED is not UTF-8 here"},
      {"string_2_escaped_invalid_codepoints.json", R"(line 1, column 3: \uD800 is half of a pair)"},
      {"string_2_invalid_codepoints.json", "line 1, column 3: byte 0xED is not UTF-8 here"},
      {"string_3_escaped_invalid_codepoints.json", R"(line 1, column 3: \uD800 is half of a pair)"},
      {"string_3_invalid_codepoints.json", "line 1, column 3: byte 0xED is not UTF-8 here"},
      {"string_with_escaped_NULL.json", R"(["A\u0000B"])"},
  };
  std::map<std::string, std::string> ours;
  for (auto const& path : json_files(*folder)) {
    auto const value = parse_json(test::read_bytes(path));
    ours[path.filename().string()] = value ? to_string(*value) : value.error().detail;
  }
  EXPECT_EQ(ours, expected);
}

TEST(Json, keeps_integers_exactly_whatever_their_size) {
  EXPECT_EQ(parsed("9007199254740991"), Json(std::int64_t{9007199254740991}));
  EXPECT_TRUE(parsed("-9007199254740991").as_integer());
  EXPECT_EQ(parsed("9007199254740992"), Json(Json::BigInteger{"9007199254740992"}));
  EXPECT_EQ(parsed("-9007199254740992"), Json(Json::BigInteger{"-9007199254740992"}));
  EXPECT_EQ(parsed("18446744073709551616"), Json(Json::BigInteger{"18446744073709551616"}));
  auto const long_number = "1" + std::string(999, '0');
  EXPECT_EQ(parsed(long_number), Json(Json::BigInteger{long_number}));
  EXPECT_EQ(Json(std::int64_t{9007199254740992}), parsed("9007199254740992"));
  EXPECT_EQ(Json(std::uint64_t{18446744073709551615U}), parsed("18446744073709551615"));
}

TEST(Json, reads_minus_zero_as_a_double_with_its_sign) {
  for (auto const* text : {"-0", "-0.0", "-0e5", "-1e-400"}) {
    auto const value = parsed(text);
    ASSERT_TRUE(value.as_double() && !value.as_integer()) << text;
    EXPECT_TRUE(std::signbit(*value.as_double())) << text;
  }
  EXPECT_TRUE(parsed("0").as_integer());
}

TEST(Json, rounds_a_fraction_to_the_nearest_double) {
  EXPECT_EQ(parsed("0.1").as_double(), 0.1);
  EXPECT_EQ(parsed("9007199254740993.0").as_double(), 9007199254740992.0);
  EXPECT_EQ(parsed("2.2250738585072011e-308").as_double(), 2.2250738585072011e-308);
  EXPECT_EQ(parsed("1.7976931348623158e308").as_double(), 1.7976931348623157e308);
}

TEST(Json, takes_a_number_too_small_for_a_double_as_the_nearest_there_is) {
  EXPECT_EQ(parsed("1e-400").as_double(), 0.0);
  EXPECT_EQ(parsed("123.456e-789").as_double(), 0.0);
  EXPECT_EQ(parsed("0." + std::string(500, '0') + "1").as_double(), 0.0);
  EXPECT_EQ(parsed("1e-99999999999999999999").as_double(), 0.0);
  EXPECT_EQ(parsed("3e-324").as_double(), 5e-324);
  EXPECT_EQ(parsed("2e-324").as_double(), 0.0);
  EXPECT_EQ(parsed("0e99999999999999999999").as_double(), 0.0);
  EXPECT_EQ(parsed("0." + std::string(500, '0') + "1e501").as_double(), 1.0);
}

TEST(Json, refuses_a_number_too_large_for_a_double) {
  auto const expected = "line 1, column 1: the number is too large for a double";
  EXPECT_EQ(refusal("1e400"), expected);
  EXPECT_EQ(refusal("-1e400"), expected);
  EXPECT_EQ(refusal("1.7976931348623159e308"), expected);
  EXPECT_EQ(refusal("1e99999999999999999999"), expected);
  EXPECT_EQ(refusal("1" + std::string(400, '0') + ".0"), expected);
}

TEST(Json, says_where_a_text_stops_being_json_and_what_was_wrong) {
  EXPECT_EQ(refusal(""), "line 1, column 1: expected a value, found the end of the text");
  EXPECT_EQ(refusal("{\"a\": 1,\n  b: 2}"),
            "line 2, column 3: expected a key in quotes, found 'b'");
  EXPECT_EQ(refusal("[1,]"), "line 1, column 4: expected a value, found ']'");
  EXPECT_EQ(refusal("[1 2]"), "line 1, column 4: expected ',' or ']', found '2'");
  EXPECT_EQ(refusal("{} x"), "line 1, column 4: expected nothing after the value, found 'x'");
  EXPECT_EQ(refusal("{\"a\" 1}"), "line 1, column 6: expected ':' after the key, found '1'");
  EXPECT_EQ(refusal("[\"abc]"), "line 1, column 2: this string has no closing quote");
  EXPECT_EQ(refusal("[\"a\nb\"]"), "line 1, column 4: byte 0x0A must be escaped in a string");
  EXPECT_EQ(refusal("012"), "line 1, column 1: a number may not begin with 0 and another digit");
  EXPECT_EQ(refusal("\xEF\xBB\xBF{}"), "line 1, column 1: the text begins with a byte order mark");
  EXPECT_EQ(refusal("\"\\udc00\""), "line 1, column 2: \\uDC00 is half of a pair");
}

TEST(Json, refuses_a_nul_byte_outside_of_strings_and_reads_an_escaped_one) {
  EXPECT_EQ(refusal("1\0"s), "line 1, column 2: expected nothing after the value, found byte 0x00");
  EXPECT_EQ(refusal("\0"s), "line 1, column 1: expected a value, found byte 0x00");
  EXPECT_EQ(refusal("[1,\0 2]"s), "line 1, column 4: expected a value, found byte 0x00");
  EXPECT_EQ(refusal("\"a\0b\""s), "line 1, column 3: byte 0x00 must be escaped in a string");
  EXPECT_EQ(parsed(R"({"a\u0000b":"\u0000"})"), Json(Json::Object{{"a\0b"s, "\0"s}}));
}

TEST(Json, refuses_a_key_that_is_there_twice_however_it_is_written) {
  EXPECT_EQ(refusal(R"({"a":1,"\u0061":2})"), "line 1, column 8: the key \"a\" is there twice");
  std::string many = "{";
  for (int i = 0; i < 1000; ++i)
    many += "\"k" + std::to_string(i) + "\":" + std::to_string(i) + ",\n";
  EXPECT_EQ(refusal(many + "\"k500\":1, \"k7\":2}"),
            "line 1001, column 1: the key \"k500\" is there twice");
  EXPECT_EQ(parsed(many + "\"other\":1}").as_object()->size(), 1001U);
  auto const long_key = std::string(63, 'a') + "\u00e9" + std::string(1000, 'b');
  EXPECT_EQ(refusal("{\"" + long_key + "\":1,\"" + long_key + "\":1}"),
            "line 1, column 1072: the key \"" + std::string(63, 'a') + "...\" is there twice");
}

TEST(Json, of_a_strangers_text_takes_the_last_value_of_a_name_where_the_first_one_stood) {
  auto const read = storage::parse_foreign_json(R"({"a":1,"b":{"x":1,"x":2},"\u0061":[3],"c":4})");
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(to_string(*read), R"({"a":[3],"b":{"x":2},"c":4})");
  EXPECT_FALSE(storage::parse_foreign_json(R"({"a":1,})"));
}

TEST(Json, refuses_nesting_beyond_the_limit) {
  auto const nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_TRUE(parse_json(nested(max_json_depth)));
  EXPECT_EQ(refusal(nested(max_json_depth + 1)),
            "line 1, column 513: nested deeper than 512 levels");
  EXPECT_EQ(refusal(std::string(1'000'000, '[')),
            "line 1, column 513: nested deeper than 512 levels");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"\":";
  EXPECT_EQ(refusal(objects), "line 1, column 2049: nested deeper than 512 levels");
}

TEST(Json, counts_depth_and_not_brackets) {
  std::string wide = "[";
  for (std::size_t i = 0; i < 2 * max_json_depth; ++i) wide += "[],{},";
  EXPECT_TRUE(parse_json(wide + "0]"));
}

TEST(Json, gives_the_place_of_every_value_and_key) {
  auto const located = parse_located_json("{\n  \"a/b\": [1,\n    {\"x~\": null}],\n  \"\": 2 }");
  ASSERT_TRUE(located) << located.error().detail;
  auto const place = [&](std::string_view pointer) {
    auto const [line, column] = located->place(pointer);
    return std::to_string(line) + ":" + std::to_string(column);
  };
  EXPECT_EQ(place(""), "1:1");
  EXPECT_EQ(place("/a~1b"), "2:10");
  EXPECT_EQ(place("/a~1b#key"), "2:3");
  EXPECT_EQ(place("/a~1b/0"), "2:11");
  EXPECT_EQ(place("/a~1b/1"), "3:5");
  EXPECT_EQ(place("/a~1b/1/x~0"), "3:12");
  EXPECT_EQ(place("/a~1b/1/x~0#key"), "3:6");
  EXPECT_EQ(place("/"), "4:7");
  EXPECT_EQ(place("/unknown"), "1:1");
  EXPECT_EQ(located->places.size(), 9U);
  EXPECT_TRUE(
      std::ranges::is_sorted(located->places, {}, [](auto const& entry) { return entry.first; }));
}

TEST(Json, refuses_a_text_whose_places_would_need_far_more_room_than_itself) {
  std::string text = "{\"" + std::string(100'000, 'k') + "\":[";
  for (int i = 0; i < 10'000; ++i) text += "0,";
  text += "0]}";
  EXPECT_TRUE(parse_json(text));
  auto const located = parse_located_json(text);
  ASSERT_FALSE(located);
  EXPECT_NE(located.error().detail.find("too long together"), std::string::npos);
}

TEST(Json, names_the_place_of_a_byte) {
  std::string_view const text = "ab\ncd\n";
  auto const place = [&](std::size_t offset) {
    auto const [line, column] = place_of(text, offset);
    return std::pair(line, column);
  };
  EXPECT_EQ(place(0), std::pair(1UL, 1UL));
  EXPECT_EQ(place(2), std::pair(1UL, 3UL));
  EXPECT_EQ(place(3), std::pair(2UL, 1UL));
  EXPECT_EQ(place(6), std::pair(3UL, 1UL));
  EXPECT_EQ(place(99), std::pair(3UL, 1UL));
}

TEST(Json, finds_sets_and_replaces_members) {
  Json value;
  value.set("a", 1).set("b", "text").set("a", 2.5);
  EXPECT_EQ(to_string(value), R"({"a":2.5,"b":"text"})");
  EXPECT_EQ(*value.find("b"), Json("text"));
  EXPECT_EQ(value.find("c"), nullptr);
  EXPECT_EQ(value.text("b"), "text");
  EXPECT_EQ(value.text("a"), "");
  EXPECT_EQ(Json(1).find("a"), nullptr);
}

TEST(Json, names_its_kind) {
  EXPECT_EQ(parsed("null").kind(), "null");
  EXPECT_EQ(parsed("true").kind(), "boolean");
  EXPECT_EQ(parsed("1").kind(), "number");
  EXPECT_EQ(parsed("1.5").kind(), "number");
  EXPECT_EQ(parsed("99999999999999999999").kind(), "number");
  EXPECT_EQ(parsed("\"\"").kind(), "string");
  EXPECT_EQ(parsed("[]").kind(), "array");
  EXPECT_EQ(parsed("{}").kind(), "object");
}

TEST(Json, prints_with_indentation_for_people) {
  EXPECT_EQ(
      to_pretty_string(parsed(R"({"b":[1,{}],"a":[],"c":{"d":1.0}})")),
      "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": [],\n  \"c\": {\n    \"d\": 1.0\n  }\n}");
}

TEST(Json, is_never_written_with_a_string_that_is_not_utf8) {
  std::string out;
  for (auto const* text :
       {"\x80", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "a\xFF"})
    EXPECT_THROW(append_quoted(out, text), std::invalid_argument) << testing::PrintToString(text);
  EXPECT_THROW((void)to_string(Json(Json::Object{{"\xFF", 1}})), std::invalid_argument);
  EXPECT_THROW((void)to_string(Json(NAN)), std::invalid_argument);
}

TEST(Json, keeps_the_naughty_strings) {
  auto const folder = test::shared_data("naughty-strings");
  if (!folder) GTEST_SKIP() << "the folder naughty-strings of the shared test data is not here";
  auto const strings = parsed(test::read_bytes(*folder / "strings.json"));
  ASSERT_TRUE(strings.as_array());
  EXPECT_GE(strings.as_array()->size(), 276U);
  EXPECT_EQ(parsed(to_string(strings)), strings);
}

RC_GTEST_PROP(Json, printed_and_parsed_again_is_the_same, (Json const& value)) {
  auto const compact = parse_json(to_string(value));
  RC_ASSERT(compact);
  RC_ASSERT(*compact == value);
  auto const pretty = parse_json(to_pretty_string(value));
  RC_ASSERT(pretty);
  RC_ASSERT(*pretty == value);
}

RC_GTEST_PROP(Json, has_the_same_value_with_places_as_without, (Json const& value)) {
  auto const text = to_pretty_string(value);
  auto const located = parse_located_json(text);
  RC_ASSERT(located);
  RC_ASSERT(located->value == value);
  for (auto const& [pointer, place] : located->places)
    RC_ASSERT(place.line >= 1U && place.column >= 1U);
}

RC_GTEST_PROP(Json, prints_every_double_so_that_it_reads_back_bit_for_bit, ()) {
  auto const number = *test::finite_double();
  auto const again = parse_json(to_string(Json(number)));
  RC_ASSERT(again);
  RC_ASSERT(again->as_double().has_value());
  RC_ASSERT(std::bit_cast<std::uint64_t>(*again->as_double()) ==
            std::bit_cast<std::uint64_t>(number));
}

/// What RapidJSON says to the same text, as a second opinion.
struct SecondOpinion : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, SecondOpinion> {
  static bool accepts(std::string const& text) {
    constexpr unsigned flags = rapidjson::kParseIterativeFlag |
                               rapidjson::kParseValidateEncodingFlag |
                               rapidjson::kParseFullPrecisionFlag;
    rapidjson::StringStream stream(text.c_str());
    rapidjson::Reader reader;
    SecondOpinion handler;
    return !reader.Parse<flags>(stream, handler).IsError();
  }
};

RC_GTEST_PROP(Json, accepts_a_damaged_text_if_and_only_if_rapidjson_does, (Json const& value)) {
  auto text = to_string(value);
  auto const bytes = rc::gen::oneOf(rc::gen::elementOf("{}[]\",:\\u0123456789dDeE+-.tfn \n"s),
                                    rc::gen::arbitrary<char>());
  for (int damage = *rc::gen::inRange(1, 4); damage > 0; --damage) {
    auto const at = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        text.insert(at, 1, *bytes);
        break;
      case 1:
        text.erase(at, 1);
        break;
      default:
        if (at < text.size()) text[at] = *bytes;
    }
  }
  RC_PRE(text.find('\0') == std::string::npos);  // RapidJSON stops there
  auto const ours = parse_json(text);
  auto const long_number = text.find_first_of("0123456789") != std::string::npos;
  if (ours && !SecondOpinion::accepts(text)) {
    // It takes an integer of more than 309 digits, and a zero with a large exponent, for an
    // overflow.
    RC_ASSERT(long_number);
    RC_DISCARD("a number that RapidJSON refuses");
  }
  if (!ours && ours.error().detail.ends_with("is there twice")) RC_DISCARD("a key is there twice");
  if (!ours && ours.error().detail.ends_with("too large for a double"))
    RC_DISCARD("a large number");
  RC_LOG() << (ours ? "" : ours.error().detail);
  RC_ASSERT(ours.has_value() == SecondOpinion::accepts(text));
}

}  // namespace
}  // namespace dalsegno
