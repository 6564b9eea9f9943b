#include "storage/access/recorded_time.h"

#include "dalsegno/try.h"

#include <algorithm>

namespace dalsegno::access {

Result<Time> not_before_recorded(storage::EventLog const& log, Time now) {
  TRY_VOID(log.scan_heads([&now](SessionId const&, storage::Head const& head) {
    now = std::max(now, head.updated_at);
    return true;
  }));
  return now;
}

}  // namespace dalsegno::access
