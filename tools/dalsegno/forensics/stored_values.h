#pragma once

#include "tools/dalsegno/forensics/history.h"

#include <map>
#include <string>

namespace dalsegno::forensics {

/// A value of a session's keyed store.
struct StoredValue {
  storage::Payload value;
  Sequence sequence = 0;  ///< of the event that it comes from
  Time recorded_at;
};

/// What the store holds after the history's last event, by key.
[[nodiscard]] std::map<std::string, StoredValue> stored_values(History const& history);

}  // namespace dalsegno::forensics
