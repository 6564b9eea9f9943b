#include "tools/dalsegno/forensics/status_name.h"

namespace dalsegno::forensics {

std::string_view name_of(storage::SessionStatus status) {
  switch (status) {
    case storage::SessionStatus::open:
      return "open";
    case storage::SessionStatus::completed:
      return "completed";
    case storage::SessionStatus::failed:
      return "failed";
    case storage::SessionStatus::held:
      return "held";
    case storage::SessionStatus::cancelled:
      return "cancelled";
    case storage::SessionStatus::continued:
      return "continued";
  }
  return "unknown";
}

std::string_view name_of(storage::Head const& head) {
  return head.paused ? "paused" : name_of(head.status);
}

}  // namespace dalsegno::forensics
