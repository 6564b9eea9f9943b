#include "dalsegno/try.h"
#include "tools/dalsegno/forensics/percentile.h"
#include "tools/dalsegno/forensics/statistics.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/stats_baseline.h"
#include "tools/dalsegno/stats_by.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {

namespace {

struct Options {
  std::vector<std::string> sessions;
  std::string by;
  bool baseline = false;
  BaselineOptions of_baseline = {};
  double threshold_percent = 20;
  double points = 5;
};

using forensics::CallFigures;
using forensics::Statistics;

std::uint64_t total(Statistics const& statistics, std::uint64_t CallFigures::* figure) {
  std::uint64_t sum = 0;
  for (auto const& [name, figures] : statistics.calls) sum += figures.*figure;
  return sum;
}

std::string milliseconds(std::chrono::microseconds duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(duration.count()) / 1'000.0);
  return text;
}

Json counts_json(std::map<std::string, std::uint64_t> const& counts) {
  Json object = Json::Object{};
  for (auto const& [name, count] : counts) object.set(name, count);
  return object;
}

Json as_json(Statistics const& statistics) {
  Json line;
  Json workflows = Json::Object{};
  for (auto const& [workflow, counts] : statistics.sessions)
    workflows.set(workflow, counts_json(counts));
  line.set("sessions", std::move(workflows)).set("events", counts_json(statistics.events));
  line.set("steps", statistics.steps)
      .set("step_bytes", statistics.step_bytes)
      .set("commits", statistics.commits);
  line.set("input_tokens", statistics.input_tokens).set("output_tokens", statistics.output_tokens);
  line.set("cached_tokens", statistics.cached_tokens);
  line.set("denials", total(statistics, &CallFigures::denied));
  line.set("orphaned_attempts", total(statistics, &CallFigures::orphaned));
  Json::Array calls;
  for (auto const& [name, figures] : statistics.calls) {
    auto const space = name.find(' ');
    Json call;
    call.set("kind", name.substr(0, space)).set("name", name.substr(space + 1));
    call.set("requested", figures.requested)
        .set("completed", figures.completed)
        .set("errors", figures.errors);
    call.set("failed", figures.failed)
        .set("denied", figures.denied)
        .set("attempts", figures.attempts);
    call.set("failed_attempts", figures.failed_attempts).set("orphaned_attempts", figures.orphaned);
    call.set("p50_us", forensics::percentile(figures.latencies, 0.5).count())
        .set("p95_us", forensics::percentile(figures.latencies, 0.95).count());
    calls.push_back(std::move(call));
  }
  line.set("calls", std::move(calls));
  return line;
}

void print_all(Globals const& globals, Statistics const& statistics) {
  for (auto const& [workflow, counts] : statistics.sessions) {
    std::string line =
        "sessions " + (workflow.empty() ? std::string("-") : printable(workflow)) + ":";
    for (auto const& [status, count] : counts) line += " " + std::to_string(count) + " " + status;
    print(line);
  }
  print("log: " + std::to_string(statistics.commits) + " commits, " +
        std::to_string(statistics.steps) + " steps, " + std::to_string(statistics.step_bytes) +
        " bytes of steps");
  print("tokens: " + std::to_string(statistics.input_tokens) + " in (" +
        std::to_string(statistics.cached_tokens) + " cached), " +
        std::to_string(statistics.output_tokens) + " out");
  print("denials: " + std::to_string(total(statistics, &CallFigures::denied)) +
        ", orphaned attempts: " + std::to_string(total(statistics, &CallFigures::orphaned)));
  Table calls({"CALL",
               "REQUESTED",
               "COMPLETED",
               "ERRORS",
               "FAILED",
               "DENIED",
               "ATTEMPTS",
               "ORPHANED",
               "P50 MS",
               "P95 MS"});
  for (auto const& [name, figures] : statistics.calls) {
    calls.add({printable(name),
               std::to_string(figures.requested),
               std::to_string(figures.completed),
               std::to_string(figures.errors),
               std::to_string(figures.failed),
               std::to_string(figures.denied),
               std::to_string(figures.attempts),
               std::to_string(figures.orphaned),
               milliseconds(forensics::percentile(figures.latencies, 0.5)),
               milliseconds(forensics::percentile(figures.latencies, 0.95))});
  }
  if (!calls.empty()) calls.print(globals);
  Table events({"EVENT", "COUNT"});
  for (auto const& [type, count] : statistics.events) events.add({type, std::to_string(count)});
  if (!events.empty()) events.print(globals);
}

Result<int> stats(Globals const& globals, Options const& options) {
  TRY(auto const store, open_store(globals));
  TRY(auto const sessions, find_sessions(store, globals, options.sessions));
  if (!options.by.empty()) return stats_by(globals, store, sessions, options.by);
  if (options.baseline) {
    auto wanted = options.of_baseline;
    wanted.thresholds = {options.threshold_percent / 100, options.points / 100};
    return stats_baseline(globals, store, sessions, wanted);
  }
  std::vector<forensics::CountedSession> counted;
  counted.reserve(sessions.size());
  for (auto const& session : sessions) counted.push_back({session.id, session.head});
  TRY(auto const statistics, forensics::count(*store.log, counted));
  if (globals.json) {
    print_json("dalsegno.stats", as_json(statistics));
  } else {
    print_all(globals, statistics);
  }
  if (!statistics.broken.empty()) {
    for (auto const& broken : statistics.broken) say_not_verified(broken);
    return exit_integrity;
  }
  return say_verified(store, statistics.steps);
}

}  // namespace

void add_stats(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      app.add_subcommand("stats", "count sessions, events, calls, tokens; how long calls took");
  verb->add_option("SESSION", options->sessions, "only these [all]");
  verb->add_option("--by",
                   options->by,
                   "figures of model calls in groups, by a list such as tenant,workflow,family; "
                   "also session, model, served, endpoint");
  auto* const baseline =
      verb->add_flag(
              "--baseline",
              options->baseline,
              "figures of each workflow: calls, errors, times, tokens, cost, tools, sessions")
          ->excludes("--by");
  verb->add_option("--html", options->of_baseline.html, "write them into this file, as a page")
      ->needs(baseline);
  auto* const against =
      verb->add_option("--against",
                       options->of_baseline.against,
                       "say what has moved since this file: an earlier --baseline --json")
          ->needs(baseline);
  verb->add_option("--threshold",
                   options->threshold_percent,
                   "times, tokens and costs have moved by more than so many percent")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str()
      ->needs(against);
  verb->add_option("--points", options->points, "shares have moved by more than so many hundredths")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str()
      ->needs(against);
  verb->footer(
      "With --by: cached share, blocks predicted and reported, switches of the endpoint, time to "
      "the first\ntoken, latency, usage, cost, and how long a session took to get an answer "
      "after an endpoint was\nlost. What was not recorded is counted apart and never as 0.\n"
      "Exit codes: 0 fine; 1 something has moved (--against); 2 no such session or key; 3 a chain "
      "is broken.\n");
  verb->callback([options, &globals] { globals.exit_code = ended(stats(globals, *options)); });
}

}  // namespace dalsegno::command
