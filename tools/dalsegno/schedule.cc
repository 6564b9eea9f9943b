#include "tools/dalsegno/schedule.h"

namespace dalsegno::command {

void add_schedule(CLI::App& app, Globals& globals) {
  auto* const schedule =
      app.add_subcommand("schedule", "make, look at and control what starts sessions at its time");
  schedule->require_subcommand(1);
  schedule->fallthrough();
  add_schedule_create(*schedule, globals);
  add_schedule_show(*schedule, globals);
  add_schedule_control(*schedule, globals);
  add_schedule_next(*schedule, globals);
  schedule->footer(
      "What is written is done when a runtime next opens the store: this program has not the "
      "workflows that are started.\n"
      "Exit codes: 0 it is on disk, or shown; 1 the schedule has ended or is held; 2 wrong usage, "
      "no "
      "such schedule, a store\n"
      "that is open elsewhere or cannot be written; 3 the store is damaged; 5 the store has "
      "operators, "
      "and they have\n"
      "not activated this policy.\n");
}

}  // namespace dalsegno::command
