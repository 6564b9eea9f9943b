#pragma once

#include "dalsegno/json.h"
#include "tools/dalsegno/forensics/explain.h"
#include "tools/dalsegno/globals.h"

namespace dalsegno::command {

/// For people, on stdout.
void print_explanation(Globals const& globals, forensics::Explanation const& explanation);

/// The fields of schema "dalsegno.explanation".
[[nodiscard]] Json to_json_value(forensics::Explanation const& explanation);

}  // namespace dalsegno::command
