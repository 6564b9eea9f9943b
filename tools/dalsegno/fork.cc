// fork, restart: a new run made of an old one. It is planned and written here, where no runtime has
// the store, as a runtime would; the next one that opens the store goes on with it.

#include "engine/fork/fork.h"

#include "dalsegno/try.h"
#include "engine/runtime/entropy.h"
#include "storage/access/guard_log.h"
#include "storage/access/recorded_time.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {

namespace {

struct Options {
  std::string session;
  Sequence at = 0;
  std::string run;
  std::string as;
  bool terminate = false;
  bool leave_signals = false;
  CredentialOptions who;
};

/// The run whose id begins so.
Result<std::optional<RunId>> find_run(storage::EventLog const& log,
                                      SessionId const& session,
                                      std::string const& text) {
  if (text.empty()) return std::optional<RunId>();
  TRY(auto const runs, log.runs(session));
  std::optional<RunId> found;
  for (auto const& run : runs) {
    if (!to_string(run).starts_with(text)) continue;
    if (found)
      return Error{Errc::invalid, "several runs of " + to_string(session) + " begin with " + text};
    found = run;
  }
  if (!found) return Error{Errc::not_found, to_string(session) + " has no run " + text};
  return found;
}

Result<engine::ForkRequest> request_of(storage::EventLog const& log,
                                       SessionId const& session,
                                       Options const& options) {
  engine::ForkRequest request{session, options.at, {}};
  request.options.as = options.as;
  request.options.terminate = options.terminate;
  TRY(request.options.run, find_run(log, session, options.run));
  if (options.leave_signals) request.options.signals = LaterSignals::left_out;
  return request;
}

Result<> append(storage::EventLog& log, engine::StepResult step) {
  // What is copied are events of a session, which are a runtime's to write.
  auto const guard = access::guard_log(log, access::TokenKind::runtimes);
  std::vector<storage::Append> batch{std::move(step.append)};
  for (auto& next : step.then) batch.push_back(std::move(next.append));
  TRY(auto const receipt, guard->append(batch));
  for (auto const& each : receipt.each) TRY_VOID(each);
  return {};
}

Json as_json(LaterEffect const& effect) {
  Json json;
  json.set("run", to_string(effect.run));
  json.set("operation", static_cast<std::uint64_t>(effect.operation));
  json.set("kind", effect.kind).set("name", effect.name);
  return json.set("idempotency_key", effect.idempotency_key).set("outcome", effect.outcome);
}

void tell(Globals const& globals,
          SessionId const& source,
          Fork const& fork,
          engine::Actor const& who) {
  if (globals.json) {
    Json line;
    line.set("tenant", fork.session.tenant).set("session", fork.session.name);
    line.set("run", to_string(fork.run)).set("sequence", fork.forked);
    line.set("from_session", source.name).set("from_run", to_string(fork.from));
    line.set("at", fork.at).set("signals", fork.signals);
    Json::Array effects;
    for (auto const& effect : fork.effects) effects.push_back(as_json(effect));
    line.set("effects", std::move(effects));
    add_actor(line, who);
    return print_json("dalsegno.forked", std::move(line));
  }
  auto text = printable(to_string(fork.session));
  text += fork.at == 0 ? " begins again, as run " + to_string(fork.run)
                       : " is forked after event " + std::to_string(fork.at) + " of run " +
                             to_string(fork.from) + ", as run " + to_string(fork.run);
  if (fork.signals > 0)
    text += "; " + std::to_string(fork.signals) + " later " +
            (fork.signals == 1 ? "signal comes" : "signals come") + " again";
  print(text + "; it goes on when a runtime next opens the store" + std::string(mark_of(who)));
  if (fork.effects.empty()) return;
  say("these happened, or may have, and are not undone:");
  Table table({"OPERATION", "KIND", "NAME", "OUTCOME", "IDEMPOTENCY KEY"});
  for (auto const& effect : fork.effects)
    table.add({std::to_string(static_cast<std::uint64_t>(effect.operation)),
               effect.kind,
               printable(effect.name),
               effect.outcome,
               printable(effect.idempotency_key)});
  table.print(globals);
}

Result<int> fork(Globals const& globals, Options const& options, std::string_view action) {
  TRY(auto const store, open_to_govern(globals));
  auto& log = *store.log;
  TRY(auto const session, find_session(log, globals.tenant, options.session));
  TRY(auto request, request_of(log, session.id, options));
  TRY_VOID(log.room_for_new_sessions());
  TRY(auto const now, access::not_before_recorded(log, globals.now));
  engine::ForkSurroundings const surroundings{now,
                                              engine::fresh_run_id(engine::system_entropy),
                                              engine::fresh_seed(engine::system_entropy),
                                              engine::fresh_secret(engine::system_entropy)};
  // Whether it can be done at all, before anybody is asked and anything recorded.
  request.options.by = "somebody";
  request.options.reason = "some reason";
  TRY(auto const trial, engine::plan_fork(log, request, surroundings));
  Json details;
  details.set("run", to_string(trial.fork.run)).set("from_run", to_string(trial.fork.from));
  details.set("at", trial.fork.at).set("effects_after", trial.fork.effects.size());
  if (!options.as.empty()) details.set("into", options.as);
  TRY(auto const who,
      operate(log,
              globals,
              options.who,
              {.name = "operator." + std::string(action),
               .resource = to_string(session.id),
               .tenant = session.id.tenant,
               .details = std::move(details)}));
  request.options.by = who.name;
  request.options.reason = recordable(options.who.reason);
  request.credential = who.credential;
  TRY(auto plan, engine::plan_fork(log, request, surroundings));
  TRY_VOID(append(log, std::move(plan.step)));
  tell(globals, session.id, plan.fork, who);
  return exit_fine;
}

}  // namespace

void add_fork(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      app.add_subcommand("fork", "let a session go on from an event of the past, as a new run");
  verb->add_option("SESSION", options->session, "a name, a run, or the beginning of one")
      ->required();
  verb->add_option("--at", options->at, "its event; the whole step that holds it is taken over")
      ->required()
      ->check(CLI::PositiveNumber);
  verb->add_option("--run", options->run, "of this run, by the beginning of its id [the newest]");
  verb->add_option(
      "--into", options->as, "make a new session of this name [a run of the same one]");
  verb->add_flag("--terminate", options->terminate, "end the session's open run first");
  verb->add_flag(
      "--leave-signals", options->leave_signals, "signals that came later do not come again");
  add_credential_options(*verb, options->who);
  verb->callback(
      [options, &globals] { globals.exit_code = ended(fork(globals, *options, "fork")); });
}

void add_restart(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  options->terminate = true;
  auto* const verb = app.add_subcommand(
      "restart", "let a session begin again with its first input; ends it first if it is open");
  verb->add_option("SESSION", options->session, "a name, a run, or the beginning of one")
      ->required();
  add_credential_options(*verb, options->who);
  verb->callback(
      [options, &globals] { globals.exit_code = ended(fork(globals, *options, "restart")); });
}

}  // namespace dalsegno::command
