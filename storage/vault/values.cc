#include "storage/vault/values.h"

#include "storage/vault/ascii.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace dalsegno::vault {
namespace {

/// The words of a name: apart at what is no letter or digit, and at humps; digits at the end of a
/// word fall away.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  std::string word;
  auto const flush = [&] {
    while (!word.empty() && is_digit(word.back())) word.pop_back();
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t i = 0; i < name.size(); ++i) {
    char const c = name[i];
    if (!is_alnum(c) && static_cast<unsigned char>(c) < 0x80) {
      flush();
      continue;
    }
    bool const hump = is_upper(c) && i > 0 && (is_lower(name[i - 1]) || is_digit(name[i - 1]));
    bool const last_of_capitals =
        is_upper(c) && i > 0 && is_upper(name[i - 1]) && is_lower(at_or_nul(name, i + 1));
    if (hump || last_of_capitals) flush();
    word.push_back(lower(c));
  }
  flush();
  return words;
}

bool has_stem(std::string_view word, std::vector<std::string> const& stems) {
  return std::ranges::any_of(stems, [&](std::string const& stem) { return word.contains(stem); });
}

/// Bits a byte, of the bytes' own distribution.
double entropy(std::string_view value) {
  std::array<int, 256> counts{};
  for (char const c : value) ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (int const count : counts) {
    if (count == 0) continue;
    auto const share = static_cast<double>(count) / static_cast<double>(value.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

/// Eight of the same byte, up to four bytes over and over, a row such as "12345678" or "abcdefgh",
/// or hardly any variety.
bool is_monotonous(std::string_view value) {
  std::size_t same = 1;
  std::size_t row = 1;
  std::size_t longest_row = 1;
  std::array<bool, 256> seen{};
  std::size_t variety = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    auto& known = seen[static_cast<unsigned char>(value[i])];
    variety += known ? 0U : 1U;
    known = true;
    if (i == 0) continue;
    same = value[i] == value[i - 1] ? same + 1 : 1;
    row = value[i] == value[i - 1] + 1 ? row + 1 : 1;
    longest_row = std::max(longest_row, row);
    if (same >= 8) return true;
  }
  if (longest_row >= 8 && 2 * longest_row >= value.size()) return true;
  for (std::size_t period = 2; period <= 4; ++period) {
    std::size_t repeats = 0;
    for (auto i = period; i < value.size(); ++i) {
      repeats = value[i] == value[i - period] ? repeats + 1 : 0;
      if (repeats >= 12) return true;
    }
  }
  return value.size() >= 16 && variety <= 5;
}

bool is_vowel(char c) {
  return std::string_view("aeiouy").find(lower(c)) != std::string_view::npos;
}

/// A piece of letters that could be said: with vowels, and without five consonants in a row.
bool is_word(std::string_view piece) {
  std::size_t vowels = 0;
  std::size_t consonants = 0;
  for (char const c : piece) {
    if (is_vowel(c)) {
      ++vowels;
      consonants = 0;
    } else if (++consonants >= 5) {
      return false;
    }
  }
  return vowels > 0 && vowels * 6 >= piece.size();
}

/// Whether a name says no more than that it is a key or a token, not whose.
bool is_nobodys(std::string_view name) {
  static Words const plain{"key", "keys", "token", "auth", "access", "session", "request"};
  auto const words = words_of(name);
  return std::ranges::all_of(words, [](std::string const& word) { return plain.contains(word); });
}

/// A UUID in its usual form.
bool is_uuid(std::string_view value) {
  if (value.size() != 36) return false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    bool const dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? value[i] != '-' : !is_hex(value[i])) return false;
  }
  return true;
}

/// "jackson-0.11.2": the name of a package with its version.
bool is_versioned(std::string_view value) {
  auto const dash = value.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return false;
  auto const version = value.substr(dash + 1);
  return version.contains('.') &&
         std::ranges::all_of(version, [](char c) { return is_digit(c) || c == '.'; });
}

}  // namespace

FieldClass class_of_field(FieldWords const& fields, std::string_view name) {
  auto const words = words_of(name);
  if (words.empty()) return FieldClass::none;
  if (fields.refused_last.contains(words.back())) return FieldClass::none;
  auto found = FieldClass::none;
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto const& word = words[i];
    if (fields.refused_any.contains(word)) return FieldClass::none;
    auto const pair = i > 0 ? words[i - 1] + " " + word : std::string();
    if (fields.password.contains(word) || has_stem(word, fields.stems_password) ||
        std::ranges::find(fields.sensitive_pairs, pair) != fields.sensitive_pairs.end()) {
      found = FieldClass::password;
    } else if (found == FieldClass::none &&
               (fields.token.contains(word) || has_stem(word, fields.stems_token))) {
      found = FieldClass::token;
    }
  }
  return found;
}

bool is_placeholder(FieldWords const& fields, std::string_view value) {
  auto const folded = lower(value);
  if (fields.placeholder_values.contains(folded)) return true;
  if (std::ranges::none_of(value, [](char c) { return is_alnum(c); })) return true;
  if (is_monotonous(value)) return true;
  // In what people choose, '<' may be a character like any other; in short texts it is a bracket.
  return std::ranges::any_of(fields.placeholders, [&](std::string const& part) {
    if (part == "<") return folded.starts_with('<');
    if (part == ">") return folded.starts_with('<') && folded.ends_with('>');
    return folded.contains(part);
  });
}

bool is_expression(std::string_view value, Quoted quoted) {
  for (std::string_view const start :
       {"${", "$(", "{{", "<%", "%(", "#{", "$ENV", "@{", "%{", "[[", "{%"})
    if (value.starts_with(start)) return true;
  if (value.starts_with('$') && value.size() > 1 &&
      (is_letter(value[1]) || value[1] == '_' || is_digit(value[1])) &&
      std::ranges::all_of(value.substr(1),
                          [](char c) { return is_alnum(c) || c == '_' || c == ':'; }) &&
      (is_upper(value[1]) || is_digit(value[1]) || quoted == Quoted::no))
    return true;
  if (value.starts_with('[') && value.ends_with(']')) return true;
  if (quoted == Quoted::yes) return false;
  if (value.front() == '&' || value.front() == '*' || value.front() == '(' ||
      value.front() == '[' || value.front() == '{')
    return true;
  // name, name.name, name->name, name::name, and then a call or an index.
  std::size_t i = 0;
  bool dotted = false;
  while (i < value.size()) {
    if (is_alnum(value[i]) || value[i] == '_') {
      ++i;
    } else if (value[i] == '.' && is_letter(at_or_nul(value, i + 1))) {
      dotted = true;
      ++i;
    } else if (value.substr(i).starts_with("->") || value.substr(i).starts_with("::")) {
      dotted = true;
      i += 2;
    } else {
      break;
    }
  }
  if (i > 0 && i < value.size() && is_letter(value[0]) &&
      (value[i] == '(' || value[i] == '[' || value[i] == '<'))
    return true;
  return i == value.size() && dotted && is_letter(value[0]) && is_wordy(value);
}

bool is_wordy(std::string_view value) {
  std::size_t i = 0;
  std::size_t in_words = 0;
  while (i < value.size()) {
    auto const begin = i;
    if (is_letter(value[i])) {
      // A word: capitals, or perhaps one capital and small letters.
      while (i < value.size() && is_upper(value[i])) ++i;
      if (i - begin <= 1)
        while (i < value.size() && is_lower(value[i])) ++i;
      auto const piece = value.substr(begin, i - begin);
      bool const word = is_word(piece);
      if (piece.size() >= 4 && !word) return false;
      if (piece.size() >= 3 && word) in_words += piece.size();
    } else if (is_digit(value[i])) {
      while (i < value.size() && is_digit(value[i])) ++i;
      if (i - begin > 4) return false;
    } else if (std::string_view("-_./:,+ ").contains(value[i])) {
      ++i;
    } else {
      return false;
    }
  }
  return 20 * in_words >= 11 * value.size();
}

bool is_random(std::string_view value) {
  if (value.size() < 10) return false;
  if (std::ranges::any_of(value, is_space)) return false;
  if (is_monotonous(value)) return false;
  bool const digits = std::ranges::any_of(value, is_digit);
  bool const letters = std::ranges::any_of(value, is_letter);
  if (!letters) return digits && value.size() >= 16 && entropy(value) >= 2.8;
  if (is_wordy(value) || is_versioned(value)) return false;
  if (!digits) return value.size() >= 16 && entropy(value) >= 3.2;
  return entropy(value) >= (value.size() >= 16 ? 2.9 : 3.0);
}

bool is_machine_made(std::string_view name, std::string_view value) {
  if (!is_random(value)) return false;
  if (!is_nobodys(name)) return true;
  if (is_uuid(value)) return false;
  return lower(name) != "key" || (value.size() >= 20 && value.find_first_of("./:") == value.npos);
}

}  // namespace dalsegno::vault
