#pragma once

#include "tools/dalsegno/globals.h"

#include <CLI/App.hpp>

namespace dalsegno::command {

/// `dalsegno run`: sessions from recorded conversations.
void add_run(CLI::App& app, Globals& globals);

}  // namespace dalsegno::command
