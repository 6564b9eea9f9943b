#pragma once

// The model calls of a run: who asked, when, how each attempt went, and what was recorded of the
// answer.

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/forensics/call_record.h"
#include "tools/dalsegno/forensics/history.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::forensics {

enum class ModelAttemptEnd : std::uint8_t { open, completed, failed, orphaned };

struct ModelAttempt {
  std::uint32_t number = 0;
  Sequence started = 0;
  Time started_at;
  ModelAttemptEnd end = ModelAttemptEnd::open;
  Sequence ended = 0;  ///< 0: it has not
  Time ended_at;
  bool retryable = false;  ///< of a failure: trying again may help
  std::string endpoint;    ///< that was asked; "": not known
  // Of a failure: what its server had said of it by then.
  std::optional<RecordedUsage> failed_usage = {};
  std::optional<double> failed_usd = {};
};

struct RecordedModelCall {
  OperationId operation = OperationId::none;
  std::string model;        ///< the name that the workflow called it by
  std::string family;       ///< see family_of; of the conversation begun last; "?": not known
  bool is_summary = false;  ///< asks for what takes the place of old turns (docs/context.md)
  Sequence requested = 0;
  std::vector<ModelAttempt> attempts;  ///< in the order in which they were started
  // ---- of a call that completed ----
  std::optional<std::size_t> completed;  ///< which attempt
  std::string served;                    ///< the model that the server says it ran
  std::optional<CallRecord> record;
  std::optional<RecordedUsage> usage;  ///< of the record; without one, of the event
};

/// In the order in which they were requested. A payload that cannot be had is as one that is empty.
/// Errors: Errc::io.
[[nodiscard]] Result<std::vector<RecordedModelCall>> read_model_calls(storage::EventLog const& log,
                                                                      History const& history);

/// All runs of a session that have steps, the oldest first. Errors: Errc::io.
[[nodiscard]] Result<std::vector<History>> read_all_runs(storage::EventLog const& log,
                                                         SessionId const& session,
                                                         storage::Head const& head);

/// From `earlier` to `later`; 0 if it is not.
[[nodiscard]] std::chrono::microseconds between(Time earlier, Time later);

}  // namespace dalsegno::forensics
