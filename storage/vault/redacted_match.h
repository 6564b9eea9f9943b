#pragma once

#include <string_view>

namespace dalsegno::vault {

/// Whether `redacted` may be what redaction made of `original`: the same text, but that each token
/// in `redacted` may stand for any text. For replay, which has no keys and need not know the rules
/// that were in force. Time: the product of the two lengths at most. Thread: any.
[[nodiscard]] bool could_be_redacted_text(std::string_view redacted, std::string_view original);

/// The same for JSON texts: strings and names of members as above, and a string that is one token
/// may stand for any value. The order of members counts, as redaction keeps it. False when one of
/// them is no JSON.
[[nodiscard]] bool could_be_redacted_json(std::string_view redacted, std::string_view original);

}  // namespace dalsegno::vault
