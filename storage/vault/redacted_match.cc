#include "storage/vault/redacted_match.h"

#include "dalsegno/json.h"
#include "storage/vault/token.h"

#include <algorithm>
#include <string>

namespace dalsegno::vault {
namespace {

bool is_token(std::string_view text) {
  auto const places = find_tokens(text);
  return places.size() == 1 && places[0].begin == 0 && places[0].end == text.size();
}

/// Names that met in one token got "#2", "#3" … behind it.
std::string_view without_number(std::string_view name) {
  auto const hash = name.rfind('#');
  if (hash == std::string_view::npos || hash + 1 == name.size()) return name;
  auto const digits = name.substr(hash + 1);
  bool const counts = std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  return counts ? name.substr(0, hash) : name;
}

bool same_name(std::string_view redacted, std::string_view original) {
  if (could_be_redacted_text(redacted, original)) return true;
  auto const bare = without_number(redacted);
  return is_token(bare) && bare.size() < redacted.size();
}

bool same(Json const& redacted, Json const& original) {
  if (auto const* const text = redacted.as_string()) {
    if (is_token(*text)) return true;
    auto const* const other = original.as_string();
    return other != nullptr && could_be_redacted_text(*text, *other);
  }
  if (auto const* const array = redacted.as_array()) {
    auto const* const other = original.as_array();
    return other != nullptr && std::ranges::equal(*array, *other, same);
  }
  if (auto const* const object = redacted.as_object()) {
    auto const* const other = original.as_object();
    return other != nullptr &&
           std::ranges::equal(*object, *other, [](Json::Member const& a, Json::Member const& b) {
             return same_name(a.name, b.name) && same(a.value, b.value);
           });
  }
  return redacted == original;
}

}  // namespace

bool could_be_redacted_text(std::string_view redacted, std::string_view original) {
  auto const tokens = find_tokens(redacted);
  if (tokens.empty()) return redacted == original;
  // What stands before the first token and behind the last is fixed; each piece in between is taken
  // where it is first found.
  auto const head = redacted.substr(0, tokens.front().begin);
  auto const tail = redacted.substr(tokens.back().end);
  if (original.size() < head.size() + tail.size() || !original.starts_with(head) ||
      !original.ends_with(tail))
    return false;
  auto rest = original.substr(head.size(), original.size() - head.size() - tail.size());
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    auto const piece = redacted.substr(tokens[i - 1].end, tokens[i].begin - tokens[i - 1].end);
    auto const found = rest.find(piece);
    if (found == std::string_view::npos) return false;
    rest.remove_prefix(found + piece.size());
  }
  return true;
}

bool could_be_redacted_json(std::string_view redacted, std::string_view original) {
  if (redacted == original) return true;
  auto const left = parse_json(redacted);
  auto const right = parse_json(original);
  return left && right && same(*left, *right);
}

}  // namespace dalsegno::vault
