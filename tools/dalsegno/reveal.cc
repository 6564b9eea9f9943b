// The original of one token, for whoever may see it.

#include "dalsegno/try.h"
#include "storage/vault/token.h"
#include "storage/vault/vault.h"
#include "storage/vault/wipe.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/master_key_options.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>
#include <utility>

namespace dalsegno::command {

namespace {

struct Options {
  std::string session;
  std::string token;
  CredentialOptions who;
  MasterKeyOptions keys;
};

/// The digits of "[secret:github_pat:7c1e0b5a9d2f4468]" or "7c1e0b5a9d2f4468".
Result<std::string> digits_of(std::string const& text) {
  auto const tokens = vault::find_tokens(text);
  if (tokens.size() == 1 && tokens[0].begin == 0 && tokens[0].end == text.size())
    return std::string(tokens[0].digits);
  if (text.size() == vault::token_digits &&
      text.find_first_not_of("0123456789abcdef") == std::string::npos)
    return text;
  return Error{Errc::invalid,
               "that is no token of a secret: write it as it stands in the log, "
               "'[secret:KIND:DIGITS]', or its 16 digits"};
}

void tell(Globals const& globals,
          SessionId const& session,
          std::string const& digits,
          std::string& original,
          engine::Actor const& who) {
  if (globals.json) {
    Json line;
    line.set("tenant", session.tenant).set("session", session.name).set("digits", digits);
    line.set("original", original);
    add_actor(line, who);
    print_json("dalsegno.revealed", std::move(line));
  } else {
    auto shown = printable(original, Lines::keep);
    print(shown);
    vault::wipe(shown);
    say("revealed " + digits + " of " + printable(to_string(session)) + " to " +
        printable(who.name) + std::string(mark_of(who)) + "; that is recorded");
  }
  vault::wipe(original);
}

Result<int> reveal(Globals const& globals, Options const& options) {
  TRY(auto const digits, digits_of(options.token));
  TRY(auto keys, master_keys(globals, options.keys));
  TRY(auto const store, open_to_govern(globals));
  TRY(auto const session, find_session(*store.log, globals.tenant, options.session));
  vault::Vault const vault(*store.operators, std::move(keys));
  // An action that can only fail is not asked about: it would use up a token for emergencies.
  TRY_VOID(vault.can_open(session.id, digits));
  Json details;
  details.set("digits", digits);
  TRY(auto const who,
      operate(*store.log,
              globals,
              options.who,
              {.name = "operator.reveal",
               .resource = to_string(session.id),
               .tenant = session.id.tenant,
               .details = std::move(details),
               .second = engine::SecondPerson::needed}));
  TRY(auto original, vault.open(session.id, digits));
  tell(globals, session.id, digits, original, who);
  return exit_fine;
}

}  // namespace

void add_reveal(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      app.add_subcommand("reveal", "print the original of a redacted value; that is recorded");
  verb->add_option("SESSION", options->session, "a name, a run, or the beginning of one")
      ->required();
  verb->add_option("TOKEN", options->token, "[secret:KIND:DIGITS], or its digits")->required();
  add_master_key_options(*verb, options->keys);
  add_credential_options(*verb, options->who);
  verb->callback([options, &globals] { globals.exit_code = ended(reveal(globals, *options)); });
}

}  // namespace dalsegno::command
