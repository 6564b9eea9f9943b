#include "engine/policy/rate.h"

#include "dalsegno/json.h"
#include "engine/policy/grammar.h"
#include "engine/policy/time_text.h"
#include "storage/event/event.h"

#include <algorithm>
#include <cassert>

namespace dalsegno::engine {

std::optional<RateLimit> rate_of(Rule const& rule) {
  auto const found = std::ranges::find(rule.obligations, ObligationKind::rate, &Obligation::kind);
  if (found == rule.obligations.end()) return std::nullopt;
  auto const* const calls = found->parameters.find("calls");
  auto const* const per = found->parameters.find("per");
  auto const* const number = calls == nullptr ? nullptr : calls->as_integer();
  auto const* const text = per == nullptr ? nullptr : per->as_string();
  auto const duration = text == nullptr ? std::nullopt : parse_duration(*text);
  assert(number != nullptr && *number > 0 && duration && "the reader lets no other pass");
  return RateLimit{static_cast<std::uint64_t>(*number), *duration};
}

std::vector<std::string> rated_rules(storage::PolicyDecided const& decision) {
  std::vector<std::string> rules;
  if (decision.effect != storage::DecisionEffect::permit) return rules;
  for (auto const& obligation : decision.obligations)
    if (obligation.kind == name_of(ObligationKind::rate)) rules.push_back(obligation.rule);
  return rules;
}

std::string name_of(RateKey const& key) {
  return "rate/" + std::to_string(key.limit.per.count()) + "s/" + std::string(key.rule);
}

std::string recorded_text(RateUse const& use) {
  Json out;
  out.set("calls", use.calls);
  if (use.free_at) out.set("free_at", use.free_at->time_since_epoch().count());
  return canonical(out);
}

std::optional<RateUse> read_rate_use(std::string_view recorded) {
  auto const json = parse_json(recorded);
  if (!json || json->as_object() == nullptr) return std::nullopt;
  auto const* const calls = json->find("calls");
  auto const* const free_at = json->find("free_at");
  if (calls == nullptr || calls->as_integer() == nullptr || *calls->as_integer() < 0)
    return std::nullopt;
  RateUse use{static_cast<std::uint64_t>(*calls->as_integer()), std::nullopt};
  if (free_at != nullptr && free_at->as_integer() != nullptr)
    use.free_at = Time(std::chrono::microseconds(*free_at->as_integer()));
  return use;
}

}  // namespace dalsegno::engine
