#pragma once

// The verbs: each adds itself to the command line; its callback does the work and leaves how it
// ended in `globals.exit_code`. One source a verb, named after it.

#include "tools/dalsegno/globals.h"

#include <CLI/App.hpp>

namespace dalsegno::command {

void add_ls(CLI::App& app, Globals& globals);
void add_show(CLI::App& app, Globals& globals);
void add_log(CLI::App& app, Globals& globals);
void add_why(CLI::App& app, Globals& globals);
void add_stats(CLI::App& app, Globals& globals);
void add_slo(CLI::App& app, Globals& globals);
void add_egress(CLI::App& app, Globals& globals);
void add_verify(CLI::App& app, Globals& globals);
void add_replay(CLI::App& app, Globals& globals);
void add_approvals(CLI::App& app, Globals& globals);
/// `approve` and `deny`.
void add_approve(CLI::App& app, Globals& globals);
void add_denials(CLI::App& app, Globals& globals);
void add_policy(CLI::App& app, Globals& globals);
void add_release(CLI::App& app, Globals& globals);
void add_control(CLI::App& app, Globals& globals);  ///< pause, resume, cancel, terminate
void add_fork(CLI::App& app, Globals& globals);
void add_restart(CLI::App& app, Globals& globals);
void add_resolve(CLI::App& app, Globals& globals);
void add_grep(CLI::App& app, Globals& globals);
void add_hash(CLI::App& app, Globals& globals);
void add_erase(CLI::App& app, Globals& globals);
void add_reveal(CLI::App& app, Globals& globals);
void add_legal_hold(CLI::App& app, Globals& globals);
void add_token(CLI::App& app, Globals& globals);
void add_rotate_master_key(CLI::App& app, Globals& globals);
/// `route explain`.
void add_route(CLI::App& app, Globals& globals);
void add_accept_loss(CLI::App& app, Globals& globals);

}  // namespace dalsegno::command
