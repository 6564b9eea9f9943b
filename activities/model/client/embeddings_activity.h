#pragma once

#include "activities/http/client.h"
#include "activities/model/client/client.h"
#include "activities/model/embeddings.h"
#include "dalsegno/embeddings.h"
#include "dalsegno/ids.h"

#include <string>

namespace dalsegno::activities {

/// What came of one call.
struct EmbeddingsCalled {
  OrFault<EmbeddingsAnswer> answer;
  Time started;
  Time ended;
};

/// One request, nothing repeated, no redirect followed. `body` asks for `request`; `options.now` is
/// set. Blocks its thread.
[[nodiscard]] EmbeddingsCalled call_embeddings(http::Client const& client,
                                               ModelTarget const& target,
                                               model::EmbeddingsRequest const& request,
                                               std::string body,
                                               ModelCallOptions const& options);

}  // namespace dalsegno::activities
