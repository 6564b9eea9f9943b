#pragma once

#include "dalsegno/result.h"
#include "tools/dalsegno/config/config.h"

#include <filesystem>

namespace dalsegno::command {

/// The configuration in a file. Errors: those of read_text and parse_config.
[[nodiscard]] Result<config::Config> read_config(std::filesystem::path const& file);

}  // namespace dalsegno::command
