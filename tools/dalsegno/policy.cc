#include "tools/dalsegno/policy.h"

#include "tools/dalsegno/verbs.h"

namespace dalsegno::command {

void add_policy(CLI::App& app, Globals& globals) {
  auto* const policy = app.add_subcommand(
      "policy", "read, test, explain and activate policies; judge recorded calls by them");
  policy->require_subcommand(1);
  policy->fallthrough();
  add_policy_check(*policy, globals);
  add_policy_test(*policy, globals);
  add_policy_explain(*policy, globals);
  add_policy_diff(*policy, app, globals);
  add_policy_replay(*policy, globals);
  add_policy_activate(*policy, globals);
  add_policy_shadow(*policy, globals);
}

}  // namespace dalsegno::command
