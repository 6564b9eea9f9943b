#include "engine/policy/recorded.h"

#include "engine/policy/rate.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

namespace dalsegno::engine {
namespace {

constexpr std::string_view usual_kind = "workflow";

storage::DecisionEffect effect_of(Decision const& decision) {
  return decision.permitted ? storage::DecisionEffect::permit : storage::DecisionEffect::deny;
}

std::vector<storage::RecordedObligation> recorded(std::vector<AppliedObligation> obligations) {
  std::vector<storage::RecordedObligation> out;
  out.reserve(obligations.size());
  for (auto& it : obligations)
    out.push_back({std::string(name_of(it.kind)), std::move(it.rule), std::move(it.parameters)});
  return out;
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The surroundings of a recorded decision. Notes what it is asked and does not know.
class RecordedAmbient final : public PolicyAmbient {
 public:
  RecordedAmbient(storage::PolicyDecided const& recorded, DecisionContext const& context)
      : recorded_(recorded), context_(context) {}

  [[nodiscard]] Time now() const override {
    if (auto const* const value = find("time")) {
      if (auto const time = number<std::int64_t>(*value))
        return Time(std::chrono::microseconds(*time));
    }
    return context_.recorded_at;
  }
  [[nodiscard]] std::optional<std::uint64_t> counter(CounterKey const& key) const override {
    auto const name = name_of(key);
    if (auto const* const value = find(name)) return number<std::uint64_t>(*value);
    if (context_.derived != nullptr) {
      if (auto const derived = context_.derived->counter(key)) return derived;
    }
    unknown_.push_back(name);
    return std::nullopt;
  }
  [[nodiscard]] std::optional<RateUse> rate(RateKey const& key) const override {
    auto const name = name_of(key);
    auto const* const value = find(name);
    if (value == nullptr) unknown_.push_back(name);
    return value == nullptr ? std::nullopt : read_rate_use(*value);
  }
  [[nodiscard]] std::optional<Json> attribute(std::string_view name) const override {
    auto const* const value = find("attribute:" + std::string(name));
    auto parsed = value == nullptr ? std::nullopt : std::optional(parse_json(*value));
    if (parsed && *parsed) return std::move(**parsed);
    if (context_.derived != nullptr) {
      if (auto derived = context_.derived->attribute(name)) return derived;
    }
    if (!recorded_.complete && !was_always_recorded(name)) unknown_.emplace_back(name);
    return std::nullopt;
  }
  [[nodiscard]] ObligationKinds fulfils() const override {
    auto const* const value = find("fulfils");
    auto const list = value == nullptr ? std::nullopt : std::optional(parse_json(*value));
    if (!list || !*list || (*list)->as_array() == nullptr) return ObligationKinds().set();
    ObligationKinds out;
    for (auto const& entry : *(*list)->as_array()) {
      auto const* const name = entry.as_string();
      auto const known = std::ranges::find(obligation_names, name == nullptr ? "" : *name);
      if (known != obligation_names.end())
        out.set(static_cast<std::size_t>(known - obligation_names.begin()));
    }
    return out;
  }

  [[nodiscard]] std::vector<std::string>& unknown() { return unknown_; }

 private:
  [[nodiscard]] std::string const* find(std::string_view name) const {
    auto const found = std::ranges::find(recorded_.ambient, name, &storage::NamedValue::name);
    return found == recorded_.ambient.end() ? nullptr : &found->value;
  }
  static bool was_always_recorded(std::string_view name) {
    return !name.starts_with("principal.") && name != "risk" && name != "taint";
  }
  storage::PolicyDecided const& recorded_;
  DecisionContext const& context_;
  mutable std::vector<std::string> unknown_;  // noted by const questions, on one thread
};

/// The request of a recorded decision, and what owns the values that it views.
class RecordedRequest {
 public:
  RecordedRequest(storage::PolicyDecided const& recorded,
                  DecisionContext const& context,
                  Accessory accessory = {}) {
    for (auto const& [name, value] : recorded.attributes) {
      if (auto parsed = parse_json(value)) attributes_.push_back({name, std::move(*parsed)});
    }
    std::ranges::move(accessory.attributes, std::back_inserter(attributes_));  // the first counts
    bool const same = accessory.action.empty();
    request_ = {.principal = {.kind = kind_of_principal(recorded),
                              .id = recorded.principal,
                              .tenant = context.session->tenant,
                              .roles = recorded.principal_roles},
                .action = same ? recorded.action : accessory.action,
                .resource = same ? recorded.resource : accessory.resource,
                .session = context.session->name,
                .workflow = context.workflow,
                .attempt = recorded.attempt,
                .attributes = attributes_,
                .arguments = context.arguments};
  }
  RecordedRequest(RecordedRequest const&) = delete;
  RecordedRequest& operator=(RecordedRequest const&) = delete;

  [[nodiscard]] PolicyRequest const& request() const { return request_; }

 private:
  std::vector<Attribute> attributes_;
  PolicyRequest request_;
};

}  // namespace

std::string_view kind_of_principal(storage::PolicyDecided const& recorded) {
  return recorded.principal_kind.empty() ? usual_kind : std::string_view(recorded.principal_kind);
}

storage::PolicyDecided to_event(PolicySet const& policy,
                                PolicyRequest const& request,
                                Decision decision) {
  storage::PolicyDecided event;
  event.attempt = request.attempt;
  event.effect = effect_of(decision);
  event.policy = policy.digest();
  event.principal = request.principal.id;
  event.action = request.action;
  event.resource = request.resource;
  event.rules = std::move(decision.rules);
  event.reason = std::move(decision.reason);
  if (request.principal.kind != usual_kind) event.principal_kind = request.principal.kind;
  event.principal_roles.assign(request.principal.roles.begin(), request.principal.roles.end());
  for (auto const& [name, value] : request.attributes)
    event.attributes.push_back({name, canonical(value)});
  event.ambient = std::move(decision.ambient);
  event.errors = std::move(decision.errors);
  event.obligations = recorded(std::move(decision.obligations));
  event.complete = true;
  return event;
}

void add_shadow(storage::PolicyDecided& event, PolicySet const& policy, Decision decision) {
  if (event.shadows.size() == max_shadow_policies) return;
  for (auto& input : decision.ambient) {
    if (std::ranges::find(event.ambient, input.name, &storage::NamedValue::name) ==
        event.ambient.end())
      event.ambient.push_back(std::move(input));
  }
  event.shadows.push_back({policy.digest(),
                           effect_of(decision),
                           std::move(decision.rules),
                           std::move(decision.reason),
                           std::move(decision.errors),
                           recorded(std::move(decision.obligations))});
}

Redecision decide_again(PolicySet const& policy,
                        storage::PolicyDecided const& recorded,
                        DecisionContext const& context) {
  RecordedRequest const request(recorded, context);
  RecordedAmbient ambient(recorded, context);
  Redecision out;
  out.decision = policy.decide(request.request(), ambient);
  out.unknown = std::move(ambient.unknown());
  auto const roles = static_cast<std::size_t>(AttributeName::principal_roles);
  if (out.decision.read.attributes[roles] && !recorded.complete)
    out.unknown.emplace_back("principal.roles");
  if (out.decision.read.arguments && !context.arguments) out.unknown.emplace_back("arguments");
  return out;
}

Explained explain_again(PolicySet const& policy,
                        storage::PolicyDecided const& recorded,
                        DecisionContext const& context) {
  RecordedRequest const request(recorded, context);
  RecordedAmbient const ambient(recorded, context);
  return policy.explain(request.request(), ambient);
}

Decision decide_accessory(PolicySet const& policy,
                          Accessory accessory,
                          storage::PolicyDecided const& permitting,
                          DecisionContext const& context,
                          PolicyAmbient const& ambient) {
  RecordedRequest const request(permitting, context, std::move(accessory));
  return policy.decide(request.request(), ambient);
}

}  // namespace dalsegno::engine
