#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "tools/dalsegno/exit_code.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace dalsegno::command {

/// What every verb is given, and where it leaves how it ended. Made by main.
struct Globals {
  std::filesystem::path data;      ///< --data, else $DALSEGNO_DATA, else ./dalsegno-data
  std::string tenant = "default";  ///< --tenant
  bool json = false;               ///< --json: one object a line
  bool terminal = false;           ///< stdout is a terminal: relative times, short ids
  bool color = false;              ///< … and it shows colours
  Time now;                        ///< when the command began
  int exit_code = exit_fine;       ///< set by the verb's callback
};

/// Reads the surroundings: environment, terminal, clock.
[[nodiscard]] Globals make_globals();

/// Prints "dalsegno: …" on stderr. For people: data goes to stdout.
void say(std::string_view message);
/// Says what went wrong; returns the exit code for it.
[[nodiscard]] int fail(Error const& error);
/// The exit code of a verb that returns one, or what went wrong.
[[nodiscard]] int ended(Result<int> const& outcome);

}  // namespace dalsegno::command
