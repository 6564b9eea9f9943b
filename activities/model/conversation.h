#pragma once

#include "dalsegno/json.h"

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::activities {

/// A call that a model asked for.
struct RecordedToolCall {
  std::string id;
  std::string name;
  Json arguments;              ///< as JSON; a string with the text itself when that is no JSON
  std::string arguments_text;  ///< as the model wrote it; of an object its compact JSON

  friend bool operator==(RecordedToolCall const&, RecordedToolCall const&) = default;
};

/// One message of a recorded conversation, in the shape of OpenAI's chat messages.
struct RecordedMessage {
  std::string role;  ///< system, developer, user, assistant or tool
  std::optional<std::string>
      content;  ///< parts are joined by newlines; those that are no text, as JSON
  std::vector<RecordedToolCall> tool_calls;  ///< of an assistant message
  std::string tool_call_id;                  ///< of a tool message: whose result it is
  std::string name;  ///< of a tool message: as recorded, else the name of its call

  friend bool operator==(RecordedMessage const&, RecordedMessage const&) = default;
};

/// Why a list of messages is no conversation.
struct ConversationProblem {
  std::optional<std::size_t>
      message;       ///< index of the message in the list; absent: the list itself
  std::string what;  ///< names the message
};

/// Reads a list of messages and checks that a session could have gone this way: the first assistant
/// message answers a user message, each tool message answers an open call (one of the latest
/// assistant message that has no result yet, in any order), and no call is open when the next
/// assistant message comes. At the end calls may be open. Members that are not known are passed
/// over.
[[nodiscard]] std::expected<std::vector<RecordedMessage>, ConversationProblem> read_conversation(
    Json const& list);

}  // namespace dalsegno::activities
