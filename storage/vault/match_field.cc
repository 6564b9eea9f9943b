// Secrets by the name that they are assigned to: `DB_PASSWORD=…`, `"apiKey": "…"`, `--token …`,
// `Authorization: Bearer …`, `if ("…" == password)`.

#include "storage/event/base64.h"
#include "storage/vault/ascii.h"
#include "storage/vault/scan.h"
#include "storage/vault/values.h"

#include <algorithm>
#include <string_view>

namespace dalsegno::vault {
namespace {

constexpr std::size_t longest_name = 96;
constexpr std::size_t longest_value = 4096;
/// Of `"value" == name`: StreamRedactor waits for that much.
constexpr std::size_t longest_compared = 96;

bool is_name(char c) {
  return is_alnum(c) || c == '_' || c == '-' || c == '.' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_quote(char c) { return c == '"' || c == '\'' || c == '`'; }

/// A place in the text that goes forward.
class Cursor {
 public:
  Cursor(Scan const& scan, std::size_t at) : scan_(&scan), at_(at) {}
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] char peek() const { return scan_->at(at_); }
  void blanks() {
    for (int i = 0; i < 32 && is_blank(peek()); ++i) ++at_;
  }
  bool take(std::string_view text) {
    if (!scan_->text().substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  /// A word in any case, with a blank behind it.
  bool take_word(std::string_view word) {
    if (lower(scan_->text().substr(at_, word.size())) != word ||
        !is_blank(scan_->at(at_ + word.size())))
      return false;
    at_ += word.size();
    blanks();
    return true;
  }
  /// A quote, perhaps escaped; NUL when there is none.
  char take_quote() {
    auto at = at_;
    while (scan_->at(at) == '\\') ++at;
    if (!is_quote(scan_->at(at))) return '\0';
    escaped_ = at > at_;
    at_ = at + 1;
    return scan_->at(at);
  }
  [[nodiscard]] bool escaped() const { return escaped_; }
  void skip(std::size_t count) { at_ += count; }

 private:
  Scan const* scan_;
  std::size_t at_;
  bool escaped_ = false;
};

enum class Operator : std::uint8_t { none, colon, equals, arrow, other };

Operator take_operator(Cursor& cursor) {
  if (cursor.take("=>")) return Operator::arrow;
  for (std::string_view const text : {"===", "!==", "==", "!=", ":=", "->", "||=", "?=", "="})
    if (cursor.take(text)) return Operator::equals;
  if (cursor.peek() == ':' && !cursor.take("::")) {
    cursor.skip(1);
    return Operator::colon;
  }
  return Operator::none;
}

/// The end of a quoted value that begins at `begin`; npos without a closing quote on the line.
std::size_t end_of_quoted(Scan& scan, std::size_t begin, char quote, bool escaped) {
  auto const limit = std::min(scan.text().size(), begin + longest_value);
  for (auto at = begin; at < limit; ++at) {
    char const c = scan.at(at);
    if (c == '\n') return std::string_view::npos;
    if (c == '\\' && scan.at(at + 1) == quote && escaped) return at;
    if (c == '\\' && !escaped) {
      ++at;
      continue;
    }
    if (c == quote) return at;
  }
  if (limit == scan.text().size()) scan.leave_open(begin);
  return std::string_view::npos;
}

/// The end of a value without quotes: at a blank, at a quote that ends what is around it, and
/// without the punctuation that ends a sentence or a list.
std::size_t end_of_plain(Scan const& scan, std::size_t begin, bool in_query, char closing) {
  auto const limit = std::min(scan.text().size(), begin + longest_value);
  auto end = begin;
  for (; end < limit; ++end) {
    char const c = scan.at(end);
    if (is_space(c) || (in_query && (c == '&' || c == '#')) || (closing != '\0' && c == closing))
      break;
    if (is_quote(c)) {
      char const next = scan.at(end + 1);
      if (next == '\0' || is_space(next) ||
          std::string_view(",;)]}>").find(next) != std::string_view::npos)
        break;
    }
    if (c == '\\' && (is_quote(scan.at(end + 1)) || scan.at(end + 1) == 'n')) break;
    if (c == ',' && is_quote(scan.at(end + 1))) break;
  }
  while (end > begin &&
         std::string_view(",;).]}").find(scan.before(end)) != std::string_view::npos) {
    char const last = scan.before(end);
    auto const value = scan.between(begin, end);
    if (last == '}' && value.contains('{')) break;
    if (last == ')' && value.contains('(')) break;
    if (last == ']' && value.contains('[')) break;
    --end;
  }
  return end;
}

struct Value {
  Range range;
  Quoted quoted = Quoted::no;
  Operator by = Operator::none;
  bool scheme = false;  ///< behind "Bearer" or the like
};

bool ends_line(Scan const& scan, std::size_t at) {
  while (is_blank(scan.at(at))) ++at;
  auto const c = scan.at(at);
  return c == '\0' || c == '\n' || c == '\r';
}

/// What follows the host of a URL.
std::string_view path_of(std::string_view url) {
  auto const path = url.find('/', url.find("://") + 3);
  return path == std::string_view::npos ? std::string_view() : url.substr(path + 1);
}

/// Behind "Bearer" or "Basic" also what is shorter than other tokens: user:password in base64, or
/// letters and digits that are no words.
bool is_credential(std::string_view text) {
  if (is_random(text)) return true;
  auto const decoded = storage::decode_base64url(text);
  if (decoded && text.size() >= 8 && decoded->find(':', 1) != std::string::npos &&
      std::ranges::all_of(*decoded, [](char c) { return c >= ' ' && c <= '~'; }))
    return true;
  return text.size() >= 8 && std::ranges::any_of(text, is_digit) &&
         std::ranges::any_of(text, is_letter) && !is_wordy(text);
}

/// `secret = secret_;`: words in an identifier, and the punctuation of a program behind it.
bool is_variable(Scan const& scan, Range range) {
  auto const text = scan.between(range.begin, range.end);
  if (std::string_view(";,)").find(scan.at(range.end)) == std::string_view::npos ||
      scan.at(range.end) == '\0')
    return false;
  return is_wordy(text) && !is_digit(text[0]) &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '_'; });
}

bool is_secret(Scan const& scan, FieldClass field, std::string_view name, Value const& value) {
  auto const text = scan.between(value.range.begin, value.range.end);
  auto const& words = scan.rules().fields;
  if (text.empty() || is_placeholder(words, text) || is_expression(text, value.quoted))
    return false;
  if (value.quoted == Quoted::no && is_variable(scan, value.range)) return false;
  if (value.quoted == Quoted::no && text.contains("://") && !is_random(path_of(text))) return false;
  if (field == FieldClass::token)
    return value.scheme ? is_credential(text) : is_machine_made(name, text);
  if (text.size() < 4) return false;
  if (value.quoted == Quoted::yes) {
    // A sentence is a label or a message, unless it is odd enough.
    auto const blanks = std::ranges::count(text, ' ');
    return blanks < 6;
  }
  bool const letters = std::ranges::all_of(text, [](char c) { return is_letter(c); });
  if (!letters) return true;
  return text.size() >= 6 && (value.by == Operator::equals || ends_line(scan, value.range.end));
}

/// What is assigned to the name [name.begin, name.end).
bool read_value(Scan& scan, Range name, FieldClass field, Value& value) {
  Cursor cursor(scan, name.end);
  char const around = scan.before(name.begin);
  if (around == '[' && scan.between(name.begin, name.end) == "secret")
    return false;  // a token, or talk of one
  bool const is_option =
      name.end > name.begin + 2 && scan.between(name.begin, name.end).starts_with("--");
  bool const is_element = around == '<';
  bool const in_query = around == '?' || around == '&';
  if (is_quote(around) || cursor.peek() == '\\') cursor.take_quote();
  if (cursor.peek() == ']') cursor.skip(1);
  bool const blank = is_blank(cursor.peek());
  cursor.blanks();
  value.by = take_operator(cursor);
  if (value.by == Operator::none) {
    if (is_element && cursor.take(">")) {
      value.by = Operator::other;
      value.range = {cursor.at(), scan.text().find('<', cursor.at())};
      if (!scan.text().substr(std::min(value.range.end, scan.text().size())).starts_with("</") ||
          value.range.end - value.range.begin > 512)
        return false;
      value.quoted = Quoted::yes;
      return true;
    }
    bool const call = !blank && cursor.take("(");
    bool const takes_quoted = call || (blank && field == FieldClass::password);
    if (field == FieldClass::password && blank && cursor.take_word("is")) {
      // `password is …`: only what cannot be a word.
      value.range = {cursor.at(), end_of_plain(scan, cursor.at(), false, '\0')};
      auto const text = scan.between(value.range.begin, value.range.end);
      return std::ranges::any_of(text, is_digit) && std::ranges::any_of(text, is_letter);
    }
    if (!takes_quoted && !(is_option && blank)) return false;
    if (!is_option && !is_quote(cursor.peek()) && cursor.peek() != '\\') return false;
    value.by = Operator::other;
  }
  cursor.blanks();
  // `password: str = "…"`.
  if (value.by == Operator::colon && is_letter(cursor.peek())) {
    Cursor ahead = cursor;
    for (int i = 0; i < 24 && (is_alnum(ahead.peek()) || ahead.peek() == '_'); ++i) ahead.skip(1);
    ahead.blanks();
    if (ahead.take("= ") && is_quote(ahead.peek())) cursor = ahead;
  }
  char const quote = cursor.take_quote();
  for (std::string_view const scheme : {"bearer", "basic", "token", "apikey", "negotiate"})
    value.scheme = value.scheme || cursor.take_word(scheme);
  auto const begin = cursor.at();
  if (quote != '\0') {
    auto const end = end_of_quoted(scan, begin, quote, cursor.escaped());
    if (end != std::string_view::npos) {
      value.range = {begin, end};
      value.quoted = Quoted::yes;
      auto const text = scan.between(begin, end);
      return quote != '`' || !text.contains(' ');  // a command, in shells
    }
    if (value.by == Operator::other) return false;  // a value only if in quotes
  }
  if (value.by == Operator::arrow) return false;  // a function's body
  value.range = {begin, end_of_plain(scan, begin, in_query, '\0')};
  return value.range.end > begin;
}

/// `"…" == name`: the range in the quotes.
bool read_compared(Scan const& scan, Range name, Range& value) {
  auto at = name.begin;
  auto const back = [&](auto const& fits) {
    auto const from = at;
    while (at > 0 && from - at < 8 && fits(scan.before(at))) --at;
    return from - at;
  };
  back(is_blank);
  if (back([](char c) { return c == '=' || c == '!'; }) < 2) return false;
  back(is_blank);
  char const quote = scan.before(at);
  if (!is_quote(quote)) return false;
  auto const end = at - 1;
  auto begin = end;
  while (begin > 0 && end - begin < longest_compared && scan.before(begin) != quote &&
         scan.before(begin) != '\n')
    --begin;
  if (scan.before(begin) != quote) return false;
  value = {begin, end};
  return true;
}

}  // namespace

void match_field(Scan& scan, std::size_t at) {
  if (at < scan.field_until) return;
  Range name{at, at};
  while (name.begin > 0 && at - name.begin < longest_name && is_name(scan.before(name.begin)))
    --name.begin;
  while (name.end - at < longest_name && is_name(scan.at(name.end))) ++name.end;
  scan.field_until = name.end;
  if (scan.meets_token(name)) return;
  auto const text = scan.between(name.begin, name.end);
  auto const field = class_of_field(scan.rules().fields, text);
  if (field == FieldClass::none) return;
  auto const kind = field == FieldClass::password ? "password" : "token";
  Value value;
  Range compared;
  if (read_value(scan, name, field, value) && is_secret(scan, field, text, value)) {
    scan.add(value.range, kind, "secret", Evidence::field);
  } else if (read_compared(scan, name, compared) &&
             is_secret(scan, field, text, {compared, Quoted::yes, Operator::equals, false})) {
    scan.add(compared, kind, "secret", Evidence::field);
  } else if (lower(text) == "bearer" && is_blank(scan.at(name.end))) {
    auto const begin = name.end + 1;
    auto const end = end_of_plain(scan, begin, false, '\0');
    if (end - begin >= 16 &&
        is_secret(scan, FieldClass::token, text, {{begin, end}, Quoted::no, Operator::other, true}))
      scan.add({begin, end}, "token", "secret", Evidence::field);
  }
}

}  // namespace dalsegno::vault
