#pragma once

#include "storage/vault/values.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::vault {

/// What is known of the name of a JSON member.
struct NameFacts {
  FieldClass field = FieldClass::none;  ///< what the name says of the value
  bool clean = false;                   ///< nothing in the name itself is replaced
  bool token = false;                   ///< there is a redaction token in it
};

/// The names of members seen lately: an object's names are those of the one before it.
///
/// As in CleanTexts, whole names are kept and compared; none in which a secret was found. At most
/// 1,024 of at most 64 bytes; a newer one takes the place of an older one. Thread: any.
class SeenNames {
 public:
  static constexpr std::size_t longest = 64;

  [[nodiscard]] std::optional<NameFacts> find(std::string_view name) const;
  /// `generation` is that from before the name was looked through: if it is not the present one any
  /// more, nothing is added. Only clean names are.
  void add(std::string_view name, NameFacts facts, std::uint64_t generation);
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  /// What was clean may not be any more: begins a new generation.
  void clear();

 private:
  struct Entry {
    std::string name;
    NameFacts facts;
    bool taken = false;
  };
  struct Part {
    mutable std::mutex mutex;
    std::array<Entry, 64> entries;  // guarded by mutex
  };
  struct Place {
    std::size_t part = 0;
    std::size_t entry = 0;
  };
  [[nodiscard]] static Place place_of(std::string_view name);

  std::array<Part, 16> parts_;
  std::atomic<std::uint64_t> generation_ = 0;
};

}  // namespace dalsegno::vault
