#include "tools/dalsegno/forensics/operator_check.h"

#include "engine/govern/identify.h"
#include "engine/govern/operate.h"
#include "storage/access/operator_acted.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace dalsegno::forensics {

namespace {

using storage::OperatorActed;
using storage::PolicyDecided;

/// Written by this version's operators; older ones named what was done in words of their own.
bool is_governed(OperatorActed const& acted) {
  return acted.action.starts_with("operator.") && !access::was_refused(acted);
}

bool permits(storage::Event const& event, OperatorActed const& acted) {
  auto const* const decided = std::get_if<PolicyDecided>(&event.body);
  return decided != nullptr && decided->effect == storage::DecisionEffect::permit &&
         decided->action == acted.action && decided->resource == acted.resource &&
         decided->principal == acted.by && decided->principal_kind == "operator";
}

bool activates(storage::Event const& event) {
  return std::holds_alternative<storage::PolicyActivated>(event.body);
}

/// Whether this action is one that the event can be a part of.
bool belongs_to(storage::Event const& event, OperatorActed const& acted) {
  if (activates(event)) return acted.action == "operator.policy";
  return acted.action == "operator.token" || acted.action == "operator.break_glass";
}

}  // namespace

void OperatorCheck::take(storage::DecodedStep const& step) {
  auto const& events = step.step.events;
  auto const at = step.step.header.recorded_at;
  OperatorActed const* last = nullptr;
  for (auto const& event : events) {
    if (auto const* const acted = std::get_if<OperatorActed>(&event.body)) {
      if (!is_governed(*acted)) continue;
      check_action(*acted, events, event.sequence, at);
      last = acted;
    }
    // Before there are operators, a runtime activates the policy that it is started with.
    bool const takes_action = std::holds_alternative<storage::TokenCreated>(event.body) ||
                              std::holds_alternative<storage::TokenRevoked>(event.body) ||
                              (activates(event) && tokens_.has_operators());
    if (takes_action && (last == nullptr || !belongs_to(event, *last)))
      found(event.sequence,
            std::string(storage::name_of(event.body)) + " without an operator's action before it");
  }
  for (auto const& event : events) tokens_.apply(event.body, at);
}

void OperatorCheck::check_action(OperatorActed const& acted,
                                 std::vector<storage::Event> const& events,
                                 Sequence sequence,
                                 Time at) {
  auto const decided = std::ranges::find_if(events, [&](storage::Event const& event) {
    return event.sequence < sequence && permits(event, acted);
  });
  if (decided == events.end())
    found(sequence, acted.action + " by " + acted.by + " without a decision that permits it");
  if (!tokens_.has_operators()) return;
  if (acted.credential.empty()) {
    bool const recovery = acted.action == "operator.break_glass" && !tokens_.has_valid_operator(at);
    if (!recovery) found(sequence, acted.action + " by " + acted.by + " without a token");
    return;
  }
  check_credential(acted.credential, acted, sequence, at);
  if (!acted.second_credential.empty())
    check_credential(acted.second_credential, acted, sequence, at);
  bool const alone = acted.second_credential.empty() || acted.second == acted.by;
  bool const shadow = acted.action == "operator.policy" && std::ranges::none_of(events, activates);
  if (engine::takes_second_person(acted.action) && !shadow && alone && !acted.break_glass)
    found(sequence, acted.action + " by " + acted.by + " without a second person");
}

void OperatorCheck::check_credential(std::string const& id,
                                     OperatorActed const& acted,
                                     Sequence sequence,
                                     Time at) {
  auto const* const token = tokens_.with_id(id);
  auto const what = acted.action + " with token " + id;
  if (token == nullptr) {
    found(sequence, what + ", which nobody had made");
  } else if (token->kind != access::TokenKind::operators) {
    found(sequence, what + ", which is no operator's");
  } else if (auto const state = token->state(at); state != access::TokenState::valid) {
    found(sequence, what + ", which was " + std::string(access::name_of(state)));
  } else if (!engine::covers(*token, acted.action)) {
    found(sequence, what + ", which has no scope for it");
  } else if (token->owner != acted.by && token->owner != acted.second) {
    found(sequence, what + ", which is of " + token->owner);
  } else if (token->break_glass && !acted.break_glass) {
    found(sequence, what + ", which was for emergencies, and does not say so");
  }
}

void OperatorCheck::found(Sequence sequence, std::string detail) {
  findings_.add({Severity::failure, "operator", session_, run_, sequence, 0, std::move(detail)});
}

}  // namespace dalsegno::forensics
