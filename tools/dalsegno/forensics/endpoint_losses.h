#pragma once

// When a session lost the endpoint that served its model calls, and when it was answered again.

#include "dalsegno/ids.h"
#include "tools/dalsegno/forensics/model_calls.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::forensics {

/// An attempt of a model call that has ended.
struct EndedAttempt {
  RecordedModelCall const* call = nullptr;
  ModelAttempt const* attempt = nullptr;
};

/// The attempts of a run's calls in the order in which their ends were recorded.
[[nodiscard]] std::vector<EndedAttempt> ended_attempts(std::vector<RecordedModelCall> const& calls);

struct EndpointLoss {
  std::string endpoint;
  Time at;
  std::size_t run = 0;    ///< counted by EndpointLosses
  Sequence sequence = 0;  ///< of the failure, in that run
  std::optional<Time> ended = {};
  bool moved = false;  ///< another endpoint gave the answer that ended it
};

/// A session loses an endpoint when an attempt there fails in a way that trying again may help
/// against; further failures there belong to the same loss. The loss ends with the first answer of
/// an attempt of the same session that was started after it, of whichever call.
///
/// It is told of the attempts of one session, run after run, as they ended.
class EndpointLosses {
 public:
  void begin_run() { ++run_; }
  /// The place in `all` of the loss that begins with this failure; nothing if none does.
  std::optional<std::size_t> fail(ModelAttempt const& attempt);
  /// The places of those that this answer ends.
  std::vector<std::size_t> answer(ModelAttempt const& attempt);

  [[nodiscard]] std::vector<EndpointLoss> const& all() const { return losses_; }

 private:
  std::size_t run_ = 0;
  std::vector<EndpointLoss> losses_;
};

}  // namespace dalsegno::forensics
