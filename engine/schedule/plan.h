#pragma once

// What a schedule computes from the zone files of its machine. The workflow records it, so that a
// replay on another machine, or after a change of law, finds what was found in life.

#include "dalsegno/payload.h"
#include "dalsegno/schedule.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

struct PlannedOccurrence {
  ScheduleTime occurrence;
  ScheduleTime begins;  ///< with jitter
};
BOOST_DESCRIBE_STRUCT(PlannedOccurrence, (), (occurrence, begins))

/// How it goes on.
struct SchedulePlan {
  std::vector<ScheduleTime> due;  ///< to be run now
  std::uint64_t missed = 0;       ///< too old; where there are very many, not all are counted
  ScheduleTime considered;        ///< up to here nothing is left to do
  std::optional<PlannedOccurrence> next = {};  ///< it may be due as well
  std::string zone_data = {};
  std::string problem = {};  ///< the specification cannot be read here: for people
};
BOOST_DESCRIBE_STRUCT(SchedulePlan, (), (due, missed, considered, next, zone_data, problem))

struct PlanLimits {
  std::chrono::seconds catch_up{0};
  std::size_t most_due = 50;
};

/// What is to be done at `now`, when all was done up to `considered`.
[[nodiscard]] SchedulePlan make_plan(
    std::string_view id, ScheduleSpec const& spec, Time considered, Time now, PlanLimits limits);

/// The occurrences from `from` to `to`, both included, at most `most`.
struct BackfillPlan {
  std::vector<ScheduleTime> due;
  bool done = false;         ///< there is no other after these
  std::string problem = {};  ///< as above
};
BOOST_DESCRIBE_STRUCT(BackfillPlan, (), (due, done, problem))

[[nodiscard]] BackfillPlan plan_backfill(ScheduleSpec const& spec,
                                         Time from,
                                         Time to,
                                         std::size_t most);

}  // namespace dalsegno::engine
