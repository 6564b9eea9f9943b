#pragma once

#include "dalsegno/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::corpus {

/// The records of a CSV text (RFC 4180): fields apart by commas, a quoted field may hold commas,
/// line ends and doubled quotes; lines end with LF or CRLF, the last one need not.
/// Errors: Errc::invalid with the line of a quoted field that does not end, or goes on after its
/// quote.
[[nodiscard]] Result<std::vector<std::vector<std::string>>> parse_csv(std::string_view text);

}  // namespace dalsegno::corpus
