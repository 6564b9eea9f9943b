#include "tools/dalsegno/forensics/endpoint_losses.h"

#include <algorithm>

namespace dalsegno::forensics {

std::vector<EndedAttempt> ended_attempts(std::vector<RecordedModelCall> const& calls) {
  std::vector<EndedAttempt> ends;
  for (auto const& call : calls)
    for (auto const& attempt : call.attempts)
      if (attempt.end != ModelAttemptEnd::open) ends.push_back({&call, &attempt});
  std::ranges::sort(ends, {}, [](EndedAttempt const& end) { return end.attempt->ended; });
  return ends;
}

std::optional<std::size_t> EndpointLosses::fail(ModelAttempt const& attempt) {
  if (!attempt.retryable || attempt.endpoint.empty()) return std::nullopt;
  auto const is_this = [&](EndpointLoss const& loss) {
    return !loss.ended && loss.endpoint == attempt.endpoint;
  };
  if (std::ranges::any_of(losses_, is_this)) return std::nullopt;
  losses_.push_back({attempt.endpoint, attempt.ended_at, run_, attempt.ended});
  return losses_.size() - 1;
}

std::vector<std::size_t> EndpointLosses::answer(ModelAttempt const& attempt) {
  std::vector<std::size_t> ended;
  if (attempt.endpoint.empty()) return ended;
  for (std::size_t i = 0; i < losses_.size(); ++i) {
    auto& loss = losses_[i];
    // What was under way when the endpoint was lost says nothing of what came after.
    if (loss.ended || (loss.run == run_ && attempt.started < loss.sequence)) continue;
    loss.ended = attempt.ended_at;
    loss.moved = loss.endpoint != attempt.endpoint;
    ended.push_back(i);
  }
  return ended;
}

}  // namespace dalsegno::forensics
