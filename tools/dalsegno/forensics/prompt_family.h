#pragma once

#include "dalsegno/agent.h"

#include <optional>
#include <string>

namespace dalsegno::forensics {

/// The family of the prompts that begin with this request: they share a stable prefix, its leading
/// system messages. Eight hexadecimal digits of their digest, chained as in agent::Prompt; "-"
/// without any; nothing for a request that goes on with a conversation.
[[nodiscard]] std::optional<std::string> family_of(agent::ModelRequest const& request);

}  // namespace dalsegno::forensics
