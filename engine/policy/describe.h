#pragma once

#include "dalsegno/json.h"
#include "engine/policy/condition.h"
#include "engine/policy/rule.h"

#include <string>

namespace dalsegno::engine {

/// The parts of a document as JSON, in its own grammar: reading it gives an equal value.
[[nodiscard]] Json as_json(Condition const& condition);
[[nodiscard]] Json as_json(Rule const& rule);

/// In words, on one line: "all of (argument /amount le 100; not (attribute risk eq "money"))".
[[nodiscard]] std::string describe(Condition const& condition);

}  // namespace dalsegno::engine
