#include "tools/dalsegno/explanation_text.h"

#include "storage/event/event_json.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/payload_text.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/transcript_text.h"

#include <string>
#include <string_view>

namespace dalsegno::command {

namespace {

using forensics::ExplainedAttempt;
using forensics::ExplainedCall;
using forensics::ExplainedDecision;
using forensics::ExplainedEnd;
using forensics::ExplainedInput;
using forensics::Explanation;
using forensics::Verdict;

constexpr std::size_t text_limit = 300;
constexpr std::size_t digest_shown = 12;

std::string at(Sequence sequence) { return "@" + std::to_string(sequence); }

std::string by(std::string const& principal) {
  return principal.empty() ? std::string() : " by " + printable(principal);
}

class Printer {
 public:
  explicit Printer(Globals const& globals) : globals_(globals) {}

  void print_all(Explanation const& explanation) const {
    print(styled(globals_, Style::bold, title(explanation)));
    for (auto const& input : explanation.inputs) print_input(input);
    if (explanation.context) print_context(*explanation.context);
    for (auto const& call : explanation.calls) print_call(call);
    print_end(explanation);
    for (auto const& acted : explanation.operators) {
      auto const line = told(acted);
      print("  " + styled(globals_, line.style, line.text));
    }
    print_verdict(explanation);
  }

 private:
  static std::string title(Explanation const& explanation) {
    auto const session = printable(to_string(explanation.session));
    if (explanation.kind == ExplainedEnd::answer)
      return "answer #" + std::to_string(explanation.ordinal) + " of " + session + " " +
             at(explanation.sequence);
    return "how " + session + " ended " + at(explanation.sequence);
  }

  void print_input(ExplainedInput const& input) const {
    auto const what = input.signal.empty() ? std::string("started") : printable(input.signal);
    print("  " + what + " " + at(input.sequence) + by(input.principal) + ": " +
          said_text(input.payload, text_limit) + verdict_text(input.digest));
  }

  void print_context(forensics::ExplainedContext const& context) const {
    auto line = "  summary " + at(context.sequence) + " stands for turns " +
                std::to_string(context.first_turn) + " to " + std::to_string(context.last_turn) +
                " (events 1 to " + std::to_string(context.last_event) + "), made by " +
                (context.made_by == "model"
                     ? "op " + std::to_string(static_cast<std::uint64_t>(context.operation))
                     : "no model");
    print(line + verdict_text(context.judgement));
  }

  void print_call(ExplainedCall const& call) const {
    print("  op " + std::to_string(static_cast<std::uint64_t>(call.operation)) + " " +
          std::string(forensics::name_of(call.kind)) + " " +
          styled(globals_, Style::bold, printable(call.name)) + " " + at(call.requested) + ": " +
          said_text(call.input, text_limit) + verdict_text(call.input_digest));
    for (auto const& attempt : call.attempts) print_attempt(attempt);
    if (call.result) {
      print("    result " + at(call.ended) + (call.is_error ? " (an error)" : "") + ": " +
            said_text(*call.result, text_limit) + (call.is_source ? "  <- the answer" : ""));
    } else if (call.ended == 0) {
      print("    no result before the answer");
    }
  }

  void print_attempt(ExplainedAttempt const& attempt) const {
    auto const name = "    attempt " + std::to_string(attempt.number);
    if (attempt.decision) print_decision(name, *attempt.decision);
    if (attempt.started != 0) {
      auto line = name + " started " + at(attempt.started) + verdict_text(attempt.permit);
      if (attempt.outcome == forensics::AttemptOutcome::open) line += ", still under way";
      print(line);
    }
    auto const bad = attempt.outcome == forensics::AttemptOutcome::failed ||
                     attempt.outcome == forensics::AttemptOutcome::orphaned;
    if (bad)
      print(styled(globals_,
                   Style::warning,
                   name + " " + std::string(forensics::name_of(attempt.outcome)) + " " +
                       at(attempt.ended) + ": " + shortened(attempt.message, text_limit)));
  }

  void print_decision(std::string const& name, ExplainedDecision const& decision) const {
    auto const effect = decision.permitted ? styled(globals_, Style::good, "permitted")
                                           : styled(globals_, Style::bad, "denied");
    auto line = name + " " + effect + " " + at(decision.sequence) + " by policy " +
                storage::to_hex(decision.policy).substr(0, digest_shown);
    if (!decision.policy_name.empty())
      line += " \"" + shortened(decision.policy_name, text_limit) + '"';
    if (decision.break_glass) line += " (activated with BREAK-GLASS)";
    if (decision.rules.empty()) line += ", no rule matched";
    for (auto const& rule : decision.rules) {
      line += ", rule " + printable(rule.id);
      if (!rule.reason.empty()) line += " (" + shortened(rule.reason, text_limit) + ")";
    }
    if (decision.rules.empty() && !decision.reason.empty())
      line += " (" + shortened(decision.reason, text_limit) + ")";
    line += decision.again.verdict == Verdict::holds ? "; decided again: the same"
                                                     : verdict_text(decision.again);
    print(line);
  }

  void print_end(Explanation const& explanation) const {
    switch (explanation.kind) {
      case ExplainedEnd::answer:
        print("  answer " + at(explanation.sequence) + ": " +
              payload_text(explanation.answer, text_limit) + verdict_text(explanation.source));
        break;
      case ExplainedEnd::completed:
        print("  result " + at(explanation.sequence) + ": " +
              payload_text(explanation.answer, text_limit));
        break;
      case ExplainedEnd::failed:
        print("  failed " + at(explanation.sequence) + ": " +
              shortened(explanation.failure, text_limit));
        break;
    }
  }

  void print_verdict(Explanation const& explanation) const {
    for (auto const& broken : explanation.broken)
      print(styled(globals_, Style::bad, "  BROKEN " + printable(broken)));
    for (auto const& unknown : explanation.unknown)
      print(styled(globals_, Style::warning, "  unknown " + printable(unknown)));
    print(explanation.whole() ? styled(globals_, Style::good, "  the chain is whole")
                              : styled(globals_, Style::bad, "  the chain does NOT hold"));
  }

  static std::string verdict_text(forensics::Judgement const& judgement) {
    if (judgement.verdict == Verdict::holds) return "";
    return std::string("  [") +
           (judgement.verdict == Verdict::fails ? "DOES NOT HOLD: " : "unknown: ") +
           printable(judgement.why) + "]";
  }

  Globals const& globals_;
};

// ---- JSON ----

Json judgement_json(forensics::Judgement const& judgement) {
  Json object;
  object.set("verdict", forensics::name_of(judgement.verdict));
  if (!judgement.why.empty()) object.set("why", judgement.why);
  return object;
}

Json decision_json(ExplainedDecision const& decision) {
  Json::Array rules;
  for (auto const& rule : decision.rules) {
    Json object;
    object.set("id", rule.id);
    if (!rule.effect.empty()) object.set("effect", rule.effect);
    if (!rule.reason.empty()) object.set("reason", rule.reason);
    if (!rule.owner.empty()) object.set("owner", rule.owner);
    rules.push_back(std::move(object));
  }
  Json object;
  object.set("sequence", decision.sequence).set("effect", decision.permitted ? "permit" : "deny");
  object.set("policy", storage::to_hex(decision.policy)).set("policy_name", decision.policy_name);
  if (decision.break_glass) object.set("break_glass", true);
  object.set("rules", std::move(rules)).set("reason", decision.reason);
  object.set("decided_again", judgement_json(decision.again));
  return object;
}

Json attempt_json(ExplainedAttempt const& attempt) {
  Json object;
  object.set("attempt", std::uint64_t{attempt.number});
  if (attempt.decision) object.set("decision", decision_json(*attempt.decision));
  if (attempt.started != 0) object.set("started", attempt.started);
  object.set("permit", judgement_json(attempt.permit));
  object.set("outcome", forensics::name_of(attempt.outcome));
  if (attempt.ended != 0) object.set("ended", attempt.ended);
  if (!attempt.message.empty()) object.set("message", attempt.message);
  return object;
}

Json call_json(ExplainedCall const& call) {
  Json::Array attempts;
  for (auto const& attempt : call.attempts) attempts.push_back(attempt_json(attempt));
  Json object;
  object.set("operation", static_cast<std::uint64_t>(call.operation))
      .set("kind", forensics::name_of(call.kind));
  object.set("name", call.name).set("requested", call.requested);
  object.set("input", storage::to_json_value(call.input))
      .set("input_digest", judgement_json(call.input_digest));
  object.set("attempts", std::move(attempts));
  if (call.ended != 0) object.set("ended", call.ended);
  if (call.result)
    object.set("result", storage::to_json_value(*call.result)).set("is_error", call.is_error);
  object.set("source", call.is_source);
  return object;
}

Json texts_json(std::vector<std::string> const& texts) {
  Json::Array array;
  for (auto const& text : texts) array.emplace_back(text);
  return array;
}

std::string_view kind_name(ExplainedEnd kind) {
  switch (kind) {
    case ExplainedEnd::answer:
      return "answer";
    case ExplainedEnd::completed:
      return "completed";
    case ExplainedEnd::failed:
      return "failed";
  }
  return "unknown";
}

}  // namespace

void print_explanation(Globals const& globals, forensics::Explanation const& explanation) {
  Printer(globals).print_all(explanation);
}

Json to_json_value(forensics::Explanation const& explanation) {
  Json object;
  object.set("tenant", explanation.session.tenant).set("session", explanation.session.name);
  object.set("run", to_string(explanation.run)).set("workflow", explanation.workflow);
  object.set("kind", kind_name(explanation.kind)).set("sequence", explanation.sequence);
  if (explanation.ordinal != 0) object.set("ordinal", explanation.ordinal);
  object.set("recorded_at", to_string(explanation.recorded_at));
  if (explanation.kind == ExplainedEnd::failed) {
    object.set("failure", explanation.failure);
  } else {
    object.set("answer", storage::to_json_value(explanation.answer));
  }
  Json::Array inputs;
  for (auto const& input : explanation.inputs) {
    Json one;
    one.set("sequence", input.sequence)
        .set("signal", input.signal)
        .set("principal", input.principal);
    one.set("payload", storage::to_json_value(input.payload))
        .set("digest", judgement_json(input.digest));
    inputs.push_back(std::move(one));
  }
  Json::Array calls;
  for (auto const& call : explanation.calls) calls.push_back(call_json(call));
  object.set("inputs", std::move(inputs)).set("calls", std::move(calls));
  if (explanation.context) {
    auto const& context = *explanation.context;
    Json one;
    one.set("sequence", context.sequence)
        .set("first_turn", context.first_turn)
        .set("last_turn", context.last_turn)
        .set("last_event", context.last_event)
        .set("made_by", context.made_by)
        .set("operation", static_cast<std::uint64_t>(context.operation))
        .set("judgement", judgement_json(context.judgement));
    object.set("context", std::move(one));
  }
  Json::Array operators;
  for (auto const& acted : explanation.operators) {
    Json one;
    one.set("action", acted.action).set("by", acted.by);
    if (!acted.second.empty()) one.set("second", acted.second);
    one.set("reason", acted.reason);
    if (acted.break_glass) one.set("break_glass", true);
    operators.push_back(std::move(one));
  }
  if (!operators.empty()) object.set("operators", std::move(operators));
  object.set("source", judgement_json(explanation.source)).set("whole", explanation.whole());
  object.set("broken", texts_json(explanation.broken))
      .set("unknown", texts_json(explanation.unknown));
  object.set("steps_verified", explanation.steps);
  return object;
}

}  // namespace dalsegno::command
