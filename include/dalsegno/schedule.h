#pragma once

// Schedules: sessions that start other sessions when their time has come (docs/schedules.md).
//
//     ds::Registry registry;
//     ds::add_schedules(registry);
//     …
//     ds::create_schedule(*runtime, {.name = "nightly"},
//                         {.cron = {"30 2 * * *"}, .zone = "Europe/Berlin"},
//                         ds::action_of("report", Report{"daily"}));

#include "dalsegno/ids.h"
#include "dalsegno/json.h"
#include "dalsegno/payload.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "dalsegno/runtime.h"

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno {

/// A duration as it stands in payloads: {"seconds": 900}.
struct ScheduleDuration {
  std::int64_t seconds = 0;

  ScheduleDuration() = default;
  /// Of whole seconds. So that `.jitter = 5min` can be written.
  template <class Rep, class Period>
    requires std::convertible_to<std::chrono::duration<Rep, Period>, std::chrono::seconds>
  // NOLINTNEXTLINE(google-explicit-constructor)
  ScheduleDuration(std::chrono::duration<Rep, Period> duration)
      : seconds(std::chrono::seconds(duration).count()) {}

  friend bool operator==(ScheduleDuration const&, ScheduleDuration const&) = default;
};
BOOST_DESCRIBE_STRUCT(ScheduleDuration, (), (seconds))

/// A point of time as it stands in payloads: microseconds since 1970-01-01T00:00:00Z.
struct ScheduleTime {
  std::int64_t microseconds = 0;

  ScheduleTime() = default;
  /// So that `.end_at = time` can be written.
  template <class Duration>
    requires std::convertible_to<Duration, std::chrono::microseconds>
  // NOLINTNEXTLINE(google-explicit-constructor)
  ScheduleTime(std::chrono::sys_time<Duration> time)
      : microseconds(Time(time).time_since_epoch().count()) {}
  [[nodiscard]] Time time() const { return Time(std::chrono::microseconds(microseconds)); }

  friend auto operator<=>(ScheduleTime const&, ScheduleTime const&) = default;
};
BOOST_DESCRIBE_STRUCT(ScheduleTime, (), (microseconds))

// ---- when ----

/// What becomes of an occurrence at a local time that a change of clocks leaves out.
enum class MissingTime : std::uint8_t {
  move,  ///< it is at the first moment after the gap; several that fall into one gap are one
  skip   ///< there is none
};
BOOST_DESCRIBE_ENUM(MissingTime, move, skip)

/// … and at a local time that comes twice.
enum class RepeatedTime : std::uint8_t {
  first,  ///< once, the first time
  both    ///< each time
};
BOOST_DESCRIBE_ENUM(RepeatedTime, first, both)

/// Every so often, counted from 1970-01-01T00:00:00Z: at `offset` + n * `every`. Knows no zones.
struct ScheduleInterval {
  ScheduleDuration every;        ///< 1 second to 3,660 days
  ScheduleDuration offset = {};  ///< 0 or more, less than `every`

  friend bool operator==(ScheduleInterval const&, ScheduleInterval const&) = default;
};
BOOST_DESCRIBE_STRUCT(ScheduleInterval, (), (every, offset))

/// When: the union of its expressions and intervals, from `start_at` to `end_at`, both included.
/// Occurrences are whole seconds.
///
/// Limits, else Errc::invalid: one expression or interval at least, 100 of both at most; a known
/// zone; jitter 0 to 24 hours.
struct ScheduleSpec {
  /// "minute hour day-of-month month day-of-week", or six fields, seconds first; "@hourly",
  /// "@daily" … (docs/schedules.md).
  std::vector<std::string> cron = {};
  std::vector<ScheduleInterval> intervals = {};
  std::string zone = "UTC";  ///< of the expressions: a name of the IANA database
  MissingTime missing = MissingTime::move;
  RepeatedTime repeated = RepeatedTime::first;
  std::optional<ScheduleTime> start_at = {};
  std::optional<ScheduleTime> end_at = {};
  /// Each occurrence is begun by up to so much later, but before the next one: always the same for
  /// one occurrence of one schedule.
  ScheduleDuration jitter = {};

  friend bool operator==(ScheduleSpec const&, ScheduleSpec const&) = default;
};
BOOST_DESCRIBE_STRUCT(ScheduleSpec,
                      (),
                      (cron, intervals, zone, missing, repeated, start_at, end_at, jitter))

/// What is wrong with it, if anything. Errors: Errc::invalid.
[[nodiscard]] Result<> check(ScheduleSpec const& spec);

/// The first occurrence after `time`; nullopt: there is none in the 41 years from then. Without
/// jitter. Depends on the zone data of this machine. Errors: Errc::invalid.
[[nodiscard]] Result<std::optional<Time>> next_after(ScheduleSpec const& spec, Time time);

/// The first occurrences after `time`, at most `count`. Errors: Errc::invalid.
[[nodiscard]] Result<std::vector<Time>> occurrences_after(ScheduleSpec const& spec,
                                                          Time time,
                                                          std::size_t count);

/// Which version of the zone database this machine has: "2025b"; "unknown".
[[nodiscard]] std::string zone_data_version();

// ---- what, and how ----

/// What an occurrence starts: a session of a workflow.
struct ScheduleAction {
  std::string workflow;
  Json input;

  friend bool operator==(ScheduleAction const&, ScheduleAction const&) = default;
};
BOOST_DESCRIBE_STRUCT(ScheduleAction, (), (workflow, input))

/// Throws std::invalid_argument where `to_json` does.
template <class In>
[[nodiscard]] ScheduleAction action_of(std::string workflow, In const& input) {
  auto json = parse_json(to_json(input));
  return {std::move(workflow), json ? std::move(*json) : Json()};
}

/// What becomes of an occurrence while an earlier one of this schedule runs.
enum class Overlap : std::uint8_t {
  skip,             ///< it is counted, and not run
  buffer_one,       ///< it waits; one that comes while another waits is not run
  buffer_all,       ///< it waits, up to `max_buffered` of them
  cancel_other,     ///< what runs is asked to end, and it begins when that has ended
  terminate_other,  ///< what runs is ended, its code is not asked, and it begins
  allow_all         ///< it begins beside the others, up to 1'000 of them
};
BOOST_DESCRIBE_ENUM(Overlap, skip, buffer_one, buffer_all, cancel_other, terminate_other, allow_all)

struct SchedulePolicies {
  Overlap overlap = Overlap::skip;
  /// An occurrence that was missed, as nothing ran then, is made up for when it is not older than
  /// this; else it is counted as missed. 10 seconds to 3,660 days.
  ScheduleDuration catch_up = std::chrono::hours(24);
  std::uint32_t max_buffered = 100;  ///< 1 to 1'000
  /// The schedule pauses itself when an action fails.
  bool pause_on_failure = false;
  /// How many occurrences are run at most. Triggers and backfills do not count.
  std::optional<std::uint64_t> remaining = {};
  /// Created paused, with this note.
  std::optional<std::string> paused = {};

  friend bool operator==(SchedulePolicies const&, SchedulePolicies const&) = default;
};
BOOST_DESCRIBE_STRUCT(SchedulePolicies,
                      (),
                      (overlap, catch_up, max_buffered, pause_on_failure, remaining, paused))

/// All that a schedule is made of.
struct ScheduleDefinition {
  ScheduleSpec spec;
  ScheduleAction action;
  SchedulePolicies policies = {};

  friend bool operator==(ScheduleDefinition const&, ScheduleDefinition const&) = default;
};
BOOST_DESCRIBE_STRUCT(ScheduleDefinition, (), (spec, action, policies))

/// Errors: Errc::invalid.
[[nodiscard]] Result<> check(ScheduleDefinition const& definition);

// ---- what it tells ----

/// Why an action was begun.
enum class ScheduleCause : std::uint8_t { occurrence, trigger, backfill };
BOOST_DESCRIBE_ENUM(ScheduleCause, occurrence, trigger, backfill)

/// One action, under way or over.
struct ScheduledRun {
  std::string session;      ///< its name, in the schedule's tenant
  ScheduleTime occurrence;  ///< when it was due
  ScheduleTime started;
  ScheduleCause cause = ScheduleCause::occurrence;
  /// "running", "completed", "denied", "cancelled", "already_started" (a session of that name was
  /// there), or the type of its failure.
  std::string outcome;
  std::string message = {};  ///< of its failure

  friend bool operator==(ScheduledRun const&, ScheduledRun const&) = default;
};
BOOST_DESCRIBE_STRUCT(ScheduledRun, (), (session, occurrence, started, cause, outcome, message))

struct ScheduleCounts {
  std::uint64_t started = 0;    ///< actions
  std::uint64_t completed = 0;  ///< … of these
  std::uint64_t failed = 0;     ///< … of these, with those that were cancelled or did not start
  std::uint64_t skipped = 0;    ///< occurrences that were not run, as an earlier one was running
  std::uint64_t missed = 0;     ///< occurrences that were older than `catch_up` when noticed
  std::uint64_t refused = 0;    ///< signals that made no sense

  friend bool operator==(ScheduleCounts const&, ScheduleCounts const&) = default;
};
BOOST_DESCRIBE_STRUCT(ScheduleCounts, (), (started, completed, failed, skipped, missed, refused))

struct ScheduleDescription {
  ScheduleDefinition definition;  ///< `remaining` is what is left
  bool paused = false;
  std::string note;                ///< of the pause or resumption
  std::vector<ScheduleTime> next;  ///< the next occurrences, 10 at most; empty when paused
  std::vector<ScheduledRun> running;
  std::vector<ScheduleTime> waiting;  ///< occurrences that wait for what runs
  std::vector<ScheduledRun> recent;   ///< the last 10 that ended, the newest last
  std::uint64_t backfills = 0;        ///< ranges that are not done yet
  ScheduleCounts counts;
  std::string zone_data;  ///< by which the next occurrence was computed
};
BOOST_DESCRIBE_STRUCT(
    ScheduleDescription,
    (),
    (definition, paused, note, next, running, waiting, recent, backfills, counts, zone_data))

// ---- what it is told ----

/// What a schedule is told: the payload of a signal "schedule".
struct ScheduleControl {
  enum class Verb : std::uint8_t { pause, resume, trigger, backfill, update, remove };
  BOOST_DESCRIBE_NESTED_ENUM(Verb, pause, resume, trigger, backfill, update, remove)

  Verb verb = Verb::pause;
  std::string note = {};
  std::optional<Overlap> overlap = {};
  std::optional<ScheduleTime> from = {};
  std::optional<ScheduleTime> to = {};
  std::optional<ScheduleDefinition> definition = {};
};
BOOST_DESCRIBE_STRUCT(ScheduleControl, (), (verb, note, overlap, from, to, definition))

namespace detail {

/// What a schedule is started with, as JSON. Errors: Errc::invalid.
[[nodiscard]] Result<std::string> schedule_input(SessionId const& schedule,
                                                 ScheduleDefinition const& definition);
inline constexpr char const* schedule_workflow = "schedule";
inline constexpr char const* schedule_signal = "schedule";
inline constexpr char const* schedule_query = "describe";

}  // namespace detail

/// Registers the workflows that schedules are made of: "schedule" and "schedule.terminable".
void add_schedules(Registry& registry);

// What follows works with a Runtime as with a TestRuntime (dalsegno/testing.h). A schedule is a
// session of the workflow "schedule" under the name that it is given. Control is by signals: when a
// function returns, what it asked for is durable, and is done in this order; a `key` makes it safe
// to repeat. Errors: Errc::invalid; those of Runtime::start_session, Runtime::signal,
// Runtime::query.

/// Its name: 1 to 150 bytes. The actions are sessions of the same tenant and principal, started
/// once policy permits it ("session.start"), named "NAME-2026-11-23T02:30:00Z". Repeated, it is the
/// same schedule; Errc::conflict where there is another one of that name. A name whose schedule was
/// deleted may be given again; an occurrence that the old one has run is not run again.
template <class AnyRuntime>
Result<Acknowledgement> create_schedule(AnyRuntime& runtime,
                                        SessionId const& schedule,
                                        ScheduleSpec spec,
                                        ScheduleAction action,
                                        SchedulePolicies policies = {},
                                        std::string principal = {}) {
  auto input =
      detail::schedule_input(schedule, {std::move(spec), std::move(action), std::move(policies)});
  if (!input) return input.error();
  StartOptions options;
  options.principal = std::move(principal);
  options.reuse = Reuse::allow;
  return runtime.start_with_json(
      schedule, detail::schedule_workflow, std::move(*input), std::move(options));
}

template <class AnyRuntime>
Result<Acknowledgement> control_schedule(AnyRuntime& runtime,
                                         SessionId const& schedule,
                                         ScheduleControl const& control,
                                         std::string key = {}) {
  return runtime.signal_with_json(
      schedule, detail::schedule_signal, to_json(control), std::move(key), std::string());
}

/// No occurrence is run until it is resumed; what runs goes on. Triggers and backfills are run.
template <class AnyRuntime>
Result<Acknowledgement> pause_schedule(AnyRuntime& runtime,
                                       SessionId const& schedule,
                                       std::string const& note,
                                       std::string key = {}) {
  return control_schedule(
      runtime, schedule, {.verb = ScheduleControl::Verb::pause, .note = note}, std::move(key));
}

/// Occurrences of the time when it was paused are not made up for.
template <class AnyRuntime>
Result<Acknowledgement> resume_schedule(AnyRuntime& runtime,
                                        SessionId const& schedule,
                                        std::string const& note = {},
                                        std::string key = {}) {
  return control_schedule(
      runtime, schedule, {.verb = ScheduleControl::Verb::resume, .note = note}, std::move(key));
}

/// Runs the action now, under "NAME-trigger-1-2026-11-23T02:30:00.000000Z". Without `overlap` the
/// schedule's own holds.
template <class AnyRuntime>
Result<Acknowledgement> trigger_schedule(AnyRuntime& runtime,
                                         SessionId const& schedule,
                                         std::optional<Overlap> overlap = {},
                                         std::string key = {}) {
  return control_schedule(runtime,
                          schedule,
                          {.verb = ScheduleControl::Verb::trigger, .overlap = overlap},
                          std::move(key));
}

/// Runs the occurrences of the past from `from` to `to`, both included, under their own names:
/// those that were run already are not run again.
template <class AnyRuntime>
Result<Acknowledgement> backfill_schedule(AnyRuntime& runtime,
                                          SessionId const& schedule,
                                          Time from,
                                          Time to,
                                          Overlap overlap = Overlap::buffer_all,
                                          std::string key = {}) {
  if (to < from) return Error{Errc::invalid, "the range to backfill ends before it begins"};
  return control_schedule(
      runtime,
      schedule,
      {.verb = ScheduleControl::Verb::backfill, .overlap = overlap, .from = from, .to = to},
      std::move(key));
}

/// From now on it is another schedule; what runs, waits and was counted stays.
template <class AnyRuntime>
Result<Acknowledgement> update_schedule(AnyRuntime& runtime,
                                        SessionId const& schedule,
                                        ScheduleSpec spec,
                                        ScheduleAction action,
                                        SchedulePolicies policies = {},
                                        std::string key = {}) {
  ScheduleControl control{.verb = ScheduleControl::Verb::update};
  control.definition.emplace(
      ScheduleDefinition{std::move(spec), std::move(action), std::move(policies)});
  if (auto fine = check(*control.definition); !fine) return fine.error();
  return control_schedule(runtime, schedule, control, std::move(key));
}

/// The schedule ends; what it started goes on by itself.
template <class AnyRuntime>
Result<Acknowledgement> delete_schedule(AnyRuntime& runtime,
                                        SessionId const& schedule,
                                        std::string const& note = {},
                                        std::string key = {}) {
  return control_schedule(
      runtime, schedule, {.verb = ScheduleControl::Verb::remove, .note = note}, std::move(key));
}

template <class AnyRuntime>
Result<ScheduleDescription> describe_schedule(AnyRuntime& runtime, SessionId const& schedule) {
  auto answer = runtime.query_with_json(schedule, detail::schedule_query, "null");
  if (!answer) return answer.error();
  return from_json<ScheduleDescription>(*answer);
}

}  // namespace dalsegno
