#include "engine/policy/warnings.h"

#include "engine/policy/policy.h"
#include "tests/engine/policy/document_gen.h"
#include "tests/engine/policy/requests.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace dalsegno::engine {
namespace {

/// The warnings of a document with these rules, a line each.
std::string warned(std::string const& rules) {
  auto const text = "{\"dalsegno_policy\": 1, \"rules\": [\n" + rules + "]}";
  PolicySource const source{text, "desk.json"};
  auto const document = read_policy_document(text, "desk.json");
  EXPECT_TRUE(document) << (document ? "" : document.error().detail);
  std::string out;
  for (auto const& warning : warnings_of(*document, test::noon)) {
    if (!out.empty()) out += '\n';
    out += line_of(warning, *document, {&source, 1});
  }
  return out;
}

std::string when(std::string_view condition) {
  return R"({"id": "r", "effect": "permit", "actions": ["tool.call"], "when": )" +
         std::string(condition) + "}";
}

TEST(PolicyWarnings, say_that_a_rule_has_expired) {
  EXPECT_EQ(
      warned(
          R"({"id": "r", "effect": "permit", "actions": ["*"], "expires": "2026-11-22T12:00:00Z"})"),
      "desk.json:2:1: warning: rule r expired at 2026-11-22T12:00:00.000000Z");
  EXPECT_EQ(
      warned(
          R"({"id": "r", "effect": "permit", "actions": ["*"], "expires": "2026-11-22T12:00:01Z"})"),
      "");
}

TEST(PolicyWarnings, say_that_conditions_exclude_each_other) {
  EXPECT_EQ(warned(when(R"({"all": [{"argument": "/a", "eq": 1}, {"argument": "/a", "eq": 2}]})")),
            "desk.json:2:1: warning: rule r can never match: argument /a eq 1 excludes argument /a "
            "eq 2");
  for (
      auto const* const condition : {
          R"({"all": [{"argument": "/a", "gt": 5}, {"argument": "/a", "lt": 5}]})",
          R"({"all": [{"attribute": "risk", "in": ["read", "write"]}, {"all": [{"attribute": "risk", "eq": "money"}]}]})",
          R"({"all": [{"argument": "/a", "exists": false}, {"argument": "/a", "prefix": "x"}]})",
          R"({"all": [{"argument": "/a", "in": ["x", "y"]}, {"argument": "/a", "regex": "z+"}]})",
          R"({"time": {"before": "2026-11-01T00:00:00Z"}})",
      })
    EXPECT_NE(warned(when(condition)).find("can never match"), std::string::npos) << condition;
  for (auto const* const condition : {
           R"({"all": [{"argument": "/a", "ge": 5}, {"argument": "/a", "le": 5}]})",
           R"({"any": [{"argument": "/a", "eq": 1}, {"argument": "/a", "eq": 2}]})",
           R"({"all": [{"argument": "/a", "eq": 1}, {"argument": "/b", "eq": 2}]})",
           R"({"all": [{"argument": "/a", "in": ["x", "y"]}, {"argument": "/a", "ne": "x"}]})",
       })
    EXPECT_EQ(warned(when(condition)), "") << condition;
}

TEST(PolicyWarnings, say_that_another_rule_leaves_nothing_to_a_rule) {
  EXPECT_EQ(
      warned(
          R"({"id": "a", "effect": "permit", "actions": ["tool.call"], "resources": ["refund_all"]},)"
          "\n"
          R"({"id": "b", "effect": "forbid", "actions": ["*"], "resources": ["refund_*"]})"),
      "desk.json:2:1: warning: rule a can permit nothing: rule b forbids all of it");
  EXPECT_EQ(
      warned(
          R"({"id": "a", "effect": "permit", "actions": ["*"]},)"
          "\n"
          R"({"id": "b", "effect": "permit", "actions": ["tool.call"], "when": {"attribute": "risk", "eq": "read"}})"),
      "desk.json:3:1: warning: rule b adds nothing to rule a, which covers all of it");
  EXPECT_EQ(warned(R"({"id": "a", "effect": "permit", "actions": ["tool.call"]},)"
                   "\n"
                   R"({"id": "b", "effect": "permit", "actions": ["tool.call"], )"
                   R"("resources": ["x"], "obligations": {"log": "alert"}})"),
            "")
      << "an obligation is an effect";
}

RC_GTEST_PROP(PolicyWarnings, name_only_rules_without_which_every_decision_is_the_same, ()) {
  auto document = test::generate_document();
  auto const world = test::World::generate();
  auto const text = dalsegno::to_string(as_json(document));
  auto const warnings = warnings_of(document, world->time);
  auto const shadowed = std::ranges::find(warnings, WarningKind::shadowed, &PolicyWarning::kind);
  auto const gone = shadowed == warnings.end() ? warnings.begin() : shadowed;
  if (gone == warnings.end()) return;
  document.rules.erase(document.rules.begin() + static_cast<std::ptrdiff_t>(gone->rule));
  auto const with = PolicySet::parse(text).value().decide(world->request(), *world);
  auto const without = PolicySet::parse(dalsegno::to_string(as_json(document)))
                           .value()
                           .decide(world->request(), *world);
  RC_ASSERT(with.permitted == without.permitted);
}

}  // namespace
}  // namespace dalsegno::engine
