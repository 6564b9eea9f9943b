#pragma once

#include "tools/dalsegno/forensics/baseline.h"

#include <string>
#include <string_view>

namespace dalsegno::command {

/// A baseline as a page of HTML that needs nothing else: no scripts, no fonts, no pictures from
/// anywhere; charts are SVG within it. Light or dark as the reader's system is. All texts of the
/// log are escaped.
///
/// `rests_on` says whether it was verified.
[[nodiscard]] std::string baseline_page(forensics::Baseline const& baseline,
                                        std::string_view rests_on);

/// `text` for people within HTML: printable, `& < > " '` escaped.
[[nodiscard]] std::string html(std::string_view text);

}  // namespace dalsegno::command
