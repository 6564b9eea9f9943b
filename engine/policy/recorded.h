#pragma once

#include "dalsegno/ids.h"
#include "engine/policy/ambient.h"
#include "engine/policy/decision.h"
#include "engine/policy/policy.h"
#include "engine/policy/request.h"
#include "storage/event/event.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// A decision as its event; `request` is what was decided. The digest of the input is the caller's
/// to fill in.
[[nodiscard]] storage::PolicyDecided to_event(PolicySet const& policy,
                                              PolicyRequest const& request,
                                              Decision decision);
/// Puts beside it what another policy decided about the same request and surroundings.
/// Limits: max_shadow_policies; one more is left out.
void add_shadow(storage::PolicyDecided& event, PolicySet const& policy, Decision decision);

/// What a decision's session tells beside the decision itself.
struct DecisionContext {
  SessionId const* session = nullptr;
  std::string_view workflow;
  Time recorded_at;
  /// JSON; nullopt when they are not known (any more).
  std::optional<std::string_view> arguments;
  /// Answers about counters and attributes that were not recorded but can be derived; null: none.
  PolicyAmbient const* derived = nullptr;
};

/// A decision that is made again from what was recorded.
struct Redecision {
  Decision decision;
  /// What it looked at that was not recorded: it is exact if this is empty.
  std::vector<std::string> unknown;
};

/// Decides again under `policy`, its own or another. Obligations that the caller of then was not
/// asked about count as met, so that what an approval would have permitted shows as permitted with
/// that obligation.
/// All references must live until it returns. Thread: any.
[[nodiscard]] Redecision decide_again(PolicySet const& policy,
                                      storage::PolicyDecided const& recorded,
                                      DecisionContext const& context);

/// The same with what became of each rule.
[[nodiscard]] Explained explain_again(PolicySet const& policy,
                                      storage::PolicyDecided const& recorded,
                                      DecisionContext const& context);

/// The kind of the principal that a decision was made for.
[[nodiscard]] std::string_view kind_of_principal(storage::PolicyDecided const& recorded);

/// Something else that is done for a call that was permitted: the connection that it makes.
struct Accessory {
  std::string_view action;
  std::string_view resource;
  std::vector<Attribute> attributes = {};
};

/// Decides about it under `policy`, for the same principal and with the attributes and arguments
/// of the recorded decision; an attribute that is known from there is not replaced by another
/// value. All references must live until it returns. Thread: any, if `ambient` is.
[[nodiscard]] Decision decide_accessory(PolicySet const& policy,
                                        Accessory accessory,
                                        storage::PolicyDecided const& permitting,
                                        DecisionContext const& context,
                                        PolicyAmbient const& ambient);

}  // namespace dalsegno::engine
