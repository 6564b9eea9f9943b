#pragma once

#include "dalsegno/json.h"
#include "dalsegno/payload.h"
#include "dalsegno/workflow.h"

#include <string>

namespace dalsegno::engine {

/// What the workflow "schedule.terminable" is started with.
struct Terminable {
  std::string workflow;
  std::string session;  ///< its name
  Json input;
};
BOOST_DESCRIBE_STRUCT(Terminable, (), (workflow, session, input))

inline constexpr char const* terminable_workflow = "schedule.terminable";

/// Runs an action and gives its result. A request to cancel it terminates the action: an operation
/// can only ask its child to end, but the end of a run can end it.
Workflow<Json> run_terminable(Context& ctx, Terminable asked);

}  // namespace dalsegno::engine
