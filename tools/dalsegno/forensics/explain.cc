#include "tools/dalsegno/forensics/explain.h"

#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "engine/policy/permit.h"
#include "engine/session/overloaded.h"
#include "engine/session/state.h"
#include "tools/dalsegno/forensics/approval_check.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace dalsegno::forensics {

namespace {

using engine::overloaded;

Judgement holds() { return {Verdict::holds, ""}; }
Judgement fails(std::string why) { return {Verdict::fails, std::move(why)}; }
Judgement unknown(std::string why) { return {Verdict::unknown, std::move(why)}; }

/// One explanation in the making.
class Explainer {
 public:
  Explainer(storage::EventLog const& log, History const& history, PolicyBook const& policies)
      : log_(log), history_(history), policies_(policies), calls_(find_calls(history)) {
    out_.session = history.session;
    out_.run = history.run;
    out_.workflow = history.workflow;
    out_.steps = history.steps;
    out_.operators = policies.actions_on(history.session);
    if (auto const* const started = history.body_at<storage::SessionStarted>(1))
      principal_ = started->principal;
  }

  Result<Explanation> run(Sequence sequence) {
    auto const* const placed = history_.at(sequence);
    if (placed == nullptr) return no_answer(sequence);
    out_.sequence = sequence;
    out_.recorded_at = placed->recorded_at;
    if (history_.broken) out_.broken.push_back("the chain: " + history_.broken->detail);
    TRY_VOID(take_secret());
    if (auto const* const answer = std::get_if<storage::AnswerGiven>(&placed->event.body)) {
      TRY_VOID(explain_answer(*answer));
    } else if (auto const* const end =
                   std::get_if<storage::SessionCompleted>(&placed->event.body)) {
      out_.kind = ExplainedEnd::completed;
      out_.answer = end->result;
      TRY_VOID(explain_end());
    } else if (auto const* const failure =
                   std::get_if<storage::SessionFailed>(&placed->event.body)) {
      out_.kind = ExplainedEnd::failed;
      out_.failure = failure->type + ": " + failure->message;
      TRY_VOID(explain_end());
    } else if (auto const* const cancelled =
                   std::get_if<storage::SessionCancelled>(&placed->event.body)) {
      out_.kind = ExplainedEnd::failed;
      out_.failure = "cancelled: " + cancelled->reason;
      TRY_VOID(explain_end());
    } else {
      return no_answer(sequence);
    }
    return std::move(out_);
  }

 private:
  Error no_answer(Sequence sequence) const {
    auto const* const placed = history_.at(sequence);
    auto const what = placed == nullptr ? std::string("there is no event ")
                                        : std::string(storage::name_of(placed->event.body)) +
                                              ", no answer, is event ";
    return Error{Errc::invalid,
                 to_string(history_.session) + ": " + what + std::to_string(sequence)};
  }

  Result<> take_secret() {
    auto const secret = log_.secret(history_.session);
    if (secret) {
      digester_.emplace(*secret);
    } else if (secret.error().code != Errc::not_found) {
      return secret.error();
    }
    return {};
  }

  // ---- what is explained ----

  Result<> explain_answer(storage::AnswerGiven const& given) {
    out_.answer = given.answer;
    out_.ordinal = 1;
    for (auto const& placed : history_.events) {
      if (placed.event.sequence == out_.sequence) break;
      if (std::holds_alternative<storage::AnswerGiven>(placed.event.body)) ++out_.ordinal;
    }
    auto const received = calls_.received.find(given.turn);
    if (received == calls_.received.end() || received->second >= out_.sequence) {
      note("the turn",
           fails("the answer names sequence " + std::to_string(given.turn) +
                 ", which is no signal that had been received"));
      return {};
    }
    TRY_VOID(add_input(given.turn));
    TRY_VOID(add_calls(received->second));
    TRY_VOID(add_context(received->second));
    judge_source(given.source);
    return {};
  }

  Result<> explain_end() {
    TRY_VOID(add_input(1));
    for (auto const& [turn, received] : calls_.received)
      if (received < out_.sequence) TRY_VOID(add_input(turn));
    TRY_VOID(add_calls(0));
    out_.source = holds();
    return {};
  }

  // ---- links ----

  Result<> add_input(Sequence sequence) {
    ExplainedInput input;
    input.sequence = sequence;
    storage::Digest recorded;
    if (auto const* const received = history_.body_at<storage::InputReceived>(sequence)) {
      input.signal = received->signal;
      input.principal = received->principal;
      input.payload = received->payload;
      recorded = received->payload_digest;
    } else if (auto const* const started = history_.body_at<storage::SessionStarted>(sequence)) {
      input.principal = started->principal;
      input.payload = started->input;
      recorded = started->input_digest;
    } else {
      return {};
    }
    TRY(input.digest, judge_digest(input.payload, recorded));
    note("input " + std::to_string(sequence), input.digest);
    out_.inputs.push_back(std::move(input));
    return {};
  }

  /// The calls that were requested after `from` and before the answer.
  Result<> add_calls(Sequence from) {
    for (auto const& [operation, call] : calls_.by_operation) {
      if (call.requested <= from || call.requested >= out_.sequence) continue;
      TRY(auto explained, explain_call(call));
      out_.calls.push_back(std::move(explained));
    }
    std::ranges::sort(out_.calls, {}, &ExplainedCall::requested);
    return {};
  }

  /// What the model saw in place of old turns: the newest summary, and the call that made it.
  Result<> add_context(Sequence turn) {
    TRY(out_.context, find_context(log_, history_, calls_, turn));
    if (!out_.context) return {};
    note("the summary at " + std::to_string(out_.context->sequence), out_.context->judgement);
    if (out_.context->operation == OperationId::none) return {};
    TRY(auto explained, explain_call(calls_.by_operation.at(out_.context->operation)));
    out_.calls.insert(out_.calls.begin(), std::move(explained));
    return {};
  }

  Result<ExplainedCall> explain_call(Call const& call) {
    ExplainedCall explained;
    explained.operation = call.operation;
    explained.kind = call.kind;
    explained.name = call.name;
    explained.requested = call.requested;
    auto const& requested = *history_.body_at<storage::OperationRequested>(call.requested);
    explained.input = requested.input;
    TRY(explained.input_digest, judge_digest(requested.input, requested.input_digest));
    note(called(call) + ": its input", explained.input_digest);
    for (auto const& attempt : call.attempts) {
      auto const first = attempt.decided != 0 ? attempt.decided : attempt.started;
      if (first == 0 || first < out_.sequence)
        explained.attempts.push_back(explain_attempt(call, requested, attempt));
    }
    if (call.ended != 0 && call.ended < out_.sequence) {
      explained.ended = call.ended;
      auto const& body = history_.at(call.ended)->event.body;
      if (auto const* const result = result_of(body)) explained.result = *result;
      if (auto const* const tool = std::get_if<storage::ToolCompleted>(&body))
        explained.is_error = tool->is_error;
    }
    return explained;
  }

  ExplainedAttempt explain_attempt(Call const& call,
                                   storage::OperationRequested const& requested,
                                   CallAttempt const& attempt) {
    ExplainedAttempt explained;
    explained.number = attempt.number;
    explained.started = attempt.started;
    auto const* const decided = history_.body_at<storage::PolicyDecided>(attempt.decided);
    if (decided != nullptr)
      explained.decision = explain_decision(call, requested, *decided, attempt.decided);
    explained.permit = judge_permit(call, requested, attempt, decided);
    note(called(call, attempt.number) + ": its permit", explained.permit);
    if (attempt.started == 0) {
      if (decided != nullptr && decided->effect == storage::DecisionEffect::deny)
        explained.outcome = AttemptOutcome::denied;
    }
    if (attempt.ended != 0 && attempt.ended < out_.sequence) {
      explained.ended = attempt.ended;
      tell_end(explained, history_.at(attempt.ended)->event.body);
      if (attempt.started == 0 || attempt.started > attempt.ended)
        note(
            called(call, attempt.number),
            fails("it ended at " + std::to_string(attempt.ended) + " without having been started"));
    }
    return explained;
  }

  static void tell_end(ExplainedAttempt& explained, storage::EventBody const& body) {
    if (auto const* const failed = std::get_if<storage::AttemptFailed>(&body)) {
      explained.outcome = AttemptOutcome::failed;
      explained.message = failed->type + ": " + failed->message;
    } else if (auto const* const orphaned = std::get_if<storage::AttemptOrphaned>(&body)) {
      explained.outcome = AttemptOutcome::orphaned;
      explained.message = orphaned->reason;
    } else {
      explained.outcome = AttemptOutcome::completed;
    }
  }

  ExplainedDecision explain_decision(Call const& call,
                                     storage::OperationRequested const& requested,
                                     storage::PolicyDecided const& decided,
                                     Sequence sequence) {
    ExplainedDecision decision;
    decision.sequence = sequence;
    decision.permitted = decided.effect == storage::DecisionEffect::permit;
    decision.policy = decided.policy;
    decision.policy_name = policies_.name(decided.policy);
    decision.break_glass = policies_.by_break_glass(decided.policy);
    for (auto const& rule : decided.rules)
      decision.rules.push_back(policies_.rule(decided.policy, rule));
    decision.reason = decided.reason;
    auto const arguments = bytes_of(log_, history_.session, requested.input);
    engine::DecisionContext context{.session = &history_.session,
                                    .workflow = history_.workflow,
                                    .recorded_at = history_.at(sequence)->recorded_at,
                                    .arguments = {}};
    if (arguments) context.arguments = *arguments;
    decision.again = policies_.judge(decided, context);
    auto const about = "the decision at " + std::to_string(sequence);
    note(about, decision.again);
    if (decided.action != action_of(call.kind) || decided.resource != call.name)
      note(about,
           fails("it is about " + decided.action + " " + decided.resource + ", not about " +
                 called(call)));
    if (decided.principal != principal_)
      note(about,
           fails("it is for principal \"" + decided.principal + "\", the session's is \"" +
                 principal_ + "\""));
    return decision;
  }

  Judgement judge_permit(Call const& call,
                         storage::OperationRequested const& requested,
                         CallAttempt const& attempt,
                         storage::PolicyDecided const* decided) const {
    if (attempt.started == 0) return holds();  // nothing left
    if (decided == nullptr) return fails("no decision stands before it");
    auto const permit = engine::Permit::from(history_.run, call.operation, *decided);
    if (!permit)
      return fails("policy denied it, and it was started at " + std::to_string(attempt.started));
    if (attempt.decided > attempt.started) return fails("the decision came after it");
    auto const& started = *history_.body_at<storage::AttemptStarted>(attempt.started);
    if (!permit->covers(history_.run, call.operation, started.attempt, started.input_digest))
      return fails("the permit is for another input");
    if (started.input_digest != requested.input_digest)
      return fails("it was started with another input than was requested");
    if (auto const missing = missing_approval_of(call, attempt.started, *decided); !missing.empty())
      return fails("it " + missing);
    return holds();
  }

  /// Of an attempt that was started at `started`; "" when there is none.
  [[nodiscard]] std::string missing_approval_of(Call const& call,
                                                Sequence started,
                                                storage::PolicyDecided const& decided) const {
    if (decided.obligations.empty()) return {};
    engine::SessionState before;
    before.session = history_.session;
    for (auto const& [event, recorded_at, hash] : history_.events) {
      if (event.sequence >= started) break;
      engine::apply(before, event, recorded_at);
    }
    return missing_approval(before, call.operation, decided, history_.at(started)->recorded_at);
  }

  Result<Judgement> judge_digest(storage::Payload const& payload,
                                 storage::Digest const& recorded) const {
    if (!digester_) return unknown("the session's key is gone, so no digest can be computed again");
    auto const bytes = bytes_of(log_, history_.session, payload);
    if (!bytes && bytes.error().code == Errc::not_found) return fails(bytes.error().detail);
    if (!bytes) return bytes.error();
    if (digester_->digest(*bytes) != recorded) return fails("it does not have the recorded digest");
    return holds();
  }

  void judge_source(OperationId source) {
    if (source == OperationId::none) {
      out_.source = unknown("the answer names no call that it comes from");
    } else {
      auto const call = std::ranges::find(out_.calls, source, &ExplainedCall::operation);
      if (call == out_.calls.end()) {
        out_.source =
            fails("operation " + std::to_string(static_cast<std::uint64_t>(source)) +
                  ", which it comes from, was not called between the turn and the answer");
      } else if (!call->result) {
        out_.source = fails("operation " + std::to_string(static_cast<std::uint64_t>(source)) +
                            ", which it comes from, had no result yet");
      } else {
        call->is_source = true;
        out_.source = compare_output(*call);
      }
    }
    note("the answer's source", out_.source);
  }

  /// For what models say in the built-in agent, the answer has to be the model's content, word for
  /// word.
  [[nodiscard]] Judgement compare_output(ExplainedCall const& call) const {
    if (call.kind != storage::OperationKind::model || history_.workflow != "agent") return holds();
    auto const output = bytes_of(log_, history_.session, *call.result);
    auto const answer = bytes_of(log_, history_.session, out_.answer);
    if (!output || !answer) return fails("the model's output or the answer is missing");
    auto const said = parse_json(*output);
    auto const given = parse_json(*answer);
    if (!said || !given) return fails("the model's output or the answer is no JSON");
    auto const* const text = given->as_string();
    if (text == nullptr || *text != said->text("content"))
      return fails("the answer is not what the model said in operation " +
                   std::to_string(static_cast<std::uint64_t>(call.operation)));
    return holds();
  }

  // ---- what is noted ----

  static std::string called(Call const& call, std::uint32_t attempt = 0) {
    auto text = std::string(name_of(call.kind)) + " " + call.name + " (operation " +
                std::to_string(static_cast<std::uint64_t>(call.operation));
    if (attempt != 0) text += ", attempt " + std::to_string(attempt);
    return text + ")";
  }

  void note(std::string const& about, Judgement const& judgement) {
    if (judgement.verdict == Verdict::fails) out_.broken.push_back(about + ": " + judgement.why);
    if (judgement.verdict == Verdict::unknown) out_.unknown.push_back(about + ": " + judgement.why);
  }

  storage::EventLog const& log_;
  History const& history_;
  PolicyBook const& policies_;
  Calls calls_;
  std::string principal_;
  std::optional<storage::KeyedDigester> digester_;
  Explanation out_;
};

}  // namespace

std::string_view name_of(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::completed:
      return "completed";
    case AttemptOutcome::failed:
      return "failed";
    case AttemptOutcome::orphaned:
      return "orphaned";
    case AttemptOutcome::denied:
      return "denied";
    case AttemptOutcome::open:
      return "open";
  }
  return "unknown";
}

std::vector<Sequence> explainable(History const& history) {
  std::vector<Sequence> answers;
  std::vector<Sequence> ends;
  for (auto const& placed : history.events) {
    std::visit(overloaded{
                   [&](storage::AnswerGiven const&) { answers.push_back(placed.event.sequence); },
                   [&](storage::SessionCompleted const&) { ends.push_back(placed.event.sequence); },
                   [&](storage::SessionFailed const&) { ends.push_back(placed.event.sequence); },
                   [&](storage::SessionCancelled const&) { ends.push_back(placed.event.sequence); },
                   [](auto const&) {},
               },
               placed.event.body);
  }
  return answers.empty() ? ends : answers;
}

Result<Explanation> explain(storage::EventLog const& log,
                            History const& history,
                            PolicyBook const& policies,
                            Sequence sequence) {
  return Explainer(log, history, policies).run(sequence);
}

}  // namespace dalsegno::forensics
