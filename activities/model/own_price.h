#pragma once

#include "activities/model/price_table.h"
#include "activities/model/usage.h"
#include "dalsegno/model.h"

namespace dalsegno::activities {

/// What `usage` costs at a price that somebody has set; its version is "configured".
[[nodiscard]] Cost cost_at(model::Price const& price, Usage const& usage);

}  // namespace dalsegno::activities
