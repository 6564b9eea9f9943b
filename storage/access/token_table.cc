#include "storage/access/token_table.h"

#include "dalsegno/try.h"
#include "storage/access/operator_acted.h"
#include "storage/log/chain.h"
#include "storage/log/journal.h"

#include <algorithm>
#include <cstdlib>
#include <variant>

namespace dalsegno::access {

std::string_view name_of(TokenState state) {
  switch (state) {
    case TokenState::valid:
      return "valid";
    case TokenState::expired:
      return "expired";
    case TokenState::revoked:
      return "revoked";
    case TokenState::used:
      return "used";
  }
  std::abort();
}

TokenState KnownToken::state(Time at) const {
  if (used) return TokenState::used;
  if (ends && *ends <= at) return TokenState::revoked;
  if (expires && *expires <= at) return TokenState::expired;
  return TokenState::valid;
}

Result<TokenTable> TokenTable::read(storage::EventLog const& log) {
  TokenTable table;
  auto const& session = storage::journal_session();
  TRY(auto const head, log.head(session));
  if (!head) return table;
  TRY_VOID(storage::read_verified(
      log, session, head->run, 1, storage::Reading::show, [&](storage::DecodedStep const& step) {
        for (auto const& event : step.step.events)
          table.apply(event.body, step.step.header.recorded_at);
        return true;
      }));
  return table;
}

void TokenTable::apply(storage::EventBody const& body, Time recorded_at) {
  if (auto const* const created = std::get_if<storage::TokenCreated>(&body)) {
    if (with_id(created->id) != nullptr || find(created->digest) != nullptr) return;
    KnownToken token;
    token.id = created->id;
    token.kind = created->kind;
    token.digest = created->digest;
    token.owner = created->owner;
    token.roles = created->roles;
    token.scopes = created->scopes;
    token.tenant = created->tenant;
    token.created = recorded_at;
    token.expires = created->expires;
    token.replaces = created->replaces;
    token.break_glass = created->break_glass;
    if (token.break_glass) {
      auto const latest = recorded_at + break_glass_life;
      token.expires = std::min(token.expires.value_or(latest), latest);
    }
    has_operators_ = has_operators_ || token.kind == TokenKind::operators;
    tokens_.push_back(std::move(token));
  } else if (auto const* const revoked = std::get_if<storage::TokenRevoked>(&body)) {
    auto* const token = entry(revoked->id);
    if (token == nullptr) return;
    // An end can come nearer, it cannot be put off.
    auto const end = std::max(revoked->at.value_or(recorded_at), recorded_at);
    token->ends = std::min(token->ends.value_or(end), end);
  } else if (auto const* const acted = std::get_if<storage::OperatorActed>(&body)) {
    if (was_refused(*acted)) return;
    for (auto const* const id : {&acted->credential, &acted->second_credential})
      if (auto* const token = entry(*id); token != nullptr && token->break_glass)
        token->used = true;
  }
}

KnownToken const* TokenTable::find(storage::Digest const& digest) const {
  KnownToken const* found = nullptr;
  for (auto const& token : tokens_)
    if (same_digest(token.digest, digest)) found = &token;  // and on to the end all the same
  return found;
}

KnownToken const* TokenTable::with_id(std::string_view id) const {
  auto const found = std::ranges::find(tokens_, id, &KnownToken::id);
  return found == tokens_.end() ? nullptr : &*found;
}

KnownToken* TokenTable::entry(std::string_view id) {
  auto const found = std::ranges::find(tokens_, id, &KnownToken::id);
  return found == tokens_.end() ? nullptr : &*found;
}

bool TokenTable::has_valid_operator(Time at) const {
  return std::ranges::any_of(tokens_, [at](KnownToken const& token) {
    return token.kind == TokenKind::operators && token.state(at) == TokenState::valid;
  });
}

}  // namespace dalsegno::access
