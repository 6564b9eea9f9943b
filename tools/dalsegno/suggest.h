#pragma once

#include <CLI/App.hpp>

#include <string>

namespace dalsegno::command {

/// What to say about a command line that CLI11 refused: for an unknown verb or option with the
/// nearest known one.
[[nodiscard]] std::string explain_refusal(CLI::App const& app, CLI::ParseError const& error);

[[nodiscard]] std::string no_such_verb(CLI::App const& app, std::string const& word);

}  // namespace dalsegno::command
