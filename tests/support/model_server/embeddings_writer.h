#pragma once

#include "dalsegno/json.h"

#include <string>

namespace dalsegno::test {

/// The answer to a request for embeddings, in the encoding that it asks for: of each text the
/// vector (bytes, 0.1, -2.5e-7, 1, 1 …), of four numbers or as many as it asks for. The texts'
/// vectors stand in the reverse order. A token for each four bytes.
[[nodiscard]] std::string embeddings_of(Json const& request);

}  // namespace dalsegno::test
