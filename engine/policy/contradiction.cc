#include "engine/policy/contradiction.h"

#include "engine/policy/describe.h"
#include "engine/policy/literal_test.h"
#include "engine/policy/operand.h"

#include <algorithm>
#include <optional>
#include <variant>
#include <vector>

namespace dalsegno::engine {
namespace {

/// A test of one thing, whatever kind of thing it is.
struct Claim {
  Condition const* test;
  std::string subject;
  Operator op;
  Json const* literal;
};

void collect(Condition const& condition, std::vector<Condition const*>& tests) {
  if (auto const* const all = std::get_if<All>(&condition.node)) {
    for (auto const& child : all->of) collect(child, tests);
  } else {
    tests.push_back(&condition);
  }
}

std::optional<Claim> claim_of(Condition const& condition) {
  if (auto const* const it = std::get_if<AttributeTest>(&condition.node))
    return Claim{&condition, std::string(info_of(it->attribute).name), it->op, &it->literal};
  if (auto const* const it = std::get_if<ArgumentTest>(&condition.node))
    return Claim{&condition, "argument " + it->pointer, it->op, &it->literal};
  return std::nullopt;
}

/// The values that the claim leaves possible, if these are few enough to be named.
std::vector<Json> named_values(Claim const& claim) {
  if (claim.op == Operator::eq) return {*claim.literal};
  if (claim.op == Operator::in) return *claim.literal->as_array();
  return {};
}

/// Whether no value meets both. `a` names its values.
bool exclude_each_other(Claim const& a, Claim const& b) {
  auto const values = named_values(a);
  if (values.empty()) return false;
  LiteralTest const other(b.op, *b.literal);
  std::string why;
  return std::ranges::none_of(
      values, [&](Json const& value) { return other.holds(Operand(value), why) == Truth::yes; });
}

bool is_lower(Operator op) { return op == Operator::gt || op == Operator::ge; }
bool is_upper(Operator op) { return op == Operator::lt || op == Operator::le; }

/// A bound from below and one from above with nothing between them.
bool leave_no_room(Claim const& a, Claim const& b) {
  if (!is_lower(a.op) || !is_upper(b.op)) return false;
  auto const order = Operand::compare(Operand(*a.literal), Operand(*b.literal));
  if (!order) return a.literal->is_number() != b.literal->is_number();
  return *order > 0 || (*order == 0 && (a.op == Operator::gt || b.op == Operator::lt));
}

bool needs_absence(Claim const& claim) {
  return claim.op == Operator::exists && !*claim.literal->as_bool();
}

bool contradict(Claim const& a, Claim const& b) {
  if (a.subject != b.subject) return false;
  if (needs_absence(a)) return !needs_absence(b);
  if (needs_absence(b)) return false;  // found the other way round
  return exclude_each_other(a, b) || leave_no_room(a, b);
}

}  // namespace

std::string contradiction_in(Condition const& condition, Time now) {
  std::vector<Condition const*> tests;
  collect(condition, tests);
  std::vector<Claim> claims;
  for (auto const* const test : tests) {
    auto const* const time = std::get_if<TimeTest>(&test->node);
    if (time != nullptr && time->before && *time->before <= now)
      return describe(*test) + " has passed";
    if (auto claim = claim_of(*test)) claims.push_back(std::move(*claim));
  }
  for (auto const& a : claims) {
    for (auto const& b : claims) {
      if (&a != &b && contradict(a, b)) return describe(*a.test) + " excludes " + describe(*b.test);
    }
  }
  return {};
}

}  // namespace dalsegno::engine
