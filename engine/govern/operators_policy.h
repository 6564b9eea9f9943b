#pragma once

#include "engine/policy/policy.h"

namespace dalsegno::engine {

/// Decides about operators while the active policy has no rule about any `operator.…` action: who
/// was identified may do what the scopes of their token say. Part of the program; verify knows it
/// by its digest.
[[nodiscard]] PolicySet const& operators_policy();

/// Whether a rule of the set, permit or forbid, is about an `operator.…` action: then it decides
/// about operators, and what it does not permit is denied.
[[nodiscard]] bool governs_operators(PolicySet const& policy);

}  // namespace dalsegno::engine
