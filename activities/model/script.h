#pragma once

#include "activities/model/transcript.h"
#include "dalsegno/agent.h"
#include "dalsegno/result.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::vault {
class Redactor;
}

namespace dalsegno::activities {

/// One message as the session has it in its conversation.
struct ScriptedMessage {
  agent::Message message;    ///< as the far side says it
  agent::Message seen;       ///< as the session has it: redacted, if it redacts
  std::size_t recorded = 0;  ///< its index in the transcript; of joined messages, of the first
  std::string digest;        ///< of the conversation up to and with it: agent::Prompt::digest
};

/// A recorded conversation as the workflow "agent" goes through it.
struct Script {
  std::string file;
  std::size_t line = 1;
  std::string session;
  std::optional<std::string> system;
  /// Without the last turn, which gets no answer.
  std::vector<ScriptedMessage> messages;
  /// What the client says. The last one has `last` set, unless a tool ends the session.
  std::vector<agent::Turn> turns;
};

/// Lays a transcript out for a session:
/// - what system and developer messages say before the first turn is one system message, joined by
/// a blank line;
/// - user messages that follow each other are one turn, and assistant messages that follow each
/// other one answer,
///   joined likewise;
/// - results of parallel calls stand in the order of the calls;
/// - a user message at the end is the client's last turn; after an assistant message at the end the
/// client leaves
///   without a word; a tool's result at the end, or a call without one, ends the session.
///
/// Errors: Errc::invalid for what a session cannot go through: a system message in the middle, a
/// turn while a tool call is open or right after a tool's result. The detail begins "FILE:LINE:
/// message N (ROLE): ".
[[nodiscard]] Result<Script> make_script(Transcript const& transcript);

/// From here on the session is expected to see what `redactor` leaves.
void redact(Script& script, vault::Redactor const& redactor);

}  // namespace dalsegno::activities
