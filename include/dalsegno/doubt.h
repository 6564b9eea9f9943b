#pragma once

#include "dalsegno/ids.h"

#include <cstdint>
#include <string>

namespace dalsegno {

/// A call of which nobody knows whether it had its effect. Its session waits for a person.
struct CallInDoubt {
  SessionId session;
  OperationId operation = OperationId::none;
  std::string action;  ///< "activity.call", "tool.call", "model.call"
  std::string what;    ///< the activity's name
  std::uint32_t attempt = 0;
  std::string idempotency_key;  ///< under which the far side may know it
  std::string arguments;        ///< JSON; redacted, as everything that is recorded
  std::string reason;           ///< why nobody knows
  Time since;
};

/// What is to become of a call in doubt.
enum class Resolve : std::uint8_t {
  completed = 0,  ///< it happened, and this is its result
  failed = 1,     ///< it counts as failed: the workflow sees an ActivityFailed, resolved_as_failed
  retry = 2       ///< it is made again
};

/// Who says so, and why. What is given here is recorded; whoever calls has made sure that it is
/// true.
struct Resolver {
  std::string by;
  std::string reason;
  std::string credential = {};  ///< id of the token that says who it is; "" when none was asked for
};

}  // namespace dalsegno
