#pragma once

#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/forensics/history.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dalsegno::forensics {

/// The times from AttemptStarted to result of one model, tool or activity, and what came of its
/// calls.
struct CallFigures {
  std::uint64_t requested = 0;
  std::uint64_t completed = 0;
  std::uint64_t errors = 0;  ///< answers that were errors
  std::uint64_t failed = 0;  ///< operations that failed for good
  std::uint64_t denied = 0;  ///< decisions
  std::uint64_t attempts = 0;
  std::uint64_t retries = 0;  ///< of these, those after a call's first
  std::uint64_t failed_attempts = 0;
  std::uint64_t orphaned = 0;
  std::vector<std::chrono::microseconds> latencies;  ///< of attempts that brought a result; sorted
};

struct Statistics {
  std::map<std::string, std::map<std::string, std::uint64_t>>
      sessions;                                 ///< workflow → status → how many
  std::map<std::string, std::uint64_t> events;  ///< by type
  std::map<std::string, CallFigures> calls;     ///< by "kind name"
  std::uint64_t steps = 0;
  std::uint64_t step_bytes = 0;
  std::uint64_t commits = 0;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::uint64_t cached_tokens = 0;
  std::vector<std::string> broken;  ///< runs that could not be read to their end, and why
};

/// Counts the events of one run. Leaves latencies unsorted.
void count_events(Statistics& statistics, History const& history);

struct CountedSession {
  SessionId id;
  storage::Head head;
};

/// Reads the newest run of each session, verifying its chain.
/// Errors: Errc::io.
[[nodiscard]] Result<Statistics> count(storage::EventLog const& log,
                                       std::vector<CountedSession> const& sessions);

}  // namespace dalsegno::forensics
