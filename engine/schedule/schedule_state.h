#pragma once

// What a schedule knows, and what it makes of an occurrence or of what it is told. No waiting, no
// clocks: the workflow does that.

#include "dalsegno/payload.h"
#include "dalsegno/schedule.h"
#include "engine/schedule/plan.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// An action that is to be begun.
struct WaitingAction {
  std::string session;
  ScheduleTime occurrence;
  ScheduleCause cause = ScheduleCause::occurrence;
  Overlap overlap = Overlap::skip;
};
BOOST_DESCRIBE_STRUCT(WaitingAction, (), (session, occurrence, cause, overlap))

/// An action that was begun.
struct RunningAction {
  ScheduledRun run;
  std::string workflow;  ///< that the child runs: its own, or "schedule.terminable"
  std::string child;     ///< the name of the child
};
BOOST_DESCRIBE_STRUCT(RunningAction, (), (run, workflow, child))

struct Backfill {
  ScheduleTime from;
  ScheduleTime to;
  Overlap overlap = Overlap::buffer_all;
};
BOOST_DESCRIBE_STRUCT(Backfill, (), (from, to, overlap))

/// What the workflow "schedule" is started with, and its state at each checkpoint.
struct ScheduleState {
  ScheduleDefinition definition;
  bool paused = false;
  std::string note;
  std::optional<ScheduleTime> considered;  ///< occurrences up to here are dealt with
  std::optional<PlannedOccurrence> next;   ///< the first one after that, when it is known
  bool planned = false;                    ///< `next` holds: absent, there is none
  std::vector<RunningAction> running;
  std::vector<WaitingAction> waiting;
  std::vector<Backfill> backfills;
  std::vector<ScheduledRun> recent;
  ScheduleCounts counts;
  std::uint64_t triggers = 0;
  std::string zone_data;
  std::uint64_t turns = 0;   ///< of the loop, in this frame
  std::uint64_t frames = 0;  ///< in this run
};
BOOST_DESCRIBE_STRUCT(ScheduleState,
                      (),
                      (definition,
                       paused,
                       note,
                       considered,
                       next,
                       planned,
                       running,
                       waiting,
                       backfills,
                       recent,
                       counts,
                       triggers,
                       zone_data,
                       turns,
                       frames))

/// "NAME-2026-11-23T02:30:00Z"
[[nodiscard]] std::string session_of(std::string_view schedule, Time occurrence);

/// Whether its own occurrences are run now.
[[nodiscard]] bool occurs(ScheduleState const& state);

enum class Admission : std::uint8_t {
  begins,     ///< now
  waits,      ///< it stands in `waiting`
  displaces,  ///< it waits, and what runs is to be ended
  skipped     ///< it is not run, and was counted
};
/// By the action's overlap policy.
[[nodiscard]] Admission admit(ScheduleState& state, WaitingAction const& action);

/// The action that waits and may begin now, taken out.
[[nodiscard]] std::optional<WaitingAction> take_ready(ScheduleState& state);

/// How many occurrences the first backfill may be given now.
[[nodiscard]] std::size_t room_for_backfill(ScheduleState const& state);

/// An action has ended: `outcome` as in ScheduledRun.
void note_end(ScheduleState& state, ScheduledRun run, std::string outcome, std::string message);

/// Pauses, resumes, updates, adds a backfill. (What begins or ends something is the workflow's.)
/// `problem` is what is wrong with the new definition. "": done; else why not.
[[nodiscard]] std::string obey(ScheduleState& state,
                               ScheduleControl const& control,
                               std::string const& problem,
                               Time now);

/// Looks up the next occurrences, unlike all else here: for a query.
[[nodiscard]] ScheduleDescription describe(ScheduleState const& state);

}  // namespace dalsegno::engine
