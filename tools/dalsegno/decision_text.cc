#include "tools/dalsegno/decision_text.h"

#include <utility>

namespace dalsegno::command {
namespace {

Json strings(std::vector<std::string> const& texts) {
  return Json::Array(texts.begin(), texts.end());
}

/// The value of what was written as canonical JSON.
Json value_of(std::string const& text) {
  auto parsed = parse_json(text);
  return parsed ? std::move(*parsed) : Json(text);
}

std::string_view name_of(engine::Truth truth) {
  switch (truth) {
    case engine::Truth::no:
      return "no";
    case engine::Truth::yes:
      return "yes";
    case engine::Truth::failed:
      break;
  }
  return "failed";
}

}  // namespace

std::string verdict_text(engine::Decision const& decision) {
  if (!decision.permitted) return "deny";
  std::string out = "permit";
  for (auto const& obligation : decision.obligations) {
    if (obligation.kind != engine::ObligationKind::require_approval) continue;
    return out + " after " + std::string(engine::name_of(obligation.kind));
  }
  return out;
}

std::string rules_text(std::vector<std::string> const& rules) {
  if (rules.empty()) return "no rule";
  std::string out;
  for (auto const& rule : rules) out += (out.empty() ? "" : ", ") + rule;
  return out;
}

Json as_json(engine::Decision const& decision) {
  Json out;
  out.set("effect", decision.permitted ? "permit" : "deny").set("rules", strings(decision.rules));
  if (!decision.reason.empty()) out.set("reason", decision.reason);
  Json::Array errors;
  for (auto const& [rule, message] : decision.errors) {
    Json error;
    error.set("rule", rule).set("message", message);
    errors.push_back(std::move(error));
  }
  if (!errors.empty()) out.set("errors", std::move(errors));
  Json::Array obligations;
  for (auto const& it : decision.obligations) {
    Json obligation;
    obligation.set("kind", engine::name_of(it.kind))
        .set("rule", it.rule)
        .set("parameters", value_of(it.parameters));
    obligations.push_back(std::move(obligation));
  }
  if (!obligations.empty()) out.set("obligations", std::move(obligations));
  Json ambient;
  for (auto const& [name, value] : decision.ambient) ambient.set(name, value_of(value));
  if (!ambient.is_null()) out.set("ambient", std::move(ambient));
  return out;
}

Json as_json(engine::RuleTrace const& trace, engine::Rule const& rule) {
  Json out;
  out.set("rule", rule.id)
      .set("effect", rule.effect == engine::RuleEffect::permit ? "permit" : "forbid")
      .set("outcome", engine::name_of(trace.outcome));
  if (!trace.why.empty()) out.set("why", trace.why);
  Json::Array tests;
  for (auto const& it : trace.tests) {
    Json test;
    test.set("test", it.test).set("value", it.value).set("truth", name_of(it.truth));
    tests.push_back(std::move(test));
  }
  if (!tests.empty()) out.set("tests", std::move(tests));
  return out;
}

}  // namespace dalsegno::command
