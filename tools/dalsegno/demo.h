#pragma once

#include "tools/dalsegno/globals.h"

#include <CLI/App.hpp>

namespace dalsegno::command {

/// `dalsegno demo`: three sessions to look at.
void add_demo(CLI::App& app, Globals& globals);

}  // namespace dalsegno::command
