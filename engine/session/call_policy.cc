#include "engine/session/call_policy.h"

#include "engine/policy/rate.h"
#include "engine/policy/recorded.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::engine {
namespace {

using storage::OperationKind;

/// What policy may ask when a session decides.
class CallAmbient final : public PolicyAmbient {
 public:
  CallAmbient(CallPolicy const& policy,
              SessionState const& state,
              OpenOperation const& operation,
              Time now)
      : surroundings_(policy.surroundings),
        state_(state),
        operation_(operation),
        now_(now),
        not_before_(policy.not_before),
        fulfils_(policy.fulfils) {}

  [[nodiscard]] Time now() const override { return std::max(now_, not_before_); }
  [[nodiscard]] std::optional<std::uint64_t> counter(CounterKey const& key) const override {
    if (key.scope == CounterScope::session && !key.window)
      return calls_before(state_, key, operation_);
    auto count = surroundings_ == nullptr ? std::nullopt : surroundings_->counter(key);
    if (count && *count > 0 && counts_this(key)) --*count;
    return count;
  }
  [[nodiscard]] std::optional<RateUse> rate(RateKey const& key) const override {
    return surroundings_ == nullptr ? std::nullopt : surroundings_->rate(key);
  }
  [[nodiscard]] std::optional<Json> attribute(std::string_view name) const override {
    return surroundings_ == nullptr ? std::nullopt : surroundings_->attribute(name);
  }
  [[nodiscard]] ObligationKinds fulfils() const override { return fulfils_; }

 private:
  /// At its second attempt the call has been counted, if that was within the window.
  [[nodiscard]] bool counts_this(CounterKey const& key) const {
    auto const& first = operation_.first_started;
    return first && action_of(operation_.kind) == key.action &&
           (key.resource == "*" || key.resource == operation_.name) &&
           (!key.window || *first > now_ - *key.window);
  }

  PolicyAmbient const* surroundings_;
  SessionState const& state_;
  OpenOperation const& operation_;
  Time now_;
  Time not_before_;
  ObligationKinds fulfils_;
};

/// The surroundings of a policy that is asked beside the active one. Nothing starts with its
/// permits, so its rates take no places: they are judged by what the active policy was told of a
/// rule of the same id, else they count as met.
class ShadowAmbient final : public PolicyAmbient {
 public:
  ShadowAmbient(CallAmbient const& active, storage::PolicyDecided const& decided)
      : active_(active), decided_(decided) {}

  [[nodiscard]] Time now() const override { return active_.now(); }
  [[nodiscard]] std::optional<std::uint64_t> counter(CounterKey const& key) const override {
    return active_.counter(key);
  }
  [[nodiscard]] std::optional<RateUse> rate(RateKey const& key) const override {
    auto const found =
        std::ranges::find(decided_.ambient, name_of(key), &storage::NamedValue::name);
    return found == decided_.ambient.end() ? std::nullopt : read_rate_use(found->value);
  }
  [[nodiscard]] std::optional<Json> attribute(std::string_view name) const override {
    return active_.attribute(name);
  }
  [[nodiscard]] ObligationKinds fulfils() const override { return active_.fulfils(); }

 private:
  CallAmbient const& active_;
  storage::PolicyDecided const& decided_;
};

std::string_view name_of(storage::Risk risk) {
  return risk == storage::Risk::undeclared ? std::string_view()
                                           : risk_names[static_cast<std::size_t>(risk) - 1];
}

}  // namespace

ObligationKinds obligations_of_calls() {
  ObligationKinds met;
  for (auto const kind : {ObligationKind::require_approval, ObligationKind::log})
    met.set(static_cast<std::size_t>(kind));
  return met;
}

std::uint64_t calls_before(SessionState const& state,
                           CounterKey const& key,
                           OpenOperation const& deciding) {
  std::uint64_t count = 0;
  auto const counts = [&](OperationKind kind, std::string_view name) {
    return action_of(kind) == key.action && (key.resource == "*" || name == key.resource);
  };
  for (auto const& [call, made] : state.calls)
    if (counts(call.first, call.second)) count += made;
  return count - (deciding.attempt > 0 && counts(deciding.kind, deciding.name) ? 1 : 0);
}

std::string_view action_of(OperationKind kind) {
  switch (kind) {
    case OperationKind::model:
      return "model.call";
    case OperationKind::tool:
      return "tool.call";
    case OperationKind::child:
      return "session.start";
    case OperationKind::message:
      return "session.signal";
    default:
      return "activity.call";
  }
}

storage::PolicyDecided decide_call(CallPolicy const& policy,
                                   SessionState const& state,
                                   OpenOperation const& operation,
                                   std::uint32_t attempt,
                                   std::string_view arguments,
                                   Time now) {
  std::vector<Attribute> attributes;
  if (operation.risk != storage::Risk::undeclared)
    attributes.push_back({"risk", name_of(operation.risk)});
  // Also when there is none: a condition about a taint that is not known could not be evaluated.
  attributes.push_back({"taint", Json::Array(state.taint.begin(), state.taint.end())});
  if (auto const approvers = approvers_of(operation, now); !approvers.empty())
    attributes.push_back({"approval", Json::Array(approvers.begin(), approvers.end())});
  PolicyRequest const request{
      .principal = {.kind = "workflow", .id = state.principal, .tenant = state.session.tenant},
      .action = action_of(operation.kind),
      .resource = operation.name,
      .session = state.session.name,
      .workflow = state.workflow,
      .attempt = attempt,
      .attributes = attributes,
      .arguments = arguments};
  CallAmbient const ambient(policy, state, operation, now);
  auto event = to_event(policy.policy, request, policy.policy.decide(request, ambient));
  for (auto const& shadow : policy.shadows)
    add_shadow(event, shadow, shadow.decide(request, ShadowAmbient(ambient, event)));
  event.input_digest = operation.input_digest;
  return event;
}

}  // namespace dalsegno::engine
