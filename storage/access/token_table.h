#pragma once

#include "dalsegno/result.h"
#include "storage/access/token.h"
#include "storage/log/event_log.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::access {

/// How long a token for emergencies can be valid, whatever its event says.
inline constexpr std::chrono::minutes break_glass_life{60};

/// Why a token does not count, or that it does.
enum class TokenState : std::uint8_t { valid, expired, revoked, used };
/// "valid", "expired", "revoked", "used".
[[nodiscard]] std::string_view name_of(TokenState state);

/// What is known of a token. The token itself is nowhere.
struct KnownToken {
  std::string id;
  TokenKind kind = TokenKind::operators;
  storage::Digest digest;
  std::string owner;
  std::vector<std::string> roles;
  std::vector<std::string> scopes;  ///< names of actions, or globs; none: no action
  std::string tenant;               ///< "" for all
  Time created;
  std::optional<Time> expires;  ///< from then on it is not valid
  std::optional<Time> ends;     ///< revoked, from then on
  std::string replaces;
  bool break_glass = false;
  bool used = false;  ///< a token for emergencies that has had its one action

  /// `at`: as `not_before_recorded` gives it.
  [[nodiscard]] TokenState state(Time at) const;

  friend bool operator==(KnownToken const&, KnownToken const&) = default;
};

/// The tokens of a store: the fold over its operators' session. Thread: const members any.
class TokenTable {
 public:
  /// Errors: those of read_verified.
  [[nodiscard]] static Result<TokenTable> read(storage::EventLog const& log);

  /// Takes the next event. A second token of an id or digest that is there does not count: the
  /// first one stays.
  void apply(storage::EventBody const& body, Time recorded_at);

  /// The token with this digest, nullptr when nobody knows it. Compares with all of them, in a time
  /// that does not tell which one it is nor how much of it was right.
  [[nodiscard]] KnownToken const* find(storage::Digest const& digest) const;
  [[nodiscard]] KnownToken const* with_id(std::string_view id) const;
  /// Whether an operator's token was ever made: from then on operators need one.
  [[nodiscard]] bool has_operators() const { return has_operators_; }
  /// Whether an operator's token is valid at that time.
  [[nodiscard]] bool has_valid_operator(Time at) const;
  /// Oldest first.
  [[nodiscard]] std::vector<KnownToken> const& all() const { return tokens_; }

 private:
  KnownToken* entry(std::string_view id);

  std::vector<KnownToken> tokens_;
  bool has_operators_ = false;
};

}  // namespace dalsegno::access
