#include "storage/vault/detector.h"

#include "storage/vault/ascii.h"
#include "storage/vault/known_values.h"
#include "storage/vault/scan.h"
#include "storage/vault/token.h"
#include "storage/vault/values.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace dalsegno::vault {
namespace {

/// What a byte may be the beginning of, besides a literal.
enum class Start : std::uint8_t { nothing, digit, at, colon, dash, dot };

constexpr std::array<Start, 256> starts = [] {
  std::array<Start, 256> table{};
  for (unsigned char c = '0'; c <= '9'; ++c) table[c] = Start::digit;
  table['@'] = Start::at;
  table[':'] = Start::colon;
  table['-'] = Start::dash;
  table['.'] = Start::dot;
  return table;
}();

void match_digits(Scan& scan, Range run) {
  match_number(scan, run);
  match_card(scan, run);
  match_iban(scan, run);
  match_phone(scan, run);
  match_ipv4(scan, run);
  match_crypto(scan, run);
}

void match_start(Scan& scan, Start start, std::size_t at) {
  switch (start) {
    case Start::nothing:
      return;
    case Start::digit: {
      if (is_digit(scan.before(at))) return;
      Range run{at, at + 1};
      while (is_digit(scan.at(run.end))) ++run.end;
      match_digits(scan, run);
      return;
    }
    case Start::at:
      return match_email(scan, at);
    case Start::colon:
      return match_colon(scan, at);
    case Start::dash:
      return match_dash(scan, at);
    case Start::dot:
      match_dot(scan, at);
      if (scan.at(at + 7) == '.') match_dotted(scan, at);
      return;
  }
}

void match_literals(Scan& scan, std::size_t at) {
  auto const& rules = scan.rules();
  rules.literals.match(scan.text().substr(at), [&](std::uint32_t tag, std::size_t length) {
    switch (tag) {
      case field_tag:
        return match_field(scan, at);
      case url_tag:
        return match_url(scan, at);
      case user_option_tag:
        return match_user_option(scan, at + length);
      default:
        return match_token(scan, rules.tokens[tag], at);
    }
  });
}

}  // namespace

Prefix find_sensitive_in_prefix(Rules const& rules,
                                KnownValues const* known,
                                std::string_view text,
                                std::string_view hint) {
  std::vector<Range> tokens;
  for (auto const& token : find_tokens(text)) tokens.push_back({token.begin, token.end});
  Scan scan(rules, text, hint, std::move(tokens));
  // The prefilter reads four bytes: the last places are looked at without it.
  auto const filtered = text.size() < 4 ? 0 : text.size() - 3;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const start = starts[static_cast<unsigned char>(text[i])];
    if (start != Start::nothing) [[unlikely]]
      match_start(scan, start, i);
    if (i >= filtered || rules.literals.may_stand(text.data() + i)) [[unlikely]]
      match_literals(scan, i);
  }
  auto open_from = scan.open_from();
  if (known != nullptr) {
    std::vector<Finding> matches;
    known->find(text, matches);
    for (auto& match : matches)
      scan.add({match.begin, match.end}, match.kind, match.category, match.evidence);
    open_from = std::min(open_from, known->open_from(text));
  }
  return {join(std::move(scan.findings())), open_from};
}

std::vector<Finding> find_sensitive(Rules const& rules,
                                    KnownValues const* known,
                                    std::string_view text,
                                    std::string_view hint) {
  return find_sensitive_in_prefix(rules, known, text, hint).findings;
}

std::string_view kind_by_field(Rules const& rules, std::string_view name, std::string_view value) {
  return kind_by_field(rules, class_of_field(rules.fields, name), name, value);
}

std::string_view kind_by_field(Rules const& rules,
                               FieldClass field,
                               std::string_view name,
                               std::string_view value) {
  switch (field) {
    case FieldClass::none:
      return {};
    case FieldClass::password:
      return value.empty() ? "" : "password";
    case FieldClass::token:
      return find_tokens(value).empty() && !is_placeholder(rules.fields, value) &&
                     is_machine_made(name, value)
                 ? "token"
                 : "";
  }
  return {};
}

}  // namespace dalsegno::vault
