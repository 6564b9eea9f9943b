#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/event/digest.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace dalsegno::engine {

/// With which somebody outside may end one attempt, or (attempt 0) keep a promise. Nobody can make
/// one who does not know the session's secret; it is kept nowhere.
struct CompletionToken {
  SessionId session;
  RunId run;
  OperationId operation = OperationId::none;
  std::uint32_t attempt = 0;
  storage::Digest proof;  ///< HMAC-SHA-256 under the session's secret

  friend bool operator==(CompletionToken const&, CompletionToken const&) = default;
};

[[nodiscard]] storage::Digest proof_of(storage::KeyedDigester const& digester,
                                       RunId const& run,
                                       OperationId operation,
                                       std::uint32_t attempt);
/// Takes the same time wherever they differ.
[[nodiscard]] bool same_proof(storage::Digest const& left, storage::Digest const& right);

/// "dalsegno-attempt-" or "dalsegno-promise-" and letters, digits, '-' and '_': at most 600 of
/// them.
[[nodiscard]] std::string to_text(CompletionToken const& token);
/// Errors: Errc::invalid when it is no such text. Whether the proof is right, its session knows.
[[nodiscard]] Result<CompletionToken> parse_completion_token(std::string_view text);

}  // namespace dalsegno::engine
