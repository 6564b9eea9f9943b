#pragma once

#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/forensics/finding.h"

#include <cstdint>
#include <vector>

namespace dalsegno::forensics {

struct VerifyOptions {
  /// Only these sessions; empty: all, the journal, timers that belong to nobody, and every commit.
  std::vector<SessionId> sessions;
};

struct VerifyReport {
  Findings findings;
  std::uint64_t sessions = 0;
  std::uint64_t runs = 0;
  std::uint64_t steps = 0;
  std::uint64_t events = 0;
  std::uint64_t commits = 0;

  [[nodiscard]] bool passed() const { return findings.failures() == 0; }
};

/// Checks everything that a log holds: schema and hashes, sequences, chain and heads, causes,
/// permits, attempts, digests of payloads, artifacts and checkpoints, timers, commit records,
/// watermark. Each step is decoded once. A log that is being written must not be verified through
/// its writer: open it for reading. What is wrong with the content is a finding. Errors: Errc::io,
/// when the store cannot be read at all.
[[nodiscard]] Result<VerifyReport> verify_store(storage::EventLog const& log,
                                                VerifyOptions const& options = {});

}  // namespace dalsegno::forensics
