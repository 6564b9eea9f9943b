#pragma once

#include "storage/event/event.h"

#include <cstddef>
#include <string>

namespace dalsegno::command {

/// A payload on one line, shortened: a JSON string without its quotes, other JSON as it stands, an
/// artifact by its size.
[[nodiscard]] std::string payload_text(storage::Payload const& payload, std::size_t limit);

/// What a model replied or was asked, a tool answered …: the part that a reader of a transcript
/// wants. Knows the exchanges of the built-in agent (dalsegno/agent.h); anything else as
/// `payload_text`.
[[nodiscard]] std::string said_text(storage::Payload const& payload, std::size_t limit);

}  // namespace dalsegno::command
