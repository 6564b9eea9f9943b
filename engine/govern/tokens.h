#pragma once

#include "engine/govern/operate.h"
#include "storage/access/token.h"
#include "storage/access/token_table.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

/// A token to be made.
struct TokenRequest {
  access::TokenKind kind = access::TokenKind::operators;
  std::string owner;  ///< a person or a program; 1 to max_operator_name_bytes
  std::vector<std::string> roles;
  std::vector<std::string> scopes;  ///< names of actions or globs; each must match one
  std::string tenant;               ///< "" for all
  std::optional<std::chrono::seconds> lifetime;
  /// For emergencies: one action, without a second person, within break_glass_life.
  bool break_glass = false;
};

/// A token that was made. This is the only time that its text is there.
struct MadeToken {
  access::Token token;
  std::string id;
  std::optional<Time> expires;
  Actor by;
};

// All three go through operate(): decided and recorded, the token in the same step. Their errors
// are operate()'s, Errc::invalid for a wrong request, Errc::not_found for an unknown id (the
// beginning of one is enough when only one token has it), Errc::ended for a token that is not valid
// any more.

/// `operator.token`, or `operator.break_glass` for one of these. While the store has no operators'
/// tokens, whoever is at the machine may make the first. An operator's token takes a second person
/// once two people have one, and has no scope that both of them lack.
[[nodiscard]] Result<MadeToken> create_token(storage::EventLog& log,
                                             Credentials const& credentials,
                                             TokenRequest const& request,
                                             std::string reason,
                                             Time now);

/// Makes a token of the same owner, roles, scopes and tenant; the old one ends after `overlap`.
/// Until then both are valid. Without `lifetime` the new one lives as long as the old one was made
/// for. Another owner's operator token takes a second person. Further errors: Errc::conflict when a
/// newer token has replaced it already.
[[nodiscard]] Result<MadeToken> rotate_token(storage::EventLog& log,
                                             Credentials const& credentials,
                                             std::string_view id,
                                             std::chrono::seconds overlap,
                                             std::optional<std::chrono::seconds> lifetime,
                                             std::string reason,
                                             Time now);

struct RevokedToken {
  access::KnownToken token;
  Actor by;
};
/// Ends a token at once. Takes no second person: it may have been stolen.
[[nodiscard]] Result<RevokedToken> revoke_token(storage::EventLog& log,
                                                Credentials const& credentials,
                                                std::string_view id,
                                                std::string reason,
                                                Time now);

}  // namespace dalsegno::engine
