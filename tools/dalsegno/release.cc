#include "dalsegno/try.h"
#include "engine/session/control_step.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>

namespace dalsegno::command {

namespace {

struct Options {
  std::string session;
  CredentialOptions who;
};

Result<int> release(Globals const& globals, Options const& options) {
  TRY(auto const store, open_to_govern(globals));
  TRY(auto const session, find_session(*store.log, globals.tenant, options.session));
  auto const name = to_string(session.id);
  if (session.head.status != storage::SessionStatus::held)
    return Error{Errc::invalid,
                 name + " is not held, it is " + std::string(name_of(session.head.status))};
  TRY(auto const who,
      operate(*store.log,
              globals,
              options.who,
              {.name = "operator.release", .resource = name, .tenant = session.id.tenant}));
  TRY(auto const step,
      engine::make_control_step(session.id,
                                store.log->info().log_id,
                                session.head,
                                storage::Released{who.name, recordable(options.who.reason)},
                                globals.now,
                                store.log->info().epoch));
  TRY(auto const receipt, store.operators->append({&step.append, 1}));
  TRY_VOID(receipt.each.front());
  auto const sequence = step.append.first_sequence;
  if (globals.json) {
    Json line;
    line.set("tenant", session.id.tenant).set("session", session.id.name);
    line.set("run", to_string(session.head.run))
        .set("sequence", sequence)
        .set("commit", receipt.number);
    add_actor(line, who);
    print_json("dalsegno.released", std::move(line));
  } else {
    print(printable(name) + " is released, at sequence " + std::to_string(sequence) +
          "; it goes on when a runtime next opens the store" + std::string(mark_of(who)));
  }
  return exit_fine;
}

}  // namespace

void add_release(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("release", "let a held session go on");
  verb->add_option("SESSION", options->session, "a name, a run, or the beginning of one")
      ->required();
  add_credential_options(*verb, options->who);
  verb->callback([options, &globals] { globals.exit_code = ended(release(globals, *options)); });
}

}  // namespace dalsegno::command
