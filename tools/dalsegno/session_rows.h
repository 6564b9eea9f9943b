#pragma once

// The sessions of a store that a filter means.

#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/session_filter.h"

#include <functional>
#include <string>
#include <vector>

namespace dalsegno::command {

/// What the newest run of the session has set, from its verified steps. Errors: those of the log.
[[nodiscard]] Result<std::map<std::string, Json, std::less<>>> attributes_of(
    storage::EventLog const& log, SessionId const& session);

/// The sessions of `tenant` ("": of all) that the filter means, arranged as it says. Reads the
/// steps of those only that a filter or `with_attributes` wants attributes of. Without the store's
/// own journal. Errors: those of the log.
[[nodiscard]] Result<std::vector<SessionRow>> find_rows(storage::EventLog const& log,
                                                        std::string const& tenant,
                                                        SessionFilter const& filter,
                                                        bool with_attributes = false);

}  // namespace dalsegno::command
