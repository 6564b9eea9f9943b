#pragma once

// What must hold within one run, checked step by step as it is read: beyond schema and chain, that
// its events tell a possible story.

#include "engine/session/state.h"
#include "storage/access/token_table.h"
#include "storage/event/codec.h"
#include "storage/event/event.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/forensics/finding.h"
#include "tools/dalsegno/forensics/policy_book.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::forensics {

/// What the checks of one session have in common. The references outlive all of them.
struct SessionChecks {
  storage::EventLog const& log;
  PolicyBook const& policies;
  SessionId session;
  bool is_journal = false;
  std::optional<storage::KeyedDigester> digester;  ///< absent: the key is gone
  access::TokenTable const* tokens = nullptr;      ///< null: they cannot be read
};

class RunCheck {
 public:
  RunCheck(SessionChecks& shared, RunId run, Findings& findings);

  /// The next step; its chain was verified. Errors: Errc::io.
  [[nodiscard]] Result<> take(storage::DecodedStep const& step);

  /// What the events come to.
  [[nodiscard]] engine::SessionState const& state() const { return state_; }
  [[nodiscard]] std::vector<Sequence> const& checkpoints() const { return checkpoints_; }
  [[nodiscard]] std::optional<storage::SessionStarted> const& started() const { return started_; }
  /// Signals that were not received in the run before.
  [[nodiscard]] std::vector<storage::InputReceived> const& carried() const { return carried_; }
  /// The run that it says it continues as.
  [[nodiscard]] std::optional<RunId> const& next() const { return next_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  /// An event of a kind that this version does not know: the rest cannot be judged.
  [[nodiscard]] bool saw_unknown() const { return saw_unknown_; }

 private:
  struct Operation {
    storage::OperationKind kind = storage::OperationKind::activity;
    std::string name;
    storage::Digest input_digest;
    std::optional<storage::PolicyDecided> decided;  // the newest
    std::uint32_t started = 0;                      // attempts
    bool attempt_open = false;
    bool denied = false;
    Sequence ended = 0;  // by a result, a failure, a cancellation or a denial
  };

  void check_cause(storage::StepHeader const& header, storage::Event const& first);
  void check_place(storage::Event const& event, bool is_first);
  [[nodiscard]] Result<> check_body(storage::Event const& event);
  void check_fork(storage::Event const& event, storage::Forked const& body);

  void take_request(storage::Event const& event, storage::OperationRequested const& body);
  void check_decision(storage::Event const& event, storage::PolicyDecided const& body);
  void take_decision(storage::Event const& event, storage::PolicyDecided const& body);
  [[nodiscard]] Judgement judge(storage::Event const& event,
                                storage::PolicyDecided const& body) const;
  void take_start(storage::Event const& event, storage::AttemptStarted const& body);
  void take_result(storage::Event const& event,
                   std::uint32_t attempt,
                   storage::Payload const& result);
  [[nodiscard]] bool is_approval(storage::Event const& event) const;
  void take_approval(storage::Event const& event, storage::OperationCompleted const& body);
  void complain(storage::Event const& event, std::string what, std::string_view check = "approval");
  void take_failure(storage::Event const& event, std::uint32_t attempt);
  void take_orphan(storage::Event const& event, storage::AttemptOrphaned const& body);
  void take_end(storage::Event const& event);
  void take_answer(storage::Event const& event, storage::AnswerGiven const& body);
  [[nodiscard]] Result<> take_checkpoint(storage::Event const& event,
                                         storage::CheckpointTaken const& body);
  [[nodiscard]] Result<> check_payload(storage::Event const& event,
                                       storage::Payload const& payload,
                                       storage::Digest const* recorded);
  [[nodiscard]] Operation* find(storage::Event const& event);
  void found(std::string_view check,
             Sequence sequence,
             std::string detail,
             Severity severity = Severity::failure);

  SessionChecks& shared_;
  RunId run_;
  Findings& findings_;
  engine::SessionState state_;
  std::map<OperationId, Operation> operations_;
  std::uint64_t last_operation_ = 0;
  std::vector<Sequence> signals_;  // of InputReceived
  std::vector<Sequence> checkpoints_;
  std::optional<storage::SessionStarted> started_;
  std::vector<storage::InputReceived> carried_;
  std::optional<RunId> next_;
  std::uint64_t events_ = 0;
  Sequence ended_ = 0;
  Time last_time_;
  bool saw_unknown_ = false;
  bool said_undecidable_ = false;
};

}  // namespace dalsegno::forensics
