#include "dalsegno/try.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/token.h"

#include <CLI/App.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace dalsegno::command {

namespace {

using access::TokenKind;

constexpr auto usual_lifetime = "90d";

struct Options {
  std::string kind = "op";
  engine::TokenRequest request;
  std::string expires;
  CredentialOptions who;
};

Result<int> create(Globals const& globals, Options const& options) {
  std::map<std::string, TokenKind> const kinds = {
      {"op", TokenKind::operators}, {"rt", TokenKind::runtimes}, {"aud", TokenKind::auditors}};
  auto request = options.request;
  request.kind = kinds.at(options.kind);
  auto reason = options.who.reason;
  if (request.break_glass) {
    if (reason.empty()) return Error{Errc::invalid, "say what the emergency is: --reason"};
    if (request.scopes.empty()) request.scopes = {"*"};
    TRY(request.lifetime, read_lifetime("--expires", options.expires));
  } else {
    auto const& text = options.expires.empty() ? usual_lifetime : options.expires;
    TRY(request.lifetime, read_lifetime("--expires", text));
    if (reason.empty()) reason = "a token for " + request.owner;
  }
  if (request.owner.empty()) return Error{Errc::invalid, "say whose token it is to be: --owner"};
  TRY(auto const store, open_to_govern(globals, Absent::create));
  TRY(auto const shown, credentials(options.who));
  TRY(auto const made,
      engine::create_token(*store.log, shown, request, recordable(reason), globals.now));
  show_made(globals, made);
  return exit_fine;
}

}  // namespace

void add_token_create(CLI::App& token, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = token.add_subcommand("create", "make a token and print it, this once");
  auto& request = options->request;
  verb->add_option("--kind", options->kind, "op, rt or aud: operator, runtime, auditor [op]")
      ->check(CLI::IsMember({"op", "rt", "aud"}));
  verb->add_option("--owner", request.owner, "whose it is: a person or a program");
  verb->add_option("--role", request.roles, "a role, for policy; may be repeated")
      ->allow_extra_args(false);
  verb->add_option("--scope", request.scopes, "an action or a glob of actions; may be repeated")
      ->allow_extra_args(false);
  // Not --tenant, which every verb has and which is `default` if nobody says otherwise.
  verb->add_option("--for-tenant", request.tenant, "only for sessions of this tenant [all]");
  verb->add_option("--expires", options->expires, "after so long: 90d, 24h, never [90d]");
  verb->add_flag("--break-glass",
                 request.break_glass,
                 "for an emergency: one action, without a second person, within 60 minutes");
  add_credential_options(*verb, options->who, Why::optional);
  verb->callback([options, &globals] { globals.exit_code = ended(create(globals, *options)); });
}

}  // namespace dalsegno::command
