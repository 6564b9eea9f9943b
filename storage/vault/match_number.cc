// Numbers that name a person or an account: shapes, payment cards, IBANs.

#include "storage/vault/ascii.h"
#include "storage/vault/scan.h"

#include <algorithm>
#include <string>

namespace dalsegno::vault {
namespace {

/// Whether what stands at both ends is no part of the same number.
bool stands_alone(Scan const& scan, Range range, bool loose) {
  char const before = scan.before(range.begin);
  char const behind = scan.at(range.end);
  if (is_digit(before) || is_alnum(behind) || behind == '_') return false;
  if (!loose && (is_letter(before) || before == '_')) return false;
  auto const joins = [](char c) {
    return c == '-' || c == '.' || c == '/' || c == ',' || c == '+';
  };
  if (joins(before) && range.begin > 1 && is_digit(scan.at(range.begin - 2))) return false;
  if (joins(behind) && is_digit(scan.at(range.end + 1))) return false;
  return true;
}

/// A number in groups goes on where another group stands behind a blank.
bool goes_on(Scan const& scan, Range range) {
  auto const text = scan.between(range.begin, range.end);
  if (!text.contains(' ')) return false;
  return (scan.at(range.end) == ' ' && is_digit(scan.at(range.end + 1))) ||
         (scan.before(range.begin) == ' ' && range.begin > 1 && is_digit(scan.at(range.begin - 2)));
}

void match_shape(Scan& scan, ShapeRule const& rule, std::size_t run) {
  if (run < rule.first_digit) return;
  Range const range{run - rule.first_digit, run - rule.first_digit + rule.shape.size()};
  if (range.end > scan.text().size()) return;
  for (std::size_t i = 0; i < rule.shape.size(); ++i)
    if (!fits_shape(scan.at(range.begin + i), rule.shape[i])) return;
  if (!stands_alone(scan, range, rule.loose) || goes_on(scan, range)) return;
  if (rule.check != nullptr && !rule.check(scan.between(range.begin, range.end))) return;
  scan.add_if(range,
              rule.id.starts_with("us_ssn") ? "us_ssn" : rule.id,
              rule.category,
              rule.needs,
              rule.context);
}

}  // namespace

void match_number(Scan& scan, Range run) {
  auto const length = run.end - run.begin;
  auto const& rules = scan.rules();
  if (length >= rules.shapes_by_run.size()) return;
  rules.shapes_by_run[length].each(
      scan.before(run.begin), scan.at(run.end), [&](std::uint16_t index) {
        match_shape(scan, rules.shapes[index], run.begin);
      });
}

void match_card(Scan& scan, Range run) {
  // 12 to 19 digits: in one run, or in groups with one blank or dash between them.
  if (run.end - run.begin < 3) return;
  Range range{run.begin, run.begin};
  std::string digits;
  char separator = '\0';
  std::size_t groups = 1;
  while (range.end < scan.text().size() && digits.size() <= 19) {
    char const c = scan.at(range.end);
    if (is_digit(c)) {
      digits.push_back(c);
    } else if ((c == ' ' || c == '-') && (separator == '\0' || separator == c) &&
               is_digit(scan.at(range.end + 1)) && range.end - run.begin >= 3) {
      separator = c;
      ++groups;
    } else {
      break;
    }
    ++range.end;
  }
  // A blank may also part the card from a number behind it: try without the last group.
  while (digits.size() > 19 && separator == ' ' && groups > 1) {
    do {
      --range.end;
      if (is_digit(scan.at(range.end))) digits.pop_back();
    } while (range.end > range.begin && scan.at(range.end) != separator);
    --groups;
  }
  if (digits.size() < 12 || digits.size() > 19 || groups > 5) return;
  if (!stands_alone(scan, range, false) || !luhn(digits)) return;
  if (digits.find_first_not_of('0') == std::string::npos) return;
  bool const known = std::ranges::any_of(scan.rules().cards, [&](CardPrefixes const& prefixes) {
    auto const prefix = std::stoi(digits.substr(0, prefixes.digits));
    return prefix >= prefixes.from && prefix <= prefixes.to &&
           std::ranges::find(prefixes.lengths, digits.size()) != prefixes.lengths.end();
  });
  scan.add_if(range,
              "payment_card",
              "payment_card",
              known ? Needs::nothing : Needs::context_or_bare,
              scan.rules().card_context);
}

void match_iban(Scan& scan, Range run) {
  if (run.begin < 2 || run.end - run.begin < 2) return;
  auto const begin = run.begin - 2;
  auto const first = scan.at(begin);
  auto const second = scan.at(begin + 1);
  bool const upper = is_upper(first) && is_upper(second);
  if (!upper && !(is_lower(first) && is_lower(second))) return;
  std::string country{first, second};
  if (!upper)
    for (auto& c : country) c = static_cast<char>(c - 32);
  auto const known = scan.rules().iban_lengths.find(country);
  if (known == scan.rules().iban_lengths.end() || is_alnum(scan.before(begin))) return;
  std::size_t count = 0;
  auto end = begin;
  char separator = '\0';
  while (end < scan.text().size() && count < known->second) {
    char const c = scan.at(end);
    if (is_digit(c) || (upper ? is_upper(c) : is_lower(c))) {
      ++count;
    } else if ((c == ' ' || c == '-') && (separator == '\0' || separator == c) &&
               is_alnum(scan.at(end + 1))) {
      separator = c;
    } else {
      return;
    }
    ++end;
  }
  if (count != known->second || is_alnum(scan.at(end))) return;
  if (!iban_mod_97(scan.between(begin, end))) return;
  scan.add({begin, end}, "iban", "iban", Evidence::format);
}

}  // namespace dalsegno::vault
