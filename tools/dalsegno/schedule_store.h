#pragma once

// A store that schedules are told something in, by a program that has not the workflows that they
// start.

#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "dalsegno/runtime.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/engine_steps.h"
#include "tools/dalsegno/errandless_log.h"
#include "tools/dalsegno/globals.h"
#include "tools/dalsegno/redaction_options.h"
#include "tools/dalsegno/store.h"

#include <CLI/App.hpp>

#include <functional>
#include <memory>
#include <string>

namespace dalsegno::command {

struct ScheduleStoreOptions {
  std::string policy;
  RedactionOptions redaction;
};

/// --policy and the options of redaction.
void add_schedule_store_options(CLI::App& verb, ScheduleStoreOptions& options);

/// Takes one input after the other, and nothing else: no timer fires, no call is made, and what a
/// step promises (the start of an action) is left to the next runtime, as if this process had
/// ended right after the step was durable. It has the two members of Runtime that
/// dalsegno/schedule.h needs to write.
class ScheduleStore {
 public:
  /// Opens or creates the store of `globals.data`. Errors: those of open_store_to_work;
  /// Errc::conflict when a call was interrupted by the end of its process: a runtime takes it up
  /// first; those of Engine::start.
  [[nodiscard]] static Result<std::unique_ptr<ScheduleStore>> open(
      Globals const& globals, ScheduleStoreOptions const& options);
  ScheduleStore(ScheduleStore const&) = delete;
  ScheduleStore& operator=(ScheduleStore const&) = delete;
  ~ScheduleStore() = default;

  [[nodiscard]] storage::EventLog const& log() const { return *log_; }

  Result<Acknowledgement> start_with_json(SessionId const& session,
                                          std::string workflow,
                                          std::string input,
                                          StartOptions options);
  Result<Acknowledgement> signal_with_json(SessionId const& session,
                                           std::string name,
                                           std::string payload,
                                           std::string key,
                                           std::string principal);

 private:
  ScheduleStore() = default;
  Result<Acknowledgement> ask(std::function<void(engine::Engine&, engine::OnReceipt)> const& begin);

  // In the order in which they are made.
  Registry registry_;
  std::unique_ptr<storage::EventLog> log_;
  std::unique_ptr<ErrandlessLog> errandless_;
  std::unique_ptr<storage::EventLog> guarded_;
  std::unique_ptr<vault::Redaction> redaction_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::EngineSteps> steps_;
};

/// The schedule that `text` means. Errors: those of find_session; Errc::invalid when it is another
/// session.
[[nodiscard]] Result<FoundSession> find_schedule(storage::EventLog const& log,
                                                 Globals const& globals,
                                                 std::string const& text);

/// Says that it is on disk.
void show_told(Globals const& globals,
               SessionId const& schedule,
               std::string_view verb,
               Acknowledgement const& done);

}  // namespace dalsegno::command
