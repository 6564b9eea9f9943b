#pragma once

#include "dalsegno/json.h"
#include "dalsegno/result.h"

#include <cstdint>

namespace dalsegno::activities {

/// The tokens of one model call, whatever the server calls them. Absent counts are 0.
struct Usage {
  std::uint64_t input = 0;        ///< of the whole prompt: with `cached` and `cache_write`
  std::uint64_t cached = 0;       ///< of the input, read from the server's cache
  std::uint64_t cache_write = 0;  ///< of the input, written to it
  std::uint64_t output = 0;       ///< with `reasoning`
  std::uint64_t reasoning = 0;    ///< of the output
  // Parts that have prices of their own.
  std::uint64_t input_audio = 0;   ///< of the input, with `cached_audio`
  std::uint64_t cached_audio = 0;  ///< of `cached`
  std::uint64_t output_audio = 0;  ///< of the output
  std::uint64_t output_image = 0;  ///< of the output

  friend bool operator==(Usage const&, Usage const&) = default;
};

/// No count above this is believed.
inline constexpr std::uint64_t max_usage_tokens = 1'000'000'000'000;

/// Reads what a model server says of a call: a whole answer or event, or its usage object alone.
///
/// Spellings: OpenAI chat and responses with those that copy them (vLLM, Workers AI, OpenRouter,
/// Mistral, DeepSeek, xAI, Groq), where cached tokens lie inside the prompt's count; Anthropic
/// messages and Bedrock, where they lie outside it and are added here; Gemini; Cohere; Ollama's own
/// API; llama.cpp's timings. xAI counts reasoning outside the completion: it is added where only
/// that gives the total. Null means absent, and what is not known is passed over.
///
/// Errors: Errc::not_found when nothing in `answer` is a usage; Errc::invalid, naming the member,
/// when a count is no integer from 0 to `max_usage_tokens`, or a part is more than its whole.
/// Thread: any.
[[nodiscard]] Result<Usage> read_usage(Json const& answer);

}  // namespace dalsegno::activities
