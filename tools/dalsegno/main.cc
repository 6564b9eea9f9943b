#include "tools/dalsegno/demo.h"
#include "tools/dalsegno/globals.h"
#include "tools/dalsegno/run.h"
#include "tools/dalsegno/schedule.h"
#include "tools/dalsegno/send.h"
#include "tools/dalsegno/suggest.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sys/resource.h>

// Verbs that work (run, demo, send) have headers of their own: include them here, and call them in
// add_verbs below.

namespace dalsegno::command {

namespace {

void add_verbs(CLI::App& app, Globals& globals) {
  // -- work --
  add_demo(app, globals);
  add_run(app, globals);
  add_send(app, globals);
  add_schedule(app, globals);
  // -- look --
  add_ls(app, globals);
  add_show(app, globals);
  add_log(app, globals);
  add_why(app, globals);
  add_stats(app, globals);
  add_slo(app, globals);
  add_egress(app, globals);
  add_grep(app, globals);
  add_hash(app, globals);
  add_denials(app, globals);
  add_approvals(app, globals);
  add_route(app, globals);
  // -- prove --
  add_verify(app, globals);
  add_replay(app, globals);
  // -- govern --
  add_policy(app, globals);
  add_approve(app, globals);
  add_release(app, globals);
  add_control(app, globals);
  add_resolve(app, globals);
  add_fork(app, globals);
  add_restart(app, globals);
  add_accept_loss(app, globals);
  add_reveal(app, globals);
  add_erase(app, globals);
  add_legal_hold(app, globals);
  add_rotate_master_key(app, globals);
  add_token(app, globals);
}

void add_options(CLI::App& app, Globals& globals) {
  app.add_option(
      "--data", globals.data, "the store's folder [$DALSEGNO_DATA, else ./dalsegno-data]");
  app.add_option("--tenant", globals.tenant, "whose sessions [default]");
  app.add_flag("--json", globals.json, "print one JSON object a line");
}

/// `dalsegno help [VERB]`.
void add_help(CLI::App& app, Globals& globals) {
  auto const wanted = std::make_shared<std::string>();
  auto* const help = app.add_subcommand("help", "say what a verb does");
  help->add_option("VERB", *wanted, "which one");
  help->callback([&app, &globals, wanted] {
    auto const of_that_name = std::as_const(app).get_subcommands(
        [&](CLI::App const* verb) { return verb->get_name() == *wanted; });
    if (of_that_name.empty() && !wanted->empty()) {
      globals.exit_code = fail({Errc::invalid, no_such_verb(app, *wanted)});
      return;
    }
    auto const text = wanted->empty() ? app.help() : of_that_name.front()->help("dalsegno");
    std::fwrite(text.data(), 1, text.size(), stdout);
  });
}

/// A core file would hold keys and secrets. Whoever needs one sets DALSEGNO_CORE=1.
void forbid_core_dumps() {
  auto const* const wanted = std::getenv("DALSEGNO_CORE");
  if (wanted != nullptr && std::string_view(wanted) == "1") return;
  rlimit const none{0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
}

int run(int argc, char** argv) {
  forbid_core_dumps();
  auto globals = make_globals();
  CLI::App app("Dalsegno: look into, prove and run the sessions of agents.", "dalsegno");
  app.set_version_flag("--version", "dalsegno " DALSEGNO_VERSION);
  app.fallthrough();  // --data and the like may stand behind the verb as well
  app.require_subcommand(0, 1);
  add_options(app, globals);
  add_verbs(app, globals);
  add_help(app, globals);
  try {
    app.parse(argc, argv);
  } catch (CLI::Success const& asked) {
    return app.exit(asked);  // --help, --version
  } catch (CLI::ParseError const& error) {
    return fail({Errc::invalid, explain_refusal(app, error)});
  }
  if (app.get_subcommands().empty()) {
    auto const text = app.help();
    std::fwrite(text.data(), 1, text.size(), stderr);
    return exit_usage;
  }
  if (std::fflush(stdout) != 0 && globals.exit_code == exit_fine)
    return fail({Errc::io, "the output could not be written"});
  return globals.exit_code;
}

}  // namespace

}  // namespace dalsegno::command

int main(int argc, char** argv) {
  try {
    return dalsegno::command::run(argc, argv);
  } catch (std::exception const& error) {
    dalsegno::command::say(error.what());
    return dalsegno::command::exit_usage;
  }
}
