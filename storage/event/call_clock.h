#pragma once

#include "dalsegno/ids.h"
#include "storage/event/event.h"

#include <cstdint>
#include <optional>

namespace dalsegno::storage {

/// `from` + `duration_ms`, or the last point of time that a log can hold; 0: there is no limit.
[[nodiscard]] std::optional<Time> limit(Time from, std::uint64_t duration_ms);

/// When a call comes to the end of its patience: the same for whoever runs a session and whoever
/// reads its log. Absent: there is no such limit, or not now.
struct CallClock {
  std::optional<Time> start_by;  ///< of the attempt: somebody performs it
  std::optional<Time> close_by;  ///< of the attempt: it has ended
  std::optional<Time> beat_by;   ///< of the attempt: its next sign of life
  std::optional<Time> end_by;    ///< of the call, over all attempts
  std::optional<Time> again_at;  ///< its next attempt

  void begin_attempt(std::uint64_t start_to_close_ms, CallTerms const& terms, Time at);
  /// Somebody performs the attempt and was alive at `at`.
  void sign_of_life(CallTerms const& terms, Time at);
  void end_attempt(std::optional<Time> retry_at);

  /// The first limit of an attempt that is under way.
  [[nodiscard]] std::optional<Time> in_attempt() const;
  /// The next attempt, or the end of the call, whichever comes first; absent when there is to be
  /// no next attempt.
  [[nodiscard]] std::optional<Time> between_attempts() const;

  friend bool operator==(CallClock const&, CallClock const&) = default;
};

/// The earlier one; an absent one never comes.
[[nodiscard]] std::optional<Time> earlier(std::optional<Time> left, std::optional<Time> right);

}  // namespace dalsegno::storage
