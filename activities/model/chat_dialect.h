#pragma once

#include "activities/model/dialect.h"

#include <memory>
#include <string>
#include <string_view>

namespace dalsegno::activities {

/// Where servers of the chat dialect differ in what they accept.
struct ChatOptions {
  /// OpenAI's newer models want "max_completion_tokens" and refuse "max_tokens".
  std::string max_tokens_name = "max_tokens";
  /// Without it some servers say nothing of usage in a stream; a few refuse to be asked.
  bool ask_for_usage = true;
};

/// OpenAI's chat completions, as vLLM, SGLang, llama.cpp, Ollama, Workers AI and many others serve
/// them too.

/// The body of POST {base}/chat/completions. The same call always gives the same bytes, and a call
/// whose messages begin with another's gives the same bytes up to there: what a server has cached
/// is found again. Throws std::invalid_argument for text that is not UTF-8.
[[nodiscard]] std::string write_chat_request(ModelCall const& call, ChatOptions const& options);

/// Reads a whole answer: the first choice counts. Faults: "malformed_answer", "empty_answer", and
/// those of an error in the place of an answer.
[[nodiscard]] OrFault<ModelAnswer> read_chat_answer(std::string_view body);

/// Reads a streamed one.
[[nodiscard]] std::unique_ptr<AnswerStream> read_chat_stream();

}  // namespace dalsegno::activities
