#pragma once

// The checks over the digits of cards, tax numbers and the like. Included by sources of this folder
// only.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace dalsegno::vault {

/// What a rule names, and the function.
struct NamedCheck {
  std::string_view name;
  bool (*check)(std::string_view value) = nullptr;
};

[[nodiscard]] std::span<NamedCheck const> number_checks();
[[nodiscard]] std::span<NamedCheck const> national_checks();
[[nodiscard]] std::span<NamedCheck const> token_checks();

/// The sum of weight times digit; `digits` has at least as many as there are weights.
[[nodiscard]] int weighted(std::string_view digits, std::span<int const> weights);
/// Whether `year` (with century), `month`, `day` is a day of the Gregorian calendar.
[[nodiscard]] bool is_date(int year, int month, int day);
/// The number that digits [from, from + count) of `digits` make.
[[nodiscard]] int number_at(std::string_view digits, std::size_t from, std::size_t count);

}  // namespace dalsegno::vault
