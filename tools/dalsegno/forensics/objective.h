#pragma once

// Whether what was promised of an agent's answers was kept.

#include "dalsegno/ids.h"
#include "tools/dalsegno/forensics/turns.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace dalsegno::forensics {

/// What of a turn is measured, both from its arrival.
enum class TurnMeasure : std::uint8_t { first_token, answer };

[[nodiscard]] std::string_view name_of(TurnMeasure measure);

/// "Of all turns, `share` have it within `limit`."
struct Objective {
  TurnMeasure measure = TurnMeasure::answer;
  std::chrono::microseconds limit{};
  double share = 1;
};

/// A session whose worst turn was late.
struct LateSession {
  SessionId session;
  RunId run;
  Sequence turn = 0;
  std::chrono::microseconds waited{};  ///< also of a turn that still waits
  TurnEnd end = TurnEnd::answered;
  std::uint64_t late = 0;  ///< its turns that were
};

struct ObjectiveOutcome {
  std::uint64_t kept = 0;
  std::uint64_t late = 0;        ///< beyond the limit, also those that still wait; or failed
  std::uint64_t pending = 0;     ///< wait, and are within the limit still
  std::uint64_t unmeasured = 0;  ///< the log does not say, or nobody waited for an answer any more
  std::vector<std::chrono::microseconds> measured;  ///< sorted
  std::vector<LateSession> worst;                   ///< the worst first

  /// Of the turns that are kept or late; 1 without any.
  [[nodiscard]] double share() const;
  [[nodiscard]] bool keeps(Objective const& objective) const { return share() >= objective.share; }
};

/// Judges the turns of sessions, one after the other.
class ObjectiveCheck {
 public:
  /// `now`: until when turns without an answer have waited.
  ObjectiveCheck(Objective const& objective, Time now) : objective_(objective), now_(now) {}

  void add(SessionId const& session, RunId const& run, std::vector<Turn> const& turns);
  /// With at most so many of the worst sessions. Ends the check.
  [[nodiscard]] ObjectiveOutcome finish(std::size_t worst);

 private:
  void judge(Turn const& turn, LateSession& session);

  Objective objective_;
  Time now_;
  ObjectiveOutcome out_;
};

}  // namespace dalsegno::forensics
