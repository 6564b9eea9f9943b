#pragma once

#include "storage/event/call_clock.h"
#include "storage/event/codec.h"
#include "storage/log/event_log.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace dalsegno::storage {

/// Head and timers of a session as the steps of one run tell them. Feed the steps in order.
class SessionFold {
 public:
  explicit SessionFold(SessionId session) : session_(std::move(session)) {}

  /// False when the step does not continue the one before it: the fold stays as it was.
  bool add(DecodedStep const& step);

  [[nodiscard]] std::optional<Head> head() const;
  [[nodiscard]] std::vector<Timer> timers() const;
  /// The run that this one follows.
  [[nodiscard]] std::optional<RunId> const& follows() const { return follows_; }

 private:
  void apply(Event const& event, Time recorded_at);
  void arm(OperationId operation, std::optional<Time> due);
  void arm_approval_timer(OperationId operation, std::optional<Time> after);
  bool end_attempt(OperationId operation, std::uint32_t attempt, std::optional<Time> retry_at);
  void prolong(OperationId operation, std::uint32_t attempt, Time at);
  void end_operation(OperationId operation);

  SessionId session_;
  std::optional<Head> head_;
  std::optional<RunId> follows_;
  std::set<std::pair<OperationId, std::uint32_t>> open_attempts_;
  std::set<OperationId> deferred_;  // their open attempt is left to somebody outside
  /// How long calls may take.
  struct Call {
    bool unsure = false;  // its newest attempt has ended and may have had its effect
    std::uint64_t start_to_close_ms = 0;
    CallTerms terms;
    CallClock clock;
    bool is_to_begin_anew = false;  // once its timer fires: a person said so
  };
  std::map<OperationId, Call> calls_;
  bool resumed_ = false;  // once the timer of operation 0 fires, it is not paused any more
  std::map<OperationId, Time> timers_;
  /// What operations wait for, by the rules that ask for approval.
  struct ApprovalTimes {
    std::optional<Time> escalates;
    std::optional<Time> expires;
  };
  std::map<OperationId, std::map<std::string, ApprovalTimes>> approvals_;
};

}  // namespace dalsegno::storage
