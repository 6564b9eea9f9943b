#include "tools/dalsegno/forensics/prompt_family.h"

#include "activities/model/client/conversation_log.h"

namespace dalsegno::forensics {

std::optional<std::string> family_of(agent::ModelRequest const& request) {
  if (request.prompt.messages != request.append.size()) return std::nullopt;
  std::string digest;
  for (auto const& message : request.append) {
    if (message.role != "system") break;
    digest = activities::chain_message(digest, message);
  }
  return digest.empty() ? "-" : digest.substr(0, 8);
}

}  // namespace dalsegno::forensics
