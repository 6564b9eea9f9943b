#pragma once

// That the commit records order all steps: without gaps, each step once, in the order of its run.

#include "dalsegno/result.h"
#include "storage/event/digest.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/forensics/finding.h"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace dalsegno::forensics {

enum class Coverage : std::uint8_t { all_sessions, some_sessions };

class CommitCheck {
 public:
  CommitCheck(storage::EventLog const& log, Coverage coverage, Findings& findings);

  /// A step that is in the store. All of them come before `run`.
  void saw(std::string key, storage::Digest const& hash, Sequence last_sequence);

  /// Reads the commit records. Errors: Errc::io.
  [[nodiscard]] Result<> run();
  [[nodiscard]] std::uint64_t commits() const { return commits_; }

 private:
  struct Seen {
    storage::Digest hash;
    Sequence last_sequence = 0;
    std::uint64_t commit = 0;  // 0: none yet
  };

  void take(storage::CommitRecord const& record, storage::Digest const& digest);
  void take_step(storage::CommitRecord const& record, storage::CommittedStep const& step);
  void check_digest(storage::CommitRecord const& record, storage::Digest const& digest);
  void check_rest();
  void found(std::uint64_t commit, std::string detail, Severity severity = Severity::failure);

  storage::EventLog const& log_;
  storage::StoreInfo info_;
  Coverage coverage_;
  Findings& findings_;
  std::unordered_map<std::string, Seen> steps_;  // by key
  std::unordered_map<std::string, Sequence>
      reached_;  // by run prefix: last sequence that a commit covers
  std::uint64_t commits_ = 0;
  storage::Digest previous_;
};

}  // namespace dalsegno::forensics
