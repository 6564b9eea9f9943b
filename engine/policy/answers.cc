#include "engine/policy/answers.h"

#include "engine/policy/grammar.h"

#include <algorithm>

namespace dalsegno::engine {

bool governs_answers(PolicySet const& policy) {
  auto const action = action_number(approval_action).value();
  return std::ranges::any_of(policy.rules(),
                             [action](Rule const& rule) { return rule.actions[action]; });
}

std::string answered_resource(SessionId const& session, std::string_view what) {
  return to_string(session).append("/").append(what);
}

}  // namespace dalsegno::engine
