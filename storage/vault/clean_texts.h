#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::vault {

/// Texts in which nothing was found lately, each with the name that it stood under: what one call
/// returns the next one is often given, and need not be looked through again.
///
/// Whole texts are kept and compared, not digests of them, so that nothing is ever taken for clean
/// that was not looked at; they hold no secret that was found. At most 1,024 texts, 16 MiB
/// together; a newer one takes the place of an older one. Thread: any.
class CleanTexts {
 public:
  /// Shorter texts are looked through faster than they are found here, longer ones take too much
  /// room.
  static constexpr std::size_t shortest = 64;
  static constexpr std::size_t longest = 16 * 1024;

  [[nodiscard]] bool holds(std::string_view name, std::string_view text) const;
  /// `generation` is that from before the text was looked through: if it is not the present one any
  /// more, nothing is added.
  void add(std::string_view name, std::string_view text, std::uint64_t generation);
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  /// What was clean may not be any more: begins a new generation.
  void clear();

 private:
  struct Entry {
    std::string name;
    std::string text;
  };
  static constexpr std::size_t entries_of_part = 64;
  struct Part {
    mutable std::mutex mutex;
    std::vector<Entry> entries{entries_of_part};  // guarded by mutex
  };
  struct Place {
    std::size_t part = 0;
    std::size_t entry = 0;
  };
  [[nodiscard]] static Place place_of(std::string_view name, std::string_view text);

  std::array<Part, 16> parts_;
  std::atomic<std::uint64_t> generation_ = 0;
};

}  // namespace dalsegno::vault
