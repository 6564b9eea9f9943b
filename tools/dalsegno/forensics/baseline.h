#pragma once

// What the workflows of a store took and cost, as figures that a later state can be compared with.

#include "dalsegno/ids.h"
#include "dalsegno/json.h"
#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/forensics/call_survey.h"
#include "tools/dalsegno/forensics/statistics.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::forensics {

/// Of one workflow, over all runs of its sessions.
struct WorkflowBaseline {
  std::map<std::string, std::uint64_t> sessions;  ///< status → how many
  /// From the first event to the last, of sessions that have ended; sorted.
  std::vector<std::chrono::microseconds> durations;
  CallGroup models;                               ///< its model calls
  std::map<std::string, std::uint64_t> failures;  ///< type → attempts of model calls that failed so
  std::map<std::string, CallFigures> calls;       ///< by "kind name", model calls too
};

struct Baseline {
  std::map<std::string, WorkflowBaseline> workflows;
  std::uint64_t sessions = 0;
  std::uint64_t steps = 0;  ///< whose hashes and links were verified
  // When the first and the last of the events were recorded; nothing without any.
  std::optional<Time> first;
  std::optional<Time> last;
  std::vector<std::string> broken;  ///< sessions that could not be read to their end, and why
};

/// Errors: Errc::io.
[[nodiscard]] Result<Baseline> read_baseline(storage::EventLog const& log,
                                             std::vector<CountedSession> const& sessions);

/// The calls of all models of a workflow, or of all its tools, taken together.
[[nodiscard]] CallFigures together(WorkflowBaseline const& workflow, std::string_view kind);

/// A part of a whole; 0 of nothing.
[[nodiscard]] double share_of(std::uint64_t part, std::uint64_t whole);

/// As docs/cli.md describes it, without "schema" and "v".
[[nodiscard]] Json as_json(Baseline const& baseline);

}  // namespace dalsegno::forensics
