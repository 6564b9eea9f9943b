#pragma once

#include "tools/dalsegno/globals.h"

#include <CLI/App.hpp>

namespace dalsegno::command {

/// `dalsegno send --lines`: signals from a stream, acknowledged once they are durable.
void add_send(CLI::App& app, Globals& globals);

}  // namespace dalsegno::command
