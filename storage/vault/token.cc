#include "storage/vault/token.h"

#include "storage/vault/ascii.h"

#include <algorithm>

namespace dalsegno::vault {
namespace {

constexpr std::string_view opening = "[secret:";
constexpr std::size_t longest_kind = 40;

bool is_lower_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

/// The token at the start of `text`, whose offset is `begin`; empty digits: none.
TokenPlace token_at(std::string_view text, std::size_t begin) {
  auto const rest = text.substr(begin + opening.size());
  std::size_t kind = 0;
  while (kind < rest.size() && kind <= longest_kind &&
         (is_lower(rest[kind]) || is_digit(rest[kind]) || rest[kind] == '_'))
    ++kind;
  if (kind == 0 || kind > longest_kind || at_or_nul(rest, kind) != ':') return {};
  auto const digits = rest.substr(kind + 1, token_digits);
  if (digits.size() < token_digits || !std::ranges::all_of(digits, is_lower_hex) ||
      at_or_nul(rest, kind + 1 + token_digits) != ']')
    return {};
  return {
      begin, begin + opening.size() + kind + 1 + token_digits + 1, rest.substr(0, kind), digits};
}

}  // namespace

std::string TokenMaker::digits(std::string_view value) const {
  std::string message = "dalsegno/redaction/1";
  message.push_back('\0');
  message += value;
  return storage::to_hex(digester_.digest(message)).substr(0, token_digits);
}

std::string TokenMaker::token(std::string_view kind, std::string_view value) const {
  std::string out(opening);
  out += kind;
  out += ':';
  out += digits(value);
  out += ']';
  return out;
}

std::vector<TokenPlace> find_tokens(std::string_view text) {
  std::vector<TokenPlace> places;
  for (auto at = text.find(opening); at != std::string_view::npos;
       at = text.find(opening, at + 1)) {
    auto const place = token_at(text, at);
    if (!place.digits.empty()) places.push_back(place);
  }
  return places;
}

}  // namespace dalsegno::vault
