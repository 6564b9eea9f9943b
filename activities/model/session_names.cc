#include "activities/model/session_names.h"

#include "dalsegno/ids.h"
#include "storage/event/json_text.h"

#include <algorithm>

namespace dalsegno::activities {
namespace {

constexpr std::size_t max_name_bytes = 200;  // of SessionId

/// The longest beginning of `name` that has at most `limit` bytes and ends with a whole character.
std::string_view cut(std::string_view name, std::size_t limit) {
  if (name.size() <= limit) return name;
  while (limit > 0 && (static_cast<unsigned char>(name[limit]) & 0xC0U) == 0x80U) --limit;
  return name.substr(0, limit);
}

std::string cleaned(std::string_view wanted) {
  std::string out;
  while (!wanted.empty() && out.size() < max_name_bytes) {
    auto const length = storage::utf8_length(wanted);
    auto const character = wanted.substr(0, std::max<std::size_t>(1, length));
    bool const allowed = length > 0 && valid(SessionId{.name = std::string(character)});
    out += allowed ? character : std::string_view("_");
    wanted.remove_prefix(character.size());
  }
  if (out.empty()) return "_";
  return std::string(cut(out, max_name_bytes));
}

}  // namespace

std::string SessionNames::take(std::string_view wanted) {
  auto base = cleaned(wanted);
  if (taken_.insert(base).second) return base;
  auto& number = next_suffix_.try_emplace(base, 2).first->second;
  for (;;) {
    auto const suffix = "-" + std::to_string(number++);
    auto name = std::string(cut(base, max_name_bytes - suffix.size())) + suffix;
    if (taken_.insert(name).second) return name;
  }
}

}  // namespace dalsegno::activities
