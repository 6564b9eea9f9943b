#include "dalsegno/try.h"
#include "engine/session/control_step.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/session_rows.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>

namespace dalsegno::command {

namespace {

struct Options {
  std::string session;
  std::string filter;
  bool dry_run = false;
  CredentialOptions who;
};

Result<> release(Globals const& globals,
                 Options const& options,
                 GovernedStore const& store,
                 FoundSession const& session) {
  auto const name = to_string(session.id);
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
  return {};
}

Result<int> release_one(Globals const& globals, Options const& options) {
  TRY(auto const store, open_to_govern(globals));
  TRY(auto const session, find_session(*store.log, globals.tenant, options.session));
  if (session.head.status != storage::SessionStatus::held)
    return Error{
        Errc::invalid,
        to_string(session.id) + " is not held, it is " + std::string(name_of(session.head.status))};
  TRY_VOID(release(globals, options, store, session));
  return exit_fine;
}

/// Each is an action of its own, decided and recorded. The first refusal ends it: what was released
/// until then stays released.
Result<int> release_all(Globals const& globals, Options const& options) {
  TRY(auto const filter, SessionFilter::parse(options.filter, globals.now));
  TRY(auto const store, open_to_govern(globals));
  TRY(auto rows, find_rows(*store.log, globals.tenant, filter));
  std::erase_if(
      rows, [](SessionRow const& row) { return row.head.status != storage::SessionStatus::held; });
  for (auto const& row : rows) {
    if (options.dry_run) {
      print(printable(to_string(row.id)));
    } else {
      TRY_VOID(release(globals, options, store, {row.id, row.head}));
    }
  }
  say(std::to_string(rows.size()) + (rows.size() == 1 ? " held session" : " held sessions") +
      (options.dry_run ? " would be released" : " released"));
  return exit_fine;
}

Result<int> release(Globals const& globals, Options const& options) {
  if (options.session.empty() == options.filter.empty())
    return Error{Errc::invalid, "name a session, or give --filter for those that are meant"};
  if (options.dry_run && options.filter.empty())
    return Error{Errc::invalid, "--dry-run goes with --filter"};
  return options.filter.empty() ? release_one(globals, options) : release_all(globals, options);
}

}  // namespace

void add_release(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("release", "let a held session go on");
  verb->add_option("SESSION", options->session, "a name, a run, or the beginning of one");
  verb->add_option(
      "--filter", options->filter, "all held sessions of the tenant that it means (see ls)");
  verb->add_flag("--dry-run", options->dry_run, "with --filter: only list them");
  add_credential_options(*verb, options->who);
  verb->callback([options, &globals] { globals.exit_code = ended(release(globals, *options)); });
}

}  // namespace dalsegno::command
