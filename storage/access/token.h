#pragma once

#include "dalsegno/result.h"
#include "storage/event/digest.h"
#include "storage/event/event.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace dalsegno::access {

using storage::TokenKind;

inline constexpr std::size_t token_body_characters = 30;  ///< base62: 178 bits
inline constexpr std::size_t token_check_characters = 6;  ///< base62 of a CRC-32

/// "dsg_op_", "dsg_rt_", "dsg_aud_".
[[nodiscard]] std::string_view prefix_of(TokenKind kind);
/// "operator", "runtime", "auditor".
[[nodiscard]] std::string_view name_of(TokenKind kind);

/// A secret that says who somebody is: prefix of its kind, 30 characters of 0-9 A-Z a-z, and six
/// that check them (CRC-32 of IEEE 802.3 over all that stands before, as a number in base 62, the
/// highest digit first). Whoever has the text has the rights: it is shown once, stored nowhere, and
/// overwritten when this goes. Source: docs/credentials.md.
class Token {
 public:
  /// A new one, from the operating system's randomness.
  [[nodiscard]] static Token make(TokenKind kind);
  /// With this body, for tests. `body`: token_body_characters of 0-9 A-Z a-z.
  [[nodiscard]] static Token with_body(TokenKind kind, std::string_view body);
  /// Errors: Errc::invalid when it cannot be a token at all, so also when it was mistyped; the
  /// detail says what is wrong and never repeats the text. That it parses does not say that anybody
  /// knows it.
  [[nodiscard]] static Result<Token> parse(std::string_view text);

  Token(Token const&) = delete;
  Token& operator=(Token const&) = delete;
  Token(Token&& other) noexcept;
  Token& operator=(Token&& other) noexcept;
  ~Token();

  [[nodiscard]] TokenKind kind() const { return kind_; }
  [[nodiscard]] std::string_view text() const { return text_; }
  /// SHA-256 of the text: what is stored.
  [[nodiscard]] storage::Digest digest() const { return storage::sha256({text_}); }

 private:
  Token(TokenKind kind, std::string text) : kind_(kind), text_(std::move(text)) {}
  void wipe();

  TokenKind kind_;
  std::string text_;
};

/// Whether both are the same, in a time that does not tell where they differ.
[[nodiscard]] bool same_digest(storage::Digest const& a, storage::Digest const& b);

}  // namespace dalsegno::access
