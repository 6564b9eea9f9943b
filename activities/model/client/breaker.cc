#include "activities/model/client/breaker.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace dalsegno::activities {
namespace {

// A call that finds the trial under way asks again after this.
constexpr std::chrono::milliseconds trial_poll{250};
// How long a server that is busy, and does not say for how long, is left alone.
constexpr std::chrono::milliseconds short_pause{1'000};

}  // namespace

bool blames_endpoint(ModelFault const& fault) {
  constexpr std::array<std::string_view, 10> theirs = {fault::malformed_answer,
                                                       fault::empty_answer,
                                                       fault::truncated,
                                                       fault::request_timeout,
                                                       fault::server_error,
                                                       "unresolved",
                                                       "unreachable",
                                                       "tls_failed",
                                                       "timed_out",
                                                       "cut_off"};
  return std::ranges::find(theirs, fault.type) != theirs.end();
}

Breaker::State Breaker::state(Time now) const {
  if (is_tried_) return State::half_open;
  if (open_until_ && *open_until_ > now) return State::open;
  if (cooling_until_ && *cooling_until_ > now) return State::cooling;
  return State::closed;
}

std::optional<Time> Breaker::blocked_until(Time now) const {
  switch (state(now)) {
    case State::closed:
      return std::nullopt;
    case State::cooling:
      return cooling_until_;
    case State::open:
      return open_until_;
    case State::half_open:
      return now + trial_poll;
  }
  return std::nullopt;
}

void Breaker::begin(Time) {
  if (open_until_) is_tried_ = true;
}

void Breaker::succeeded() {
  failures_ = pauses_ = 0;
  is_tried_ = false;
  open_until_.reset();
  cooling_until_.reset();
}

void Breaker::failed(ModelFault const& fault, Time now) {
  bool const was_trial = std::exchange(is_tried_, false);
  bool const is_busy = fault.type == fault::rate_limited || fault.type == fault::overloaded;
  if (fault.retry_after || is_busy) {
    auto const until = now + fault.retry_after.value_or(short_pause);
    if (!cooling_until_ || *cooling_until_ < until) cooling_until_ = until;
    // It answers, if only to say that.
    if (is_busy) {
      failures_ = 0;
      open_until_.reset();
    }
    return;
  }
  if (!blames_endpoint(fault)) {
    if (was_trial) succeeded();
    return;
  }
  ++failures_;
  if (was_trial || failures_ >= options_.failures) open(now);
}

void Breaker::abandoned() { is_tried_ = false; }

void Breaker::open(Time now) {
  auto pause = options_.pause;
  for (std::uint32_t i = 0; i < pauses_ && pause < options_.longest_pause; ++i) pause *= 2;
  ++pauses_;
  failures_ = 0;
  open_until_ = now + std::min(pause, options_.longest_pause);
}

}  // namespace dalsegno::activities
