#include "engine/schedule/schedule_state.h"

#include <algorithm>
#include <utility>

namespace dalsegno::engine {
namespace {

/// Side by side: the state, which holds them, is written at each checkpoint.
constexpr std::size_t most_running = 1'000;
constexpr std::size_t most_recent = 10;
constexpr std::size_t most_next = 10;
constexpr std::size_t most_backfills = 100;
constexpr std::size_t most_backfilled_at_once = 50;

/// Its own occurrences stand still while it is paused, and when none remains.
bool may_begin(ScheduleState const& state, WaitingAction const& action) {
  return action.cause != ScheduleCause::occurrence || occurs(state);
}

void look_anew(ScheduleState& state, Time now) {
  state.considered = now;
  state.next.reset();
  state.planned = false;
}

std::string add_backfill(ScheduleState& state, ScheduleControl const& control, Time now) {
  if (!control.from || !control.to) return "a backfill needs a range";
  if (state.backfills.size() >= most_backfills) return "too many backfills wait";
  Backfill backfill{*control.from, *control.to, control.overlap.value_or(Overlap::buffer_all)};
  backfill.to = std::min(backfill.to, ScheduleTime(now));
  if (backfill.from.microseconds < 0 || backfill.to < backfill.from)
    return "the range to backfill is empty, or not in the past";
  state.backfills.push_back(backfill);
  return {};
}

}  // namespace

std::string session_of(std::string_view schedule, Time occurrence) {
  auto text = to_string(occurrence);
  if (auto const dot = text.find('.'); dot != std::string::npos) text = text.substr(0, dot) + "Z";
  return std::string(schedule) + "-" + text;
}

bool occurs(ScheduleState const& state) {
  return !state.paused && state.definition.policies.remaining.value_or(1) > 0;
}

Admission admit(ScheduleState& state, WaitingAction const& action) {
  auto const wait = [&] {
    state.waiting.push_back(action);
    return Admission::waits;
  };
  auto const skip = [&] {
    ++state.counts.skipped;
    return Admission::skipped;
  };
  if (action.overlap == Overlap::allow_all)
    return state.running.size() < most_running ? Admission::begins : skip();
  if (state.running.empty() && state.waiting.empty()) return Admission::begins;
  switch (action.overlap) {
    case Overlap::skip:
      return skip();
    case Overlap::buffer_one:
      return state.waiting.empty() ? wait() : skip();
    case Overlap::buffer_all:
      return state.waiting.size() < state.definition.policies.max_buffered ? wait() : skip();
    case Overlap::cancel_other:
    case Overlap::terminate_other:
      state.counts.skipped += state.waiting.size();
      state.waiting = {action};
      return Admission::displaces;
    case Overlap::allow_all:
      break;
  }
  return Admission::begins;
}

std::optional<WaitingAction> take_ready(ScheduleState& state) {
  if (!state.running.empty()) return std::nullopt;
  if (state.definition.policies.remaining == 0U) {
    // Admitted while there was one left, which another took.
    state.counts.skipped += std::erase_if(state.waiting, [](WaitingAction const& action) {
      return action.cause == ScheduleCause::occurrence;
    });
  }
  auto const ready = std::ranges::find_if(
      state.waiting, [&](WaitingAction const& action) { return may_begin(state, action); });
  if (ready == state.waiting.end()) return std::nullopt;
  auto action = std::move(*ready);
  state.waiting.erase(ready);
  return action;
}

std::size_t room_for_backfill(ScheduleState const& state) {
  if (state.backfills.empty()) return 0;
  if (state.backfills.front().overlap != Overlap::buffer_all) return most_backfilled_at_once;
  auto const most = std::size_t{state.definition.policies.max_buffered};
  auto const room = most - std::min(most, state.waiting.size());
  return std::min(room, most_backfilled_at_once);
}

void note_end(ScheduleState& state, ScheduledRun run, std::string outcome, std::string message) {
  constexpr std::size_t longest_message = 500;
  run.outcome = std::move(outcome);
  run.message = std::move(message);
  if (run.message.size() > longest_message) {
    auto end = longest_message;
    while (end > 0 && (static_cast<unsigned char>(run.message[end]) & 0xC0U) == 0x80U) --end;
    run.message.resize(end);  // between two characters
  }
  bool const completed = run.outcome == "completed";
  ++(completed ? state.counts.completed : state.counts.failed);
  if (!completed && run.outcome != "already_started" && run.outcome != "cancelled" &&
      state.definition.policies.pause_on_failure && !state.paused) {
    state.paused = true;
    state.note = "paused by itself, as " + run.session + " failed: " + run.outcome;
  }
  state.recent.push_back(std::move(run));
  if (state.recent.size() > most_recent) state.recent.erase(state.recent.begin());
}

std::string obey(ScheduleState& state,
                 ScheduleControl const& control,
                 std::string const& problem,
                 Time now) {
  using Verb = ScheduleControl::Verb;
  switch (control.verb) {
    case Verb::pause:
      state.paused = true;
      state.note = control.note;
      return {};
    case Verb::resume:
      if (state.paused) look_anew(state, now);
      state.paused = false;
      state.note = control.note;
      return {};
    case Verb::update:
      if (!control.definition) return "an update needs a definition";
      if (!problem.empty()) return problem;
      state.definition = *control.definition;
      if (state.definition.policies.paused) {
        state.paused = true;
        state.note = *state.definition.policies.paused;
      }
      look_anew(state, now);
      return {};
    case Verb::backfill:
      return add_backfill(state, control, now);
    case Verb::trigger:
    case Verb::remove:
      break;
  }
  return {};
}

ScheduleDescription describe(ScheduleState const& state) {
  ScheduleDescription told;
  told.definition = state.definition;
  told.paused = state.paused;
  told.note = state.note;
  for (auto const& action : state.running) told.running.push_back(action.run);
  for (auto const& action : state.waiting) told.waiting.push_back(action.occurrence);
  told.recent = state.recent;
  told.backfills = state.backfills.size();
  told.counts = state.counts;
  told.zone_data = state.zone_data;
  if (!occurs(state) || !state.considered) return told;
  auto const count = static_cast<std::size_t>(
      std::min<std::uint64_t>(most_next, state.definition.policies.remaining.value_or(most_next)));
  auto const next = occurrences_after(state.definition.spec, state.considered->time(), count);
  if (next)
    for (auto const& time : *next) told.next.emplace_back(time);
  return told;
}

}  // namespace dalsegno::engine
