#include "dalsegno/payload.h"
#include "dalsegno/registry.h"
#include "dalsegno/schedule.h"
#include "dalsegno/try.h"
#include "engine/policy/time_text.h"
#include "engine/replay/replayer.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/schedule.h"
#include "tools/dalsegno/schedule_store.h"

#include <CLI/App.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::command {
namespace {

struct Options {
  std::string schedule;
  bool all = false;
};

/// A schedule as its log tells: what it would answer, were it asked.
struct Shown {
  FoundSession session;
  std::optional<ScheduleDescription> description;  ///< absent: it has ended or is held
  std::uint64_t steps = 0;
};

Result<Shown> look_at(OpenStore const& store, FoundSession session) {
  Shown shown{std::move(session), std::nullopt, 0};
  if (shown.session.head.status != storage::SessionStatus::open) return shown;
  Registry registry;
  add_schedules(registry);
  auto const find = [&](std::string_view name) { return registry.find_workflow(name); };
  TRY(auto const report, engine::replay_session(*store.log, find, shown.session.id));
  if (report.divergence)
    return Error{Errc::diverged,
                 to_string(shown.session.id) + " was recorded by another version of its workflow"};
  shown.steps = report.steps;
  TRY(auto const answer, report.session->query(detail::schedule_query, "null"));
  TRY(shown.description, from_json<ScheduleDescription>(answer));
  return shown;
}

template <class Enumeration>
std::string name_of_enumerator(Enumeration value) {
  auto const quoted = to_json(value);
  return quoted.substr(1, quoted.size() - 2);
}

std::string text_of(ScheduleTime const& time) { return to_string(time.time()); }

Json run_json(ScheduledRun const& run) {
  Json line;
  line.set("session", run.session).set("occurrence", text_of(run.occurrence));
  line.set("started", text_of(run.started)).set("cause", name_of_enumerator(run.cause));
  line.set("outcome", run.outcome);
  if (!run.message.empty()) line.set("message", run.message);
  return line;
}

template <class List, class Make>
Json list_json(List const& list, Make const& make) {
  Json::Array out;
  for (auto const& item : list) out.push_back(make(item));
  return out;
}

Json spec_json(ScheduleSpec const& spec) {
  Json out;
  out.set("cron", list_json(spec.cron, [](std::string const& text) { return Json(text); }));
  out.set("intervals", list_json(spec.intervals, [](ScheduleInterval const& interval) {
            return Json(Json::Object{})
                .set("every_seconds", interval.every.seconds)
                .set("offset_seconds", interval.offset.seconds);
          }));
  out.set("zone", spec.zone).set("missing", name_of_enumerator(spec.missing));
  out.set("repeated", name_of_enumerator(spec.repeated));
  if (spec.start_at) out.set("start_at", text_of(*spec.start_at));
  if (spec.end_at) out.set("end_at", text_of(*spec.end_at));
  out.set("jitter_seconds", spec.jitter.seconds);
  return out;
}

Json policies_json(SchedulePolicies const& policies) {
  Json out;
  out.set("overlap", name_of_enumerator(policies.overlap));
  out.set("catch_up_seconds", policies.catch_up.seconds);
  out.set("max_buffered", std::uint64_t{policies.max_buffered});
  out.set("pause_on_failure", policies.pause_on_failure);
  if (policies.remaining) out.set("remaining", *policies.remaining);
  return out;
}

Json as_json(Shown const& shown) {
  Json line;
  line.set("tenant", shown.session.id.tenant).set("schedule", shown.session.id.name);
  line.set("status", name_of(shown.session.head.status));
  if (!shown.description) return line;
  auto const& told = *shown.description;
  auto const time = [](ScheduleTime const& at) { return Json(text_of(at)); };
  line.set("workflow", told.definition.action.workflow).set("input", told.definition.action.input);
  line.set("spec", spec_json(told.definition.spec));
  line.set("policies", policies_json(told.definition.policies));
  line.set("paused", told.paused).set("note", told.note);
  line.set("next", list_json(told.next, time)).set("running", list_json(told.running, run_json));
  line.set("waiting", list_json(told.waiting, time))
      .set("recent", list_json(told.recent, run_json));
  line.set("backfills", told.backfills).set("counts", *parse_json(to_json(told.counts)));
  line.set("zone_data", told.zone_data);
  return line;
}

/// "30 2 * * *, every 15m"
std::string when_text(ScheduleSpec const& spec) {
  std::string text;
  auto const add = [&text](std::string const& part) { text += (text.empty() ? "" : ", ") + part; };
  for (auto const& cron : spec.cron) add(cron);
  for (auto const& interval : spec.intervals)
    add("every " + engine::duration_text(std::chrono::seconds(interval.every.seconds)));
  return text + (spec.cron.empty() ? "" : " " + spec.zone);
}

std::string state_text(Shown const& shown) {
  if (!shown.description) return std::string(name_of(shown.session.head.status));
  return shown.description->paused ? "paused" : "open";
}

void print_runs(Globals const& globals,
                std::string_view title,
                std::vector<ScheduledRun> const& runs) {
  for (auto const& run : runs) {
    auto const bad = run.outcome != "completed" && run.outcome != "running";
    print(styled(globals,
                 bad ? Style::bad : Style::plain,
                 std::string(title) + "\t" + printable(run.session) + "\t" +
                     printable(run.outcome) +
                     (run.message.empty() ? "" : ": " + printable(run.message))));
  }
}

void print_shown(Globals const& globals, Shown const& shown) {
  print(styled(globals, Style::bold, printable(to_string(shown.session.id))) + "\t" +
        state_text(shown));
  if (!shown.description) return;
  auto const& told = *shown.description;
  auto const& policies = told.definition.policies;
  if (!told.note.empty()) print("note\t" + printable(told.note));
  print("when\t" + printable(when_text(told.definition.spec)));
  print("starts\t" + printable(told.definition.action.workflow) + " " +
        shortened(json_line(told.definition.action.input), 200));
  print("overlap\t" + name_of_enumerator(policies.overlap));
  if (policies.remaining) print("remaining\t" + std::to_string(*policies.remaining));
  for (auto const& time : told.next) print("next\t" + text_of(time));
  print_runs(globals, "running", told.running);
  for (auto const& time : told.waiting) print("waiting\t" + text_of(time));
  print_runs(globals, "recent", told.recent);
  auto const& counts = told.counts;
  print("counts\t" + std::to_string(counts.started) + " started, " +
        std::to_string(counts.completed) + " completed, " + std::to_string(counts.failed) +
        " failed, " + std::to_string(counts.skipped) + " skipped, " +
        std::to_string(counts.missed) + " missed, " + std::to_string(counts.refused) +
        " signals refused");
}

Result<int> show(Globals const& globals, Options const& options) {
  TRY(auto const store, open_store(globals));
  TRY(auto found, find_schedule(*store.log, globals, options.schedule));
  TRY(auto const shown, look_at(store, std::move(found)));
  if (globals.json) {
    print_json("dalsegno.schedule", as_json(shown));
  } else {
    print_shown(globals, shown);
  }
  if (shown.description) return say_verified(store, shown.steps);
  say_not_verified("it has ended or is held: dalsegno show tells how");
  return exit_fine;
}

Result<int> list(Globals const& globals, Options const& options) {
  TRY(auto const store, open_store(globals));
  std::vector<FoundSession> found;
  TRY_VOID(store.log->scan_heads([&](SessionId const& id, storage::Head const& head) {
    bool const is_wanted = options.all || head.status == storage::SessionStatus::open ||
                           head.status == storage::SessionStatus::held;
    if (id.tenant == globals.tenant && head.workflow == detail::schedule_workflow && is_wanted)
      found.push_back({id, head});
    return true;
  }));
  Table table({"SCHEDULE", "STATE", "WHEN", "STARTS", "NEXT", "RUNNING", "COMPLETED", "FAILED"});
  std::uint64_t steps = 0;
  for (auto& session : found) {
    TRY(auto const shown, look_at(store, std::move(session)));
    steps += shown.steps;
    if (globals.json) {
      print_json("dalsegno.schedule", as_json(shown));
      continue;
    }
    auto const told = shown.description.value_or(ScheduleDescription());
    table.add({printable(shown.session.id.name),
               state_text(shown),
               shown.description ? printable(when_text(told.definition.spec)) : "-",
               shown.description ? printable(told.definition.action.workflow) : "-",
               told.next.empty() ? "-" : text_of(told.next.front()),
               std::to_string(told.running.size()),
               std::to_string(told.counts.completed),
               std::to_string(told.counts.failed)});
  }
  if (!table.empty()) table.print(globals);
  if (found.empty()) say("no schedules");
  return say_verified(store, steps);
}

}  // namespace

void add_schedule_show(CLI::App& schedule, Globals& globals) {
  auto const listed = std::make_shared<Options>();
  auto* verb = schedule.add_subcommand("list", "list schedules");
  verb->add_flag("--all", listed->all, "with those that have ended");
  verb->callback([listed, &globals] { globals.exit_code = ended(list(globals, *listed)); });

  auto const shown = std::make_shared<Options>();
  verb = schedule.add_subcommand("show", "tell what a schedule does, did, and will do next");
  verb->add_option("SCHEDULE", shown->schedule, "its name, or the beginning of it")->required();
  verb->callback([shown, &globals] { globals.exit_code = ended(show(globals, *shown)); });
}

}  // namespace dalsegno::command
