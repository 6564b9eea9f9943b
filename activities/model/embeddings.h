#pragma once

// OpenAI's embeddings: bytes of requests and answers, without I/O.

#include "activities/model/fault.h"
#include "activities/model/usage.h"
#include "dalsegno/embeddings.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::activities {

/// The body of POST {base}/embeddings.
[[nodiscard]] std::string write_embeddings_request(std::string const& model,
                                                   model::EmbeddingsRequest const& request,
                                                   model::EmbeddingsEncoding encoding);

struct EmbeddingsAnswer {
  std::vector<std::vector<double>> vectors;  ///< in the order of the request's texts
  std::string model;                         ///< that the server says it ran
  std::optional<Usage> usage;
};

/// Faults: "malformed_answer", and those of an error that came with a status of success.
[[nodiscard]] OrFault<EmbeddingsAnswer> read_embeddings_answer(
    std::string_view body, model::EmbeddingsRequest const& request);

}  // namespace dalsegno::activities
