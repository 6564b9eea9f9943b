#pragma once

// The verbs under `dalsegno token`, one source each.

#include "engine/govern/tokens.h"
#include "tools/dalsegno/globals.h"

#include <CLI/App.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::command {

void add_token_create(CLI::App& token, Globals& globals);
void add_token_list(CLI::App& token, Globals& globals);
void add_token_revoke(CLI::App& token, Globals& globals);
void add_token_rotate(CLI::App& token, Globals& globals);

/// "90d", "24h"; "never" and "" are none. Errors: Errc::invalid, naming the option.
[[nodiscard]] Result<std::optional<std::chrono::seconds>> read_lifetime(std::string_view option,
                                                                        std::string const& text);

/// Prints a token that was made, this once: the token alone on stdout, the rest on stderr.
void show_made(Globals const& globals, engine::MadeToken const& made);

}  // namespace dalsegno::command
