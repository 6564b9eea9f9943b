#include "tools/dalsegno/transcript_text.h"

#include "engine/session/overloaded.h"
#include "storage/access/operator_acted.h"
#include "tools/dalsegno/forensics/calls.h"
#include "tools/dalsegno/payload_text.h"
#include "tools/dalsegno/printable.h"

#include <variant>

namespace dalsegno::command {

namespace {

using engine::overloaded;
using Line = std::optional<TranscriptLine>;

constexpr std::size_t text_limit = 400;
constexpr std::size_t argument_limit = 160;

std::string short_text(std::string const& text) { return shortened(text, text_limit); }
std::string number(std::uint64_t value) { return std::to_string(value); }

std::string by(std::string const& principal) {
  return principal.empty() ? std::string() : " by " + short_text(principal);
}

std::string again(std::optional<Time> const& retry_at) {
  return retry_at ? "; again at " + to_string(*retry_at) : std::string("; not again");
}

std::string decision_text(storage::PolicyDecided const& body) {
  std::string text = body.effect == storage::DecisionEffect::permit ? "permitted" : "DENIED";
  if (body.rules.empty()) text += ", no rule matched";
  for (std::size_t i = 0; i < body.rules.size(); ++i)
    text += (i == 0 ? " by " : ", ") + printable(body.rules[i]);
  if (!body.reason.empty()) text += " (" + short_text(body.reason) + ")";
  if (body.attempt > 1) text += ", attempt " + number(body.attempt);
  return text;
}

std::string resolution_text(storage::DoubtResolution resolution) {
  switch (resolution) {
    case storage::DoubtResolution::completed:
      return "is held to have happened";
    case storage::DoubtResolution::failed:
      return "is held to have failed";
    case storage::DoubtResolution::retry:
      return "is to be made again";
  }
  return "is resolved";
}

/// " [gpt-4, 812 in (640 cached), 57 out]"; counts that nobody reported are left out.
std::string usage_text(storage::ModelCompleted const& body) {
  auto text = short_text(body.model);
  auto const add = [&text](std::string const& part) { text += (text.empty() ? "" : ", ") + part; };
  if (body.input_tokens > 0) add(number(body.input_tokens) + " in");
  if (body.cached_tokens > 0) text += " (" + number(body.cached_tokens) + " cached)";
  if (body.output_tokens > 0) add(number(body.output_tokens) + " out");
  return text.empty() ? text : " [" + text + "]";
}

}  // namespace

TranscriptLine told(storage::OperatorActed const& acted) {
  auto const refused = access::why_refused(acted);
  auto text = printable(acted.action);
  if (!acted.resource.empty()) text += " " + short_text(acted.resource);
  text += by(acted.by);
  if (!acted.second.empty()) text += ", with " + short_text(acted.second);
  if (acted.break_glass) text += ", BREAK-GLASS";
  if (!refused.empty()) return {text + ": REFUSED: " + short_text(refused), Style::bad};
  return {text + ": " + short_text(acted.reason), Style::warning};
}

std::string Transcript::called(OperationId id) const {
  auto place = "op " + number(static_cast<std::uint64_t>(id));
  auto const found = operations_.find(id);
  if (found == operations_.end()) return place;
  auto const& operation = found->second;
  auto text = place + " " + std::string(forensics::name_of(operation.kind));
  if (!operation.name.empty()) text += ' ' + printable(operation.name);
  return text;
}

Line Transcript::tell(storage::Event const& event) {
  auto const id = event.operation;
  if (auto const* const requested = std::get_if<storage::OperationRequested>(&event.body))
    operations_[id] = {requested->kind, requested->name};
  return std::visit(
      overloaded{
          [](storage::UnknownBody const& body) -> Line {
            return TranscriptLine{
                "an event of kind " + number(body.type) + ", from a newer version", Style::warning};
          },
          [&](storage::SessionStarted const& body) -> Line {
            waits_are_plain_ = body.workflow == "agent" || body.workflow == "inbox";
            return TranscriptLine{"started " + printable(body.workflow) + by(body.principal) +
                                      ": " + payload_text(body.input, text_limit),
                                  Style::bold};
          },
          [](storage::InputReceived const& body) -> Line {
            auto const carried =
                body.carried_from == 0 ? "" : " (unread @" + number(body.carried_from) + " before)";
            auto const* const kind = body.update ? "update " : "";
            return TranscriptLine{kind + printable(body.signal) + by(body.principal) + carried +
                                      ": " + said_text(body.payload, text_limit),
                                  Style::bold};
          },
          [&](storage::OperationRequested const& body) -> Line {
            auto const waits = body.kind == storage::OperationKind::receive;
            if (waits && waits_are_plain_) return std::nullopt;
            if (waits) return TranscriptLine{"  " + called(id) + ": waits", Style::faint};
            return TranscriptLine{"  " + called(id) + ": " + said_text(body.input, argument_limit),
                                  Style::plain};
          },
          [&](storage::PolicyDecided const& body) -> Line {
            auto const permitted = body.effect == storage::DecisionEffect::permit;
            return TranscriptLine{"    " + decision_text(body),
                                  permitted ? Style::faint : Style::bad};
          },
          [&](storage::AttemptStarted const& body) -> Line {
            if (body.attempt == 1) return std::nullopt;  // follows its decision
            return TranscriptLine{"    attempt " + number(body.attempt) + " of " + called(id),
                                  Style::plain};
          },
          [&](storage::AttemptFailed const& body) -> Line {
            return TranscriptLine{"    " + called(id) + ": attempt " + number(body.attempt) +
                                      " failed: " + short_text(body.type + ": " + body.message) +
                                      again(body.retry_at),
                                  Style::warning};
          },
          [&](storage::AttemptOrphaned const& body) -> Line {
            return TranscriptLine{
                "    " + called(id) + ": attempt " + number(body.attempt) +
                    " ORPHANED, may have had its effect: " + short_text(body.reason) +
                    (body.retry_at ? again(body.retry_at) : ""),
                Style::warning};
          },
          [&](storage::OperationCompleted const& body) -> Line {
            return TranscriptLine{
                "    " + called(id) + " -> " + payload_text(body.result, text_limit), Style::plain};
          },
          [&](storage::ModelCompleted const& body) -> Line {
            return TranscriptLine{"    " + called(id) + " -> " +
                                      said_text(body.result, text_limit) + usage_text(body),
                                  Style::plain};
          },
          [&](storage::ToolCompleted const& body) -> Line {
            return TranscriptLine{"    " + called(id) + (body.is_error ? " -> ERROR " : " -> ") +
                                      said_text(body.result, text_limit),
                                  body.is_error ? Style::warning : Style::plain};
          },
          [&](storage::OperationFailed const& body) -> Line {
            return TranscriptLine{"    " + called(id) + " FAILED after " + number(body.attempts) +
                                      " attempts: " + short_text(body.type + ": " + body.message),
                                  Style::bad};
          },
          [&](storage::OperationCancelled const& body) -> Line {
            return TranscriptLine{"    " + called(id) + " cancelled: " + short_text(body.reason),
                                  Style::faint};
          },
          [&](storage::TimerStarted const& body) -> Line {
            operations_.try_emplace(id);
            return TranscriptLine{"  " + called(id) + ": until " + to_string(body.due),
                                  Style::faint};
          },
          [&](storage::TimerFired const& body) -> Line {
            return TranscriptLine{"    " + called(id) + ": it is " + to_string(body.due),
                                  Style::faint};
          },
          [](storage::ValueRecorded const& body) -> Line {
            return TranscriptLine{
                "  recorded " + printable(body.name) + ": " + payload_text(body.value, text_limit),
                Style::plain};
          },
          [](storage::CheckpointTaken const& body) -> Line {
            return TranscriptLine{"  checkpoint, " + number(body.size_bytes) + " bytes",
                                  Style::faint};
          },
          [](storage::AttributeSet const& body) -> Line {
            return TranscriptLine{
                "  set " + printable(body.name) + ": " + payload_text(body.value, text_limit),
                Style::plain};
          },
          [](storage::AnswerGiven const& body) -> Line {
            return TranscriptLine{
                "answer to @" + number(body.turn) + ": " + payload_text(body.answer, text_limit),
                Style::good};
          },
          [](storage::Held const& body) -> Line {
            return TranscriptLine{"HELD (" + printable(body.kind) + "): " + short_text(body.report),
                                  Style::bad};
          },
          [](storage::Released const& body) -> Line {
            return TranscriptLine{"released" + by(body.by) + ": " + short_text(body.reason),
                                  Style::warning};
          },
          [](storage::OperatorActed const& body) -> Line { return told(body); },
          [](storage::PolicyActivated const& body) -> Line {
            return TranscriptLine{"policy " + storage::to_hex(body.digest).substr(0, 12) + " \"" +
                                      short_text(body.name) + "\" decides from here on",
                                  Style::bold};
          },
          [](storage::LossAccepted const& body) -> Line {
            return TranscriptLine{
                "loss accepted" + by(body.by) + ": generation " + number(body.generation) +
                    " ends at commit " + number(body.found_commit) + "; acknowledged was " +
                    number(body.acknowledged_commit) + ": " + short_text(body.reason),
                Style::bad};
          },
          [](storage::SessionCompleted const& body) -> Line {
            return TranscriptLine{"completed: " + payload_text(body.result, text_limit),
                                  Style::bold};
          },
          [](storage::SessionFailed const& body) -> Line {
            return TranscriptLine{"FAILED: " + short_text(body.type + ": " + body.message),
                                  Style::bad};
          },
          [](storage::VersionChosen const& body) -> Line {
            return TranscriptLine{"version " + number(body.version) + " of the change \"" +
                                      short_text(body.change) + "\"",
                                  Style::faint};
          },
          [](storage::CancelRequested const& body) -> Line {
            return TranscriptLine{"cancel asked for" + by(body.by) + ": " + short_text(body.reason),
                                  Style::warning};
          },
          [](storage::SessionCancelled const& body) -> Line {
            return TranscriptLine{"CANCELLED: " + short_text(body.reason), Style::warning};
          },
          [](storage::ApprovalRequested const& body) -> Line {
            return TranscriptLine{"waits for approval: " + short_text(body.reason), Style::warning};
          },
          [](storage::ApprovalGiven const& body) -> Line {
            return TranscriptLine{(body.granted ? "approved" : "NOT approved") + by(body.by) +
                                      ": " + short_text(body.reason),
                                  body.granted ? Style::good : Style::bad};
          },
          [](storage::TokenCreated const& body) -> Line {
            return TranscriptLine{
                "token " + printable(body.id) + " for " + short_text(body.owner) + " is made",
                Style::warning};
          },
          [](storage::TokenRevoked const& body) -> Line {
            return TranscriptLine{"token " + printable(body.id) + " is revoked", Style::warning};
          },
          [&](storage::HeartbeatRecorded const& body) -> Line {
            return TranscriptLine{
                "    " + called(id) + ": attempt " + number(body.attempt) + " gives a sign of life",
                Style::faint};
          },
          [&](storage::AttemptDeferred const& body) -> Line {
            return TranscriptLine{"    " + called(id) + ": attempt " + number(body.attempt) +
                                      " will be ended from outside",
                                  Style::plain};
          },
          [&](storage::OperationInDoubt const& body) -> Line {
            return TranscriptLine{
                "    " + called(id) + ": IN DOUBT, waits for a person: " + short_text(body.reason),
                Style::bad};
          },
          [&](storage::DoubtResolved const& body) -> Line {
            return TranscriptLine{"    " + called(id) + ": " + resolution_text(body.resolution) +
                                      by(body.by) + ": " + short_text(body.reason),
                                  Style::warning};
          },
          [](storage::RunCarried const& body) -> Line {
            return TranscriptLine{"  takes over " + number(body.calls.size()) +
                                      " counts of calls, " + number(body.attributes.size()) +
                                      " attributes, " + number(body.stored.size()) +
                                      " stored values, " + number(body.taint.size()) + " taints",
                                  Style::faint};
          },
          [](storage::ContinuedAsNew const& body) -> Line {
            return TranscriptLine{"continued as run " + to_string(body.next) + " with " +
                                      number(body.unread_signals) +
                                      " unread signals: " + payload_text(body.input, text_limit),
                                  Style::bold};
          },
          [&](storage::ChildStarted const& body) -> Line {
            return TranscriptLine{"    " + called(id) + ": session " + printable(body.session),
                                  Style::plain};
          },
          [&](storage::ChildEnded const& body) -> Line {
            if (body.outcome == storage::ChildOutcome::completed)
              return TranscriptLine{
                  "    " + called(id) + " -> " + payload_text(body.result, text_limit),
                  Style::plain};
            return TranscriptLine{
                "    " + called(id) +
                    (body.outcome == storage::ChildOutcome::cancelled ? " was CANCELLED: "
                                                                      : " FAILED: ") +
                    short_text(body.type + ": " + body.message),
                Style::bad};
          },
          [](storage::ParentEnded const& body) -> Line {
            return TranscriptLine{
                "its parent does not wait for it any more: " + short_text(body.reason),
                Style::warning};
          },
          [](storage::ControlAsked const& body) -> Line {
            return TranscriptLine{std::string(storage::name_of(body.verb)) + " asked for" +
                                      by(body.by) + ": " + short_text(body.reason),
                                  Style::warning};
          },
          [](storage::UpdateEnded const& body) -> Line {
            auto const update = "update @" + number(body.update);
            if (body.type.empty())
              return TranscriptLine{update + " -> " + payload_text(body.result, text_limit),
                                    Style::plain};
            return TranscriptLine{
                update + " FAILED: " + short_text(body.type + ": " + body.message), Style::bad};
          },
          [](storage::EngineStarted const& body) -> Line {
            return TranscriptLine{
                "epoch " + number(body.epoch) + " began: build " + printable(body.build),
                Style::faint};
          },
          [](storage::StoreChanged const& body) -> Line {
            return TranscriptLine{
                "  store " + printable(body.key) +
                    (body.erased ? " erased" : " = " + payload_text(body.value, text_limit)),
                Style::faint};
          },
          [&](storage::PromiseSettled const& body) -> Line {
            auto const who =
                body.session.empty() ? std::string() : ", by " + printable(body.session);
            if (!body.failed)
              return TranscriptLine{"    " + called(id) + " kept" + who + " -> " +
                                        payload_text(body.result, text_limit),
                                    Style::plain};
            return TranscriptLine{"    " + called(id) + " REJECTED" + who + ": " +
                                      short_text(body.type + ": " + body.message),
                                  Style::bad};
          },
          [](storage::Forked const& body) -> Line {
            auto text = body.from.sequence == 0
                            ? "begins again as run " + to_string(body.from.run) + " began"
                            : "forked from " + printable(body.from.session) + ", run " +
                                  to_string(body.from.run) + ", after event " +
                                  number(body.from.sequence);
            text += by(body.by) + ": " + short_text(body.reason);
            if (body.effects_after > 0)
              text += "; what it did later is not undone (" + number(body.effects_after) +
                      (body.effects_after == 1 ? " call)" : " calls)");
            return TranscriptLine{std::move(text), Style::warning};
          },
          [&](storage::CancellationAsked const& body) -> Line {
            return TranscriptLine{
                "    " + called(id) + " was asked to end: " + short_text(body.reason),
                Style::faint};
          },
      },
      event.body);
}

}  // namespace dalsegno::command
