#pragma once

#include "dalsegno/result.h"
#include "engine/session/session.h"
#include "storage/log/event_log.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::engine {

/// Finds the workflow of that name; nullptr when this program has none.
using FindWorkflow = std::function<WorkflowDefinition const*(std::string_view name)>;

/// Where a replay begins: at the run's first event, at its newest checkpoint, or at the one with
/// this sequence.
struct ReplayFrom {
  enum class Kind : std::uint8_t {
    start,
    newest_checkpoint,
    checkpoint
  } kind = Kind::newest_checkpoint;
  Sequence sequence = 0;
  std::optional<RunId> run = {};  ///< absent: the session's newest
};

struct ReplayReport {
  std::unique_ptr<Session>
      session;        ///< as it is after its last recorded step; of no use when it diverged
  Sequence from = 0;  ///< the checkpoint it began at; 0: the start
  std::uint64_t steps = 0;
  std::uint64_t events = 0;
  std::optional<Divergence> divergence;
};

/// Rebuilds a session by running its workflow against its log, verifying the chain on the way.
/// Appends nothing, releases nothing. Errors: Errc::not_found, Errc::unknown_workflow,
/// Errc::corrupt, Errc::newer_format, Errc::undecidable (the session's key was destroyed). A
/// divergence is no error of this function: it stands in the report. `after_step` is called after
/// each step that was run.
[[nodiscard]] Result<ReplayReport> replay_session(
    storage::EventLog const& log,
    FindWorkflow const& find_workflow,
    SessionId const& session,
    ReplayFrom from = {},
    std::function<void(SessionId const&, std::string_view)> say = {},
    std::function<void()> const& after_step = {});

}  // namespace dalsegno::engine
