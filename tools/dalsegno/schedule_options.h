#pragma once

// When a schedule occurs, on the command line.

#include "dalsegno/result.h"
#include "dalsegno/schedule.h"

#include <CLI/App.hpp>

#include <string>
#include <vector>

namespace dalsegno::command {

struct SpecOptions {
  std::vector<std::string> cron;
  std::vector<std::string> every;  ///< "15m", or "1d+6h" with an offset
  std::string zone = "UTC";
  std::string missing = "move";
  std::string repeated = "first";
  std::string start_at;
  std::string end_at;
  std::string jitter;
};

void add_spec_options(CLI::App& verb, SpecOptions& options);

/// Errors: Errc::invalid.
[[nodiscard]] Result<ScheduleSpec> read_spec(SpecOptions const& options);

/// A point of time from an option. Errors: Errc::invalid.
[[nodiscard]] Result<Time> read_time(char const* option, std::string const& text);
[[nodiscard]] Result<std::chrono::seconds> read_duration(char const* option,
                                                         std::string const& text);
/// The enumerator of that name; it was checked by CLI11. Errors: Errc::invalid.
[[nodiscard]] Result<Overlap> read_overlap(std::string const& text);
void add_overlap_option(CLI::App& verb, std::string& overlap, std::string const& text);

}  // namespace dalsegno::command
