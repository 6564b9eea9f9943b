#include "tools/dalsegno/session_filter.h"

#include "dalsegno/try.h"
#include "engine/policy/glob.h"
#include "engine/policy/time_text.h"
#include "tools/dalsegno/forensics/status_name.h"
#include "tools/dalsegno/printable.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <system_error>
#include <utility>

namespace dalsegno::command {

namespace {

constexpr std::array<std::string_view, 11> known_fields = {"session",
                                                           "tenant",
                                                           "run",
                                                           "workflow",
                                                           "status",
                                                           "events",
                                                           "steps",
                                                           "open_attempts",
                                                           "checkpoint",
                                                           "started",
                                                           "updated"};
constexpr std::array<std::string_view, 10> keywords = {
    "and", "or", "not", "in", "exists", "like", "order", "limit", "true", "false"};

bool is_time(FieldName const& field) {
  return !field.attribute && (field.name == "started" || field.name == "updated");
}

enum class TokenKind : std::uint8_t { word, text, number, span, sign, end };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;  // of a text, without its quotes
  double number = 0;
  std::chrono::microseconds before_now{0};
  std::size_t column = 0;  // from 1
};

bool is_word_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word_part(char c) { return is_word_start(c) || is_digit(c) || c == '.' || c == '-'; }

Error wrong(std::size_t column, std::string const& what) {
  return {Errc::invalid, "filter, column " + std::to_string(column) + ": " + what};
}

std::optional<std::chrono::microseconds> unit_of(char c) {
  using namespace std::chrono_literals;
  switch (c) {
    case 's':
      return 1s;
    case 'm':
      return 1min;
    case 'h':
      return 1h;
    case 'd':
      return 24h;
    case 'w':
      return 7 * 24h;
    default:
      return std::nullopt;
  }
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  Result<Token> next() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n'))
      ++at_;
    Token token;
    token.column = at_ + 1;
    if (at_ == text_.size()) return token;
    char const c = text_[at_];
    if (c == '"' || c == '\'') return quoted(std::move(token), c);
    if (is_digit(c) ||
        ((c == '-' || c == '+') && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])))
      return number(std::move(token));
    if (is_word_start(c)) {
      token.kind = TokenKind::word;
      auto const begin = at_;
      while (at_ < text_.size() && is_word_part(text_[at_])) ++at_;
      token.text = text_.substr(begin, at_ - begin);
      return token;
    }
    token.kind = TokenKind::sign;
    for (std::string_view const sign : {"!=", "<=", ">=", "=", "<", ">", "(", ")", ","}) {
      if (!text_.substr(at_).starts_with(sign)) continue;
      at_ += sign.size();
      token.text = sign;
      return token;
    }
    return wrong(token.column, "\"" + printable(text_.substr(at_, 1)) + "\" means nothing here");
  }

 private:
  Result<Token> quoted(Token token, char quote) {
    token.kind = TokenKind::text;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == quote) {
        ++at_;
        return token;
      }
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      token.text.push_back(text_[at_]);
    }
    return wrong(token.column, std::string("a text that begins with ") + quote + " has no end");
  }

  Result<Token> number(Token token) {
    token.kind = TokenKind::number;
    auto const* const first = text_.data() + at_ + (text_[at_] == '+' ? 1 : 0);
    auto const* const last = text_.data() + text_.size();
    auto const [end, error] = std::from_chars(first, last, token.number);
    if (error != std::errc()) return wrong(token.column, "that number is out of range");
    at_ = static_cast<std::size_t>(end - text_.data());
    if (at_ == text_.size() || !is_word_start(text_[at_])) return token;
    auto const unit = unit_of(text_[at_]);
    bool const ends = at_ + 1 == text_.size() || !is_word_part(text_[at_ + 1]);
    constexpr double longest = 36'500;  // days
    if (!unit || !ends || token.number > 0)
      return wrong(token.column,
                   "a time before now is written -90s, -30m, -12h, -7d or -2w, a number without a "
                   "letter behind it");
    auto const span = token.number * std::chrono::duration<double, std::micro>(*unit).count();
    if (-span > longest * 24 * 3'600 * 1e6)
      return wrong(token.column, "that is longer ago than a hundred years");
    ++at_;
    token.kind = TokenKind::span;
    token.before_now = std::chrono::microseconds(std::llround(span));
    return token;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string found(Token const& token) {
  switch (token.kind) {
    case TokenKind::end:
      return "the filter ends";
    case TokenKind::text:
      return "\"" + printable(token.text) + "\" stands";
    case TokenKind::number:
    case TokenKind::span:
      return "a number stands";
    default:
      return printable(token.text) + " stands";
  }
}

FieldName field_of(std::string const& word) {
  constexpr std::string_view prefix = "attribute.";
  if (word.starts_with(prefix)) return {word.substr(prefix.size()), true};
  return {word, std::ranges::find(known_fields, word) == known_fields.end()};
}

std::string_view kind_name(FieldValue const& value) {
  constexpr std::array<std::string_view, 5> names = {
      "nothing", "a truth value", "a number", "a text", "a time"};
  return names.at(value.index());
}

/// What a field of the session's head can be compared with.
FieldValue example_of(FieldName const& field) {
  if (is_time(field)) return Time();
  bool const number = field.name == "events" || field.name == "steps" ||
                      field.name == "open_attempts" || field.name == "checkpoint";
  return number ? FieldValue(0.0) : FieldValue(std::string());
}

}  // namespace

class FilterParser {
 public:
  FilterParser(std::string_view text, Time now) : scanner_(text), now_(now) {}

  Result<SessionFilter> parse() {
    TRY_VOID(advance());
    if (token_.kind != TokenKind::end && !is("order") && !is("limit")) {
      TRY(filter_.root_, any(0));
    }
    if (is("order")) TRY_VOID(order());
    if (is("limit")) TRY_VOID(limit());
    if (token_.kind != TokenKind::end)
      return wrong(token_.column, "expected and, or, order by, limit or the end; " + found(token_));
    return std::move(filter_);
  }

 private:
  using Node = SessionFilter::Node;
  using Kind = SessionFilter::Kind;
  using Comparison = SessionFilter::Comparison;

  static constexpr std::size_t max_depth = 100;

  [[nodiscard]] bool is(std::string_view word) const {
    return (token_.kind == TokenKind::word || token_.kind == TokenKind::sign) &&
           token_.text == word;
  }
  Result<> advance() {
    TRY(token_, scanner_.next());
    return {};
  }
  Result<> expect(std::string_view word) {
    if (!is(word))
      return wrong(token_.column, "expected " + std::string(word) + "; " + found(token_));
    return advance();
  }

  // NOLINTNEXTLINE(misc-no-recursion): bounded by max_depth
  Result<Node> any(std::size_t depth) {
    TRY(auto first, all(depth));
    if (!is("or")) return first;
    Node node{.kind = Kind::any, .field = {}, .values = {}, .parts = {}};
    node.parts.push_back(std::move(first));
    while (is("or")) {
      TRY_VOID(advance());
      TRY(auto next, all(depth));
      node.parts.push_back(std::move(next));
    }
    return node;
  }

  // NOLINTNEXTLINE(misc-no-recursion): bounded by max_depth
  Result<Node> all(std::size_t depth) {
    Node node;
    for (;;) {
      TRY(auto next, term(depth));
      node.parts.push_back(std::move(next));
      if (!is("and")) break;
      TRY_VOID(advance());
    }
    if (node.parts.size() > 1) return node;
    auto only = std::move(node.parts.front());
    return only;
  }

  // NOLINTNEXTLINE(misc-no-recursion): bounded by max_depth
  Result<Node> term(std::size_t depth) {
    if (depth > max_depth)
      return wrong(token_.column, "more than " + std::to_string(max_depth) + " levels");
    if (is("not")) {
      TRY_VOID(advance());
      TRY(auto part, term(depth + 1));
      Node node{.kind = Kind::negated, .field = {}, .values = {}, .parts = {}};
      node.parts.push_back(std::move(part));
      return node;
    }
    if (is("(")) {
      TRY_VOID(advance());
      TRY(auto part, any(depth + 1));
      TRY_VOID(expect(")"));
      return part;
    }
    TRY(auto const name, field());
    return about(name);
  }

  Result<FieldName> field() {
    bool const reserved = token_.kind == TokenKind::word &&
                          std::ranges::find(keywords, token_.text) != keywords.end();
    if (token_.kind != TokenKind::word || reserved)
      return wrong(token_.column, "expected the name of a field or an attribute; " + found(token_));
    auto name = field_of(token_.text);
    TRY_VOID(advance());
    // attribute."any name"
    if (name.attribute && name.name.empty()) {
      if (token_.kind != TokenKind::text)
        return wrong(token_.column, "expected the name of an attribute; " + found(token_));
      name.name = token_.text;
      TRY_VOID(advance());
    }
    filter_.asks_for_attributes_ = filter_.asks_for_attributes_ || name.attribute;
    return name;
  }

  Result<Node> about(FieldName const& name) {
    Node node{.kind = Kind::exists, .field = name, .values = {}, .parts = {}};
    if (is("exists")) {
      TRY_VOID(advance());
      return node;
    }
    if (is("in")) {
      node.kind = Kind::in;
      TRY_VOID(advance());
      TRY_VOID(expect("("));
      for (;;) {
        TRY(auto one, value(name));
        node.values.push_back(std::move(one));
        if (!is(",")) break;
        TRY_VOID(advance());
      }
      TRY_VOID(expect(")"));
      return node;
    }
    if (is("like")) {
      node.kind = Kind::like;
      TRY_VOID(advance());
      if (token_.kind != TokenKind::text)
        return wrong(token_.column, "expected a pattern in quotes; " + found(token_));
      node.values.emplace_back(token_.text);
      TRY_VOID(advance());
      return node;
    }
    constexpr std::array<std::pair<std::string_view, Comparison>, 6> signs = {
        {{"=", Comparison::eq},
         {"!=", Comparison::ne},
         {"<", Comparison::lt},
         {"<=", Comparison::le},
         {">", Comparison::gt},
         {">=", Comparison::ge}}};
    auto const* const sign =
        std::ranges::find_if(signs, [this](auto const& candidate) { return is(candidate.first); });
    if (sign == signs.end())
      return wrong(token_.column,
                   "expected =, !=, <, <=, >, >=, like, in or exists after " +
                       printable(name.name) + "; " + found(token_));
    node.kind = Kind::compare;
    node.comparison = sign->second;
    TRY_VOID(advance());
    TRY(auto one, value(name));
    node.values.push_back(std::move(one));
    return node;
  }

  Result<FieldValue> value(FieldName const& name) {
    auto const column = token_.column;
    FieldValue out;
    if (token_.kind == TokenKind::text) {
      out = token_.text;
      if (is_time(name)) {
        auto const time = engine::parse_instant(token_.text);
        if (!time)
          return wrong(column,
                       "\"" + printable(token_.text) +
                           "\" is no time: write -7d or \"2026-11-23T12:00:00Z\"");
        out = *time;
      }
    } else if (token_.kind == TokenKind::number) {
      out = token_.number;
    } else if (token_.kind == TokenKind::span) {
      out = now_ + token_.before_now;
    } else if (is("true") || is("false")) {
      out = is("true");
    } else {
      return wrong(
          column,
          "expected a value: a text in quotes, a number, true, false or -7d; " + found(token_));
    }
    if (!name.attribute && example_of(name).index() != out.index())
      return wrong(column,
                   name.name + " is " + std::string(kind_name(example_of(name))) + ", and " +
                       std::string(kind_name(out)) + " stands here");
    TRY_VOID(advance());
    return out;
  }

  Result<> order() {
    TRY_VOID(advance());
    TRY_VOID(expect("by"));
    for (;;) {
      TRY(auto const name, field());
      bool const descending = is("desc");
      if (descending || is("asc")) TRY_VOID(advance());
      filter_.order_.push_back({name, descending});
      if (!is(",")) return {};
      TRY_VOID(advance());
    }
  }

  Result<> limit() {
    TRY_VOID(advance());
    constexpr double most = 1e9;
    if (token_.kind != TokenKind::number || token_.number < 0 || token_.number > most ||
        token_.number != std::floor(token_.number))
      return wrong(token_.column, "expected how many at most; " + found(token_));
    filter_.limit_ = static_cast<std::size_t>(token_.number);
    return advance();
  }

  Scanner scanner_;
  Time now_;
  Token token_;
  SessionFilter filter_;
};

Result<SessionFilter> SessionFilter::parse(std::string_view text, Time now) {
  return FilterParser(text, now).parse();
}

Result<FieldName> parse_field(std::string_view text) {
  Scanner scanner(text);
  TRY(auto const first, scanner.next());
  if (first.kind == TokenKind::text) return FieldName{first.text, true};
  TRY(auto const rest, scanner.next());
  if (first.kind != TokenKind::word || rest.kind != TokenKind::end)
    return Error{Errc::invalid, "\"" + printable(text) + "\" is no name of a field"};
  return field_of(first.text);
}

FieldValue value_of(SessionRow const& row, FieldName const& field) {
  if (field.attribute) {
    auto const found = row.attributes.find(field.name);
    if (found == row.attributes.end()) return {};
    auto const& value = found->second;
    if (value.is_null()) return {};
    if (auto const* const truth = value.as_bool()) return *truth;
    if (auto const* const text = value.as_string()) return *text;
    if (auto const number = value.as_double()) return *number;
    return canonical(value);
  }
  auto const& head = row.head;
  auto const& name = field.name;
  if (name == "session") return row.id.name;
  if (name == "tenant") return row.id.tenant;
  if (name == "run") return to_string(head.run);
  if (name == "workflow") return head.workflow;
  if (name == "status") return std::string(forensics::name_of(head));
  if (name == "events") return static_cast<double>(head.last_sequence);
  if (name == "steps") return static_cast<double>(head.steps);
  if (name == "open_attempts") return static_cast<double>(head.open_attempts);
  if (name == "checkpoint") return static_cast<double>(head.checkpoint);
  return name == "started" ? head.started_at : head.updated_at;
}

std::string to_text(FieldValue const& value) {
  if (auto const* const truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
  if (auto const* const number = std::get_if<double>(&value)) return canonical(Json(*number));
  if (auto const* const text = std::get_if<std::string>(&value)) return *text;
  if (auto const* const time = std::get_if<Time>(&value)) return to_string(*time);
  return {};
}

bool SessionFilter::compares(Comparison comparison,
                             FieldValue const& left,
                             FieldValue const& right) {
  if (left.index() != right.index() || left.index() == 0) return false;
  switch (comparison) {
    case Comparison::eq:
      return left == right;
    case Comparison::ne:
      return left != right;
    case Comparison::lt:
      return left < right;
    case Comparison::le:
      return left <= right;
    case Comparison::gt:
      return left > right;
    case Comparison::ge:
      return left >= right;
  }
  return false;
}

// NOLINTNEXTLINE(misc-no-recursion): bounded by FilterParser::max_depth
bool SessionFilter::holds(Node const& node, SessionRow const& row) {
  auto const part_holds = [&](Node const& part) { return holds(part, row); };
  switch (node.kind) {
    case Kind::all:
      return std::ranges::all_of(node.parts, part_holds);
    case Kind::any:
      return std::ranges::any_of(node.parts, part_holds);
    case Kind::negated:
      return !holds(node.parts.front(), row);
    default:
      break;
  }
  auto const value = value_of(row, node.field);
  switch (node.kind) {
    case Kind::exists:
      return value.index() != 0;
    case Kind::in:
      return std::ranges::any_of(
          node.values, [&](FieldValue const& one) { return compares(Comparison::eq, value, one); });
    case Kind::like: {
      auto const* const text = std::get_if<std::string>(&value);
      return text != nullptr &&
             engine::glob_matches(std::get<std::string>(node.values.front()), *text);
    }
    default:
      return compares(node.comparison, value, node.values.front());
  }
}

bool SessionFilter::matches(SessionRow const& row) const { return holds(root_, row); }

void SessionFilter::arrange(std::vector<SessionRow>& rows) const {
  auto const before = [this](SessionRow const& a, SessionRow const& b) {
    for (auto const& order : order_) {
      auto const of_a = value_of(a, order.field);
      auto const of_b = value_of(b, order.field);
      if (of_a == of_b) continue;
      if (of_a.index() == 0 || of_b.index() == 0) return of_b.index() == 0;
      return order.descending ? of_b < of_a : of_a < of_b;
    }
    return a.id < b.id;
  };
  if (!order_.empty()) std::ranges::sort(rows, before);
  if (limit_ && rows.size() > *limit_)
    rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(*limit_), rows.end());
}

}  // namespace dalsegno::command
