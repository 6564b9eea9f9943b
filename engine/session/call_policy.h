#pragma once

#include "dalsegno/ids.h"
#include "engine/policy/ambient.h"
#include "engine/policy/policy.h"
#include "engine/session/state.h"
#include "storage/event/event.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace dalsegno::engine {

/// The obligations that are met for every call of a session; a permit with another one denies
/// unless the session has what it takes (counters, redaction, a handler that honours routes).
[[nodiscard]] ObligationKinds obligations_of_calls();

/// How policy calls what an operation does: "model.call", "tool.call", "activity.call",
/// "session.start".
[[nodiscard]] std::string_view action_of(storage::OperationKind kind);

/// What a counter of a session stands at: its calls so far, without `deciding` (at its second
/// attempt it has been counted). The key must be of the session and without a window.
[[nodiscard]] std::uint64_t calls_before(SessionState const& state,
                                         CounterKey const& key,
                                         OpenOperation const& deciding);

/// What a session's calls are decided with.
struct CallPolicy {
  PolicySet const& policy;
  Time not_before = {};  ///< it is asked about no earlier time
  std::span<PolicySet const> shadows = {};
  /// Counters over sessions and windows, and resolvers; null: there are none.
  PolicyAmbient const* surroundings = nullptr;
  ObligationKinds fulfils = obligations_of_calls();
};

/// Decides about an attempt of an open operation. The counters of the session are its own; of its
/// other calls.
[[nodiscard]] storage::PolicyDecided decide_call(CallPolicy const& policy,
                                                 SessionState const& state,
                                                 OpenOperation const& operation,
                                                 std::uint32_t attempt,
                                                 std::string_view arguments,
                                                 Time now);

}  // namespace dalsegno::engine
