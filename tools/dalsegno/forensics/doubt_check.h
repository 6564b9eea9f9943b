#pragma once

// Calls whose effect nobody was sure of, as the log has them.

#include "engine/session/state.h"
#include "storage/access/token_table.h"
#include "storage/event/event.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace dalsegno::forensics {

// Each: what is wrong, or "". `state` is that of the run right before the event.

/// An attempt gave a sign of life, or was left to somebody outside, while it was under way.
[[nodiscard]] std::string not_under_way(engine::SessionState const& state,
                                        OperationId operation,
                                        std::uint32_t attempt);

/// A call that is made at most once was not made again while nobody knew whether it had been made.
[[nodiscard]] std::string made_again(engine::SessionState const& state, OperationId operation);

/// There is something to be in doubt about.
[[nodiscard]] std::string wrong_doubt(engine::SessionState const& state,
                                      OperationId operation,
                                      storage::OperationInDoubt const& doubt);

/// Somebody resolved what was in doubt, once, and said why. With `tokens`, their token was an
/// operator's, of that name and valid. Null: the store has none.
[[nodiscard]] std::string wrong_resolution(engine::SessionState const& state,
                                           OperationId operation,
                                           storage::DoubtResolved const& resolved,
                                           access::TokenTable const* tokens,
                                           Time recorded_at);

/// Whether the operation ends with the result that a person gave.
[[nodiscard]] bool ends_a_doubt(engine::SessionState const& state, OperationId operation);
/// The workflow was told what the person said.
[[nodiscard]] std::string wrong_end(engine::SessionState const& state,
                                    OperationId operation,
                                    storage::Payload const& told);

}  // namespace dalsegno::forensics
