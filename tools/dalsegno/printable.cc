#include "tools/dalsegno/printable.h"

#include <array>
#include <stdexcept>
#include <utility>

namespace dalsegno::command {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

/// The length of the well-formed UTF-8 character that `text` begins with; 0: there is none.
/// (Unicode, table 3-7.)
std::size_t character_length(std::string_view text) {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto const continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  auto const first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    auto const low = first == 0xE0 ? 0xA0U : 0x80U;
    auto const high = first == 0xED ? 0x9FU : 0xBFU;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    auto const low = first == 0xF0 ? 0x90U : 0x80U;
    auto const high = first == 0xF4 ? 0x8FU : 0xBFU;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

bool is_control(std::string_view character) {
  auto const first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return character.size() == 2 && first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

/// Characters that turn the direction of what follows, or hide: U+200E, U+200F, U+202A to U+202E,
/// U+2066 to U+2069.
bool turns_text(std::string_view character) {
  if (character.size() != 3 || character[0] != '\xE2') return false;
  auto const second = static_cast<unsigned char>(character[1]);
  auto const third = static_cast<unsigned char>(character[2]);
  if (second == 0x80) return third == 0x8E || third == 0x8F || (third >= 0xAA && third <= 0xAE);
  return second == 0x81 && third >= 0xA6 && third <= 0xA9;
}

void append_escaped(std::string& out, std::string_view character) {
  constexpr std::string_view digits = "0123456789abcdef";
  if (character == "\n") {
    out += "\\n";
  } else if (character == "\t") {
    out += "\\t";
  } else if (character == "\r") {
    out += "\\r";
  } else {
    for (auto const c : character) {
      auto const byte = static_cast<unsigned char>(c);
      out += "\\x";
      out += digits[byte >> 4U];
      out += digits[byte & 0xFU];
    }
  }
}

std::string mended(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto const length = character_length(text);
    out += length == 0 ? replacement : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

void mend(Json& value) {
  if (auto* const text = value.as_string()) *text = mended(*text);
  if (auto* const items = value.as_array())
    for (auto& item : *items) mend(item);
  if (auto* const members = value.as_object()) {
    for (auto& member : *members) {
      member.name = mended(member.name);
      mend(member.value);
    }
  }
}

}  // namespace

std::string printable(std::string_view text, Lines lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    auto const length = character_length(text);
    auto const character = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(character.size());
    if (length == 0) {
      out += replacement;
    } else if (character == "\n" && lines == Lines::keep) {
      out += '\n';
    } else if (is_control(character) || turns_text(character)) {
      append_escaped(out, character);
    } else {
      out += character;
    }
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t limit) {
  std::size_t end = 0;
  for (std::size_t count = 0; end < text.size(); ++count) {
    if (count == limit) return printable(text.substr(0, end)) + "…";
    auto const length = character_length(text.substr(end));
    end += length == 0 ? 1 : length;
  }
  return printable(text);
}

std::string json_line(Json value) {
  try {
    return to_string(value);
  } catch (std::invalid_argument const&) {
    mend(value);
    return to_string(value);
  }
}

}  // namespace dalsegno::command
