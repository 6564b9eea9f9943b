#include "tools/dalsegno/session_filter.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {
namespace {

using namespace std::chrono_literals;

constexpr Time now{std::chrono::hours(500'000)};

SessionRow row(std::string name, std::int64_t risk = 0, std::string desk = {}) {
  SessionRow out;
  out.id = {"acme", std::move(name)};
  out.head.workflow = "refund";
  out.head.started_at = now - 24h;
  out.head.updated_at = now - 1h;
  out.head.last_sequence = 40;
  if (risk != 0) out.attributes.emplace("risk", Json(risk));
  if (!desk.empty()) out.attributes.emplace("desk", Json(desk));
  return out;
}

SessionFilter parsed(std::string_view text) {
  auto filter = SessionFilter::parse(text, now);
  EXPECT_TRUE(filter) << text << ": " << filter.error().detail;
  return filter ? std::move(*filter) : SessionFilter();
}

bool holds(std::string_view text, SessionRow const& of) { return parsed(text).matches(of); }

std::string refusal(std::string_view text) {
  auto const filter = SessionFilter::parse(text, now);
  return filter ? "taken" : filter.error().detail;
}

TEST(SessionFilter, compares_what_the_head_says_and_what_the_session_set) {
  auto const one = row("order-17", 3, "north");
  EXPECT_TRUE(holds(R"(status = "open" and risk > 2 and started > -7d)", one));
  EXPECT_FALSE(holds(R"(status = "open" and risk > 3)", one));
  EXPECT_TRUE(holds("session like 'order-*' and events >= 40 and steps = 0", one));
  EXPECT_TRUE(holds("desk in ('south', 'north')", one));
  EXPECT_TRUE(holds("desk != 'south'", one));
  EXPECT_TRUE(holds("updated < -30m and started > \"2000-01-01T00:00:00Z\"", one));
  EXPECT_TRUE(holds("attribute.\"risk\" <= 3 and attribute.desk exists", one));
  EXPECT_TRUE(holds("", one));
}

TEST(SessionFilter, binds_not_before_and_and_and_before_or) {
  auto const one = row("a", 1);
  EXPECT_TRUE(holds("risk = 1 or risk = 2 and risk = 3", one));
  EXPECT_FALSE(holds("(risk = 1 or risk = 2) and risk = 3", one));
  EXPECT_FALSE(holds("not risk = 1 or risk = 2", one));
  EXPECT_TRUE(holds("not (risk = 1 and risk = 2)", one));
}

TEST(SessionFilter, does_not_hold_for_what_is_absent_or_of_another_kind) {
  auto const one = row("a", 1);
  EXPECT_FALSE(holds("desk = 'north'", one));
  EXPECT_FALSE(holds("desk != 'north'", one));
  EXPECT_TRUE(holds("not (desk = 'north')", one));
  EXPECT_FALSE(holds("desk exists", one));
  EXPECT_FALSE(holds("risk = '1'", one));
  EXPECT_FALSE(holds("risk like '*'", one));
}

TEST(SessionFilter, sorts_with_what_is_absent_last_and_cuts) {
  std::vector<SessionRow> rows{row("a", 2), row("b"), row("c", 9), row("d", 5)};
  parsed("order by risk desc, session limit 3").arrange(rows);
  std::vector<std::string> names;
  for (auto const& one : rows) names.push_back(one.id.name);
  EXPECT_EQ(names, (std::vector<std::string>{"c", "d", "a"}));
  EXPECT_TRUE(parsed("order by risk").asks_for_attributes());
  EXPECT_FALSE(parsed("order by started").asks_for_attributes());
}

TEST(SessionFilter, says_where_it_is_wrong_and_what_was_expected) {
  EXPECT_EQ(
      refusal("status ="),
      "filter, column 9: expected a value: a text in quotes, a number, true, false or -7d; the "
      "filter ends");
  EXPECT_EQ(refusal("events = 'many'"),
            "filter, column 10: events is a number, and a text stands here");
  EXPECT_EQ(refusal("status = open").substr(0, 35), "filter, column 10: expected a value");
  EXPECT_EQ(refusal("risk > 2 risk"),
            "filter, column 10: expected and, or, order by, limit or the end; risk stands");
  EXPECT_EQ(refusal("(risk > 2"), "filter, column 10: expected ); the filter ends");
  EXPECT_EQ(refusal("risk"),
            "filter, column 5: expected =, !=, <, <=, >, >=, like, in or exists after risk; the "
            "filter ends");
  EXPECT_NE(refusal("started > 'yesterday'").find("is no time"), std::string::npos);
  EXPECT_NE(refusal("started > 7d").find("column 11: a time before now"), std::string::npos);
  EXPECT_NE(refusal("desk = 'north").find("has no end"), std::string::npos);
  EXPECT_NE(refusal("desk & 1").find("means nothing here"), std::string::npos);
  EXPECT_NE(refusal("order risk").find("expected by"), std::string::npos);
  EXPECT_NE(refusal("limit -1").find("how many at most"), std::string::npos);
  EXPECT_NE(refusal(std::string(5'000, '(')).find("more than 100 levels"), std::string::npos);
  EXPECT_NE(refusal("risk > 1e999").find("out of range"), std::string::npos);
}

TEST(SessionFilter, shows_values_as_people_write_them) {
  EXPECT_EQ(to_text(value_of(row("a", 3), {"risk", true})), "3");
  EXPECT_EQ(to_text(value_of(row("a"), {"risk", true})), "");
  EXPECT_EQ(to_text(value_of(row("a"), {"status", false})), "open");
}

RC_GTEST_PROP(SessionFilter, ends_with_a_filter_or_a_column_whatever_stands_in_it, ()) {
  static std::vector<std::string> const pieces{
      "status", "risk", "started", "and", "or", "not", "in",   "exists", "like", "order", "by",
      "limit",  "=",    "!=",      "<",   ">=", "(",   ")",    ",",      "-7d",  "3",     "-2.5",
      "'a'",    "\"b",  "true",    "x.y", "-",  "é",   "\x01", "1e400",  "asc",  "9z"};
  std::string text;
  for (auto const index : *rc::gen::container<std::vector<std::size_t>>(
           rc::gen::inRange<std::size_t>(0, pieces.size())))
    text += pieces[index] + (*rc::gen::arbitrary<bool>() ? " " : "");
  auto const filter = SessionFilter::parse(text, now);
  if (filter) {
    std::vector<SessionRow> rows{row("a", 1), row("b")};
    (void)filter->matches(rows[0]);
    filter->arrange(rows);
  } else {
    RC_ASSERT(filter.error().code == Errc::invalid);
    RC_ASSERT(filter.error().detail.starts_with("filter, column "));
  }
}

/// A random filter over risk, and the same decided by hand.
struct Random {
  std::string text;
  std::function<bool(double)> means;
};

// NOLINTNEXTLINE(misc-no-recursion): bounded by depth
Random random_filter(int depth) {
  auto const kind = depth == 0 ? 0 : *rc::gen::inRange(0, 4);
  if (kind == 0) {
    auto const bound = *rc::gen::inRange(-3, 4);
    if (*rc::gen::arbitrary<bool>())
      return {"risk < " + std::to_string(bound), [bound](double risk) { return risk < bound; }};
    return {"risk = " + std::to_string(bound), [bound](double risk) { return risk == bound; }};
  }
  auto a = random_filter(depth - 1);
  if (kind == 1) return {"not (" + a.text + ")", [a](double risk) { return !a.means(risk); }};
  auto b = random_filter(depth - 1);
  if (kind == 2)
    return {"(" + a.text + ") and (" + b.text + ")",
            [a, b](double risk) { return a.means(risk) && b.means(risk); }};
  return {"(" + a.text + ") or (" + b.text + ")",
          [a, b](double risk) { return a.means(risk) || b.means(risk); }};
}

RC_GTEST_PROP(SessionFilter, means_what_its_words_say, ()) {
  auto const filter = random_filter(4);
  auto const risk = *rc::gen::inRange(-4, 5);
  SessionRow one;
  one.attributes.emplace("risk", Json(std::int64_t{risk}));
  RC_ASSERT(parsed(filter.text).matches(one) == filter.means(risk));
}

}  // namespace
}  // namespace dalsegno::command
