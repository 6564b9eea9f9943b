#pragma once

// The chain of recorded, permitted actions behind an answer, checked again link by link.

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/event/event.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/forensics/calls.h"
#include "tools/dalsegno/forensics/context_check.h"
#include "tools/dalsegno/forensics/history.h"
#include "tools/dalsegno/forensics/policy_book.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::forensics {

enum class AttemptOutcome : std::uint8_t { completed, failed, orphaned, denied, open };

/// "completed", …
[[nodiscard]] std::string_view name_of(AttemptOutcome outcome);

/// A policy decision and what came of judging it again.
struct ExplainedDecision {
  Sequence sequence = 0;
  bool permitted = false;
  storage::Digest policy;
  std::string policy_name;   ///< "" when the document is not in the journal
  bool break_glass = false;  ///< the policy was activated with a token for emergencies
  std::vector<RuleText> rules;
  std::string reason;
  Judgement again;
};

struct ExplainedAttempt {
  std::uint32_t number = 0;
  std::optional<ExplainedDecision> decision;
  Sequence started = 0;  ///< 0: nothing left the process
  Judgement permit;      ///< whether a permit for just this attempt stands before it
  AttemptOutcome outcome = AttemptOutcome::open;
  Sequence ended = 0;
  std::string message;  ///< of the failure, or why it was orphaned
};

struct ExplainedCall {
  OperationId operation = OperationId::none;
  storage::OperationKind kind = storage::OperationKind::activity;
  std::string name;
  Sequence requested = 0;
  storage::Payload input;
  Judgement input_digest;  ///< whether the input is the one that was decided
  std::vector<ExplainedAttempt> attempts;
  Sequence ended = 0;  ///< 0: not before the answer
  std::optional<storage::Payload> result;
  bool is_error = false;   ///< a tool that answered with an error
  bool is_source = false;  ///< the answer is its output
};

/// Something that came from outside: the turn that was answered, or what started the session.
struct ExplainedInput {
  Sequence sequence = 0;
  std::string signal;  ///< "" for the session's start
  std::string principal;
  storage::Payload payload;
  Judgement digest;
};

enum class ExplainedEnd : std::uint8_t { answer, completed, failed };

struct Explanation {
  SessionId session;
  RunId run;
  std::string workflow;
  ExplainedEnd kind = ExplainedEnd::answer;
  std::uint64_t ordinal = 0;  ///< of the answer in its run, from 1; 0: the session's end
  Sequence sequence = 0;      ///< of the AnswerGiven, SessionCompleted or SessionFailed
  Time recorded_at;
  storage::Payload answer;
  std::string failure;  ///< type and message of a SessionFailed
  std::vector<ExplainedInput>
      inputs;                        ///< the turn; for an end: the start and all that was received
  std::vector<ExplainedCall> calls;  ///< in the order of request; that of a summary first
  std::optional<ExplainedContext> context;  ///< the newest summary before the turn
  Judgement source;  ///< whether the call that the answer comes from is among these
  /// What operators did to the session at any time, as the operators' session tells it.
  std::vector<storage::OperatorActed> operators;
  std::uint64_t steps = 0;           ///< of the chain, verified
  std::vector<std::string> broken;   ///< what does not hold, for people
  std::vector<std::string> unknown;  ///< what could not be checked

  /// Every check that could be made holds.
  [[nodiscard]] bool whole() const { return broken.empty(); }
};

/// What can be explained in a run: its answers in order; without any, its end.
[[nodiscard]] std::vector<Sequence> explainable(History const& history);

/// Explains the AnswerGiven, SessionCompleted or SessionFailed at `sequence` of a history that was
/// read without a cut. Errors: Errc::invalid when there is no such event; those of the log when an
/// artifact or the secret cannot be read.
[[nodiscard]] Result<Explanation> explain(storage::EventLog const& log,
                                          History const& history,
                                          PolicyBook const& policies,
                                          Sequence sequence);

}  // namespace dalsegno::forensics
