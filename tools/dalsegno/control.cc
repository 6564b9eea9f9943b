// pause, resume, cancel, terminate: asked of a session, or of all that a filter means. A runtime
// acts on it when it next has the store.

#include "dalsegno/try.h"
#include "engine/replay/fold_session.h"
#include "engine/session/control_step.h"
#include "storage/access/recorded_time.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/session_rows.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace dalsegno::command {

namespace {

struct Options {
  storage::ControlVerb verb = storage::ControlVerb::pause;
  std::string session;
  std::string filter;
  bool dry_run = false;
  CredentialOptions who;
};

bool may_be_asked(Options const& options, storage::Head const& head) {
  switch (head.status) {
    case storage::SessionStatus::open:
      return true;
    case storage::SessionStatus::held:
      return options.verb == storage::ControlVerb::terminate;
    case storage::SessionStatus::completed:
    case storage::SessionStatus::failed:
    case storage::SessionStatus::cancelled:
    case storage::SessionStatus::continued:
      break;
  }
  return false;
}

std::string_view what_follows(storage::ControlVerb verb) {
  return verb == storage::ControlVerb::pause ? "it stands still from there on"
                                             : "it is acted on when a runtime next opens the store";
}

Result<> ask(Globals const& globals,
             Options const& options,
             GovernedStore const& store,
             SessionId const& session) {
  auto& log = *store.log;
  auto const name = to_string(session);
  auto const verb = std::string(storage::name_of(options.verb));
  TRY(auto const state, engine::fold_session(log, session));
  TRY(auto const now, access::not_before_recorded(log, globals.now));
  // Whether it can be asked at all, before anybody is asked and anything recorded.
  TRY(auto const wanted,
      engine::check_control(state, {options.verb, "somebody", {}, options.who.reason}));
  if (!wanted) {
    say(name + ": nothing to " + verb + ", it is so already");
    return {};
  }
  TRY(auto const who,
      operate(log,
              globals,
              options.who,
              {.name = "operator." + verb, .resource = name, .tenant = session.tenant}));
  TRY(auto const step,
      engine::make_control_asked_step(
          state,
          {options.verb, who.name, who.credential, recordable(options.who.reason)},
          now,
          log.info().epoch));
  if (!step) return Error{Errc::conflict, name + " has changed meanwhile: look again"};
  TRY(auto const receipt, store.operators->append({&step->append, 1}));
  TRY_VOID(receipt.each.front());
  auto const sequence = step->append.first_sequence;
  if (globals.json) {
    Json line;
    line.set("tenant", session.tenant).set("session", session.name).set("verb", verb);
    line.set("run", to_string(state.run)).set("sequence", sequence).set("commit", receipt.number);
    add_actor(line, who);
    print_json("dalsegno.control", std::move(line));
  } else {
    print(printable(name) + ": " + verb + " recorded at sequence " + std::to_string(sequence) +
          "; " + std::string(what_follows(options.verb)) + std::string(mark_of(who)));
  }
  return {};
}

/// Each is an action of its own, decided and recorded. The first refusal ends it: what was asked
/// until then stays asked.
Result<int> ask_all(Globals const& globals, Options const& options) {
  TRY(auto const filter, SessionFilter::parse(options.filter, globals.now));
  TRY(auto const store, open_to_govern(globals));
  TRY(auto rows, find_rows(*store.log, globals.tenant, filter));
  std::erase_if(rows, [&](SessionRow const& row) { return !may_be_asked(options, row.head); });
  for (auto const& row : rows) {
    if (options.dry_run) {
      print(printable(to_string(row.id)));
    } else {
      TRY_VOID(ask(globals, options, store, row.id));
    }
  }
  say(std::to_string(rows.size()) + (rows.size() == 1 ? " session" : " sessions") +
      (options.dry_run ? " would be asked to " : " asked to ") +
      std::string(storage::name_of(options.verb)));
  return exit_fine;
}

Result<int> control(Globals const& globals, Options const& options) {
  if (options.session.empty() == options.filter.empty())
    return Error{Errc::invalid, "name a session, or give --filter for those that are meant"};
  if (options.dry_run && options.filter.empty())
    return Error{Errc::invalid, "--dry-run goes with --filter"};
  if (!options.filter.empty()) return ask_all(globals, options);
  TRY(auto const store, open_to_govern(globals));
  TRY(auto const session, find_session(*store.log, globals.tenant, options.session));
  TRY_VOID(ask(globals, options, store, session.id));
  return exit_fine;
}

}  // namespace

void add_control(CLI::App& app, Globals& globals) {
  struct Verb {
    storage::ControlVerb verb;
    char const* what;
    char const* filter;
  };
  for (auto const& one :
       {Verb{storage::ControlVerb::pause,
             "let a session stand still: no code runs, no call begins",
             "all open sessions of the tenant that it means (see ls)"},
        Verb{storage::ControlVerb::resume,
             "let a paused session go on",
             "all paused sessions of the tenant that it means (see ls)"},
        Verb{storage::ControlVerb::cancel,
             "ask a session to end in its own way",
             "all open sessions of the tenant that it means (see ls)"},
        Verb{storage::ControlVerb::terminate,
             "end a session without asking its code",
             "all open and held sessions of the tenant that it means (see ls)"}}) {
    auto const options = std::make_shared<Options>();
    options->verb = one.verb;
    auto* const verb = app.add_subcommand(std::string(storage::name_of(one.verb)), one.what);
    verb->add_option("SESSION", options->session, "a name, a run, or the beginning of one");
    verb->add_option("--filter", options->filter, one.filter);
    verb->add_flag("--dry-run", options->dry_run, "with --filter: only list them");
    add_credential_options(*verb, options->who);
    verb->callback([options, &globals] { globals.exit_code = ended(control(globals, *options)); });
  }
}

}  // namespace dalsegno::command
