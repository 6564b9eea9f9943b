#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dalsegno::storage {

/// A SHA-256 or HMAC-SHA-256 value: 32 bytes.
struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  friend auto operator<=>(Digest const&, Digest const&) = default;
};

[[nodiscard]] std::string to_hex(Digest const& digest);
[[nodiscard]] std::optional<Digest> parse_digest(std::string_view hex);

/// SHA-256 (FIPS 180-4) of the parts, one after the other.
[[nodiscard]] Digest sha256(std::initializer_list<std::string_view> parts);

/// The key that digests of one session's payloads are made with. It lies in the vault, never in the
/// log: once it is destroyed, no digest in the log can be tested against a guessed value.
struct SessionSecret {
  std::array<std::uint8_t, 32> bytes{};

  friend bool operator==(SessionSecret const&, SessionSecret const&) = default;
};

/// HMAC-SHA-256 (RFC 2104) under a session's secret; the key's two hash states are prepared once.
/// Thread: const use from several threads is fine.
class KeyedDigester {
 public:
  explicit KeyedDigester(SessionSecret const& secret);
  KeyedDigester(KeyedDigester const&);
  KeyedDigester& operator=(KeyedDigester const&);
  KeyedDigester(KeyedDigester&&) noexcept;
  KeyedDigester& operator=(KeyedDigester&&) noexcept;
  ~KeyedDigester();

  [[nodiscard]] Digest digest(std::string_view bytes) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dalsegno::storage
