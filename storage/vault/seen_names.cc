#include "storage/vault/seen_names.h"

#include <functional>
#include <mutex>
#include <tuple>

namespace dalsegno::vault {

SeenNames::Place SeenNames::place_of(std::string_view name) {
  constexpr auto parts = std::tuple_size_v<decltype(parts_)>;
  constexpr auto entries = std::tuple_size_v<decltype(Part::entries)>;
  auto const hash = std::hash<std::string_view>{}(name);
  return {hash % parts, hash / parts % entries};
}

std::optional<NameFacts> SeenNames::find(std::string_view name) const {
  if (name.size() > longest) return {};
  auto const place = place_of(name);
  auto const& part = parts_[place.part];
  std::lock_guard const lock(part.mutex);
  auto const& entry = part.entries[place.entry];
  if (!entry.taken || entry.name != name) return {};
  return entry.facts;
}

void SeenNames::add(std::string_view name, NameFacts facts, std::uint64_t generation) {
  if (name.size() > longest || !facts.clean) return;
  auto const place = place_of(name);
  auto& part = parts_[place.part];
  std::lock_guard const lock(part.mutex);
  if (generation_ != generation) return;
  auto& entry = part.entries[place.entry];
  entry.name = name;
  entry.facts = facts;
  entry.taken = true;
}

void SeenNames::clear() {
  ++generation_;
  for (auto& part : parts_) {
    std::lock_guard const lock(part.mutex);
    for (auto& entry : part.entries) entry = {};
  }
}

}  // namespace dalsegno::vault
