#include "engine/govern/operators_policy.h"

#include "engine/policy/grammar.h"

#include <algorithm>
#include <cassert>

namespace dalsegno::engine {
namespace {

constexpr std::string_view document = R"({"dalsegno_policy": 1, "name": "operators", "rules": [
  {"id": "operators-may", "effect": "permit", "actions": ["operator.*"],
   "principals": {"kinds": ["operator"]},
   "reason": "the active policy says nothing about operators"}]})";

}  // namespace

PolicySet const& operators_policy() {
  static auto const policy = [] {
    auto parsed = PolicySet::parse(document, "operators");
    assert(parsed);
    return std::move(*parsed);
  }();
  return policy;
}

bool governs_operators(PolicySet const& policy) {
  return std::ranges::any_of(policy.rules(), [](Rule const& rule) {
    for (std::size_t i = 0; i < action_count; ++i)
      if (rule.actions[i] && action_names[i].starts_with("operator.")) return true;
    return false;
  });
}

}  // namespace dalsegno::engine
