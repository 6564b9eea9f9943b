#include "engine/schedule/plan.h"

#include "engine/schedule/spec.h"

#include <algorithm>

namespace dalsegno::engine {
namespace {

/// A schedule of every second that slept for a year has missed more than anybody wants to wait for.
constexpr std::uint64_t most_counted = 10'000;

}  // namespace

SchedulePlan make_plan(
    std::string_view id, ScheduleSpec const& spec, Time considered, Time now, PlanLimits limits) {
  SchedulePlan plan;
  plan.considered = considered;
  auto const compiled = CompiledSpec::compile(spec);
  if (!compiled) {
    plan.problem = compiled.error().detail;
    return plan;
  }
  plan.zone_data = zone_data_version();
  auto at = considered;
  for (auto next = compiled->next_after(at); next; next = compiled->next_after(at)) {
    auto const begins = compiled->begins_at(id, *next);
    if (begins > now || plan.due.size() == limits.most_due) {
      plan.next = PlannedOccurrence{*next, begins};
      break;
    }
    at = *next;
    if (now - begins <= limits.catch_up) {
      plan.due.emplace_back(at);
    } else if (++plan.missed == most_counted) {
      at = std::max(at, now - limits.catch_up - std::chrono::seconds(spec.jitter.seconds));
    }
  }
  plan.considered = at;
  return plan;
}

BackfillPlan plan_backfill(ScheduleSpec const& spec, Time from, Time to, std::size_t most) {
  BackfillPlan plan;
  auto const compiled = CompiledSpec::compile(spec);
  if (!compiled) {
    plan.problem = compiled.error().detail;
    plan.done = true;
    return plan;
  }
  auto next = compiled->next_after(from - std::chrono::microseconds(1));
  for (; next && *next <= to && plan.due.size() < most; next = compiled->next_after(*next))
    plan.due.emplace_back(*next);
  plan.done = !next || *next > to;
  return plan;
}

}  // namespace dalsegno::engine
