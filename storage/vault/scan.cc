#include "storage/vault/scan.h"

#include "storage/vault/ascii.h"

#include <algorithm>

namespace dalsegno::vault {
namespace {

/// How far words may stand from what they speak of.
constexpr std::size_t words_before = 80;
constexpr std::size_t words_behind = 40;

bool has_word(std::string_view folded, std::vector<std::string> const& words) {
  return std::ranges::any_of(words, [&](std::string const& word) {
    for (auto at = folded.find(word); at != std::string_view::npos;
         at = folded.find(word, at + 1)) {
      bool const begins = at == 0 || !is_letter(folded[at - 1]);
      // A short word ("sin", "cc") has to end there, too.
      auto const behind = at_or_nul(folded, at + word.size());
      if (begins && (word.size() > 4 || !is_letter(behind))) return true;
    }
    return false;
  });
}

/// Words of a field's name, apart: "cardNumber" and "card_number" are "card number".
std::string spaced(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (is_upper(name[i]) && i > 0 && is_lower(name[i - 1])) out.push_back(' ');
    out.push_back(name[i] == '_' || name[i] == '-' ? ' ' : lower(name[i]));
  }
  return out;
}

}  // namespace

std::size_t Scan::token_before(std::size_t at) const {
  auto const next = std::ranges::upper_bound(tokens_, at, {}, &Range::end);
  return next == tokens_.begin() ? 0 : std::prev(next)->end;
}

std::size_t Scan::token_after(std::size_t at) const {
  auto const next = std::ranges::lower_bound(tokens_, at, {}, &Range::begin);
  return next == tokens_.end() ? std::string_view::npos : next->begin;
}

bool Scan::meets_token(Range range) const {
  if (tokens_.empty()) return false;
  auto const next = std::ranges::upper_bound(tokens_, range.begin, {}, &Range::end);
  return next != tokens_.end() && next->begin < range.end;
}

bool Scan::has_context_within(Range range,
                              std::vector<std::string> const& words,
                              std::size_t before,
                              std::size_t behind) const {
  auto const from =
      std::max(token_before(range.begin), range.begin > before ? range.begin - before : 0);
  auto const to =
      std::max(range.end, std::min({token_after(range.end), text_.size(), range.end + behind}));
  return has_word(spaced(between(from, range.begin)), words) ||
         has_word(spaced(between(range.end, to)), words);
}

bool Scan::has_context(Range range, std::vector<std::string> const& words) const {
  if (words.empty()) return false;
  return has_context_within(range, words, words_before, words_behind) || is_hinted(words);
}

bool Scan::is_hinted(std::vector<std::string> const& words) const {
  return !hint_.empty() && has_word(spaced(hint_), words);
}

bool Scan::is_bare(Range range) const {
  if (!hint_.empty() || text_.size() > 160) return false;
  int words = 0;
  for (std::size_t i = 0; i < text_.size() && words <= 3; ++i) {
    if (i >= range.begin && i < range.end) continue;
    if (meets_token({i, i + 1})) continue;
    bool const letter = is_letter(text_[i]) || static_cast<unsigned char>(text_[i]) >= 0x80;
    bool const begins =
        i == 0 || !(is_letter(text_[i - 1]) || static_cast<unsigned char>(text_[i - 1]) >= 0x80);
    if (letter && begins) ++words;
  }
  return words <= 3;
}

void Scan::add(Range range, std::string_view kind, std::string_view category, Evidence evidence) {
  if (range.begin >= range.end || meets_token(range)) return;
  findings_.push_back({range.begin, range.end, std::string(kind), std::string(category), evidence});
}

void Scan::add_if(Range range,
                  std::string_view kind,
                  std::string_view category,
                  Needs needs,
                  std::vector<std::string> const& context) {
  if (has_context(range, context)) {
    add(range, kind, category, Evidence::context);
  } else if (needs == Needs::nothing) {
    add(range, kind, category, Evidence::shape);
  } else if (needs == Needs::context_or_bare && is_bare(range)) {
    add(range, kind, category, Evidence::bare);
  }
}

}  // namespace dalsegno::vault
