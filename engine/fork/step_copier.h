#pragma once

// The steps of one run as another run has them, which was forked from it. Pure but for what it
// reads: the same when the fork is made and when somebody checks it later.
// Source: storage/format.md, "fork".

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/event/digest.h"
#include "storage/event/event.h"
#include "storage/log/event_log.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// The run that the copies are for.
struct CopyTarget {
  SessionId session;
  RunId run;
  std::optional<storage::Predecessor> follows;
  storage::ForkOrigin origin;  ///< what it is a copy of
};

/// The secrets of both sessions, where they are not the same session.
struct CopyKeys {
  storage::SessionSecret from;
  storage::SessionSecret to;
};

struct CopiedStep {
  std::vector<storage::Event> events;
  std::vector<storage::StoredArtifact> artifacts;  ///< that the target's session does not have
  std::vector<storage::StoredCheckpoint> checkpoints;
};

/// Thread: one at a time.
class StepCopier {
 public:
  /// `log` outlives this. Without keys both runs are of one session, and digests stay.
  StepCopier(storage::EventLog const& log,
             SessionId from,
             CopyTarget target,
             std::optional<CopyKeys> const& keys);

  /// The next step of the run. Errors: Errc::undecidable when a checkpoint, or an artifact of
  /// another session, is not in the store any more, or a digest cannot be made anew; those of the
  /// log.
  [[nodiscard]] Result<CopiedStep> copy(storage::Step const& step);
  /// An event of a run that continues the copied one, as it comes to the target: only its payload
  /// and digests change. What has to be stored with it goes to `beside`.
  [[nodiscard]] Result<> rekey(storage::EventBody& body, CopiedStep& beside);

 private:
  class Rekey;
  struct Digesters {
    storage::KeyedDigester from;
    storage::KeyedDigester to;
  };

  [[nodiscard]] Result<storage::StoredCheckpoint> copy_checkpoint(Sequence sequence,
                                                                  CopiedStep& beside);

  // Set in the constructor.
  storage::EventLog const& log_;
  SessionId from_;
  CopyTarget target_;
  std::optional<Digesters> digesters_;

  std::map<storage::Digest, storage::Digest> known_;  // of the target, by that of the source
};

}  // namespace dalsegno::engine
