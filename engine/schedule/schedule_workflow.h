#pragma once

#include "dalsegno/schedule.h"
#include "dalsegno/workflow.h"
#include "engine/schedule/schedule_state.h"

namespace dalsegno::engine {

/// The workflow "schedule": begins actions when their time has come, as children of its own, and
/// does what the signals "schedule" say. Checkpoints its state, so that the actions that run stay
/// its children, and continues as new when none runs. Ends when it is told to; fails with "invalid"
/// when it was started with something that is no schedule.
Workflow<ScheduleCounts> run_schedule(Context& ctx, ScheduleState state);

}  // namespace dalsegno::engine
