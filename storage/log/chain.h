#pragma once

#include "storage/log/event_log.h"

#include <functional>
#include <string>

namespace dalsegno::storage {

/// Follows the chain of one run: each step must name its run, begin where the last one ended and
/// carry that one's hash. Thread: one at a time.
class ChainVerifier {
 public:
  /// Starts before the run's first step. That one must name no previous step or, if its
  /// SessionStarted says which run it follows, the last step of that run.
  ChainVerifier(RunId log_id, SessionId session, RunId run);
  /// Starts after a known step (for reading from a checkpoint on).
  void resume_after(Sequence last_sequence, Digest const& hash);
  /// Accepts the first step it is given as a starting point, wherever it begins.
  void accept_any_start();

  /// Errors: Errc::corrupt; the detail names session, sequence and what does not fit.
  [[nodiscard]] Result<> check(DecodedStep const& step);

  [[nodiscard]] Sequence last_sequence() const { return last_sequence_; }
  [[nodiscard]] Digest const& hash() const { return hash_; }

 private:
  RunId log_id_;
  SessionId session_;
  RunId run_;
  // The newest step: its last sequence, hash and epoch.
  Sequence last_sequence_ = 0;
  Digest hash_;
  std::uint64_t epoch_ = 0;
  bool any_start_ = false;
};

/// Reads and verifies the steps of a run from the one that contains `from` on, handing each to
/// `visit` until it returns false. From the middle of a run the first step's own link cannot be
/// checked, those of all others can. Errors: Errc::corrupt, Errc::newer_format (as `decode`),
/// Errc::data_loss when the steps end before the session's head or one that the head names has
/// another hash.
[[nodiscard]] Result<> read_verified(EventLog const& log,
                                     SessionId const& session,
                                     RunId const& run,
                                     Sequence from,
                                     Reading reading,
                                     std::function<bool(DecodedStep const&)> const& visit);

}  // namespace dalsegno::storage
