#pragma once

#include "storage/event/event.h"

#include <string>
#include <string_view>

namespace dalsegno::access {

/// Whether the event says that somebody wanted to act and was refused: the member "refused" of its
/// details says why. Nothing was done then.
[[nodiscard]] bool was_refused(storage::OperatorActed const& acted);
/// Why; "" when it was not refused.
[[nodiscard]] std::string why_refused(storage::OperatorActed const& acted);

/// The member of OperatorActed's details that says why it was refused.
inline constexpr std::string_view refused_detail = "refused";

}  // namespace dalsegno::access
