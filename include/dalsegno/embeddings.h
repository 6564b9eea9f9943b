#pragma once

// Embeddings from servers that speak OpenAI's (vLLM, llama.cpp, Ollama, Workers AI … too): vectors
// of texts, asked for like a model (docs/models.md, "Embeddings").
//
//   auto added = ds::model::add_embeddings(registry, {.model = {.name = "embed", .endpoints = …}});
//   …
//   auto reply = co_await ctx.model<ds::model::EmbeddingsReply>(
//       "embed", ds::model::EmbeddingsRequest{.input = {"one text", "another"}});

#include "dalsegno/model.h"
#include "dalsegno/payload.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::model {

/// What a workflow asks.
struct EmbeddingsRequest {
  std::vector<std::string> input;  ///< none of them empty; at most EmbeddingsOptions::max_batch
  std::optional<std::uint32_t> dimensions;  ///< of each vector; nothing: as the model has them
};
BOOST_DESCRIBE_STRUCT(EmbeddingsRequest, (), (input, dimensions))

/// What it is answered, and what is recorded: vectors in the order of the input, all of one length.
/// Numbers are those of single precision that the server gave. Beside it the record has what it has
/// of any model call.
struct EmbeddingsReply {
  std::vector<std::vector<double>> vectors;
};
BOOST_DESCRIBE_STRUCT(EmbeddingsReply, (), (vectors))

/// How the numbers travel: as text, or as their bytes in base64, which is a third as much. Servers
/// that do not know the latter answer with numbers; both are read, whatever was asked for.
enum class EmbeddingsEncoding : std::uint8_t { floats, base64 };

struct EmbeddingsOptions {
  /// Name, endpoints, price, budget, egress, deadlines and breakers; the rest says nothing of
  /// embeddings. Endpoints speak the dialect `chat`.
  Options model = {};
  EmbeddingsEncoding encoding = EmbeddingsEncoding::floats;
  std::size_t max_batch = 256;  ///< texts of one call, 1 to 2,048
};

/// Registers it as a model: policy is asked for "model.call" with its name, and the end of a call
/// is recorded as that of a model, with its tokens, cost and endpoint.
///
/// Types of failure as of `add_model`, but for those of conversations and streams.
/// "malformed_answer" is also an answer with another number of vectors than texts, vectors of other
/// or different lengths, or numbers that are none. "input_mismatch": the request is none, has no or
/// too many texts, or one that is empty. One answer has at most `max_answer_bytes`; what is
/// recorded of it at most 64 MiB. Errors: those of `add_model`; Errc::invalid for an endpoint of
/// the dialect `messages` or a `max_batch` outside its range.
[[nodiscard]] Result<> add_embeddings(Registry& registry, EmbeddingsOptions const& options);

}  // namespace dalsegno::model
