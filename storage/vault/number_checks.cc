// Check digits that several countries share, and those of the United States.

#include "storage/vault/number_checks.h"

#include "storage/vault/ascii.h"
#include "storage/vault/checks.h"

#include <algorithm>
#include <chrono>
#include <string>

namespace dalsegno::vault {

int weighted(std::string_view digits, std::span<int const> weights) {
  int sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) sum += weights[i] * (digits[i] - '0');
  return sum;
}

bool is_date(int year, int month, int day) {
  using namespace std::chrono;
  return year_month_day(std::chrono::year(year),
                        std::chrono::month(static_cast<unsigned>(month)),
                        std::chrono::day(static_cast<unsigned>(day)))
      .ok();
}

int number_at(std::string_view digits, std::size_t from, std::size_t count) {
  int value = 0;
  for (auto const c : digits.substr(from, count)) value = value * 10 + (c - '0');
  return value;
}

bool luhn(std::string_view value) {
  int sum = 0;
  bool twice = false;
  std::size_t count = 0;
  for (auto i = value.size(); i-- > 0;) {
    if (!is_digit(value[i])) continue;
    int digit = value[i] - '0';
    if (twice) digit = digit < 5 ? 2 * digit : 2 * digit - 9;
    sum += digit;
    twice = !twice;
    ++count;
  }
  return count > 1 && sum % 10 == 0;
}

bool iban_mod_97(std::string_view value) {
  std::string compact;
  for (char const c : value)
    if (is_alnum(c)) compact.push_back(c);
  if (compact.size() < 5) return false;
  std::ranges::rotate(compact, compact.begin() + 4);
  int remainder = 0;
  for (char const c : compact) {
    if (is_digit(c)) {
      remainder = (remainder * 10 + (c - '0')) % 97;
    } else {
      remainder = (remainder * 100 + (lower(c) - 'a' + 10)) % 97;
    }
  }
  return remainder == 1;
}

namespace {

bool all_same(std::string_view digits) {
  return std::ranges::all_of(digits, [&](char c) { return c == digits.front(); });
}

/// Area, group and serial as the Social Security Administration gives them out (since 2011 any area
/// but 000, 666 and 9xx), without two numbers that advertisements have printed.
bool us_ssn(std::string_view value) {
  auto const digits = digits_of(value);
  auto const area = number_at(digits, 0, 3);
  if (area == 0 || area == 666 || area >= 900) return false;
  if (number_at(digits, 3, 2) == 0 || number_at(digits, 5, 4) == 0) return false;
  return digits != "078051120" && digits != "219099999" && digits != "123456789" &&
         !all_same(digits);
}

bool us_itin(std::string_view value) {
  auto const digits = digits_of(value);
  auto const group = number_at(digits, 3, 2);
  return digits[0] == '9' && ((group >= 50 && group <= 65) || (group >= 70 && group <= 88) ||
                              (group >= 90 && group <= 92) || group >= 94);
}

/// The National Provider Identifier: Luhn with the prefix 80840 of health cards in front.
bool us_npi(std::string_view value) {
  auto const digits = digits_of(value);
  return (digits[0] == '1' || digits[0] == '2') && luhn("80840" + digits);
}

/// The ABA's weights 3, 7, 1 over a routing number.
bool us_aba(std::string_view value) {
  static constexpr std::array weights{3, 7, 1, 3, 7, 1, 3, 7, 1};
  auto const digits = digits_of(value);
  return !all_same(digits) && weighted(digits, weights) % 10 == 0;
}

bool any_digits_differ(std::string_view value) { return !all_same(digits_of(value)); }

/// Verhoeff's check digit (the dihedral group of the pentagon).
bool verhoeff(std::string_view value) {
  static constexpr std::array<std::string_view, 10> product{"0123456789",
                                                            "1234067895",
                                                            "2340178956",
                                                            "3401289567",
                                                            "4012395678",
                                                            "5987604321",
                                                            "6598710432",
                                                            "7659821043",
                                                            "8765932104",
                                                            "9876543210"};
  static constexpr std::array<std::string_view, 8> permuted{"0123456789",
                                                            "1576283094",
                                                            "5803796142",
                                                            "8916043527",
                                                            "9453126870",
                                                            "4286573901",
                                                            "2793806415",
                                                            "7046913258"};
  auto const digits = digits_of(value);
  std::size_t check = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    auto const digit = static_cast<std::size_t>(digits[digits.size() - 1 - i] - '0');
    auto const moved = static_cast<std::size_t>(permuted[i % 8][digit] - '0');
    check = static_cast<std::size_t>(product[check][moved] - '0');
  }
  return check == 0;
}

constexpr std::array checks{
    NamedCheck{"luhn", &luhn},
    NamedCheck{"iban_mod_97", &iban_mod_97},
    NamedCheck{"verhoeff", &verhoeff},
    NamedCheck{"us_ssn", &us_ssn},
    NamedCheck{"us_itin", &us_itin},
    NamedCheck{"us_npi", &us_npi},
    NamedCheck{"us_aba", &us_aba},
    NamedCheck{"any_digits_differ", &any_digits_differ},
};

}  // namespace

std::span<NamedCheck const> number_checks() { return checks; }

Check find_check(std::string_view name) {
  for (auto const list : {number_checks(), national_checks(), token_checks()})
    for (auto const& named : list)
      if (named.name == name) return named.check;
  return nullptr;
}

}  // namespace dalsegno::vault
