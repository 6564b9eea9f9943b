#include "engine/govern/identify.h"

#include "dalsegno/try.h"
#include "engine/policy/glob.h"

#include <algorithm>
#include <set>

namespace dalsegno::engine {
namespace {

using access::KnownToken;
using access::TokenState;

std::string of_token(KnownToken const& token) { return "token " + token.id + " of " + token.owner; }

/// Why a token that was shown is no good for this; nothing: it is.
std::optional<std::string> fault_of(KnownToken const* token, TokenUse const& use, Time at) {
  if (token == nullptr) return "this store knows no such token";
  if (token->kind != access::TokenKind::operators)
    return of_token(*token) + " is one of kind " + std::string(access::name_of(token->kind)) +
           "; this takes one of kind operator";
  switch (token->state(at)) {
    case TokenState::valid:
      break;
    case TokenState::expired:
      return of_token(*token) + " expired at " + to_string(*token->expires);
    case TokenState::revoked:
      return of_token(*token) + " was revoked, from " + to_string(*token->ends);
    case TokenState::used:
      return of_token(*token) + " was for one action, and has had it";
  }
  if (!covers(*token, use.action))
    return of_token(*token) + " has no scope for " + std::string(use.action);
  if (!token->tenant.empty() && token->tenant != use.tenant)
    return of_token(*token) + " is for tenant " + token->tenant + " only";
  return std::nullopt;
}

bool two_people(access::TokenTable const& tokens, Time at) {
  std::set<std::string_view> owners;
  for (auto const& token : tokens.all())
    if (token.kind == access::TokenKind::operators && !token.break_glass &&
        token.state(at) == TokenState::valid)
      owners.insert(token.owner);
  return owners.size() > 1;
}

bool needs_second(access::TokenTable const& tokens, TokenUse const& use, Time at) {
  switch (use.second) {
    case SecondPerson::not_needed:
      return false;
    case SecondPerson::once_there_are_two:
      return two_people(tokens, at);
    case SecondPerson::needed:
      return tokens.has_operators();
  }
  return true;
}

std::optional<std::string> without_token(access::TokenTable const& tokens,
                                         TokenUse const& use,
                                         Time at) {
  if (!tokens.has_operators()) return std::nullopt;
  if (use.may_be_recovery && !tokens.has_valid_operator(at)) return std::nullopt;
  return "this store has operators: " + std::string(use.action) +
         " takes the token of one (--as, or DALSEGNO_TOKEN)";
}

std::optional<std::string> fault_of_second(access::TokenTable const& tokens,
                                           Identity const& identity,
                                           bool shown,
                                           TokenUse const& use,
                                           Time at) {
  if (shown) {
    if (auto fault = fault_of(identity.second, use, at)) return "second person: " + *fault;
    if (identity.token == nullptr) return "a second person without a first";
    if (identity.second->owner == identity.token->owner)
      return "second person: both tokens are of " + identity.token->owner;
    return std::nullopt;
  }
  if (identity.break_glass() || !needs_second(tokens, use, at)) return std::nullopt;
  return std::string(use.action) +
         " takes the token of a second person (--second, or DALSEGNO_SECOND_TOKEN)";
}

}  // namespace

bool takes_second_person(std::string_view action) {
  return action == "operator.policy" || action == "operator.erase" || action == "operator.reveal" ||
         action == "operator.rotate_key";
}

bool covers(KnownToken const& token, std::string_view action) {
  return std::ranges::any_of(
      token.scopes, [action](std::string const& scope) { return glob_matches(scope, action); });
}

Result<Identity> identify(access::TokenTable const& tokens,
                          Credentials const& credentials,
                          TokenUse const& use,
                          Time at) {
  Identity identity{.name = credentials.by};
  if (credentials.token) identity.token = tokens.find(credentials.token->digest());
  if (credentials.second) identity.second = tokens.find(credentials.second->digest());
  if (credentials.token) {
    identity.refused = fault_of(identity.token, use, at);
    if (identity.token != nullptr) {
      if (!credentials.by.empty() && credentials.by != identity.token->owner)
        return Error{Errc::invalid,
                     "the token is of " + identity.token->owner + ", not of " + credentials.by};
      identity.name = identity.token->owner;
    }
  } else {
    identity.refused = without_token(tokens, use, at);
    if (credentials.by.empty())
      return identity.refused
                 ? Error{Errc::denied, *identity.refused}
                 : Error{Errc::invalid, "say who does it: a token (--as), or a name (--by)"};
  }
  if (!identity.refused && !(tokens.has_operators() && !credentials.token))
    identity.refused = fault_of_second(tokens, identity, credentials.second.has_value(), use, at);
  return identity;
}

}  // namespace dalsegno::engine
