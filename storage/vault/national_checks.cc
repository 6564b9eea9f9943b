// Check digits of national identity, tax and health numbers. A rule's shape has fixed how many
// digits and letters there are, and where.

#include "storage/vault/ascii.h"
#include "storage/vault/checks.h"
#include "storage/vault/number_checks.h"

#include <algorithm>
#include <array>
#include <string>

namespace dalsegno::vault {
namespace {

bool all_zero(std::string_view digits) { return digits.find_first_not_of('0') == digits.npos; }

char letter_of(std::string_view value) {
  char letter = '\0';
  for (char const c : value)
    if (is_letter(c)) letter = is_lower(c) ? static_cast<char>(c - 32) : c;
  return letter;
}

bool au_abn(std::string_view value) {
  static constexpr std::array weights{10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19};
  auto digits = digits_of(value);
  if (digits[0] == '0') return false;
  --digits[0];
  return weighted(digits, weights) % 89 == 0;
}

bool au_acn(std::string_view value) {
  static constexpr std::array weights{8, 7, 6, 5, 4, 3, 2, 1};
  auto const digits = digits_of(value);
  return !all_zero(digits) && (10 - weighted(digits, weights) % 10) % 10 == digits[8] - '0';
}

bool au_tfn(std::string_view value) {
  static constexpr std::array weights{1, 4, 3, 7, 5, 8, 6, 9, 10};
  auto const digits = digits_of(value);
  return !all_zero(digits) && weighted(digits, weights) % 11 == 0;
}

bool au_medicare(std::string_view value) {
  static constexpr std::array weights{1, 3, 7, 9, 1, 3, 7, 9};
  auto const digits = digits_of(value);
  return digits[0] >= '2' && digits[0] <= '6' && weighted(digits, weights) % 10 == digits[8] - '0';
}

/// No number begins with 0 (fictitious) or 8 (never given).
bool ca_sin(std::string_view value) {
  auto const digits = digits_of(value);
  return digits[0] != '0' && digits[0] != '8' && luhn(digits);
}

/// ISO 7064 MOD 11,10.
bool mod_11_10(std::string_view digits) {
  int product = 10;
  for (std::size_t i = 0; i + 1 < digits.size(); ++i) {
    int sum = (digits[i] - '0' + product) % 10;
    if (sum == 0) sum = 10;
    product = 2 * sum % 11;
  }
  return (11 - product) % 10 == digits.back() - '0';
}

/// No digit stands more than three times among the first ten.
bool de_tax_id(std::string_view value) {
  auto const digits = digits_of(value);
  for (char c = '0'; c <= '9'; ++c)
    if (std::ranges::count(digits.substr(0, 10), c) > 3) return false;
  return digits[0] != '0' && mod_11_10(digits);
}

bool es_letter(int number, char letter) { return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == letter; }

bool es_nif(std::string_view value) {
  auto const digits = digits_of(value);
  return es_letter(number_at(digits, 0, digits.size()), letter_of(value));
}

bool es_nie(std::string_view value) {
  auto const first = value.front();
  if (first < 'X' || first > 'Z') return false;
  auto const digits = std::string(1, static_cast<char>('0' + (first - 'X'))) + digits_of(value);
  return is_upper(value.back()) && es_letter(number_at(digits, 0, 8), value.back());
}

bool fi_personal_identity_code(std::string_view value) {
  // ddmmyyCnnnT: the sign C is the century.
  auto const sign = value[6];
  int century = 1900;
  if (sign == '+') century = 1800;
  if (sign >= 'A' && sign <= 'F') century = 2000;
  if (std::string_view("+-UVWXYABCDEF").find(sign) == std::string_view::npos) return false;
  auto const number = value.substr(7, 3);
  if (number_at(number, 0, 3) < 2) return false;
  if (!is_date(century + number_at(value, 4, 2), number_at(value, 2, 2), number_at(value, 0, 2)))
    return false;
  auto const all = std::string(value.substr(0, 6)) + std::string(number);
  return "0123456789ABCDEFHJKLMNPRSTUVWXY"[number_at(all, 0, 9) % 31] == value[10];
}

bool in_aadhaar(std::string_view value) {
  auto const digits = digits_of(value);
  auto const reversed = std::string(digits.rbegin(), digits.rend());
  return digits[0] >= '2' && digits != reversed && find_check("verhoeff")(digits);
}

/// The first two digits name a state.
bool in_gstin(std::string_view value) {
  auto const state = number_at(value, 0, 2);
  return (state >= 1 && state <= 37) || state == 97 || state == 99;
}

/// The fourth letter is the kind of holder.
bool in_pan(std::string_view value) {
  return std::string_view("ABCFGHJLPT").find(value[3]) != std::string_view::npos;
}

bool it_vat_code(std::string_view value) {
  auto const digits = digits_of(value);
  return !all_zero(digits) && luhn(digits);
}

bool kr_rrn(std::string_view value) {
  auto const digits = digits_of(value);
  auto const born = digits[6] - '0';
  if (born < 1 || born > 8) return false;
  int const century = born == 3 || born == 4 || born == 7 || born == 8 ? 2000 : 1900;
  return is_date(
      century + number_at(digits, 0, 2), number_at(digits, 2, 2), number_at(digits, 4, 2));
}

bool kr_brn(std::string_view value) {
  static constexpr std::array weights{1, 3, 7, 1, 3, 7, 1, 3, 5};
  auto const digits = digits_of(value);
  auto const sum = weighted(digits, weights) + (digits[8] - '0') * 5 / 10;
  return !all_zero(digits) && (10 - sum % 10) % 10 == digits[9] - '0';
}

bool pl_pesel(std::string_view value) {
  static constexpr std::array weights{1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1};
  auto const digits = digits_of(value);
  auto const month = number_at(digits, 2, 2);
  auto const in_century = month % 20;
  return in_century >= 1 && in_century <= 12 && number_at(digits, 4, 2) >= 1 &&
         number_at(digits, 4, 2) <= 31 && weighted(digits, weights) % 10 == 0;
}

/// yymmdd-nnnc, or with the century in front. A day over 60 is a coordination number.
bool se_personnummer(std::string_view value) {
  auto const digits = digits_of(value);
  auto const short_form = digits.substr(digits.size() - 10);
  auto const day = number_at(short_form, 4, 2);
  int const year = digits.size() == 12 ? number_at(digits, 0, 4) : 2000 + number_at(digits, 0, 2);
  if (year < 1800 || year > 2099) return false;
  return is_date(year, number_at(short_form, 2, 2), day > 60 ? day - 60 : day) && luhn(short_form);
}

bool sg_nric(std::string_view value) {
  static constexpr std::array weights{2, 7, 6, 5, 4, 3, 2};
  auto const first = value.front() & ~0x20;
  auto const last = value.back() & ~0x20;
  auto const sum = weighted(digits_of(value), weights);
  switch (first) {
    case 'S':
      return "JZIHGFEDCBA"[sum % 11] == last;
    case 'T':
      return "JZIHGFEDCBA"[(sum + 4) % 11] == last;
    case 'F':
      return "XWUTRQPNMLK"[sum % 11] == last;
    case 'G':
      return "XWUTRQPNMLK"[(sum + 4) % 11] == last;
    case 'M':
      return "XWUTRQPNJLK"[(sum + 3) % 11] == last;
    default:
      return false;
  }
}

/// The second and third digit name a province.
bool th_tnin(std::string_view value) {
  static constexpr std::array weights{13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2};
  auto const digits = digits_of(value);
  auto const province = number_at(digits, 1, 2);
  auto const within = [&](int from, int to) { return province >= from && province <= to; };
  if (digits[0] == '0' || !(within(10, 27) || within(31, 58) || province == 30 || within(60, 67) ||
                            within(70, 77) || within(80, 86) || within(90, 96)))
    return false;
  return (11 - weighted(digits, weights) % 11) % 10 == digits[12] - '0';
}

bool tr_national_id(std::string_view value) {
  auto const digits = digits_of(value);
  int odd = 0;
  int even = 0;
  for (std::size_t i = 0; i < 9; ++i) (i % 2 == 0 ? odd : even) += digits[i] - '0';
  int const tenth = ((7 * odd - even) % 10 + 10) % 10;
  return digits[0] != '0' && tenth == digits[9] - '0' &&
         (odd + even + tenth) % 10 == digits[10] - '0';
}

bool uk_nhs(std::string_view value) {
  static constexpr std::array weights{10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  auto const digits = digits_of(value);
  return !all_zero(digits) && weighted(digits, weights) % 11 == 0;
}

bool uk_nino(std::string_view value) {
  auto const text = lower(value);
  auto const first = text[0];
  auto const second = text[1];
  if (std::string_view("dfiquv").find(first) != std::string_view::npos) return false;
  if (std::string_view("dfiquvo").find(second) != std::string_view::npos) return false;
  for (auto const* never : {"bg", "gb", "kn", "nk", "nt", "tn", "zz"})
    if (text.starts_with(never)) return false;
  return text.back() >= 'a' && text.back() <= 'd';
}

/// No letter that looks like a digit.
bool us_mbi(std::string_view value) {
  return value[0] != '0' && std::ranges::none_of(value, [](char c) {
           return std::string_view("SLOIBZ").find(c) != std::string_view::npos;
         });
}

bool za_id_number(std::string_view value) {
  auto const digits = digits_of(value);
  auto const year = number_at(digits, 0, 2);
  auto const month = number_at(digits, 2, 2);
  auto const day = number_at(digits, 4, 2);
  if (!is_date(1900 + year, month, day) && !is_date(2000 + year, month, day)) return false;
  return digits[10] <= '2' && (digits[11] == '8' || digits[11] == '9') && luhn(digits);
}

bool nl_bsn(std::string_view value) {
  static constexpr std::array weights{9, 8, 7, 6, 5, 4, 3, 2, -1};
  auto const digits = digits_of(value);
  return !all_zero(digits) && weighted(digits, weights) % 11 == 0;
}

bool br_cpf(std::string_view value) {
  auto const digits = digits_of(value);
  if (std::ranges::all_of(digits, [&](char c) { return c == digits[0]; })) return false;
  for (std::size_t length = 9; length < 11; ++length) {
    int sum = 0;
    for (std::size_t i = 0; i < length; ++i)
      sum += static_cast<int>(length + 1 - i) * (digits[i] - '0');
    if (sum * 10 % 11 % 10 != digits[length] - '0') return false;
  }
  return true;
}

bool ch_ahv(std::string_view value) {
  static constexpr std::array weights{1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1};
  auto const digits = digits_of(value);
  return digits.starts_with("756") && weighted(digits, weights) % 10 == 0;
}

/// GB 11643: ISO 7064 MOD 11-2, with X for ten.
bool cn_resident_id(std::string_view value) {
  static constexpr std::array weights{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
  if (!is_date(number_at(value, 6, 4), number_at(value, 10, 2), number_at(value, 12, 2)))
    return false;
  auto const last = value.back() == 'x' ? 'X' : value.back();
  return "10X98765432"[weighted(value, weights) % 11] == last;
}

constexpr std::array checks{
    NamedCheck{"au_abn", &au_abn},
    NamedCheck{"au_acn", &au_acn},
    NamedCheck{"au_tfn", &au_tfn},
    NamedCheck{"au_medicare", &au_medicare},
    NamedCheck{"br_cpf", &br_cpf},
    NamedCheck{"ca_sin", &ca_sin},
    NamedCheck{"ch_ahv", &ch_ahv},
    NamedCheck{"cn_resident_id", &cn_resident_id},
    NamedCheck{"de_tax_id", &de_tax_id},
    NamedCheck{"es_nif", &es_nif},
    NamedCheck{"es_nie", &es_nie},
    NamedCheck{"fi_personal_identity_code", &fi_personal_identity_code},
    NamedCheck{"in_aadhaar", &in_aadhaar},
    NamedCheck{"in_gstin", &in_gstin},
    NamedCheck{"in_pan", &in_pan},
    NamedCheck{"it_vat_code", &it_vat_code},
    NamedCheck{"kr_brn", &kr_brn},
    NamedCheck{"kr_rrn", &kr_rrn},
    NamedCheck{"nl_bsn", &nl_bsn},
    NamedCheck{"pl_pesel", &pl_pesel},
    NamedCheck{"se_personnummer", &se_personnummer},
    NamedCheck{"sg_nric", &sg_nric},
    NamedCheck{"th_tnin", &th_tnin},
    NamedCheck{"tr_national_id", &tr_national_id},
    NamedCheck{"uk_nhs", &uk_nhs},
    NamedCheck{"uk_nino", &uk_nino},
    NamedCheck{"us_mbi", &us_mbi},
    NamedCheck{"za_id_number", &za_id_number},
};

}  // namespace

std::span<NamedCheck const> national_checks() { return checks; }

}  // namespace dalsegno::vault
