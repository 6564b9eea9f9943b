#pragma once

// What the verbs that run sessions share: run, send.

#include "dalsegno/queues.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "engine/policy/policy.h"
#include "engine/runtime/engine.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/globals.h"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dalsegno::command {

/// Opens or creates the store in `globals.data` for writing. Errors: those of open_rocksdb; the
/// detail names the folder and says what to do.
[[nodiscard]] Result<std::unique_ptr<storage::EventLog>> open_store_to_work(Globals const& globals);

/// Reads a policy document. Errors: Errc::not_found, Errc::io, those of PolicySet::parse.
[[nodiscard]] Result<engine::PolicySet> read_policy(std::string const& file);

/// An open session of which a call is under way or waits to be made again, so that an engine takes
/// it up at once, and that `served` knows nothing of. "" when there is none.
[[nodiscard]] Result<std::string> find_interrupted(
    storage::EventLog const& log, std::function<bool(SessionId const&)> const& served);

using OnDurable = std::function<void(SessionId const&, std::span<storage::Event const>)>;

/// The policy that was activated in the store last. Errors: those of read_store_policies.
[[nodiscard]] Result<std::optional<engine::PolicySet>> active_policy(storage::EventLog const& log);

/// An engine with the log that it may write: as a runtime's credential may.
struct RunningEngine {
  std::unique_ptr<storage::EventLog> log;
  std::unique_ptr<engine::Engine> engine;

  engine::Engine& operator*() const { return *engine; }
  engine::Engine* operator->() const { return engine.get(); }
};

/// Starts an engine on the store of `globals.data`, with the store's shadow policies; what people
/// should know goes to stderr. `queues`: in which calls wait. `log`, `registry` and `intake` must
/// outlive it; without an intake nothing is redacted. Errors: Errc::denied when the store has
/// operators and they have not activated this policy; those of the log.
[[nodiscard]] Result<RunningEngine> start_engine(Globals const& globals,
                                                 storage::EventLog& log,
                                                 Registry const& registry,
                                                 engine::PolicySet policy,
                                                 vault::Intake const* intake,
                                                 OnDurable on_durable = {},
                                                 std::vector<QueueOptions> queues = {});

}  // namespace dalsegno::command
