#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/forensics/calls.h"
#include "tools/dalsegno/forensics/history.h"
#include "tools/dalsegno/forensics/policy_book.h"

#include <cstdint>
#include <optional>
#include <string>

namespace dalsegno::forensics {

/// What stood for the old turns in an agent's prompts (docs/context.md).
struct ExplainedContext {
  Sequence sequence = 0;  ///< of its record
  std::uint64_t first_turn = 0;
  std::uint64_t last_turn = 0;
  Sequence last_event = 0;                    ///< of what it stands for
  std::string made_by;                        ///< "model" or "structure"
  OperationId operation = OperationId::none;  ///< of the model's call; `none`: there was none
  Judgement judgement;                        ///< whether it is what the model said, word for word
};

/// The newest summary that was recorded before the event `turn`.
/// Errors: those of the log when an artifact cannot be read.
[[nodiscard]] Result<std::optional<ExplainedContext>> find_context(storage::EventLog const& log,
                                                                   History const& history,
                                                                   Calls const& calls,
                                                                   Sequence turn);

}  // namespace dalsegno::forensics
