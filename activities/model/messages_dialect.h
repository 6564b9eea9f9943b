#pragma once

#include "activities/model/dialect.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace dalsegno::activities {

struct MessagesOptions {
  std::uint64_t default_max_tokens = 4'096;  ///< this dialect must be told a number
  /// Marks the ends of tools, system and conversation for the server's cache, which keeps nothing
  /// without that.
  bool mark_for_cache = true;
};

/// Anthropic's Messages.

/// The body of POST {base}/messages. Same bytes as in `write_chat_request`, but for the marks for
/// the cache, which move on with the conversation and are not part of what is cached. An answer of
/// kind json_schema is asked for as a call of a tool, `json_answer_tool`, that must be called.
[[nodiscard]] std::string write_messages_request(ModelCall const& call,
                                                 MessagesOptions const& options);

/// Faults as `read_chat_answer`. A call of `json_answer_tool` becomes the answer's content.
[[nodiscard]] OrFault<ModelAnswer> read_messages_answer(std::string_view body);

[[nodiscard]] std::unique_ptr<AnswerStream> read_messages_stream();

/// No tool may have this name.
inline constexpr std::string_view json_answer_tool = "dalsegno_json_answer";

}  // namespace dalsegno::activities
