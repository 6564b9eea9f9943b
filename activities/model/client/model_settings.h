#pragma once

#include "activities/http/dial_plan.h"
#include "activities/model/dialect.h"
#include "dalsegno/model.h"
#include "dalsegno/result.h"

#include <vector>

namespace dalsegno::activities {

/// Where the endpoints are. Errors: Errc::invalid, naming the endpoint that cannot be called.
[[nodiscard]] Result<std::vector<http::DialPlan>> check_endpoints(
    std::vector<model::Endpoint> const& endpoints);

/// What every call has in common. Errors: Errc::invalid, naming what is wrong.
[[nodiscard]] Result<ModelCall> read_settings(model::Options const& options);

}  // namespace dalsegno::activities
