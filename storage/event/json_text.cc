#include "storage/event/json_text.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace dalsegno {

namespace {

/// Eight bytes at a time; the classic tests for "some byte is zero" and "some byte is less than n",
/// which are exact up to the first byte that they find.
/// Source: Anderson, "Bit Twiddling Hacks", "Determine if a word has a zero byte".
std::uint64_t special_bytes(std::uint64_t word) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t tops = 0x8080808080808080;
  auto const zeros = [&](std::uint64_t x) { return (x - ones) & ~x; };
  auto const control = (word - ones * 0x20) & ~word;
  return (control | zeros(word ^ (ones * '"')) | zeros(word ^ (ones * '\\')) | word) & tops;
}

bool is_plain(char c) {
  auto const byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

void append_escape(std::string& out, char c) {
  static constexpr char hex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\b':
      out += "\\b";
      break;
    case '\t':
      out += "\\t";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\f':
      out += "\\f";
      break;
    case '\r':
      out += "\\r";
      break;
    default:
      out += "\\u00";
      out += hex[(c >> 4) & 0xF];
      out += hex[c & 0xF];
  }
}

/// `canonical_number`, but distinguishable from an integer: "1.0", "-0".
void append_exact(std::string& out, double value) {
  if (value == 0) {
    out += std::signbit(value) ? "-0" : "0.0";
    return;
  }
  auto const text = canonical_number(value);
  out += text;
  if (text.find_first_of(".e") == std::string::npos) out += ".0";
}

class Printer {
 public:
  enum class Layout : std::uint8_t { compact, indented };
  explicit Printer(Layout layout) : layout_(layout) {}

  void print(Json const& value) {
    if (auto const* array = value.as_array()) {
      print_list('[', *array, ']', [&](Json const& item) { print(item); });
    } else if (auto const* object = value.as_object()) {
      print_list('{', *object, '}', [&](Json::Member const& member) {
        append_quoted(out_, member.name);
        out_ += layout_ == Layout::indented ? ": " : ":";
        print(member.value);
      });
    } else if (auto const number = value.as_double(); number && !value.as_integer()) {
      append_exact(out_, *number);
    } else {
      storage::append_scalar(out_, value);
    }
  }

  std::string take() { return std::move(out_); }

 private:
  template <class List, class Print>
  void print_list(char open, List const& list, char close, Print const& print_item) {
    out_ += open;
    ++depth_;
    bool first = true;
    for (auto const& item : list) {
      if (!first) out_ += ',';
      first = false;
      break_line();
      print_item(item);
    }
    --depth_;
    if (!first) break_line();
    out_ += close;
  }

  void break_line() {
    if (layout_ == Layout::compact) return;
    out_ += '\n';
    out_.append(2 * depth_, ' ');
  }

  Layout layout_;
  std::size_t depth_ = 0;
  std::string out_;
};

}  // namespace

namespace storage {

std::size_t plain_prefix(std::string_view text) {
  std::size_t length = 0;
  if constexpr (std::endian::native == std::endian::little) {
    for (; length + sizeof(std::uint64_t) <= text.size(); length += sizeof(std::uint64_t)) {
      std::uint64_t word;
      std::memcpy(&word, text.data() + length, sizeof word);
      if (auto const special = special_bytes(word))
        return length + static_cast<std::size_t>(std::countr_zero(special)) / 8;
    }
  }
  while (length < text.size() && is_plain(text[length])) ++length;
  return length;
}

std::size_t utf8_length(std::string_view text) {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto const follows = [&](std::size_t i, unsigned char low = 0x80, unsigned char high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  if (text.empty()) return 0;
  auto const lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // a continuation, or overlong
  if (lead < 0xE0) return follows(1) ? 2 : 0;
  if (lead < 0xF0) {
    bool const second = lead == 0xE0   ? follows(1, 0xA0)        // below that: overlong
                        : lead == 0xED ? follows(1, 0x80, 0x9F)  // above that: surrogates
                                       : follows(1);
    return second && follows(2) ? 3 : 0;
  }
  if (lead > 0xF4) return 0;
  bool const second = lead == 0xF0   ? follows(1, 0x90)        // below that: overlong
                      : lead == 0xF4 ? follows(1, 0x80, 0x8F)  // above that: beyond U+10FFFF
                                     : follows(1);
  return second && follows(2) && follows(3) ? 4 : 0;
}

void append_scalar(std::string& out, Json const& value) {
  if (value.is_null()) {
    out += "null";
  } else if (auto const* truth = value.as_bool()) {
    out += *truth ? "true" : "false";
  } else if (auto const* integer = value.as_integer()) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, *integer).ptr);
  } else if (auto const* big = value.as_big_integer()) {
    out += big->digits;
  } else if (auto const number = value.as_double()) {
    out += canonical_number(*number);
  } else if (auto const* string = value.as_string()) {
    append_quoted(out, *string);
  }
}

}  // namespace storage

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    auto length = storage::plain_prefix(text);
    if (length == 0) {
      if (static_cast<unsigned char>(text.front()) < 0x80) {
        append_escape(out, text.front());
        text.remove_prefix(1);
        continue;
      }
      length = storage::utf8_length(text);
      if (length == 0) throw std::invalid_argument("a string of a JSON value must be UTF-8");
    }
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  out += '"';
}

std::string to_string(Json const& value) {
  Printer printer(Printer::Layout::compact);
  printer.print(value);
  return printer.take();
}

std::string to_pretty_string(Json const& value) {
  Printer printer(Printer::Layout::indented);
  printer.print(value);
  return printer.take();
}

}  // namespace dalsegno
