#include "storage/event/json_scanner.h"

#include "storage/event/json_number.h"
#include "storage/event/json_text.h"

#include <charconv>
#include <cstdint>
#include <cstdio>

namespace dalsegno::storage {

namespace {

std::string in_hex(char const* format, unsigned value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, unsigned code_point) {
  auto const put = [&](unsigned byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

void set_integer(std::string_view digits, Json& out) {
  std::int64_t value = 0;
  auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc())
    out = value;
  else
    out = Json::BigInteger{std::string(digits)};
}

}  // namespace

bool JsonScanner::fail(std::size_t offset, std::string what) {
  failure_ = {offset, std::move(what)};
  return false;
}
bool JsonScanner::fail_here(std::string_view expected) {
  return fail(at_, std::string(expected) + ", found " + found());
}

/// What stands at the current place, for people.
std::string JsonScanner::found() const {
  if (at_ == text_.size()) return "the end of the text";
  auto const length = utf8_length(text_.substr(at_));
  auto const byte = static_cast<unsigned char>(text_[at_]);
  if (length == 0 || byte < 0x20 || byte == 0x7F) return in_hex("byte 0x%02X", byte);
  return "'" + std::string(text_.substr(at_, length)) + "'";
}

bool JsonScanner::consume(char c) {
  if (at_ == text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}
void JsonScanner::skip_blanks() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
    ++at_;
}

bool JsonScanner::read_string(std::string& out) {
  auto const start = at_;
  ++at_;
  for (;;) {
    auto const rest = text_.substr(at_);
    auto const plain = plain_prefix(rest);
    out.append(rest.data(), plain);
    at_ += plain;
    if (at_ == text_.size()) return fail(start, "this string has no closing quote");
    auto const c = static_cast<unsigned char>(text_[at_]);
    if (c == '"') {
      ++at_;
      return true;
    }
    if (c == '\\') {
      if (!read_escape(out)) return false;
    } else if (c < 0x20) {
      return fail(at_, in_hex("byte 0x%02X must be escaped in a string", c));
    } else {
      auto const length = utf8_length(text_.substr(at_));
      if (length == 0) return fail(at_, in_hex("byte 0x%02X is not UTF-8 here", c));
      out.append(text_, at_, length);
      at_ += length;
    }
  }
}

bool JsonScanner::read_escape(std::string& out) {
  auto const start = at_;
  ++at_;
  auto const c = peek();
  switch (c) {
    case '"':
    case '\\':
    case '/':
      out += c;
      break;
    case 'b':
      out += '\b';
      break;
    case 'f':
      out += '\f';
      break;
    case 'n':
      out += '\n';
      break;
    case 'r':
      out += '\r';
      break;
    case 't':
      out += '\t';
      break;
    case 'u':
      return read_unicode_escape(start, out);
    default:
      return fail_here("expected one of \"\\/bfnrtu after '\\'");
  }
  ++at_;
  return true;
}

/// At the 'u' of the escape that began at `start`.
bool JsonScanner::read_unicode_escape(std::size_t start, std::string& out) {
  ++at_;
  unsigned code_point = 0;
  if (!read_hex4(code_point)) return false;
  if (code_point >= 0xD800 && code_point <= 0xDFFF) {
    auto const is_low = code_point >= 0xDC00;
    unsigned low = 0;
    if (is_low || !text_.substr(at_).starts_with("\\u"))
      return fail(start, in_hex("\\u%04X is half of a pair", code_point));
    at_ += 2;
    if (!read_hex4(low)) return false;
    if (low < 0xDC00 || low > 0xDFFF)
      return fail(start, in_hex("\\u%04X is half of a pair", code_point));
    code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(out, code_point);
  return true;
}

bool JsonScanner::read_hex4(unsigned& out) {
  for (int i = 0; i < 4; ++i) {
    auto const c = peek();
    unsigned digit;
    if (is_digit(c))
      digit = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<unsigned>(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<unsigned>(c - 'A') + 10;
    else
      return fail_here("expected four hexadecimal digits after '\\u'");
    out = out << 4 | digit;
    ++at_;
  }
  return true;
}

bool JsonScanner::read_number(Json& out) {
  auto const start = at_;
  bool const negative = consume('-');
  if (consume('0')) {
    if (is_digit(peek())) return fail(start, "a number may not begin with 0 and another digit");
  } else if (!read_digits("expected a digit")) {
    return false;
  }
  bool is_integer = true;
  if (consume('.')) {
    is_integer = false;
    if (!read_digits("expected a digit after '.'")) return false;
  }
  if (peek() == 'e' || peek() == 'E') {
    is_integer = false;
    ++at_;
    if (peek() == '+' || peek() == '-') ++at_;
    if (!read_digits("expected a digit in the exponent")) return false;
  }
  auto const number = text_.substr(start, at_ - start);
  if (is_integer && !(negative && number == "-0")) {
    set_integer(number, out);
    return true;
  }
  auto const value = nearest_double(number);
  if (!value) return fail(start, "the number is too large for a double");
  out = *value;
  return true;
}

bool JsonScanner::read_digits(std::string_view expected) {
  if (!is_digit(peek())) return fail_here(expected);
  while (is_digit(peek())) ++at_;
  return true;
}

}  // namespace dalsegno::storage
