#pragma once

#include "dalsegno/result.h"

namespace dalsegno::command {

// How the command ends. Source: design page, section 10; docs/cli.md.
inline constexpr int exit_fine = 0;
inline constexpr int exit_findings = 1;       ///< findings, or a difference
inline constexpr int exit_usage = 2;          ///< wrong usage, or input that cannot be read
inline constexpr int exit_integrity = 3;      ///< integrity failed
inline constexpr int exit_warnings = 4;       ///< verified with warnings, under --strict
inline constexpr int exit_not_permitted = 5;  ///< not permitted
inline constexpr int exit_undecidable = 125;  ///< cannot be known any more

/// The exit code for an error that ends a verb.
[[nodiscard]] int exit_code_for(Errc code);

}  // namespace dalsegno::command
