#include "activities/tool/normalize.h"

#include "activities/tool/answer_table.h"
#include "tests/support/json_gen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

namespace dalsegno::activities {
namespace {

using Form = NormalAnswer::Form;

std::string normal(std::string_view raw) { return normalize_answer(raw).text; }

/// `value` with the members of every object turned round.
Json turned_round(Json value) {
  if (auto* const items = value.as_array())
    for (auto& item : *items) item = turned_round(std::move(item));
  if (auto* const members = value.as_object()) {
    for (auto& member : *members) member.value = turned_round(std::move(member.value));
    std::ranges::reverse(*members);
  }
  return value;
}

/// With sorted members and without tables; as `decode_answer` gives it.
Json sorted(Json value) {
  if (auto* const items = value.as_array())
    for (auto& item : *items) item = sorted(std::move(item));
  if (auto* const members = value.as_object()) {
    for (auto& member : *members) member.value = sorted(std::move(member.value));
    std::ranges::sort(*members, [](Json::Member const& a, Json::Member const& b) {
      return canonical_less(a.name, b.name);
    });
  }
  return value;
}

/// Lists of objects that are often uniform: what tables are made of.
rc::Gen<Json> rows(int levels) {
  return rc::gen::exec([levels] {
    auto const names = *rc::gen::elementOf(std::vector<std::vector<std::string>>{
        {"id", "seat"}, {"@table"}, {"@@table", "seat", "x"}, {}, {"a", "b", "c"}});
    Json::Array list;
    auto const count = *rc::gen::inRange(0, 5);
    for (int i = 0; i < count; ++i) {
      Json row{Json::Object{}};
      for (auto const& name : names)
        row.set(
            name,
            levels > 0 && *rc::gen::inRange(0, 3) > 0 ? *rows(levels - 1) : *test::json_value(1));
      if (*rc::gen::inRange(0, 20) == 0) row.set("odd", 1);
      list.push_back(std::move(row));
    }
    return Json(std::move(list));
  });
}

TEST(NormalAnswer, is_compact_and_sorted_by_name) {
  EXPECT_EQ(normal("{ \"b\": [1, 2],\n \"a\": \"x y\" }"), R"({"a":"x y","b":[1,2]})");
}

TEST(NormalAnswer, keeps_what_is_no_json_as_it_was) {
  for (std::string_view const raw :
       {"", "Error: no seats", "{\"a\":1,\"a\":2}", "1e999", "\"\xFF\""})
    EXPECT_EQ(normal(raw), raw);
}

TEST(NormalAnswer, tells_an_integer_from_a_fraction) {
  EXPECT_EQ(normal("255.0"), "255.0");
  EXPECT_EQ(normal("2550e-1"), "255.0");
  EXPECT_EQ(normal("255"), "255");
}

TEST(NormalAnswer, says_the_names_of_uniform_rows_once) {
  EXPECT_EQ(normal(R"([{"flight": "A1", "seats": {"eco": 1, "biz": 2}},
                       {"flight": "A2", "seats": {"biz": 4, "eco": 3}}])"),
            R"({"@table":[["flight",{"seats":["biz","eco"]}],["A1",[2,1]],["A2",[4,3]]]})");
}

TEST(NormalAnswer, makes_tables_of_lists_of_rows) {
  auto const text = normal(R"([[{"from": "JFK", "to": "ATL"}, {"from": "ATL", "to": "SEA"}],
                               [{"from": "JFK", "to": "ORD"}], []])");
  EXPECT_EQ(text,
            R"({"@table":[[["from","to"]],[["JFK","ATL"],["ATL","SEA"]],[["JFK","ORD"]],[]]})");
}

TEST(NormalAnswer, makes_no_table_where_that_is_longer) {
  EXPECT_EQ(normal(R"([{"id": 1}])"), R"([{"id":1}])");
  EXPECT_EQ(normal(R"([{"id": 1}, {"no": 2}, {"id": 3}])"), R"([{"id":1},{"no":2},{"id":3}])");
}

TEST(NormalAnswer, does_not_mistake_a_value_for_a_table) {
  std::string const raw = R"({"@table":[["a"],[1]]})";
  EXPECT_EQ(normal(raw), R"({"@@table":[["a"],[1]]})");
  EXPECT_EQ(to_string(decode_answer(normal(raw)).value()), raw);
}

TEST(NormalAnswer, leaves_out_what_is_called_volatile) {
  EXPECT_EQ(normalize_answer(R"({"took_ms": 3, "rows": [{"took_ms": 4, "id": 1}]})",
                             false,
                             {.volatile_members = {"took_ms"}})
                .text,
            R"({"rows":[{"id":1}]})");
}

TEST(NormalAnswer, puts_errors_into_one_envelope) {
  EXPECT_EQ(normalize_answer("no seats", true).text,
            R"({"error":"tool_error","message":"no seats"})");
  EXPECT_EQ(normalize_answer("[1]", true).text, R"({"error":"tool_error","message":[1]})");
  EXPECT_EQ(normalize_answer(R"({"message": "m", "error": "full"})", true).text,
            R"({"error":"full","message":"m"})");
}

TEST(NormalAnswer, shows_the_beginning_of_what_is_too_long) {
  auto const answer = normalize_answer("ab\u00e9d", false, {.preview_beyond_bytes = 3});
  EXPECT_EQ(answer.form, Form::preview);
  auto const preview = parse_json(answer.text).value();
  EXPECT_EQ(preview.text("preview"), "ab");  // not half a character
  EXPECT_EQ(*preview.find("bytes")->as_integer(), 5);
  EXPECT_EQ(preview.text("sha256").size(), 64U);
  EXPECT_EQ(normalize_answer("abc", false, {.preview_beyond_bytes = 3}).text, "abc");
}

TEST(NormalAnswer, of_the_deepest_json_can_be_read_again) {
  for (std::size_t const depth : {max_json_depth, std::size_t{257}, std::size_t{256}}) {
    // Rows at the outside, which would be a table, and the depth within them.
    auto const inner = std::string(depth - 2, '[') + std::string(depth - 2, ']');
    std::string const row = R"({"first_name":)" + inner + R"(,"second_name":1})";
    auto const raw = "[" + row + "," + row + "," + row + "]";
    ASSERT_TRUE(parse_json(raw));
    auto const decoded = decode_answer(normal(raw));
    ASSERT_TRUE(decoded) << decoded.error().detail;
    EXPECT_EQ(to_string(*decoded), raw);
  }
}

TEST(NormalAnswer, refuses_tables_that_are_none) {
  for (std::string_view const text : {R"({"@table":1})",
                                      R"({"@table":[]})",
                                      R"({"@table":[[]]})",
                                      R"({"@table":[["a"],1]})",
                                      R"({"@table":[["a"],[1,2]]})",
                                      R"({"@table":[["a","a"],[1,2]]})",
                                      R"({"@table":[["@table"],[1]]})",
                                      R"({"@table":[[{"a":["b"],"c":["d"]}],[[1]]]})",
                                      R"({"@table":[[["a"],["b"]],[[1]]]})",
                                      R"({"@table":[[7],[1]]})",
                                      R"({"@table":[["a"]],"b":1})"})
    EXPECT_EQ(decode_answer(text).error().code, Errc::invalid) << text;
}

RC_GTEST_PROP(NormalAnswer, of_any_json_decodes_to_an_equal_value, (Json const& value)) {
  auto const decoded = decode_answer(normal(to_pretty_string(value)));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(*decoded == sorted(value));
}

RC_GTEST_PROP(NormalAnswer, of_any_rows_decodes_to_an_equal_value, ()) {
  auto const value = *rows(3);
  auto const decoded = decode_answer(normal(to_string(value)));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(*decoded == sorted(value));
}

RC_GTEST_PROP(NormalAnswer, is_the_same_for_equal_answers_however_they_are_written, ()) {
  auto const value = *rc::gen::oneOf(rc::gen::arbitrary<Json>(), rows(2));
  RC_ASSERT(normal(to_string(value)) == normal(to_pretty_string(turned_round(value))));
}

RC_GTEST_PROP(NormalAnswer, differs_for_answers_that_differ, (Json const& a, Json const& b)) {
  RC_PRE(sorted(a) != sorted(b));
  RC_ASSERT(normal(to_string(a)) != normal(to_string(b)));
}

/// How many members of `value` have a name that is written with one "@" more.
std::size_t reserved_names(Json const& value) {
  std::size_t count = 0;
  if (auto const* const items = value.as_array())
    for (auto const& item : *items) count += reserved_names(item);
  if (auto const* const members = value.as_object())
    for (auto const& [name, part] : *members)
      count += reserved_names(part) + (name.ends_with("@table") ? 1 : 0);
  return count;
}

RC_GTEST_PROP(NormalAnswer, is_never_longer_than_compact_json, ()) {
  auto const value = *rc::gen::oneOf(rc::gen::arbitrary<Json>(), rows(2));
  RC_ASSERT(normal(to_string(value)).size() <= to_string(value).size() + reserved_names(value));
}

}  // namespace
}  // namespace dalsegno::activities
