#pragma once

#include "dalsegno/routing.h"
#include "storage/log/event_log.h"
#include "storage/vault/redactor.h"

namespace dalsegno::activities {

/// As `model::add_routed_model`, for who has the log itself; `redactor` as in `add_model`.
[[nodiscard]] Result<> add_routed_model(Registry& registry,
                                        storage::EventLog const& log,
                                        model::Routing const& routing,
                                        vault::Redactor const* redactor = nullptr);

}  // namespace dalsegno::activities
