#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "engine/replay/fold_session.h"
#include "engine/session/control_step.h"
#include "storage/access/recorded_time.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/redaction_options.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dalsegno::command {

namespace {

struct Options {
  std::string session;
  std::uint64_t operation = 0;
  std::string completed;  ///< JSON
  std::string failed;     ///< why
  bool retry = false;
  CredentialOptions who;
  RedactionOptions redaction;
};

std::string_view name_of(storage::DoubtResolution resolution) {
  switch (resolution) {
    case storage::DoubtResolution::completed:
      return "completed";
    case storage::DoubtResolution::failed:
      return "failed";
    case storage::DoubtResolution::retry:
      break;
  }
  return "retry";
}

/// What is to become of the call; --failed gives a reason of its own.
Result<engine::ResolveInput> input_of(Options const& options, CredentialOptions& who) {
  engine::ResolveInput input;
  input.operation = static_cast<OperationId>(options.operation);
  int const said = (options.completed.empty() ? 0 : 1) + (options.failed.empty() ? 0 : 1) +
                   (options.retry ? 1 : 0);
  if (said != 1)
    return Error{Errc::invalid,
                 "say what is to become of it: --completed JSON, --failed REASON or --retry"};
  if (!options.failed.empty() && who.reason.empty()) who.reason = options.failed;
  if (who.reason.empty()) return Error{Errc::invalid, "say why: --reason"};
  if (!options.completed.empty()) {
    input.resolution = storage::DoubtResolution::completed;
    input.result = options.completed;
    if (auto const json = parse_json(input.result); !json)
      return Error{Errc::invalid, "--completed: the result is not JSON: " + json.error().detail};
  } else {
    input.resolution =
        options.retry ? storage::DoubtResolution::retry : storage::DoubtResolution::failed;
  }
  return input;
}

/// What is recorded of the result is redacted as everything is; the originals of what was replaced
/// are not kept, as operators do not write vaults.
Result<> redact_result(Globals const& globals,
                       storage::EventLog& log,
                       SessionId const& session,
                       RedactionOptions const& options,
                       std::string& result) {
  if (result.empty()) return {};
  TRY(auto const redaction, open_redaction(globals, log, options));
  if (redaction == nullptr) return {};
  TRY(auto taken, redaction->intake().json(session, result));
  result = std::move(taken.text);
  return {};
}

void tell(Globals const& globals,
          SessionId const& session,
          engine::StepResult const& step,
          engine::Actor const& who) {
  auto const& event = step.events.front();
  auto const& resolved = std::get<storage::DoubtResolved>(event.body);
  auto const operation = static_cast<std::uint64_t>(event.operation);
  if (globals.json) {
    Json line;
    line.set("tenant", session.tenant).set("session", session.name).set("operation", operation);
    line.set("resolution", name_of(resolved.resolution)).set("sequence", event.sequence);
    add_actor(line, who);
    return print_json("dalsegno.resolved", std::move(line));
  }
  print("operation " + std::to_string(operation) + " of " + printable(to_string(session)) +
        (resolved.resolution == storage::DoubtResolution::retry
             ? std::string(" is to be made again")
             : " counts as " + std::string(name_of(resolved.resolution))) +
        ", at sequence " + std::to_string(event.sequence) +
        "; it goes on when a runtime next opens the store" + std::string(mark_of(who)));
}

Result<int> resolve(Globals const& globals, Options const& options) {
  auto shown = options.who;
  TRY(auto input, input_of(options, shown));
  if (!shown.as.empty() && !names_token(shown.as)) shown.by = std::exchange(shown.as, {});
  TRY(auto const store, open_to_govern(globals));
  auto& log = *store.log;
  TRY(auto const session, find_session(log, globals.tenant, options.session));
  auto const name = to_string(session.id);
  TRY(auto const state, engine::fold_session(log, session.id));
  auto const found = state.operations.find(input.operation);
  if (found != state.operations.end() && found->second.attempt_open &&
      found->second.terms.effect != storage::EffectClass::idempotent)
    return Error{Errc::invalid,
                 "operation " + std::to_string(options.operation) + " of " + name +
                     " was under way when its runtime ended: let a runtime open the store, so that "
                     "it is found to be in doubt, and then resolve it"};
  TRY_VOID(redact_result(globals, log, session.id, options.redaction, input.result));
  TRY(auto const now, access::not_before_recorded(log, globals.now));
  // Whether it can be resolved at all, before anybody is asked and anything recorded.
  auto trial = input;
  trial.by = "somebody";
  trial.reason = "some reason";
  TRY_VOID(engine::make_resolution_step(state, trial, now, log.info().epoch));
  Json details;
  details.set("operation", options.operation).set("resolution", name_of(input.resolution));
  TRY(auto const who,
      operate(log,
              globals,
              shown,
              {.name = "operator.resolve",
               .resource = name,
               .tenant = session.id.tenant,
               .details = std::move(details)}));
  input.by = who.name;
  input.credential = who.credential;
  input.reason = recordable(shown.reason);
  TRY(auto const step, engine::make_resolution_step(state, input, now, log.info().epoch));
  TRY(auto const receipt, store.operators->append({&step.append, 1}));
  TRY_VOID(receipt.each.front());
  tell(globals, session.id, step, who);
  return exit_fine;
}

}  // namespace

void add_resolve(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand(
      "resolve", "say what is to become of a call of which nobody knows whether it happened");
  verb->add_option("SESSION", options->session, "a name, a run, or the beginning of one")
      ->required();
  verb->add_option("OPERATION", options->operation, "its number, as `ls --in-doubt` shows it")
      ->required();
  verb->add_option("--completed", options->completed, "it happened, and this JSON is its result");
  verb->add_option("--failed", options->failed, "it is to count as failed, for this reason");
  verb->add_flag("--retry", options->retry, "it is to be made again");
  add_credential_options(*verb, options->who, Why::optional);
  add_redaction_options(*verb, options->redaction);
  verb->callback([options, &globals] { globals.exit_code = ended(resolve(globals, *options)); });
}

}  // namespace dalsegno::command
