#include "activities/tool/schema/schema.h"

#include "activities/tool/schema/number.h"
#include "activities/tool/schema/pattern.h"
#include "activities/tool/schema/uri_reference.h"
#include "dalsegno/json.h"
#include "tests/support/json_gen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <re2/re2.h>

#include <string>

namespace dalsegno::schema {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Json json(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text << (value ? "" : value.error().detail);
  return value ? *value : Json();
}

/// What is said of `value`, "" where it fits.
std::string said(std::string_view schema, std::string_view value) {
  auto const read = Schema::read(json(schema));
  EXPECT_TRUE(read) << (read ? "" : read.error().detail);
  return read ? to_string(read->check(json(value))) : "no schema";
}

constexpr std::string_view order = R"({
  "type": "object",
  "properties": {
    "id": {"type": "string", "pattern": "^[A-Z]-\\d+$"},
    "items": {"type": "array", "maxItems": 2, "items": {
      "type": "object", "properties": {"count": {"type": "integer", "minimum": 1}}, "required": ["count"]}},
    "unit": {"enum": ["kg", "m"]}
  },
  "required": ["id"],
  "additionalProperties": false
})";

// ---- what a model is told ----

TEST(Schema, takes_what_fits) {
  EXPECT_EQ(said(order, R"({"id": "A-7", "items": [{"count": 3}], "unit": "kg"})"), "");
}

TEST(Schema, says_where_something_is_wrong_and_what_is_expected) {
  EXPECT_EQ(said(order, R"({"id": "A-7", "items": [{"count": 3}, {"count": "two"}]})"),
            "at /items/1/count: expected integer, got string \"two\"");
  EXPECT_EQ(said(order, R"({"id": "A-7", "items": [{"count": 0}]})"),
            "at /items/0/count: expected at least 1, got 0");
  EXPECT_EQ(said(order, R"({"id": "A-7", "unit": "lb"})"),
            "at /unit: expected one of \"kg\", \"m\"; got \"lb\"");
  EXPECT_EQ(said(order, R"({"id": "7"})"),
            "at /id: expected a match of the pattern \"^[A-Z]-\\\\d+$\", got \"7\"");
}

TEST(Schema, names_each_problem_on_a_line_of_its_own) {
  EXPECT_EQ(said(order, R"({"size": 1})"),
            "at /: the member \"id\" is missing\nat /size: there is no such member in the schema");
}

TEST(Schema, says_how_the_nearest_of_several_alternatives_was_missed) {
  EXPECT_EQ(
      said(
          R"({"anyOf": [{"type": "string"}, {"properties": {"a": {"properties": {"b": {"type": "null"}}}}}]})",
          R"({"a": {"b": 1}})"),
      "at /: it fits none of the 2 alternatives (anyOf); of the nearest, at /a/b: expected null, "
      "got number 1");
}

TEST(Schema, tells_of_no_more_problems_than_it_may) {
  auto const schema = Schema::read(json(R"({"items": {"type": "string"}})"));
  ASSERT_TRUE(schema);
  auto const verdict = schema->check(Json(Json::Array(100, Json(1))), {.problems = 3});
  EXPECT_EQ(verdict.problems.size(), 4U);
  EXPECT_EQ(verdict.problems.back().what, "and more");
}

TEST(Schema, does_not_repeat_a_large_value) {
  auto const text = said(R"({"type": "integer"})", '"' + std::string(10'000, 'x') + '"');
  EXPECT_EQ(text, "at /: expected integer, got a string of 10000 bytes");
}

// ---- what is no schema ----

std::string refusal(std::string_view schema) {
  auto const read = Schema::read(json(schema));
  return read ? "taken" : read.error().detail;
}

TEST(Schema, refuses_keywords_of_a_wrong_form_and_says_where) {
  EXPECT_EQ(refusal("[]"), "at #: a schema is an object, true or false");
  EXPECT_EQ(refusal(R"({"properties": {"a": {"minLength": -1}}})"),
            "at #/properties/a/minLength: expected an integer of 0 or more, got -1");
  EXPECT_EQ(refusal(R"({"properties": {"a/b": 7}})"),
            "at #/properties/a~1b: expected a schema, got number");
  EXPECT_THAT(refusal(R"({"type": "text"})"), StartsWith("at #/type: expected the name of a type"));
  EXPECT_THAT(refusal(R"({"multipleOf": 0})"),
              StartsWith("at #/multipleOf: expected a number above 0"));
}

TEST(Schema, fetches_nothing) {
  EXPECT_EQ(refusal(R"({"properties": {"a": {"$ref": "http://169.254.169.254/latest#/a"}}})"),
            "at #/properties/a: the reference \"http://169.254.169.254/latest#/a\" leads to "
            "nothing in this "
            "schema, and none is fetched");
  EXPECT_THAT(refusal(R"({"$ref": "#/$defs/none"})"), HasSubstr("leads to nothing"));
}

TEST(Schema, refuses_what_is_nested_too_deep_or_too_large) {
  std::string deep = "{}";
  for (std::size_t i = 0; i < 200; ++i) deep = R"({"not":)" + deep + "}";
  EXPECT_THAT(refusal(deep), HasSubstr("nested deeper than 128"));
  std::string wide = "{}";
  for (int i = 0; i < 20'000; ++i) wide += ",{}";
  EXPECT_THAT(refusal(R"({"anyOf":[)" + wide + "]}"), HasSubstr("more than 20000 subschemas"));
}

// ---- bounds ----

TEST(Schema, gives_up_on_a_reference_that_leads_back_to_itself) {
  auto const schema = Schema::read(json(R"({"$ref": "#"})"));
  ASSERT_TRUE(schema);
  auto const verdict = schema->check(1);
  EXPECT_TRUE(verdict.is_cut_short);
  EXPECT_THAT(to_string(verdict), HasSubstr("nested deeper than 200"));
}

TEST(Schema, gives_up_where_alternatives_multiply) {
  // Each level asks the next one twice.
  std::string defs;
  for (int i = 0; i < 40; ++i) {
    auto const next = R"({"$ref":"#/$defs/)" + std::to_string(i + 1) + R"("})";
    defs += '"' + std::to_string(i) + R"(":{"allOf":[)" + next + "," + next + "]},";
  }
  auto const schema =
      Schema::read(json(R"({"$ref":"#/$defs/0","$defs":{)" + defs + R"("40":{}}})"));
  ASSERT_TRUE(schema);
  auto const verdict = schema->check(1);
  EXPECT_TRUE(verdict.is_cut_short);
  EXPECT_THAT(to_string(verdict), HasSubstr("too much work"));
}

TEST(Schema, says_which_patterns_it_cannot_check_and_takes_every_text_for_them) {
  auto const schema = Schema::read(json(R"x({"properties": {"a": {"pattern": "^(?!x)"}}})x"));
  ASSERT_TRUE(schema);
  EXPECT_THAT(schema->unchecked(), testing::ElementsAre("#/properties/a/pattern"));
  EXPECT_TRUE(schema->check(json(R"({"a": "x"})")).fits());
}

// ---- parts ----

TEST(SchemaNumber, compares_by_value_whatever_the_kind) {
  EXPECT_EQ(compare_numbers(1, 1.0), std::strong_ordering::equal);
  EXPECT_EQ(compare_numbers(json("100000000000000000000"), 1e20), std::strong_ordering::equal);
  EXPECT_EQ(compare_numbers(json("100000000000000000001"), 1e20), std::strong_ordering::greater);
  EXPECT_EQ(compare_numbers(json("-100000000000000000001"), -1e20), std::strong_ordering::less);
  EXPECT_EQ(compare_numbers(-0.5, 0), std::strong_ordering::less);
  EXPECT_EQ(compare_numbers(-1.5, -1.25), std::strong_ordering::less);
}

TEST(SchemaNumber, knows_multiples_in_decimal) {
  EXPECT_TRUE(is_multiple(0.3, 0.1));
  EXPECT_TRUE(is_multiple(0.0075, 0.0001));
  EXPECT_FALSE(is_multiple(0.00751, 0.0001));
  EXPECT_TRUE(is_multiple(1e308, 0.5));
  EXPECT_FALSE(is_multiple(15, 10));
  EXPECT_TRUE(is_multiple(json("123456789012345678901234567890"), 10));
  EXPECT_FALSE(is_multiple(json("123456789012345678901234567891"), 10));
  EXPECT_TRUE(is_multiple(0, 7));
}

RC_GTEST_PROP(SchemaNumber, knows_each_multiple_of_an_integer, ()) {
  auto const unit = *rc::gen::inRange<std::int64_t>(1, 1'000'000);
  auto const factor = *rc::gen::inRange<std::int64_t>(-1'000'000, 1'000'000);
  RC_ASSERT(is_multiple(Json(unit * factor), Json(unit)));
  if (unit > 1) RC_ASSERT(!is_multiple(Json(unit * factor + 1), Json(unit)));
}

TEST(SchemaPattern, reads_what_ecmascript_writes) {
  auto const matches = [](std::string_view pattern, std::string_view text) {
    auto const compiled = compile_pattern(pattern);
    return compiled != nullptr && is_found(*compiled, text);
  };
  EXPECT_TRUE(matches("^\\u00e9$", "é"));
  EXPECT_TRUE(matches("^\\ud83d\\ude00$", "😀"));
  EXPECT_TRUE(matches("^\\s$", "\u00a0"));
  EXPECT_FALSE(matches("^\\S$", "\u3000"));
  EXPECT_TRUE(matches("^\\p{Letter}+$", "żółw"));
  EXPECT_TRUE(matches("^(?<year>\\d{4})$", "2026"));
  EXPECT_TRUE(matches("^\\cA$", "\x01"));
  EXPECT_TRUE(matches("^[[x]$", "["));
  EXPECT_FALSE(matches("^a$", "a\n"));
  EXPECT_EQ(compile_pattern("(a)\\1"), nullptr);
  EXPECT_EQ(compile_pattern(std::string(10'000, 'a')), nullptr);
}

TEST(SchemaUri, resolves_references_as_rfc_3986_does) {
  auto const uri = [](std::string_view reference) {
    return resolve("http://a/b/c/d;p?q", reference).uri;
  };
  EXPECT_EQ(uri("g"), "http://a/b/c/g");
  EXPECT_EQ(uri("./g"), "http://a/b/c/g");
  EXPECT_EQ(uri("g/"), "http://a/b/c/g/");
  EXPECT_EQ(uri("/g"), "http://a/g");
  EXPECT_EQ(uri("//g"), "http://g");
  EXPECT_EQ(uri("?y"), "http://a/b/c/d;p?y");
  EXPECT_EQ(uri("../g"), "http://a/b/g");
  EXPECT_EQ(uri("../../../g"), "http://a/g");
  EXPECT_EQ(uri(".."), "http://a/b/");
  EXPECT_EQ(uri("urn:x:y"), "urn:x:y");
  EXPECT_EQ(uri(""), "http://a/b/c/d;p?q");
  EXPECT_EQ(resolve("urn:x", "#/a%25b%").fragment, "/a%b%");
}

// ---- strangers ----

RC_GTEST_PROP(Schema,
              takes_any_value_for_a_schema_without_a_crash,
              (Json const& schema, Json const& value)) {
  auto const read = Schema::read(schema);
  if (read) static_cast<void>(read->check(value));
}

/// Something that looks like a schema: known keywords, with values of every form.
rc::Gen<Json> schema_like(int levels) {
  auto const name = rc::gen::element<std::string>("$ref",
                                                  "$dynamicRef",
                                                  "$id",
                                                  "$anchor",
                                                  "$dynamicAnchor",
                                                  "$defs",
                                                  "allOf",
                                                  "anyOf",
                                                  "oneOf",
                                                  "not",
                                                  "if",
                                                  "then",
                                                  "else",
                                                  "properties",
                                                  "patternProperties",
                                                  "additionalProperties",
                                                  "propertyNames",
                                                  "items",
                                                  "prefixItems",
                                                  "contains",
                                                  "minContains",
                                                  "required",
                                                  "type",
                                                  "enum",
                                                  "const",
                                                  "pattern",
                                                  "minLength",
                                                  "maxItems",
                                                  "uniqueItems",
                                                  "minimum",
                                                  "multipleOf",
                                                  "unevaluatedProperties",
                                                  "unevaluatedItems");
  auto const text = rc::gen::map(
      rc::gen::element<std::string>(
          "#", "#/$defs/a", "#a", "a", "http://a/b", "^a|b$", "[", "string", "object", "array"),
      [](std::string value) { return Json(std::move(value)); });
  auto const plain = rc::gen::oneOf(text, test::json_scalar());
  if (levels == 0) return plain;
  auto const inner = rc::gen::lazy([levels] { return schema_like(levels - 1); });
  auto const object_of = [](auto names, auto values) {
    return rc::gen::map(
        rc::gen::resize(5,
                        rc::gen::container<std::vector<std::pair<std::string, Json>>>(
                            rc::gen::pair(names, values))),
        [](std::vector<std::pair<std::string, Json>> const& members) {
          Json made{Json::Object{}};
          for (auto const& [key, value] : members) made.set(key, value);
          return made;
        });
  };
  return rc::gen::weightedOneOf<Json>(
      {{1, plain},
       {4, object_of(name, inner)},
       {2, object_of(rc::gen::element<std::string>("a", "b", "^a"), inner)},
       {1,
        rc::gen::map(rc::gen::resize(4, rc::gen::container<Json::Array>(inner)),
                     [](Json::Array items) { return Json(std::move(items)); })}});
}

RC_GTEST_PROP(Schema, ends_with_a_verdict_on_whatever_looks_like_a_schema, ()) {
  auto const schema = *schema_like(4);
  auto const read = Schema::read(schema);
  if (!read) {
    RC_ASSERT(!read.error().detail.empty());
    return;
  }
  auto const value = *schema_like(3);
  auto const verdict = read->check(value);
  RC_ASSERT(verdict.fits() == to_string(verdict).empty());
}

}  // namespace
}  // namespace dalsegno::schema
