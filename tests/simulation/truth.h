#pragma once

#include "storage/event/codec.h"
#include "storage/log/event_log.h"
#include "tests/simulation/family.h"
#include "tests/simulation/findings.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace dalsegno::simulation {

/// The result that a person gives to a call in doubt.
extern std::string const resolution;

/// What the log says of one operation.
struct OperationTruth {
  storage::OperationRequested requested;
  std::set<std::uint32_t> started;            ///< attempts
  std::optional<std::uint32_t> open_attempt;  ///< the one under way
  std::set<std::uint32_t> permitted;          ///< attempts, for the operation's own input
  std::optional<Time> not_before;             ///< its next attempt
  Time started_at;                            ///< its newest attempt
  std::uint32_t failed = 0;
  std::uint32_t orphaned = 0;
  std::optional<storage::ApprovalRequested> asked;
  std::set<std::string> granted_by;
  bool ended = false;
  // Calls of which nobody is sure.
  Time since;           ///< asked for, or asked for again by a person
  Time alive_at;        ///< its open attempt
  bool unsure = false;  ///< its newest attempt may have had its effect
  bool in_doubt = false;
  std::optional<storage::DoubtResolution> resolved;
  std::uint32_t retries = 0;        ///< that a person asked for
  std::set<std::uint32_t> unbegun;  ///< attempts of which the log says that nobody began them
  bool deferred = false;            ///< its open attempt was left to somebody outside
};

/// What the log says of one session.
struct SessionTruth {
  RunId run;
  std::uint64_t random_seed = 0;
  Sequence last_sequence = 0;
  storage::Digest hash;
  std::uint64_t epoch = 0;
  Time last_time;
  std::vector<std::string> steps;  ///< as they were written
  std::map<OperationId, OperationTruth> operations;
  /// Producer key → where it was recorded: in one run, and in those that it was carried over to.
  std::map<std::string, std::set<std::pair<RunId, Sequence>>> inputs;
  std::map<std::string, std::uint64_t> received;   ///< signals by name
  std::map<std::string, std::uint64_t> receivers;  ///< receive operations by name
  storage::SessionStatus status = storage::SessionStatus::open;
  std::optional<std::string> result;  ///< of one that completed; absent: it is an artifact
  std::string failure;                ///< of one that failed
  bool cancel_requested = false;
  bool paused = false;
  bool resume_asked = false;  ///< and a timer is to act on it
  std::optional<storage::Origin> origin;
  bool told_to_end = false;      ///< by the session that asked for it
  bool child_cut_short = false;  ///< one that it asked for did not complete
  /// Updates under way, and what they were given.
  std::map<Sequence, std::int64_t> updates;
  std::set<std::pair<RunId, Sequence>> updated;  ///< those that came to their end, in all runs
  std::string input;                             ///< of the first run, JSON
  // Of the runs before.
  std::uint64_t first_seed = 0;                                    ///< of the first run
  std::vector<std::pair<RunId, std::vector<std::string>>> before;  ///< and their steps
  std::optional<std::uint32_t> to_carry;  ///< unread signals of the run that was continued
};

/// Reads every step that reaches the store, as it does, and checks what can be checked of it. It
/// knows the format of events and nothing of the engine.
class Truth {
 public:
  explicit Truth(Findings& findings) : findings_(findings) {}

  /// `newest_epoch`: of the newest log over the store. `latest_clock`: the latest time that any
  /// clock of the simulation has shown.
  void applied(storage::Append const& append, std::uint64_t newest_epoch, Time latest_clock);

  /// Every step that was applied is in the log as it was, and nothing else.
  void compare_with(storage::EventLog const& log) const;
  /// The same of heads alone: quick.
  void compare_heads_with(storage::EventLog const& log) const;

  [[nodiscard]] SessionTruth const* find(SessionId const& session) const;
  [[nodiscard]] std::map<SessionId, SessionTruth> const& sessions() const { return sessions_; }
  /// How many sessions have not ended.
  [[nodiscard]] std::size_t open() const { return open_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  /// How often calls came to what they rarely come to.
  [[nodiscard]] std::map<std::string, std::uint64_t, std::less<>> const& rare_ends() const {
    return rare_ends_;
  }
  [[nodiscard]] Family const& family() const { return family_; }
  /// Over everything that was applied, in order.
  [[nodiscard]] storage::Digest const& digest() const { return digest_; }

  /// The far side has seen this attempt.
  void performed(SessionId const& session,
                 RunId const& run,
                 OperationId operation,
                 std::uint32_t attempt);
  /// A call made at most once had its effect, for the `count`-th time.
  void had_effect(SessionId const& session,
                  RunId const& run,
                  OperationId operation,
                  unsigned count);
  /// Somebody outside is about to say that this attempt ended with `result` (JSON).
  void offered(RunId const& run, OperationId operation, std::uint32_t attempt, std::string result);

  /// From now on this text may be in nothing that is kept or sent. Not in clear.
  void hide(std::string text) { hidden_ = std::move(text); }
  /// Something was sent, or is told to people.
  void sent(std::string_view what, std::string_view text) const;

 private:
  void take(SessionId const& session,
            SessionTruth& truth,
            storage::Event const& event,
            Time recorded_at,
            Time latest_clock);

  void look_for_secrets(storage::Append const& append) const;
  void count_rare(storage::EventBody const& body);

  Findings& findings_;
  Family family_{findings_};
  std::map<std::tuple<RunId, OperationId, std::uint32_t>, std::set<std::string>> offered_;
  std::string hidden_;  // "": nothing is
  std::map<SessionId, SessionTruth> sessions_;
  std::set<RunId> runs_;
  std::set<std::tuple<RunId, OperationId, std::uint32_t>> performed_;
  storage::StepDecoder decoder_{storage::Reading::run};
  std::uint64_t steps_ = 0;
  std::size_t open_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> rare_ends_;
  storage::Digest digest_;
};

}  // namespace dalsegno::simulation
