#pragma once

// The rules that ship with the library, read from the data files beside this one (rules/README.md).

#include "dalsegno/result.h"
#include "storage/vault/checks.h"
#include "storage/vault/literals.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace re2 {
class RE2;
}

namespace dalsegno::vault {

/// What has to be there besides the shape and the check digits.
enum class Needs : std::uint8_t {
  nothing,
  context,          ///< words beside it
  context_or_bare,  ///< or that the text is little more than the value
};

/// A token format, found at one of its literals.
struct TokenRule {
  std::string id;
  std::string category;
  std::unique_ptr<re2::RE2> pattern;  ///< matched at the literal, less `before`
  std::size_t before = 0;             ///< how many bytes of the match stand before the literal
  bool before_digits = false;         ///< digits before the literal belong to it
  bool loose = false;                 ///< may stand behind a letter or digit
  bool block = false;                 ///< goes on to the END line of a PEM block
  Check check = nullptr;
  Needs needs = Needs::nothing;
  std::vector<std::string> context;
};

/// A number (with letters, perhaps) of fixed form: '9' is a digit, 'A' an upper-case letter, 'a'
/// any letter, 'X' an upper-case letter or digit, and everything else itself.
struct ShapeRule {
  std::string id;
  std::string category;
  std::string shape;
  std::size_t first_digit = 0;  ///< where the first '9' of the shape is
  bool loose = false;           ///< may stand behind a letter
  Check check = nullptr;
  Needs needs = Needs::nothing;
  std::vector<std::string> context;
};

/// Whether `c` may stand where a shape has `shape`.
[[nodiscard]] bool fits_shape(char c, char shape);

/// The shapes that begin with so many digits, to be chosen by what stands right beside them, which
/// nearly all of them fall away by.
class ShapesOfRun {
 public:
  void add(std::uint16_t index, ShapeRule const& rule, std::size_t run);

  /// Calls `visit(index)` for each shape that may stand between these two bytes, in the order
  /// added.
  template <class Visit>
  void each(char before, char behind, Visit&& visit) const {
    for (auto const& block : blocks_) {
      auto fitting = block.before[static_cast<unsigned char>(before)] &
                     block.behind[static_cast<unsigned char>(behind)];
      for (; fitting != 0; fitting &= fitting - 1)
        visit(block.index[static_cast<std::size_t>(std::countr_zero(fitting))]);
    }
  }

 private:
  struct Block {
    std::array<std::uint16_t, 64> index{};
    std::array<std::uint64_t, 256> before{};  ///< bit i: the byte may stand before shape i
    std::array<std::uint64_t, 256> behind{};
  };
  std::vector<Block> blocks_;
  std::size_t size_ = 0;
};

struct CardPrefixes {
  int from = 0;
  int to = 0;
  std::size_t digits = 0;  ///< of `from` and `to`
  std::vector<std::size_t> lengths;
};

/// A set of words in lower case.
using Words = std::unordered_set<std::string>;

/// Names of fields and values that are none; see rules/README.md, "fields.json".
struct FieldWords {
  Words password, token, refused_last, refused_any, placeholder_values;
  std::vector<std::string> stems_password, stems_token, sensitive_pairs, placeholders;
};

/// What a literal that was found leads to.
inline constexpr std::uint32_t field_tag = 0xFFFF0000;
inline constexpr std::uint32_t url_tag = 0xFFFF0001;
inline constexpr std::uint32_t user_option_tag = 0xFFFF0002;

/// All rules, compiled. Thread: never changes.
struct Rules {
  std::vector<TokenRule> tokens;
  std::vector<std::size_t> dotted;  ///< rules that are looked at where two dots stand seven apart
  std::vector<ShapeRule> shapes;
  /// Which shapes begin with so many digits (index: 0 to 32; beyond, none).
  std::array<ShapesOfRun, 33> shapes_by_run;
  std::map<std::string, std::size_t, std::less<>> iban_lengths;
  std::vector<CardPrefixes> cards;
  std::vector<std::string> card_context, phone_context, phone_names, other_numbers;
  FieldWords fields;
  LiteralSet literals;
  /// The first 16 hexadecimal digits of the SHA-256 of all data files and of `code_version`:
  /// changes with what is found.
  std::string version;
};

/// Compiled once, at the first call. Thread: any.
/// The data files are part of the program and are tested: one that is wrong ends the program.
[[nodiscard]] Rules const& builtin_rules();

}  // namespace dalsegno::vault
