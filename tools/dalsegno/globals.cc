#include "tools/dalsegno/globals.h"

#include "tools/dalsegno/printable.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

namespace dalsegno::command {

namespace {

std::string_view environment(char const* name) {
  auto const* const value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

}  // namespace

Globals make_globals() {
  Globals globals;
  auto const data = environment("DALSEGNO_DATA");
  globals.data = data.empty() ? "./dalsegno-data" : std::filesystem::path(data);
  globals.terminal = isatty(STDOUT_FILENO) == 1;
  globals.color =
      globals.terminal && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
  globals.now =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  return globals;
}

void say(std::string_view message) {
  auto const line = "dalsegno: " + printable(message, Lines::keep) + '\n';
  std::fflush(stdout);  // where both end in one place, they stay in order
  std::fwrite(line.data(), 1, line.size(), stderr);
}

int fail(Error const& error) {
  say(error.detail.empty() ? name_of(error.code) : error.detail);
  return exit_code_for(error.code);
}

int ended(Result<int> const& outcome) { return outcome ? *outcome : fail(outcome.error()); }

}  // namespace dalsegno::command
