#include "storage/access/operator_acted.h"

#include "dalsegno/json.h"

namespace dalsegno::access {

bool was_refused(storage::OperatorActed const& acted) {
  if (acted.details.empty()) return false;
  auto const details = parse_json(acted.details);
  return details && details->find(refused_detail) != nullptr;
}

std::string why_refused(storage::OperatorActed const& acted) {
  auto const details = parse_json(acted.details);
  return details ? std::string(details->text(refused_detail)) : std::string();
}

}  // namespace dalsegno::access
