// Telephone numbers: the international form, the North American one, and any plausible grouping
// beside a word that says so.

#include "storage/vault/ascii.h"
#include "storage/vault/scan.h"

#include <string>

namespace dalsegno::vault {
namespace {

bool is_joint(char c) {
  return c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/';
}

/// Digits and what may stand between them, from `begin` on.
struct Number {
  Range range;
  std::string digits;
  std::size_t groups = 1;
  bool dots_only = true;
};

Number read_number(Scan const& scan, std::size_t begin) {
  Number number;
  auto end = begin;
  auto last_digit = begin;
  while (end < scan.text().size() && number.digits.size() <= 17) {
    char const c = scan.at(end);
    if (is_digit(c)) {
      number.digits.push_back(c);
      last_digit = ++end;
      continue;
    }
    if (!is_joint(c)) break;
    // One joint, or two where a parenthesis is one of them ("(0) 157").
    auto next = end + 1;
    while (next - end < 3 && is_joint(scan.at(next))) ++next;
    if (!is_digit(scan.at(next))) break;
    if (next - end > 1 && !scan.between(end, next).contains('(') &&
        !scan.between(end, next).contains(')'))
      break;
    if (c != '.') number.dots_only = false;
    ++number.groups;
    end = next;
  }
  number.range = {begin, last_digit};
  return number;
}

/// "x4587", " ext. 12".
void take_extension(Scan const& scan, Range& range) {
  auto at = range.end;
  if (scan.at(at) == ' ') ++at;
  auto const rest = scan.text().substr(at, 5);
  std::size_t word = 0;
  for (std::string_view const mark : {"ext. ", "ext.", "ext ", "ext", "x"}) {
    if (rest.starts_with(mark)) {
      word = mark.size();
      break;
    }
  }
  if (word == 0 || !is_digit(scan.at(at + word))) return;
  auto end = at + word;
  while (is_digit(scan.at(end)) && end - at < 12) ++end;
  if (!is_alnum(scan.at(end))) range.end = end;
}

/// A string of its own, as in JSON: then the word beside it may speak of another.
bool is_quoted(Scan const& scan, Range range) {
  return scan.before(range.begin) == '"' || scan.before(range.begin) == '\'';
}

/// Area and exchange do not begin with 0 or 1.
bool is_north_american(std::string_view digits) {
  return digits.size() == 10 && digits[0] >= '2' && digits[3] >= '2';
}

/// The international form, or the North American one.
bool has_telling_form(Number const& number, std::string_view text, bool plus, bool parenthesis) {
  std::string_view const digits = number.digits;
  if (plus) return digits.size() >= 8 && digits[0] != '0';
  if (number.groups >= 2 && parenthesis && is_north_american(digits)) return true;
  if (number.groups < 3) return false;
  if (is_north_american(digits)) return text.contains('-') || text.contains('.');
  if (digits.size() == 11 && digits[0] == '1') return is_north_american(digits.substr(1));
  return digits.size() == 13 && digits.starts_with("001");
}

bool looks_like_date(std::string_view text) {
  return text.size() >= 10 && is_digit(text[3]) &&
         (text[4] == '-' || text[4] == '.' || text[4] == '/') && is_digit(text[6]) &&
         (text[7] == '-' || text[7] == '.' || text[7] == '/') &&
         (text.starts_with("19") || text.starts_with("20"));
}

}  // namespace

void match_phone(Scan& scan, Range run) {
  auto begin = run.begin;
  // The run has to be the first of its number.
  if (begin > 0 && is_joint(scan.before(begin)) && begin > 1 &&
      (is_digit(scan.at(begin - 2)) ||
       (scan.at(begin - 2) == ')' && begin > 2 && is_digit(scan.at(begin - 3)))))
    return;
  bool const parenthesis = scan.before(begin) == '(';
  if (parenthesis) --begin;
  bool const plus =
      scan.before(begin) == '+' ||
      (parenthesis && begin > 1 && scan.before(begin) == ' ' && scan.at(begin - 2) == '+');
  if (plus) --begin;
  if (is_alnum(scan.before(begin)) || scan.before(begin) == '_' || scan.before(begin) == '.')
    return;
  auto number = read_number(scan, run.begin);
  number.range.begin = begin;
  auto const digits = number.digits.size();
  if (digits < 7 || digits > 15) return;
  char const behind = scan.at(number.range.end);
  take_extension(scan, number.range);
  if (is_alnum(scan.at(number.range.end)) || behind == '_' || behind == ':') return;
  if (scan.at(number.range.end) == '-' && is_digit(scan.at(number.range.end + 1))) return;
  auto const text = scan.between(number.range.begin, number.range.end);
  if (looks_like_date(text)) return;
  auto const& words = scan.rules().phone_context;
  if (has_telling_form(number, text, plus, parenthesis)) {
    scan.add_if(number.range, "phone", "phone", Needs::nothing, words);
  } else if (scan.has_context_within(number.range, words, 28, 12) || scan.is_hinted(words)) {
    // A plain number needs a word that means nothing else, or one right before it ("Desk: 540…").
    bool const close =
        scan.has_context_within(number.range, words, 10, 10) && !is_quoted(scan, number.range);
    if (number.groups >= 2 || close ||
        scan.has_context_within(number.range, scan.rules().phone_names, 28, 12) ||
        scan.is_hinted(scan.rules().phone_names))
      scan.add(number.range, "phone", "phone", Evidence::context);
  } else if (number.groups >= 2 && digits >= 8 &&
             scan.has_context_within(number.range, {"number is", "number:"}, 16, 0) &&
             !scan.has_context_within(number.range, scan.rules().other_numbers, 40, 0)) {
    scan.add(number.range, "phone", "phone", Evidence::context);
  } else if (number.groups >= 2 && !number.dots_only && scan.is_bare(number.range)) {
    scan.add(number.range, "phone", "phone", Evidence::bare);
  }
}

}  // namespace dalsegno::vault
