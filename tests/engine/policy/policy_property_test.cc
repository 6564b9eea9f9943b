#include "engine/policy/describe.h"
#include "engine/policy/policy.h"
#include "tests/engine/policy/document_gen.h"
#include "tests/engine/policy/naive_policy.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace dalsegno::engine {
namespace {

using test::generate_document;
using test::World;

PolicySet set_of(PolicyDocument const& document) {
  auto set = PolicySet::parse(to_pretty_string(as_json(document)), "generated.json");
  if (!set) RC_FAIL(set.error().detail);
  return *set;
}

std::vector<std::string> rules_of(std::vector<RuleError> const& errors) {
  std::vector<std::string> out;
  out.reserve(errors.size());
  for (auto const& error : errors) out.push_back(error.rule);
  return out;
}

RC_GTEST_PROP(PolicyProperty, the_index_decides_as_a_naive_reading_of_the_rules_does, ()) {
  auto const document = generate_document();
  auto const set = set_of(document);
  for (int i = 0; i < 10; ++i) {
    auto const world = World::generate();
    auto const decision = set.decide(world->request(), *world);
    auto const expected = test::naive_decide(document.rules, *world);
    RC_ASSERT(decision.permitted == expected.permitted);
    RC_ASSERT(decision.rules == expected.rules);
    RC_ASSERT(rules_of(decision.errors) == rules_of(expected.errors));
  }
}

RC_GTEST_PROP(PolicyProperty, an_explanation_gives_the_same_decision, ()) {
  auto const set = set_of(generate_document());
  auto const world = World::generate();
  auto const decision = set.decide(world->request(), *world);
  auto const explained = set.explain(world->request(), *world);
  RC_ASSERT(explained.decision.permitted == decision.permitted);
  RC_ASSERT(explained.decision.rules == decision.rules);
  RC_ASSERT(explained.decision.reason == decision.reason);
  RC_ASSERT(explained.decision.errors == decision.errors);
  RC_ASSERT(explained.decision.obligations == decision.obligations);
  RC_ASSERT(explained.rules.size() == set.rules().size());
}

RC_GTEST_PROP(PolicyProperty, what_is_printed_is_read_back_the_same, ()) {
  auto const document = generate_document();
  auto const text = to_string(as_json(document));
  auto const again = read_policy_document(text, "printed.json");
  if (!again) RC_FAIL(again.error().detail);
  RC_ASSERT(again->name == document.name);
  RC_ASSERT(again->rules == document.rules);
  RC_ASSERT(to_string(as_json(*again)) == text);
}

RC_GTEST_PROP(PolicyProperty, a_forbid_that_matches_denies_whatever_else_there_is, ()) {
  auto document = generate_document();
  auto const world = World::generate();
  Rule never;
  never.id = "never";
  never.effect = RuleEffect::forbid;
  never.actions.set();
  auto const place = *rc::gen::inRange<std::size_t>(0, document.rules.size() + 1);
  document.rules.insert(document.rules.begin() + static_cast<std::ptrdiff_t>(place), never);
  RC_ASSERT(!set_of(document).decide(world->request(), *world).permitted);
}

RC_GTEST_PROP(PolicyProperty, what_no_permit_matches_is_denied, ()) {
  auto document = generate_document();
  std::erase_if(document.rules, [](Rule const& it) { return it.effect == RuleEffect::permit; });
  auto const world = World::generate();
  RC_ASSERT(!set_of(document).decide(world->request(), *world).permitted);
}

RC_GTEST_PROP(PolicyProperty, the_order_of_the_rules_does_not_change_the_effect, ()) {
  auto document = generate_document();
  auto const world = World::generate();
  auto before = set_of(document).decide(world->request(), *world);
  std::ranges::reverse(document.rules);
  auto after = set_of(document).decide(world->request(), *world);
  RC_ASSERT(before.permitted == after.permitted);
  std::ranges::reverse(after.rules);
  RC_ASSERT(before.rules == after.rules);
}

RC_GTEST_PROP(PolicyProperty, rules_in_several_files_are_one_set, ()) {
  auto const document = generate_document();
  auto const cut =
      static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(0, document.rules.size() + 1));
  PolicyDocument first{
      document.name, {document.rules.begin(), document.rules.begin() + cut}, {}, {}};
  PolicyDocument second{"", {document.rules.begin() + cut, document.rules.end()}, {}, {}};
  auto const texts = std::pair(to_string(as_json(first)), to_string(as_json(second)));
  PolicySource const sources[] = {{texts.first, "a.json"}, {texts.second, "b.json"}};
  auto const set = PolicySet::parse(sources);
  RC_ASSERT(set.has_value());
  auto const whole = set_of(document);
  RC_ASSERT(set->document() == whole.document());
  RC_ASSERT(set->digest() == whole.digest());
}

}  // namespace
}  // namespace dalsegno::engine
