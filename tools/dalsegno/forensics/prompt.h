#pragma once

// A prompt of the past, put together again from the log.

#include "activities/model/dialect.h"
#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/forensics/history.h"

#include <string>
#include <vector>

namespace dalsegno::forensics {

struct RebuiltPrompt {
  OperationId operation = OperationId::none;
  Sequence requested = 0;
  std::string model;   ///< the name that the workflow called it by
  std::string digest;  ///< that the request names; "": it is no part of a conversation
  std::vector<activities::PromptMessage> messages;
  /// Rules by whose permits the server was given originals of what stands here as tokens.
  std::vector<std::string> revealed_by;
};

/// The prompt of the model call that the event at `sequence` belongs to. Its messages chain to the
/// digest that the request names, if it names one.
/// Errors: Errc::invalid when that event is none of a model call, or its request no
/// agent::ModelRequest; Errc::corrupt when a message is missing or another than was meant: the
/// detail says which; those of the log.
[[nodiscard]] Result<RebuiltPrompt> rebuild_prompt(storage::EventLog const& log,
                                                   History const& history,
                                                   Sequence sequence);

/// The messages as a canonical JSON array; what a server wanted back with an answer of its own
/// stands in "reasoning_blocks".
[[nodiscard]] std::string messages_json(std::vector<activities::PromptMessage> const& messages);

}  // namespace dalsegno::forensics
