#pragma once

#include "storage/log/event_log.h"

#include <vector>

namespace dalsegno::storage {

/// The store's own session, `_store/operator`: what concerns the whole store (tokens, operators'
/// actions with the decisions about them, policies activated, losses accepted).
[[nodiscard]] SessionId const& journal_session();

/// Appends one step with these events, and the artifacts that they name, to the journal; creates it
/// when it is not there.
[[nodiscard]] Result<> append_to_journal(EventLog& log,
                                         std::vector<EventBody> bodies,
                                         Time now,
                                         std::vector<StoredArtifact> artifacts = {});

/// All events of the journal, in order; empty when there is none. Verifies the chain.
[[nodiscard]] Result<std::vector<Event>> read_journal(EventLog const& log);

}  // namespace dalsegno::storage
