#pragma once

// The verbs under `dalsegno schedule`.

#include "tools/dalsegno/globals.h"

#include <CLI/App.hpp>

namespace dalsegno::command {

void add_schedule(CLI::App& app, Globals& globals);

// Each adds its verbs to `dalsegno schedule`.

/// `create`, `update`.
void add_schedule_create(CLI::App& schedule, Globals& globals);
/// `pause`, `resume`, `trigger`, `backfill`, `delete`.
void add_schedule_control(CLI::App& schedule, Globals& globals);
/// `list`, `show`.
void add_schedule_show(CLI::App& schedule, Globals& globals);
/// `next`.
void add_schedule_next(CLI::App& schedule, Globals& globals);

}  // namespace dalsegno::command
