#include "storage/vault/clean_texts.h"

#include <functional>

namespace dalsegno::vault {

CleanTexts::Place CleanTexts::place_of(std::string_view name, std::string_view text) {
  constexpr auto parts = std::tuple_size_v<decltype(parts_)>;
  auto const hash =
      std::hash<std::string_view>{}(text) ^ (std::hash<std::string_view>{}(name) << 1U);
  return {hash % parts, hash / parts % entries_of_part};
}

bool CleanTexts::holds(std::string_view name, std::string_view text) const {
  if (text.size() < shortest || text.size() > longest) return false;
  auto const place = place_of(name, text);
  auto const& part = parts_[place.part];
  std::lock_guard const lock(part.mutex);
  auto const& entry = part.entries[place.entry];
  return entry.text == text && entry.name == name;
}

void CleanTexts::add(std::string_view name, std::string_view text, std::uint64_t generation) {
  if (text.size() < shortest || text.size() > longest) return;
  auto const place = place_of(name, text);
  auto& part = parts_[place.part];
  std::lock_guard const lock(part.mutex);
  if (generation_ != generation) return;
  auto& entry = part.entries[place.entry];
  entry.name = name;
  entry.text = text;
}

void CleanTexts::clear() {
  ++generation_;
  for (auto& part : parts_) {
    std::lock_guard const lock(part.mutex);
    for (auto& entry : part.entries) entry = {};
  }
}

}  // namespace dalsegno::vault
