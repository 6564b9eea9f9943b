// Addresses of cryptographic currencies: Bitcoin with its checksums, and Ethereum's form.

#include "storage/vault/ascii.h"
#include "storage/vault/scan.h"

#include <algorithm>

namespace dalsegno::vault {
namespace {

Range word_at(Scan const& scan, std::size_t at) {
  Range range{at, at};
  while (range.begin > 0 && at - range.begin < 96 && is_alnum(scan.before(range.begin)))
    --range.begin;
  while (range.end - at < 96 && is_alnum(scan.at(range.end))) ++range.end;
  return range;
}

}  // namespace

void match_crypto(Scan& scan, Range run) {
  // "1…", "3…", "bc1…", "0x…": each has a digit at its start.
  char const first = scan.at(run.begin);
  if (first != '1' && first != '3' && first != '0') return;
  if (first == '0') {
    if (run.end - run.begin != 1 || lower(scan.at(run.end)) != 'x' ||
        is_alnum(scan.before(run.begin)))
      return;
    auto const word = word_at(scan, run.begin);
    auto const digits = scan.between(run.begin + 2, word.end);
    if (digits.size() == 40 && std::ranges::all_of(digits, is_hex))
      scan.add({run.begin, word.end}, "crypto_address", "crypto_address", Evidence::format);
    return;
  }
  auto const word = word_at(scan, run.begin);
  auto const text = scan.between(word.begin, word.end);
  auto const head = run.begin - word.begin;
  bool const bech32 = first == '1' && head == 2 && lower(text.substr(0, 2)) == "bc" &&
                      text.size() >= 14 && text.size() <= 90;
  bool const base58 = head == 0 && text.size() >= 26 && text.size() <= 35;
  if ((bech32 || base58) && bitcoin_address(text))
    scan.add(word, "crypto_address", "crypto_address", Evidence::format);
}

}  // namespace dalsegno::vault
