#include "tools/dalsegno/forensics/stored_values.h"

#include <variant>

namespace dalsegno::forensics {

std::map<std::string, StoredValue> stored_values(History const& history) {
  std::map<std::string, StoredValue> values;
  for (auto const& placed : history.events) {
    auto const at = [&placed](storage::Payload const& value) {
      return StoredValue{value, placed.event.sequence, placed.recorded_at};
    };
    if (auto const* const carried = std::get_if<storage::RunCarried>(&placed.event.body)) {
      for (auto const& one : carried->stored) values[one.name] = at(one.value);
    }
    auto const* const changed = std::get_if<storage::StoreChanged>(&placed.event.body);
    if (changed == nullptr) continue;
    if (changed->erased) {
      values.erase(changed->key);
    } else {
      values[changed->key] = at(changed->value);
    }
  }
  return values;
}

}  // namespace dalsegno::forensics
