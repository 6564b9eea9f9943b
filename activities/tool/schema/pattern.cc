#include "activities/tool/schema/pattern.h"

#include <re2/re2.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace dalsegno::schema {
namespace {

constexpr std::size_t max_pattern_bytes = 8'192;
constexpr std::int64_t max_memory_bytes = 4 << 20;

// What ECMA-262 calls white space, inside of brackets.
constexpr std::string_view blanks =
    R"(\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff})";

constexpr std::array<std::pair<std::string_view, std::string_view>, 12> properties{{
    {"Letter", "L"},
    {"Lowercase_Letter", "Ll"},
    {"Uppercase_Letter", "Lu"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Mark", "M"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Punctuation", "P"},
    {"Symbol", "S"},
    {"Separator", "Z"},
}};

/// The four hexadecimal digits at the start of `text`, as in \uXXXX.
bool read_unit(std::string_view text, unsigned& unit) {
  if (text.size() < 4) return false;
  auto const read = std::from_chars(text.data(), text.data() + 4, unit, 16);
  return read.ec == std::errc() && read.ptr == text.data() + 4;
}

/// Rewrites the escape at the start of `text`; gives how many bytes of it were read.
std::size_t rewrite_escape(std::string_view text, bool in_brackets, std::string& out) {
  char const kind = text.size() > 1 ? text[1] : '\0';
  if (kind == 'c' && text.size() > 2) {
    char digits[8];
    auto const end = std::to_chars(digits, digits + sizeof digits, text[2] & 0x1f, 16).ptr;
    out.append("\\x{").append(digits, end).append("}");
    return 3;
  }
  if (unsigned unit = 0; kind == 'u' && read_unit(text.substr(2), unit)) {
    std::size_t used = 6;
    unsigned low = 0;
    if (unit >= 0xD800 && unit < 0xDC00 && text.substr(6).starts_with("\\u") &&
        read_unit(text.substr(8), low) && low >= 0xDC00 && low < 0xE000) {
      unit = 0x10000 + ((unit - 0xD800) << 10U) + (low - 0xDC00);
      used = 12;
    }
    char digits[8];
    auto const end = std::to_chars(digits, digits + sizeof digits, unit, 16).ptr;
    out.append("\\x{").append(digits, end).append("}");
    return used;
  }
  if (kind == 's' || (kind == 'S' && !in_brackets)) {
    out.append(in_brackets ? "" : kind == 's' ? "[" : "[^").append(blanks);
    if (!in_brackets) out += ']';
    return 2;
  }
  if ((kind == 'p' || kind == 'P') && text.substr(2).starts_with('{')) {
    auto const end = text.find('}');
    if (end != std::string_view::npos) {
      auto name = text.substr(3, end - 3);
      if (auto const equals = name.find('='); equals != std::string_view::npos)
        name = name.substr(equals + 1);
      for (auto const& [longer, shorter] : properties)
        if (name == longer) name = shorter;
      out.append(text.substr(0, 2)).append("{").append(name).append("}");
      return end + 1;
    }
  }
  auto const used = text.size() < 2 ? 1 : 2;
  out.append(text.substr(0, static_cast<std::size_t>(used)));
  return static_cast<std::size_t>(used);
}

}  // namespace

std::string to_re2(std::string_view pattern) {
  std::string out;
  bool in_brackets = false;
  while (!pattern.empty()) {
    char const c = pattern.front();
    std::size_t used = 1;
    if (c == '\\') {
      used = rewrite_escape(pattern, in_brackets, out);
    } else if (!in_brackets && pattern.starts_with("(?<") && pattern.size() > 3 &&
               pattern[3] != '=' && pattern[3] != '!') {
      out += "(?P<";
      used = 3;
    } else {
      if (c == '[' && !in_brackets)
        in_brackets = true;
      else if (c == '[')
        out += '\\';  // RE2 would read [:alpha:]
      else if (c == ']')
        in_brackets = false;
      out += c;
    }
    pattern.remove_prefix(used);
  }
  return out;
}

std::shared_ptr<re2::RE2 const> compile_pattern(std::string_view pattern) {
  if (pattern.size() > max_pattern_bytes) return nullptr;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(max_memory_bytes);
  auto compiled = std::make_shared<re2::RE2 const>(to_re2(pattern), options);
  return compiled->ok() ? compiled : nullptr;
}

bool is_found(re2::RE2 const& pattern, std::string_view text) {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

}  // namespace dalsegno::schema
