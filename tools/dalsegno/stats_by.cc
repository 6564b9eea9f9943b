#include "tools/dalsegno/stats_by.h"

#include "dalsegno/try.h"
#include "tools/dalsegno/forensics/call_survey.h"
#include "tools/dalsegno/forensics/copied_events.h"
#include "tools/dalsegno/forensics/model_calls.h"
#include "tools/dalsegno/forensics/percentile.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

namespace dalsegno::command {

namespace {

using forensics::CallGroup;
using forensics::CallSurvey;
using forensics::GroupKey;
using Durations = std::vector<std::chrono::microseconds>;

// ---- JSON ----

Json spread_json(Durations const& sorted) {
  Json out;
  out.set("measured", std::uint64_t{sorted.size()});
  if (sorted.empty()) return out;
  out.set("p50_us", std::int64_t{forensics::percentile(sorted, 0.5).count()});
  out.set("p95_us", std::int64_t{forensics::percentile(sorted, 0.95).count()});
  out.set("p99_us", std::int64_t{forensics::percentile(sorted, 0.99).count()});
  return out;
}

Json usage_json(forensics::RecordedUsage const& sums) {
  Json usage;
  usage.set("input", sums.input).set("cached", sums.cached);
  usage.set("cache_write", sums.cache_write).set("output", sums.output);
  return usage.set("reasoning", sums.reasoning);
}

Json cost_json(forensics::UsdSum const& sum) {
  Json cost;
  return cost.set("usd", sum.usd()).set("micro_usd", sum.micro());
}

// Whether the cost is known of at least one of the answers, summaries, failed attempts.
bool has_cost(CallGroup const& group) { return group.without_cost < group.calls - group.summaries; }
bool has_summary_cost(CallGroup const& group) {
  return group.summaries_without_cost < group.summaries;
}
bool has_failed_cost(CallGroup const& group) {
  return group.failed_without_cost < group.failed_with_usage;
}

Json prediction_json(CallGroup const& group) {
  Json out;
  out.set("calls", group.compared).set("blocks", group.blocks);
  out.set("predicted_blocks", group.predicted_blocks);
  out.set("reported_blocks", group.reported_blocks);
  if (group.blocks > 0) out.set("error", group.prediction_error());
  Json misses = Json::Object{};
  for (auto const& [cause, count] : group.misses)
    misses.set(cause.empty() ? "unknown" : cause, count);
  return out.set("misses", std::move(misses));
}

Json recovery_json(CallGroup const& group) {
  Json out;
  out.set("losses", group.losses).set("moved", std::uint64_t{group.recovery.size()});
  out.set("stayed", group.losses_stayed).set("open", group.losses_open);
  if (group.recovery.empty()) return out;
  out.set("p50_us", std::int64_t{forensics::percentile(group.recovery, 0.5).count()});
  return out.set("worst_us", std::int64_t{group.recovery.back().count()});
}

Json as_json(std::vector<GroupKey> const& keys,
             std::vector<std::string> const& values,
             CallGroup const& group) {
  Json names;
  for (std::size_t i = 0; i < keys.size(); ++i) names.set(forensics::name_of(keys[i]), values[i]);
  Json line;
  line.set("group", std::move(names)).set("sessions", std::uint64_t{group.sessions.size()});
  line.set("calls", group.calls).set("failed_attempts", group.failed_attempts);
  line.set("orphaned_attempts", group.orphaned_attempts);
  line.set("without_record", group.without_record).set("without_usage", group.without_usage);
  line.set("without_cost", group.without_cost);
  line.set("summaries_without_cost", group.summaries_without_cost);
  line.set("summaries", group.summaries).set("failed_with_usage", group.failed_with_usage);
  line.set("failed_without_cost", group.failed_without_cost);
  if (group.without_usage < group.calls) line.set("usage", usage_json(group.usage));
  if (group.failed_with_usage > 0) line.set("failed_usage", usage_json(group.failed_usage));
  if (group.usage.input > 0) line.set("cached_share", group.cached_share());
  if (has_cost(group)) line.set("cost", cost_json(group.cost));
  if (has_failed_cost(group)) line.set("failed_cost", cost_json(group.failed_cost));
  if (has_summary_cost(group)) line.set("summary_cost", cost_json(group.summary_cost));
  line.set("prediction", prediction_json(group));
  line.set("switches", group.switches).set("switches_per_session", group.switches_per_session());
  line.set("first_token", spread_json(group.first_token));
  line.set("latency", spread_json(group.latency)).set("recovery", recovery_json(group));
  return line;
}

// ---- tables ----

std::string number(char const* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string milliseconds(std::chrono::microseconds duration) {
  return number("%.1f", static_cast<double>(duration.count()) / 1'000.0);
}

/// "-" where there is nothing to tell from: not 0.
std::string milliseconds(Durations const& sorted, double share) {
  return sorted.empty() ? "-" : milliseconds(forensics::percentile(sorted, share));
}

std::string percent(double share) { return number("%.1f%%", 100 * share); }

/// The groups' values in front of each of the tables.
class GroupTable {
 public:
  GroupTable(std::vector<GroupKey> const& keys, std::vector<std::string> const& titles)
      : table_(titles_of(keys, titles)) {}

  void add(std::vector<std::string> const& values, std::vector<std::string> cells) {
    std::vector<std::string> row;
    row.reserve(values.size() + cells.size());
    for (auto const& value : values) row.push_back(printable(value));
    row.insert(row.end(), cells.begin(), cells.end());
    table_.add(std::move(row));
  }
  void print(Globals const& globals, std::string_view heading) const {
    command::print(styled(globals, Style::bold, heading));
    table_.print(globals);
  }

 private:
  static std::vector<std::string> titles_of(std::vector<GroupKey> const& keys,
                                            std::vector<std::string> const& more) {
    std::vector<std::string> titles;
    for (auto const key : keys) {
      std::string title(forensics::name_of(key));
      for (auto& letter : title) letter = static_cast<char>(letter - 'a' + 'A');
      titles.push_back(std::move(title));
    }
    titles.insert(titles.end(), more.begin(), more.end());
    return titles;
  }

  Table table_;
};

std::vector<std::string> usage_cells(CallGroup const& group) {
  bool const has_usage = group.without_usage < group.calls;
  return {
      std::to_string(group.sessions.size()),
      std::to_string(group.calls),
      has_usage ? std::to_string(group.usage.input) : "-",
      group.usage.input > 0 ? percent(group.cached_share()) : "-",
      has_usage ? std::to_string(group.usage.output) : "-",
      std::to_string(group.without_usage),
      has_cost(group) ? group.cost.text() : "-",
      std::to_string(group.without_cost),
      has_failed_cost(group) ? group.failed_cost.text() : "-",
      std::to_string(group.failed_attempts - group.failed_with_usage + group.failed_without_cost),
      has_summary_cost(group) ? group.summary_cost.text() : "-",
      std::to_string(group.summaries_without_cost)};
}

std::vector<std::string> cache_cells(CallGroup const& group) {
  std::string causes;
  for (auto const& [cause, count] : group.misses) {
    if (cause == "none") continue;
    causes += (causes.empty() ? "" : ", ") + printable(cause.empty() ? "unknown" : cause) + " " +
              std::to_string(count);
  }
  return {std::to_string(group.compared),
          std::to_string(group.predicted_blocks),
          std::to_string(group.reported_blocks),
          group.blocks > 0 ? percent(group.prediction_error()) : "-",
          number("%.2f", group.switches_per_session()),
          causes.empty() ? "-" : causes};
}

std::vector<std::string> time_cells(CallGroup const& group) {
  std::vector<std::string> cells{std::to_string(group.first_token.size())};
  for (auto const* const durations : {&group.first_token, &group.latency})
    for (auto const share : {0.5, 0.95, 0.99}) cells.push_back(milliseconds(*durations, share));
  return cells;
}

std::vector<std::string> recovery_cells(CallGroup const& group) {
  return {std::to_string(group.failed_attempts),
          std::to_string(group.orphaned_attempts),
          std::to_string(group.losses),
          std::to_string(group.recovery.size()),
          std::to_string(group.losses_stayed),
          std::to_string(group.losses_open),
          milliseconds(group.recovery, 0.5),
          milliseconds(group.recovery, 1)};
}

void print_tables(Globals const& globals,
                  std::vector<GroupKey> const& keys,
                  CallSurvey::Groups const& groups) {
  GroupTable usage(keys,
                   {"SESSIONS",
                    "CALLS",
                    "IN",
                    "CACHED",
                    "OUT",
                    "NO USAGE",
                    "USD",
                    "NO COST",
                    "FAILED USD",
                    "NO COST",
                    "SUMMARIES USD",
                    "NO COST"});
  GroupTable cache(keys,
                   {"COMPARED", "PREDICTED", "REPORTED", "OFF BY", "SWITCHES/SESSION", "MISSES"});
  GroupTable times(keys,
                   {"WITH TTFT", "TTFT P50 MS", "P95", "P99", "LATENCY P50 MS", "P95", "P99"});
  GroupTable recovery(
      keys,
      {"FAILED", "ORPHANED", "LOSSES", "MOVED", "STAYED", "OPEN", "RECOVERY P50 MS", "WORST"});
  for (auto const& [values, group] : groups) {
    usage.add(values, usage_cells(group));
    cache.add(values, cache_cells(group));
    times.add(values, time_cells(group));
    recovery.add(values, recovery_cells(group));
  }
  usage.print(globals, "tokens and cost");
  cache.print(globals, "caches: blocks predicted and reported");
  times.print(globals, "times");
  recovery.print(globals, "failed attempts, and endpoints lost");
}

}  // namespace

Result<int> stats_by(Globals const& globals,
                     OpenStore const& store,
                     std::vector<FoundSession> const& sessions,
                     std::string_view keys_text) {
  TRY(auto const keys, forensics::parse_group_keys(keys_text));
  CallSurvey survey(keys);
  std::uint64_t steps = 0;
  std::vector<std::string> broken;
  for (auto const& session : sessions) {
    TRY(auto const histories, forensics::read_all_runs(*store.log, session.id, session.head));
    std::vector<CallSurvey::Run> runs;
    for (auto const& history : histories) {
      steps += history.steps;
      if (history.broken) broken.push_back(to_string(session.id) + ": " + history.broken->detail);
      TRY(auto calls, forensics::read_model_calls(*store.log, history));
      // What was copied is counted in the run that it comes from.
      auto const copied = forensics::copied_events(history);
      std::erase_if(calls, [copied](auto const& call) { return call.requested <= copied; });
      runs.push_back({history.workflow, std::move(calls)});
    }
    survey.add(session.id, runs);
  }
  auto const groups = survey.finish();
  if (globals.json) {
    for (auto const& [values, group] : groups)
      print_json("dalsegno.stats_by", as_json(keys, values, group));
  } else if (groups.empty()) {
    print("no model was called");
  } else {
    print_tables(globals, keys, groups);
  }
  for (auto const& what : broken) say_not_verified(what);
  return broken.empty() ? say_verified(store, steps) : exit_integrity;
}

}  // namespace dalsegno::command
