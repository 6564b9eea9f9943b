#pragma once

#include "dalsegno/json.h"

#include <cstddef>
#include <string>
#include <vector>

namespace dalsegno::test {

/// Tokens of one call as a server counts them: four bytes each.
struct Counts {
  std::size_t prompt = 0;
  std::size_t cached = 0;
  std::size_t output = 0;
};

/// An answer in the words of the test: {"content", "tool_calls": [{"id", "name", "arguments"}],
/// "reasoning", "refusal", "finish"}, all of them optional.

/// The body of an answer that is not streamed.
[[nodiscard]] std::string whole_chat(Json const& answer, std::string_view model, Counts counts);
/// The events of a streamed one, in small pieces, calls side by side; with usage if that was asked,
/// and [DONE].
[[nodiscard]] std::vector<std::string> streamed_chat(Json const& answer,
                                                     std::string_view model,
                                                     Counts counts,
                                                     bool with_usage);
/// The same for Anthropic's messages.
[[nodiscard]] std::string whole_messages(Json const& answer, std::string_view model, Counts counts);
[[nodiscard]] std::vector<std::string> streamed_messages(Json const& answer,
                                                         std::string_view model,
                                                         Counts counts);

/// What a model of no wit says to a conversation in the shape of chat completions. If the last
/// message is the user's "call NAME ARGUMENTS", one call a line, it asks for these; after tools it
/// tells what they said; else it says how many messages it was given and echoes the last.
[[nodiscard]] Json witless_answer(Json const& messages);

}  // namespace dalsegno::test
