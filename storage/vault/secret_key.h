#pragma once

#include "dalsegno/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace dalsegno::vault {

inline constexpr std::size_t key_bytes = 32;

/// 32 bytes of key on a page of their own: locked into memory where the machine allows it
/// (RLIMIT_MEMLOCK), left out of core dumps, not inherited by forks, overwritten at the end.
class SecretKey {
 public:
  /// Random bytes of the operating system. Errors: Errc::io.
  [[nodiscard]] static Result<SecretKey> random();
  /// Copies; the caller wipes its own. `bytes`: exactly `key_bytes`, else Errc::invalid.
  [[nodiscard]] static Result<SecretKey> copy_of(std::span<std::uint8_t const> bytes);

  SecretKey(SecretKey const&) = delete;
  SecretKey& operator=(SecretKey const&) = delete;
  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&& other) noexcept;
  ~SecretKey();

  [[nodiscard]] std::span<std::uint8_t const, key_bytes> bytes() const {
    return std::span<std::uint8_t const, key_bytes>(page_, key_bytes);
  }

 private:
  explicit SecretKey(std::uint8_t* page) : page_(page) {}
  static Result<SecretKey> empty();

  std::uint8_t* page_;
};

}  // namespace dalsegno::vault
