#pragma once

#include "dalsegno/ids.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno {

/// What becomes of signals that came after the point at which a session is forked. Those before it
/// belong to the copy.
enum class LaterSignals : std::uint8_t {
  again,    ///< they come to the fork, too, in their order
  left_out  ///< they do not; whoever sends one again under its key is told that it has arrived
};

/// How a session is forked. What is given here is recorded; whoever calls has made sure that it is
/// true and allowed.
struct ForkOptions {
  std::string by;      ///< who wants it; needed
  std::string reason;  ///< needed
  /// The name of the session that is made, of the same tenant. Empty: a new run of the same one.
  std::string as = {};
  std::optional<RunId> run = {};  ///< of the session, to fork; absent: the newest
  /// Ends the session's newest run first, as Runtime::terminate does, in the same write.
  bool terminate = false;
  LaterSignals signals = LaterSignals::again;
};

/// Who wants a session to begin again, and why: recorded.
struct RestartOptions {
  std::string by;      ///< needed
  std::string reason;  ///< needed
};

/// A call or a child of the forked run that began after the point, or was under way there: it
/// happened, or may have, and is not undone.
struct LaterEffect {
  RunId run;
  OperationId operation = OperationId::none;
  std::string kind;             ///< "activity", "model", "tool", "child"
  std::string name;             ///< of the activity, model, tool or workflow
  std::string idempotency_key;  ///< under which the far side may know it
  /// "completed", "failed", "cancelled", "in doubt", "under way".
  std::string outcome;
};

/// What came of a fork or a restart. When you have it, it is durable.
struct Fork {
  SessionId session;
  RunId run;            ///< the new one
  Sequence forked = 0;  ///< of its Forked event
  RunId from;           ///< the run that was forked, or begun again
  /// Its events up to here were copied: to the end of the step that was asked for. 0: it began
  /// again.
  Sequence at = 0;
  std::vector<LaterEffect> effects;  ///< in order
  std::size_t signals = 0;           ///< later ones that come again
};

}  // namespace dalsegno
