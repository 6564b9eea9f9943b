#pragma once

#include "engine/policy/decision.h"
#include "engine/policy/rule.h"
#include "tests/engine/policy/document_gen.h"

#include <vector>

namespace dalsegno::engine::test {

/// docs/policy.md, sentence by sentence, rule by rule, with JSON values and nothing prepared: what
/// the compiled set must agree with. Fills `permitted`, `rules`, and the rules of `errors`.
[[nodiscard]] Decision naive_decide(std::vector<Rule> const& rules, World const& world);

}  // namespace dalsegno::engine::test
