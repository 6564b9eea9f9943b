#include "storage/event/call_clock.h"

#include <algorithm>
#include <chrono>

namespace dalsegno::storage {

std::optional<Time> limit(Time from, std::uint64_t duration_ms) {
  if (duration_ms == 0) return std::nullopt;
  constexpr Time last = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);
  auto const room = std::chrono::floor<std::chrono::milliseconds>(last - std::min(from, last));
  if (duration_ms >= static_cast<std::uint64_t>(room.count())) return last;
  return from + std::chrono::milliseconds(duration_ms);
}

std::optional<Time> earlier(std::optional<Time> left, std::optional<Time> right) {
  if (!left || !right) return left ? left : right;
  return std::min(*left, *right);
}

void CallClock::begin_attempt(std::uint64_t start_to_close_ms, CallTerms const& terms, Time at) {
  again_at.reset();
  start_by = limit(at, terms.schedule_to_start_ms);
  close_by = limit(at, start_to_close_ms);
  beat_by = limit(at, terms.heartbeat_ms);
}

void CallClock::sign_of_life(CallTerms const& terms, Time at) {
  start_by.reset();
  beat_by = limit(at, terms.heartbeat_ms);
}

void CallClock::end_attempt(std::optional<Time> retry_at) {
  start_by.reset();
  close_by.reset();
  beat_by.reset();
  again_at = retry_at;
}

std::optional<Time> CallClock::in_attempt() const {
  return earlier(earlier(start_by, close_by), earlier(beat_by, end_by));
}

std::optional<Time> CallClock::between_attempts() const {
  return again_at ? earlier(again_at, end_by) : std::nullopt;
}

}  // namespace dalsegno::storage
