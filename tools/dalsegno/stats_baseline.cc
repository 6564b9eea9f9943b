#include "tools/dalsegno/stats_baseline.h"

#include "dalsegno/try.h"
#include "tools/dalsegno/baseline_page.h"
#include "tools/dalsegno/exit_code.h"
#include "tools/dalsegno/forensics/baseline.h"
#include "tools/dalsegno/forensics/percentile.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/policy_files.h"
#include "tools/dalsegno/printable.h"

#include <cstdio>
#include <fstream>
#include <utility>

namespace dalsegno::command {

namespace {

using forensics::Baseline;
using forensics::CallFigures;
using forensics::MovedFigure;
using Durations = std::vector<std::chrono::microseconds>;

std::string number(char const* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string percent(double share) { return number("%.1f%%", 100 * share); }

/// "-" where there is nothing to tell from.
void add_percentiles(std::vector<std::string>& cells, Durations const& sorted) {
  for (auto const share : {0.5, 0.95, 0.99})
    cells.push_back(
        sorted.empty()
            ? "-"
            : number("%.1f",
                     static_cast<double>(forensics::percentile(sorted, share).count()) / 1e3));
}

std::string error_share(CallFigures const& figures) {
  if (figures.requested == 0) return "-";
  return percent(forensics::share_of(figures.errors + figures.failed, figures.requested));
}

std::string name_or_dash(std::string const& name) { return name.empty() ? "-" : printable(name); }

void print_sessions(Globals const& globals, Baseline const& baseline) {
  Table table({"WORKFLOW", "SESSIONS", "ENDED", "DURATION P50 MS", "P95", "P99"});
  for (auto const& [name, workflow] : baseline.workflows) {
    std::uint64_t count = 0;
    for (auto const& [status, some] : workflow.sessions) count += some;
    std::vector<std::string> cells{
        name_or_dash(name), std::to_string(count), std::to_string(workflow.durations.size())};
    add_percentiles(cells, workflow.durations);
    table.add(std::move(cells));
  }
  print(styled(globals, Style::bold, "sessions"));
  table.print(globals);
}

void print_models(Globals const& globals, Baseline const& baseline) {
  Table table({"WORKFLOW",
               "CALLS",
               "ANSWERS",
               "ERRORS",
               "RETRIES",
               "CACHED",
               "IN",
               "OUT",
               "USD",
               "FAILED USD",
               "SUMMARIES USD",
               "TTFT P50 MS",
               "P95",
               "P99",
               "LATENCY P50 MS",
               "P95",
               "P99"});
  for (auto const& [name, workflow] : baseline.workflows) {
    auto const figures = forensics::together(workflow, "model");
    auto const& group = workflow.models;
    if (figures.requested == 0) continue;
    std::vector<std::string> cells{name_or_dash(name),
                                   std::to_string(figures.requested),
                                   std::to_string(group.calls),
                                   error_share(figures),
                                   std::to_string(figures.retries),
                                   group.usage.input > 0 ? percent(group.cached_share()) : "-",
                                   std::to_string(group.usage.input),
                                   std::to_string(group.usage.output),
                                   group.cost.text(),
                                   group.failed_cost.text(),
                                   group.summary_cost.text()};
    add_percentiles(cells, group.first_token);
    add_percentiles(cells, group.latency);
    table.add(std::move(cells));
  }
  if (table.empty()) return;
  print(styled(globals, Style::bold, "model calls"));
  table.print(globals);
}

void print_calls(Globals const& globals, Baseline const& baseline) {
  Table table({"WORKFLOW", "CALL", "CALLS", "ERRORS", "RETRIES", "P50 MS", "P95", "P99"});
  for (auto const& [name, workflow] : baseline.workflows)
    for (auto const& [call, figures] : workflow.calls) {
      if (call.starts_with("model ")) continue;
      std::vector<std::string> cells{name_or_dash(name),
                                     printable(call),
                                     std::to_string(figures.requested),
                                     error_share(figures),
                                     std::to_string(figures.retries)};
      add_percentiles(cells, figures.latencies);
      table.add(std::move(cells));
    }
  if (table.empty()) return;
  print(styled(globals, Style::bold, "tools and activities"));
  table.print(globals);
}

Json as_json(MovedFigure const& moved) {
  Json line;
  line.set("workflow", moved.workflow).set("figure", moved.figure);
  if (moved.before) line.set("before", *moved.before);
  if (moved.now) line.set("now", *moved.now);
  return line.set("direction", forensics::name_of(moved.direction));
}

std::string value_cell(std::optional<double> const& value) {
  return value ? number("%.6g", *value) : "-";
}

void print_moved(Globals const& globals, std::vector<MovedFigure> const& moved) {
  if (globals.json) {
    for (auto const& figure : moved) print_json("dalsegno.baseline_moved", as_json(figure));
    return;
  }
  if (moved.empty()) {
    print("nothing has moved");
    return;
  }
  Table table({"WORKFLOW", "FIGURE", "BEFORE", "NOW", "DIRECTION"});
  for (auto const& figure : moved)
    table.add({name_or_dash(figure.workflow),
               printable(figure.figure),
               value_cell(figure.before),
               value_cell(figure.now),
               std::string(forensics::name_of(figure.direction))},
              figure.direction == forensics::Direction::worse ? Style::bad : Style::plain);
  print(styled(globals, Style::bold, "what has moved"));
  table.print(globals);
}

Result<> write_page(std::string const& file, std::string const& page) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << page;
  out.close();
  if (!out) return Error{Errc::io, printable(file) + ": the page could not be written"};
  return {};
}

/// As the verbs say it on stderr.
std::string what_it_rests_on(OpenStore const& store, Baseline const& baseline) {
  if (!baseline.broken.empty()) return "NOT VERIFIED: " + baseline.broken.front();
  if (!store.loss.empty()) return "NOT VERIFIED: " + store.loss;
  return "Verified: chains of " + std::to_string(baseline.steps) + " steps to commit " +
         std::to_string(store.log->info().last_commit) + " (not sealed).";
}

}  // namespace

Result<int> stats_baseline(Globals const& globals,
                           OpenStore const& store,
                           std::vector<FoundSession> const& sessions,
                           BaselineOptions const& options) {
  std::string earlier;
  if (!options.against.empty()) {
    TRY(earlier, read_text(options.against));
  }
  std::vector<forensics::CountedSession> counted;
  counted.reserve(sessions.size());
  for (auto const& session : sessions) counted.push_back({session.id, session.head});
  TRY(auto const baseline, forensics::read_baseline(*store.log, counted));
  auto const json = forensics::as_json(baseline);
  std::vector<MovedFigure> moved;
  if (!options.against.empty()) {
    // As it will be read again: with names that are UTF-8.
    TRY(auto const now, parse_json(json_line(json)));
    auto compared = forensics::compare_baselines(earlier, now, options.thresholds);
    if (!compared)
      return Error{compared.error().code,
                   printable(options.against) + ": " + printable(compared.error().detail)};
    moved = std::move(*compared);
  }
  if (!options.html.empty())
    TRY_VOID(write_page(options.html, baseline_page(baseline, what_it_rests_on(store, baseline))));
  if (globals.json) {
    print_json("dalsegno.baseline", json);
  } else {
    print_sessions(globals, baseline);
    print_models(globals, baseline);
    print_calls(globals, baseline);
  }
  if (!options.against.empty()) print_moved(globals, moved);
  for (auto const& what : baseline.broken) say_not_verified(what);
  if (!baseline.broken.empty()) return exit_integrity;
  auto const rests = say_verified(store, baseline.steps);
  return rests != exit_fine || moved.empty() ? rests : exit_findings;
}

}  // namespace dalsegno::command
