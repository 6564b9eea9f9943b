#include "dalsegno/schedule.h"
#include "dalsegno/try.h"
#include "tools/dalsegno/schedule.h"
#include "tools/dalsegno/schedule_options.h"
#include "tools/dalsegno/schedule_store.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>
#include <utility>

namespace dalsegno::command {
namespace {

using Verb = ScheduleControl::Verb;

struct Options {
  std::string schedule;
  std::string note;
  std::string overlap;
  std::string from;
  std::string to;
  std::string key;
  ScheduleStoreOptions store;
};

Result<ScheduleControl> read_control(Verb verb, Options const& options) {
  ScheduleControl control{.verb = verb, .note = options.note};
  if (!options.overlap.empty()) {
    TRY(control.overlap, read_overlap(options.overlap));
  }
  if (verb == Verb::backfill) {
    TRY(control.from, read_time("--from", options.from));
    TRY(control.to, read_time("--to", options.to));
    if (*control.to < *control.from)
      return Error{Errc::invalid, "the range to backfill ends before it begins"};
  }
  return control;
}

Result<int> tell(Globals const& globals, std::string_view name, Verb verb, Options const& options) {
  TRY(auto const control, read_control(verb, options));
  TRY(auto const looked_at, open_store(globals));  // a store that is not there is not made
  TRY_VOID(find_schedule(*looked_at.log, globals, options.schedule));
  TRY(auto const store, ScheduleStore::open(globals, options.store));
  TRY(auto const found, find_schedule(store->log(), globals, options.schedule));
  TRY(auto const done, control_schedule(*store, found.id, control, options.key));
  show_told(globals, found.id, name, done);
  return exit_fine;
}

CLI::App* add_verb(CLI::App& schedule,
                   Globals& globals,
                   std::shared_ptr<Options> const& options,
                   Verb verb,
                   char const* name,
                   char const* what) {
  auto* const added = schedule.add_subcommand(name, what);
  added->add_option("SCHEDULE", options->schedule, "its name, or the beginning of it")->required();
  added->add_option("--key", options->key, "makes it safe to repeat: it is done once");
  add_schedule_store_options(*added, options->store);
  added->callback([options, &globals, verb, name] {
    globals.exit_code = ended(tell(globals, name, verb, *options));
  });
  return added;
}

}  // namespace

void add_schedule_control(CLI::App& schedule, Globals& globals) {
  auto const make = [] { return std::make_shared<Options>(); };
  auto options = make();
  auto* verb = add_verb(
      schedule, globals, options, Verb::pause, "pause", "no occurrence is run until it is resumed");
  verb->add_option("--note", options->note, "why; shown with it")->required();

  options = make();
  verb = add_verb(schedule,
                  globals,
                  options,
                  Verb::resume,
                  "resume",
                  "occurrences are run again, those of the pause not");
  verb->add_option("--note", options->note, "shown with it");

  options = make();
  verb = add_verb(schedule, globals, options, Verb::trigger, "trigger", "run the action once, now");
  add_overlap_option(*verb, options->overlap, "what if another one runs [the schedule's own]");

  options = make();
  verb = add_verb(schedule,
                  globals,
                  options,
                  Verb::backfill,
                  "backfill",
                  "run the occurrences of a range of the past that were not run");
  verb->add_option("--from", options->from, "the first (RFC 3339)")->required();
  verb->add_option("--to", options->to, "the last (RFC 3339)")->required();
  add_overlap_option(*verb, options->overlap, "what if another one runs [buffer_all]");

  options = make();
  verb = add_verb(schedule,
                  globals,
                  options,
                  Verb::remove,
                  "delete",
                  "end the schedule; what it started goes on by itself");
  verb->add_option("--note", options->note, "why; recorded");
}

}  // namespace dalsegno::command
