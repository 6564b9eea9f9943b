#pragma once

// Which of some hundreds of literals stands at a place of a text, asked at every place of it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::vault {

/// A set of literals of three bytes or more.
///
/// The idea: the three bytes at a place, ASCII letters in lower case, are hashed into a bitmap of
/// 64 Ki bits. In text without hits nearly every place ends there, after one multiplication and
/// one load from a table that stays in the first-level cache. What passes is compared with the few
/// literals that share the hash.
/// Thread: const use from several threads is fine.
class LiteralSet {
 public:
  enum class Case : std::uint8_t { exact, ignored };

  /// Adds a literal that answers with `tag`. `text`: 3 bytes or more; ignored case is ASCII's.
  void add(std::string_view text, Case letters, std::uint32_t tag);

  /// Whether a literal may stand at `at`; `at[0]` to `at[3]` must be readable.
  [[nodiscard]] bool may_stand(char const* at) const {
    auto const slot = slot_of(at);
    return ((bits_[slot >> 6U] >> (slot & 63U)) & 1U) != 0;
  }

  /// Calls `visit(tag, length)` for each literal at the start of `text`.
  template <class Visit>
  void match(std::string_view text, Visit&& visit) const {
    if (text.size() < 3 || buckets_.empty()) return;
    std::array<char, 4> head{text[0], text[1], text[2], 0};
    for (auto entry = buckets_[slot_of(head.data()) % bucket_count]; entry != none;) {
      auto const& literal = literals_[entry];
      if (stands_at(text, literal)) visit(literal.tag, literal.text.size());
      entry = literal.next;
    }
  }

  [[nodiscard]] bool empty() const { return literals_.empty(); }
  [[nodiscard]] std::size_t longest() const { return longest_; }
  /// Whether a literal, longer than `text`, begins with it. Slow: goes through all literals.
  [[nodiscard]] bool begins_with(std::string_view text) const;
  /// Overwrites the literals: they may be secrets. Nothing is found afterwards.
  void wipe();

 private:
  struct Literal {
    std::string text;  // lower case when case is ignored
    Case letters = Case::exact;
    std::uint32_t tag = 0;
    std::uint32_t next = 0;
  };
  static constexpr std::uint32_t none = 0xFFFFFFFF;
  static constexpr std::size_t bucket_count = 4096;

  static std::uint32_t slot_of(char const* at) {
    std::uint32_t word = 0;
    __builtin_memcpy(&word, at, sizeof word);
    return (((word & 0xFFFFFFU) | 0x202020U) * 0x9E3779B1U) >> 16U;
  }
  /// Whether the first bytes of both are the same, as many as the shorter has.
  static bool agree(std::string_view text, Literal const& literal);
  static bool stands_at(std::string_view text, Literal const& literal) {
    return text.size() >= literal.text.size() && agree(text, literal);
  }

  std::array<std::uint64_t, 1024> bits_{};
  std::vector<std::uint32_t> buckets_;
  std::vector<Literal> literals_;
  std::size_t longest_ = 0;
};

}  // namespace dalsegno::vault
