#pragma once

#include "dalsegno/model.h"
#include "storage/log/event_log.h"
#include "storage/vault/redactor.h"

namespace dalsegno::activities {

/// As `model::add_model`, for who has the log itself. `redactor` is that of deltas; null: they get
/// one whose tokens have other digits than the log's. Both outlive the registry's use.
[[nodiscard]] Result<> add_model(Registry& registry,
                                 storage::EventLog const& log,
                                 model::Options const& options,
                                 vault::Redactor const* redactor = nullptr);

}  // namespace dalsegno::activities
