#pragma once

#include "engine/policy/decision.h"
#include "engine/policy/policy.h"

#include <span>
#include <string>
#include <string_view>

namespace dalsegno::engine {

/// The action of somebody who approves or denies.
inline constexpr std::string_view approval_action = "approval.give";

/// Whether a rule of the set is about it: then the set decides who may answer requests for
/// approval, and what it does not permit is denied. Else those whom a request asks may.
[[nodiscard]] bool governs_answers(PolicySet const& policy);

/// What policy calls a request that somebody answers: "TENANT/SESSION/WHAT", WHAT being the tool,
/// or what the workflow asks for.
[[nodiscard]] std::string answered_resource(SessionId const& session, std::string_view what);

}  // namespace dalsegno::engine
