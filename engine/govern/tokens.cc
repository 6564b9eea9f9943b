#include "engine/govern/tokens.h"

#include "dalsegno/try.h"
#include "engine/policy/glob.h"
#include "engine/policy/grammar.h"
#include "engine/policy/nearest.h"
#include "storage/access/recorded_time.h"

#include <algorithm>
#include <utility>

namespace dalsegno::engine {
namespace {

using access::KnownToken;
using access::TokenKind;
using access::TokenState;

constexpr std::size_t max_listed = 64;  // roles or scopes of one token
constexpr std::size_t id_digits = 12;   // of the digest; enough to tell a store's tokens apart

bool is_operators(std::string_view action) { return action.starts_with("operator."); }

Result<> check_scope(TokenKind kind, std::string const& scope) {
  bool known = false;
  for (auto const action : action_names)
    known = known || (glob_matches(scope, action) &&
                      (kind == TokenKind::operators || !is_operators(action)));
  if (known) return {};
  if (std::ranges::find(action_names, scope) != action_names.end())
    return Error{Errc::invalid, "only an operator's token can have the scope " + scope};
  auto detail = "no action is called \"" + scope + "\"";
  if (auto const near = nearest(scope, action_names))
    detail += "; did you mean \"" + std::string(*near) + "\"?";
  return Error{Errc::invalid, detail};
}

Result<> check_names(std::vector<std::string> const& names, std::string_view what) {
  if (names.size() > max_listed)
    return Error{Errc::invalid,
                 "a token has at most " + std::to_string(max_listed) + " " + std::string(what)};
  for (auto const& name : names)
    if (!valid(SessionId{"default", name}))
      return Error{Errc::invalid,
                   "\"" + name + "\" among the " + std::string(what) +
                       ": 1 to 200 bytes of UTF-8 without control characters"};
  return {};
}

Result<> check_request(TokenRequest const& request) {
  TRY_VOID(check_names({request.owner}, "owners"));
  TRY_VOID(check_names(request.roles, "roles"));
  TRY_VOID(check_names(request.scopes, "scopes"));
  if (!request.tenant.empty() && !valid(SessionId{request.tenant, "a"}))
    return Error{Errc::invalid, "\"" + request.tenant + "\" is no name of a tenant"};
  for (auto const& scope : request.scopes) TRY_VOID(check_scope(request.kind, scope));
  if (request.break_glass && request.kind != TokenKind::operators)
    return Error{Errc::invalid, "a token for emergencies is an operator's"};
  if (request.break_glass && request.lifetime && *request.lifetime > access::break_glass_life)
    return Error{Errc::invalid,
                 "a token for emergencies lives " +
                     std::to_string(access::break_glass_life.count()) + " minutes at most"};
  return {};
}

/// Rights cannot grow by handing them on: why these scopes are more than those of whoever grants
/// them; nothing: they are not. Without a token (the store's first, or a recovery) all may be
/// granted.
std::optional<std::string> grants_too_much(std::vector<std::string> const& scopes,
                                           Identity const& who) {
  if (who.token == nullptr) return std::nullopt;
  for (auto const action : action_names) {
    bool const granted = std::ranges::any_of(
        scopes, [action](std::string const& scope) { return glob_matches(scope, action); });
    bool const had =
        covers(*who.token, action) || (who.second != nullptr && covers(*who.second, action));
    if (granted && !had)
      return who.name + " has no scope for " + std::string(action) + " and cannot grant it";
  }
  return std::nullopt;
}

/// Why who holds these credentials may not have an operator's token with these scopes made;
/// nothing: they may.
std::optional<std::string> objection_to(std::vector<std::string> const& scopes,
                                        access::TokenTable const& tokens,
                                        Time at,
                                        Identity const& who) {
  // One emergency must not become a second person for ever: it helps where nobody else is left.
  bool const others = std::ranges::any_of(tokens.all(), [at](KnownToken const& token) {
    return token.kind == TokenKind::operators && !token.break_glass &&
           token.state(at) == TokenState::valid;
  });
  if (who.break_glass() && others)
    return "a token for emergencies makes no operator's token while somebody has a valid one";
  return grants_too_much(scopes, who);
}

struct Fresh {
  access::Token token;
  storage::TokenCreated event;
};

Fresh make(TokenRequest const& request, Time at) {
  Fresh fresh{access::Token::make(request.kind), {}};
  auto& event = fresh.event;
  event.digest = fresh.token.digest();
  event.id = storage::to_hex(event.digest).substr(0, id_digits);
  event.kind = request.kind;
  event.owner = request.owner;
  event.roles = request.roles;
  event.scopes = request.scopes;
  event.tenant = request.tenant;
  event.break_glass = request.break_glass;
  if (request.lifetime) event.expires = at + *request.lifetime;
  if (request.break_glass && !request.lifetime) event.expires = at + access::break_glass_life;
  return fresh;
}

Json described(storage::TokenCreated const& event) {
  Json details;
  details.set("token", event.id).set("kind", access::name_of(event.kind)).set("owner", event.owner);
  if (!event.replaces.empty()) details.set("replaces", event.replaces);
  return details;
}

Result<KnownToken> find_token(access::TokenTable const& tokens, std::string_view id) {
  if (auto const* const token = tokens.with_id(id)) return *token;
  KnownToken const* found = nullptr;
  for (auto const& token : tokens.all()) {
    if (id.empty() || !token.id.starts_with(id)) continue;
    if (found != nullptr)
      return Error{Errc::invalid, "several tokens begin with \"" + std::string(id) + "\""};
    found = &token;
  }
  if (found == nullptr)
    return Error{Errc::not_found,
                 "there is no token \"" + std::string(id) + "\" (dalsegno token list)"};
  return *found;
}

Result<> must_be_valid(KnownToken const& token, Time at) {
  auto const state = token.state(at);
  if (state == TokenState::valid) return {};
  return Error{Errc::ended,
               "token " + token.id + " of " + token.owner + " is " +
                   std::string(access::name_of(state)) + " already"};
}

}  // namespace

Result<MadeToken> create_token(storage::EventLog& log,
                               Credentials const& credentials,
                               TokenRequest const& request,
                               std::string reason,
                               Time now) {
  TRY_VOID(check_request(request));
  TRY(auto const tokens, access::TokenTable::read(log));
  TRY(auto const at, access::not_before_recorded(log, now));
  auto fresh = make(request, at);
  OperatorAction action{.name = request.break_glass ? "operator.break_glass" : "operator.token",
                        .resource = request.owner,
                        .reason = std::move(reason),
                        .tenant = request.tenant,
                        .details = described(fresh.event),
                        .may_be_recovery = request.break_glass,
                        .events = {fresh.event}};
  if (request.kind == TokenKind::operators) {
    if (!request.break_glass) action.second = SecondPerson::once_there_are_two;
    action.objection = [&](Identity const& who) {
      return objection_to(request.scopes, tokens, at, who);
    };
  }
  TRY(auto by, operate(log, credentials, std::move(action), at));
  return MadeToken{std::move(fresh.token), fresh.event.id, fresh.event.expires, std::move(by)};
}

Result<MadeToken> rotate_token(storage::EventLog& log,
                               Credentials const& credentials,
                               std::string_view id,
                               std::chrono::seconds overlap,
                               std::optional<std::chrono::seconds> lifetime,
                               std::string reason,
                               Time now) {
  TRY(auto const tokens, access::TokenTable::read(log));
  TRY(auto const at, access::not_before_recorded(log, now));
  TRY(auto const old, find_token(tokens, id));
  TRY_VOID(must_be_valid(old, at));
  if (old.break_glass)
    return Error{Errc::invalid, "a token for emergencies has no successor; make another"};
  for (auto const& token : tokens.all())
    if (token.replaces == old.id && token.state(at) == TokenState::valid)
      return Error{Errc::conflict,
                   "token " + old.id + " has a successor already, " + token.id +
                       "; two are valid at once, no more"};
  if (!lifetime && old.expires)
    lifetime = std::chrono::floor<std::chrono::seconds>(*old.expires - old.created);
  TokenRequest const request{.kind = old.kind,
                             .owner = old.owner,
                             .roles = old.roles,
                             .scopes = old.scopes,
                             .tenant = old.tenant,
                             .lifetime = lifetime};
  auto fresh = make(request, at);
  fresh.event.replaces = old.id;
  OperatorAction action{.name = "operator.token",
                        .resource = old.owner,
                        .reason = std::move(reason),
                        .tenant = old.tenant,
                        .details = described(fresh.event),
                        .events = {fresh.event, storage::TokenRevoked{old.id, at + overlap}}};
  if (old.kind == TokenKind::operators) {
    // Who rotates a token gets the new one: that of somebody else would make them that person.
    auto const* const asking =
        credentials.token ? tokens.find(credentials.token->digest()) : nullptr;
    if (asking == nullptr || asking->owner != old.owner)
      action.second = SecondPerson::once_there_are_two;
    action.objection = [&](Identity const& who) {
      bool const own = who.token != nullptr && who.name == old.owner;
      return own && !who.break_glass() ? std::nullopt : objection_to(old.scopes, tokens, at, who);
    };
  }
  TRY(auto by, operate(log, credentials, std::move(action), at));
  return MadeToken{std::move(fresh.token), fresh.event.id, fresh.event.expires, std::move(by)};
}

Result<RevokedToken> revoke_token(storage::EventLog& log,
                                  Credentials const& credentials,
                                  std::string_view id,
                                  std::string reason,
                                  Time now) {
  TRY(auto const tokens, access::TokenTable::read(log));
  TRY(auto const at, access::not_before_recorded(log, now));
  TRY(auto const token, find_token(tokens, id));
  TRY_VOID(must_be_valid(token, at));
  Json details;
  details.set("token", token.id).set("kind", access::name_of(token.kind));
  TRY(auto by,
      operate(log,
              credentials,
              {.name = "operator.token",
               .resource = token.owner,
               .reason = std::move(reason),
               .tenant = token.tenant,
               .details = std::move(details),
               .events = {storage::TokenRevoked{token.id, {}}}},
              at));
  return RevokedToken{token, std::move(by)};
}

}  // namespace dalsegno::engine
