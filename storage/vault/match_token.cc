// Token formats and PEM blocks: a literal was seen, RE2 looks at what follows.

#include "storage/vault/ascii.h"
#include "storage/vault/scan.h"
#include "storage/vault/values.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>

namespace dalsegno::vault {
namespace {

/// No token format is longer.
constexpr std::size_t longest_token = 4096;
constexpr std::size_t longest_block = 32768;

/// From the BEGIN line of a PEM block that ends at `from` to behind its END line; where there is
/// none before the next block, as far as the text looks like a key.
std::size_t end_of_block(Scan& scan, std::size_t from) {
  auto const window = scan.text().substr(from, longest_block);
  auto const next = window.find("-----BEGIN");
  auto const end = window.substr(0, next).find("-----END");
  if (end != std::string_view::npos) {
    auto const dashes = window.find("-----", end + 8);
    if (dashes != std::string_view::npos && dashes - end < 120) return from + dashes + 5;
  }
  if (window.size() < longest_block && next == std::string_view::npos) scan.leave_open(from);
  auto const is_key = [](char c) {
    return is_alnum(c) || is_space(c) || std::string_view("+/=:,\\").contains(c);
  };
  auto const stop = std::ranges::find_if_not(window, is_key);
  return from + static_cast<std::size_t>(stop - window.begin());
}

void match_at(Scan& scan, TokenRule const& rule, std::size_t begin) {
  if (!rule.loose && is_alnum(scan.before(begin))) return;
  // "box.ico-…" is the end of a file's name.
  if (!rule.loose && scan.before(begin) == '.' && begin > 1 && is_alnum(scan.at(begin - 2))) return;
  auto const window = scan.text().substr(begin, longest_token);
  std::array<re2::StringPiece, 2> groups;
  int const count = rule.pattern->NumberOfCapturingGroups() > 0 ? 2 : 1;
  if (!rule.pattern->Match(window, 0, window.size(), re2::RE2::ANCHOR_START, groups.data(), count))
    return;
  auto const& part = groups[count == 2 && !groups[1].empty() ? 1 : 0];
  Range range{begin + static_cast<std::size_t>(part.data() - window.data()), 0};
  range.end = range.begin + part.size();
  auto const behind = scan.at(range.end);
  if (rule.block) {
    range.end = end_of_block(scan, range.end);
  } else if (is_alnum(behind) || behind == '_' ||
             (behind == '-' && is_alnum(scan.at(range.end + 1))) || behind == '#' ||
             behind == '*') {
    return;  // longer than the format allows, or masked
  }
  auto const value = scan.between(range.begin, range.end);
  if (!rule.block && is_placeholder(scan.rules().fields, value)) return;
  if (rule.check != nullptr && !rule.check(value)) return;
  if (rule.needs == Needs::nothing) {
    scan.add(range, rule.id, rule.category, Evidence::format);
  } else {
    scan.add_if(range, rule.id, rule.category, rule.needs, rule.context);
  }
}

}  // namespace

void match_token(Scan& scan, TokenRule const& rule, std::size_t at) {
  auto begin = at;
  if (rule.before_digits) {
    while (begin > 0 && at - begin < 20 && is_digit(scan.before(begin))) --begin;
    if (begin == at) return;
  } else {
    if (rule.before > at) return;
    begin -= rule.before;
  }
  match_at(scan, rule, begin);
}

void match_dotted(Scan& scan, std::size_t at) {
  auto begin = at;
  auto const fits = [](char c) { return is_alnum(c) || c == '-' || c == '_'; };
  while (begin > 0 && at - begin < 32 && fits(scan.before(begin))) --begin;
  for (auto const rule : scan.rules().dotted) match_at(scan, scan.rules().tokens[rule], begin);
}

}  // namespace dalsegno::vault
