#include "activities/http/token_refusal.h"

#include "dalsegno/errors.h"
#include "storage/vault/token.h"

#include <string>

namespace dalsegno::http {

void refuse_tokens(std::string_view where, std::string_view text) {
  auto const tokens = vault::find_tokens(text);
  if (tokens.empty()) return;
  auto const& token = tokens.front();
  auto message = std::string(where) + " holds ";
  message += text.substr(token.begin, token.end - token.begin);
  message +=
      ", which stands for a value that was redacted: a policy rule with the obligation "
      "\"reveal\": [\"";
  message += token.kind;
  message += "\"] gives this activity the value itself";
  throw ActivityError("invalid_request", message, ActivityError::Retry::forbidden);
}

}  // namespace dalsegno::http
