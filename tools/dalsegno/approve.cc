#include "dalsegno/try.h"
#include "engine/govern/identify.h"
#include "engine/govern/store_policy.h"
#include "engine/policy/answers.h"
#include "engine/replay/fold_session.h"
#include "engine/replay/open_approvals.h"
#include "engine/session/control_step.h"
#include "storage/access/recorded_time.h"
#include "storage/access/token_table.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/redaction_options.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {
namespace {

struct Options {
  std::string id;
  std::string as;
  Approver approver;  ///< without its name
  RedactionOptions redaction;
};

/// What the step that an answer made comes to.
struct Outcome {
  std::size_t missing = 0;  ///< how many people have to approve it still
};

Outcome outcome_of(engine::SessionState state,
                   engine::StepResult const& step,
                   OperationId operation) {
  engine::apply(state, step.events.front(), step.recorded_at);
  Outcome outcome;
  for (auto const& asked : state.operations.at(operation).approvals) {
    auto const granted = std::size_t{engine::grants_of(asked)};
    if (asked.waiting && asked.request.quorum > granted)
      outcome.missing = std::max(outcome.missing, asked.request.quorum - granted);
  }
  return outcome;
}

struct Answerer {
  Approver approver;
  engine::Credentials shown;  ///< no token while the store has no operators'
};

/// Who answers: whoever they say while the store has no operators' tokens, else the owner of a
/// token with the scope approval.give.
Result<Answerer> answerer_of(storage::EventLog const& log,
                             Globals const& globals,
                             Options const& options,
                             SessionId const& session) {
  TRY(auto const tokens, access::TokenTable::read(log));
  Answerer out{options.approver, {}};
  auto& approver = out.approver;
  if (!tokens.has_operators() && !names_token(options.as)) {
    if (options.as.empty()) return Error{Errc::invalid, "say who answers: --as NAME"};
    approver.by = options.as;
    return out;
  }
  if (!approver.roles.empty())
    return Error{Errc::invalid, "--role: the roles are those of the token"};
  CredentialOptions who;
  who.as = options.as;
  TRY(out.shown, credentials(who));
  TRY(auto const at, access::not_before_recorded(log, globals.now));
  TRY(auto const identity,
      engine::identify(
          tokens, out.shown, {.action = "approval.give", .tenant = session.tenant}, at));
  if (identity.refused) return Error{Errc::denied, *identity.refused};
  if (identity.break_glass())
    return Error{Errc::denied, "a token for emergencies gives no approvals"};
  approver.by = identity.name;
  approver.roles = identity.token->roles;
  approver.credential = identity.token->id;
  return out;
}

/// Where the active policy has rules about answers, it decides about this one, and that is recorded
/// in the operators' session before the answer.
Result<> ask_policy(storage::EventLog& log,
                    Globals const& globals,
                    engine::Credentials shown,
                    PendingApproval const& pending,
                    engine::ApprovalInput const& input) {
  TRY(auto const policies, engine::read_store_policies(log));
  if (!policies.active || !engine::governs_answers(*policies.active)) return {};
  if (!shown.token) shown.by = input.by;
  Json details;
  details.set("operation", static_cast<std::uint64_t>(pending.operation))
      .set("input_digest", pending.input_digest)
      .set("granted", input.granted);
  TRY_VOID(engine::operate(log,
                           shown,
                           {.name = std::string(engine::approval_action),
                            .resource = engine::answered_resource(pending.session, pending.what),
                            .reason = recordable(input.reason),
                            .tenant = pending.session.tenant,
                            .details = std::move(details)},
                           globals.now));
  return {};
}

/// What is recorded of the person is redacted as everything is.
Result<engine::ApprovalInput> input_of(Globals const& globals,
                                       storage::EventLog& log,
                                       PendingApproval const& pending,
                                       ApprovalDecision decision,
                                       Approver const& approver,
                                       Options const& options) {
  auto input = engine::to_input(pending, decision, approver);
  input.plain_by = input.by;
  TRY(auto const redaction, open_redaction(globals, log, options.redaction));
  if (redaction != nullptr) {
    input.by = redaction->intake().message(input.by);
    input.reason = redaction->intake().message(input.reason);
  }
  return input;
}

void tell(Globals const& globals,
          PendingApproval const& pending,
          engine::StepResult const& step,
          Outcome const& outcome) {
  auto const& given = std::get<storage::ApprovalGiven>(step.events.front().body);
  if (globals.json) {
    Json line;
    line.set("id", pending.id).set("tenant", pending.session.tenant);
    line.set("session", pending.session.name)
        .set("operation", static_cast<std::uint64_t>(pending.operation));
    line.set("granted", given.granted).set("by", given.by);
    line.set("sequence", step.append.first_sequence);
    line.set("missing", std::uint64_t{given.granted ? outcome.missing : 0});
    return print_json("dalsegno.approval_given", std::move(line));
  }
  auto text = printable(pending.what) + " of " + printable(to_string(pending.session)) +
              (given.granted ? " is approved by " : " is denied by ") + printable(given.by) +
              ", at sequence " + std::to_string(step.append.first_sequence) + "; ";
  if (given.granted && outcome.missing > 0) {
    text += "it waits for " + std::to_string(outcome.missing) + " more";
  } else {
    text += "it goes on when a runtime next opens the store";
  }
  print(text);
}

Result<int> answer(Globals const& globals, Options const& options, ApprovalDecision decision) {
  TRY(auto const store, open_to_govern(globals));
  auto& log = *store.log;
  TRY(auto const open, engine::open_approvals(log));
  TRY(auto const pending, engine::find_approval(open, options.id));
  TRY(auto answerer, answerer_of(log, globals, options, pending.session));
  TRY(auto const state, engine::fold_session(log, pending.session));
  TRY(auto const input, input_of(globals, log, pending, decision, answerer.approver, options));
  // A clock that was set back does not bring back what has expired.
  TRY(auto const now, access::not_before_recorded(log, globals.now));
  TRY(auto const step, engine::make_approval_step(state, input, now, log.info().epoch));
  TRY_VOID(ask_policy(log, globals, std::move(answerer.shown), pending, input));
  TRY(auto const receipt, store.operators->append({&step.append, 1}));
  TRY_VOID(receipt.each.front());
  tell(globals, pending, step, outcome_of(state, step, pending.operation));
  return exit_fine;
}

void add_answer(CLI::App& app,
                Globals& globals,
                std::string const& name,
                std::string const& what,
                ApprovalDecision decision) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand(name, what);
  verb->add_option(
          "ID", options->id, "as `approvals` lists it, or its beginning; or SESSION@OPERATION")
      ->required();
  verb->add_option("--as",
                   options->as,
                   "who answers, not whom the session works for; in a store with operators where "
                   "the token is: fd:NUMBER, file:PATH or env:NAME [$DALSEGNO_TOKEN]");
  verb->add_option("--role",
                   options->approver.roles,
                   "a role of that person, while the store has no operators; may be repeated");
  verb->add_option("--reason", options->approver.reason, "why; goes into the session's log")
      ->required();
  add_redaction_options(*verb, options->redaction);
  verb->callback([options, decision, &globals] {
    globals.exit_code = ended(answer(globals, *options, decision));
  });
}

}  // namespace

void add_approve(CLI::App& app, Globals& globals) {
  add_answer(app, globals, "approve", "approve what waits for approval", ApprovalDecision::grant);
  add_answer(app, globals, "deny", "deny what waits for approval", ApprovalDecision::deny);
}

}  // namespace dalsegno::command
