#pragma once

// Whether what was promised of an agent's answers was kept.

#include "dalsegno/ids.h"
#include "tools/dalsegno/forensics/burn_rate.h"
#include "tools/dalsegno/forensics/endpoint_losses.h"
#include "tools/dalsegno/forensics/turns.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace dalsegno::forensics {

/// What is measured. The first three are of turns: two times from its arrival, and whether it was
/// answered at all. The last is of losses of an endpoint: the time until the session was answered
/// again.
enum class Measure : std::uint8_t { first_token, answer, error, recovery };

[[nodiscard]] std::string_view name_of(Measure measure);

/// "Of all turns (losses), `share` have it within `limit`"; of errors: "`share` did not fail".
struct Objective {
  Measure measure = Measure::answer;
  std::chrono::microseconds limit{};
  double share = 1;
};

/// A session whose worst turn (loss) was late.
struct LateSession {
  SessionId session;
  RunId run;
  Sequence turn = 0;                   ///< its InputReceived; of a loss the AttemptFailed
  std::chrono::microseconds waited{};  ///< also of a turn that still waits
  TurnEnd end = TurnEnd::answered;
  std::uint64_t late = 0;  ///< its turns (losses) that were
};

struct ObjectiveOutcome {
  std::uint64_t kept = 0;
  std::uint64_t late = 0;        ///< beyond the limit, also those that still wait; or failed
  std::uint64_t pending = 0;     ///< wait, and are within the limit still
  std::uint64_t unmeasured = 0;  ///< the log does not say, or nobody waited for an answer any more
  std::vector<std::chrono::microseconds> measured;  ///< sorted
  std::vector<LateSession> worst;                   ///< the worst first
  std::vector<Judged> judged;  ///< those kept and late, at the moments from which they were

  /// Of the turns that are kept or late; 1 without any.
  [[nodiscard]] double share() const;
  [[nodiscard]] bool keeps(Objective const& objective) const { return share() >= objective.share; }
};

/// Judges the turns, or the losses of endpoints, of sessions, one after the other.
class ObjectiveCheck {
 public:
  /// `now`: until when turns without an answer have waited.
  ObjectiveCheck(Objective const& objective, Time now) : objective_(objective), now_(now) {}

  /// Not of `Measure::recovery`.
  void add(SessionId const& session, RunId const& run, std::vector<Turn> const& turns);
  /// Of `Measure::recovery` only. `runs`: of the session, as the losses count them; `end`: of the
  /// newest of them.
  void add(SessionId const& session,
           std::vector<RunId> const& runs,
           std::vector<EndpointLoss> const& losses,
           TurnEnd end);
  /// With at most so many of the worst sessions. Ends the check.
  [[nodiscard]] ObjectiveOutcome finish(std::size_t worst);

 private:
  /// Kept or late from `at` on.
  void decide(bool is_late, Time at);
  [[nodiscard]] bool judge(Turn const& turn);
  [[nodiscard]] bool judge_answered(Turn const& turn);
  [[nodiscard]] bool judge(EndpointLoss const& loss, TurnEnd end);

  Objective objective_;
  Time now_;
  ObjectiveOutcome out_;
};

}  // namespace dalsegno::forensics
