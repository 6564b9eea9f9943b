#pragma once

// The verbs under `dalsegno policy`, one source each.

#include "tools/dalsegno/globals.h"

#include <CLI/App.hpp>

namespace dalsegno::command {

void add_policy_check(CLI::App& policy, Globals& globals);
void add_policy_test(CLI::App& policy, Globals& globals);
void add_policy_explain(CLI::App& policy, Globals& globals);
/// `app` tells whether --data was given.
void add_policy_diff(CLI::App& policy, CLI::App const& app, Globals& globals);
void add_policy_activate(CLI::App& policy, Globals& globals);
void add_policy_shadow(CLI::App& policy, Globals& globals);
void add_policy_replay(CLI::App& policy, Globals& globals);

}  // namespace dalsegno::command
