#include "dalsegno/schedule.h"
#include "dalsegno/try.h"
#include "tools/dalsegno/schedule.h"
#include "tools/dalsegno/schedule_options.h"
#include "tools/dalsegno/schedule_store.h"

#include <CLI/App.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace dalsegno::command {
namespace {

struct Options {
  std::string schedule;
  SpecOptions spec;
  std::string workflow;
  std::string input = "null";
  std::string overlap = "skip";
  std::string catch_up;
  std::uint32_t max_buffered = 100;
  bool pause_on_failure = false;
  std::optional<std::uint64_t> remaining;
  std::optional<std::string> paused;
  std::string principal;
  std::string key;
  ScheduleStoreOptions store;
};

Result<ScheduleDefinition> read_definition(Options const& options) {
  ScheduleDefinition definition;
  TRY(definition.spec, read_spec(options.spec));
  definition.action.workflow = options.workflow;
  auto input = parse_json(options.input);
  if (!input) return Error{Errc::invalid, "--input: " + input.error().detail};
  definition.action.input = std::move(*input);
  auto& policies = definition.policies;
  TRY(policies.overlap, read_overlap(options.overlap));
  if (!options.catch_up.empty()) {
    TRY(policies.catch_up, read_duration("--catch-up", options.catch_up));
  }
  policies.max_buffered = options.max_buffered;
  policies.pause_on_failure = options.pause_on_failure;
  policies.remaining = options.remaining;
  policies.paused = options.paused;
  TRY_VOID(check(definition));
  return definition;
}

Result<int> create(Globals const& globals, Options const& options) {
  TRY(auto definition, read_definition(options));
  SessionId const id{globals.tenant, options.schedule};
  TRY_VOID(detail::schedule_input(id, definition));  // before a store is made
  TRY(auto const store, ScheduleStore::open(globals, options.store));
  TRY(auto const done,
      create_schedule(*store,
                      id,
                      std::move(definition.spec),
                      std::move(definition.action),
                      std::move(definition.policies),
                      options.principal));
  show_told(globals, id, "create", done);
  return exit_fine;
}

Result<int> update(Globals const& globals, Options const& options) {
  TRY(auto definition, read_definition(options));
  TRY(auto const looked_at, open_store(globals));  // a store that is not there is not made
  TRY_VOID(find_schedule(*looked_at.log, globals, options.schedule));
  TRY(auto const store, ScheduleStore::open(globals, options.store));
  TRY(auto const found, find_schedule(store->log(), globals, options.schedule));
  TRY(auto const done,
      update_schedule(*store,
                      found.id,
                      std::move(definition.spec),
                      std::move(definition.action),
                      std::move(definition.policies),
                      options.key));
  show_told(globals, found.id, "update", done);
  return exit_fine;
}

CLI::App* add_verb(CLI::App& schedule,
                   std::shared_ptr<Options> const& options,
                   char const* name,
                   char const* what) {
  auto* const verb = schedule.add_subcommand(name, what);
  verb->add_option("SCHEDULE", options->schedule, "its name")->required();
  verb->add_option("--workflow", options->workflow, "what each occurrence starts")->required();
  verb->add_option("--input", options->input, "what it is started with, as JSON [null]");
  add_spec_options(*verb, options->spec);
  add_overlap_option(*verb,
                     options->overlap,
                     "what if an earlier one runs: skip, buffer_one, buffer_all, cancel_other, "
                     "terminate_other, allow_all [skip]");
  verb->add_option(
      "--catch-up", options->catch_up, "make up for what was missed, if it is not older: 1h [24h]");
  verb->add_option("--max-buffered", options->max_buffered, "how many may wait [100]");
  verb->add_flag("--pause-on-failure", options->pause_on_failure, "pause when an action fails");
  verb->add_option("--remaining", options->remaining, "run so many occurrences [no end]");
  verb->add_option("--paused", options->paused, "paused from the beginning, with this note");
  add_schedule_store_options(*verb, options->store);
  return verb;
}

}  // namespace

void add_schedule_create(CLI::App& schedule, Globals& globals) {
  auto const created = std::make_shared<Options>();
  auto* verb = add_verb(schedule, created, "create", "make a schedule");
  verb->add_option("--principal", created->principal, "for whom its actions are started");
  verb->callback([created, &globals] { globals.exit_code = ended(create(globals, *created)); });

  auto const updated = std::make_shared<Options>();
  verb = add_verb(schedule, updated, "update", "make another one of a schedule, from now on");
  verb->add_option("--key", updated->key, "makes it safe to repeat: it is done once");
  verb->callback([updated, &globals] { globals.exit_code = ended(update(globals, *updated)); });
}

}  // namespace dalsegno::command
