// Erasure of a session's secrets, and the legal hold against it. The log itself is never rewritten.

#include "dalsegno/try.h"
#include "storage/vault/vault.h"
#include "tools/dalsegno/govern.h"
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
  CredentialOptions who;
  bool yes = false;
  bool lift = false;
};

Result<int> erase(Globals const& globals, Options const& options) {
  TRY(auto const store, open_to_govern(globals));
  TRY(auto const session, find_session(*store.log, globals.tenant, options.session));
  auto const name = to_string(session.id);
  if (session.head.status == storage::SessionStatus::open)
    return Error{Errc::conflict,
                 name + " is still open; it would need what is erased: end or hold it first"};
  vault::Vault vault(*store.operators, vault::MasterKeys());
  TRY(auto const hold, vault.hold_on(session.id));
  TRY(auto const gone, store.log->vault_record(session.id, "erased"));
  engine::Actor who{.name = options.who.by};
  if (!hold && !gone) {  // else the vault says why not
    if (!options.yes) {
      say("the secrets of " + printable(name) + " would be gone for good; --yes does it");
      return exit_usage;
    }
    TRY(who,
        operate(*store.log,
                globals,
                options.who,
                {.name = "operator.erase",
                 .resource = name,
                 .tenant = session.id.tenant,
                 .second = engine::SecondPerson::needed}));
  }
  TRY(auto const erasure,
      vault.erase(session.id, {who.name, recordable(options.who.reason), globals.now}));
  if (globals.json) {
    Json line;
    line.set("tenant", session.id.tenant).set("session", session.id.name);
    line.set("originals", static_cast<std::uint64_t>(erasure.originals))
        .set("key", erasure.key)
        .set("secret", erasure.secret);
    add_actor(line, who);
    print_json("dalsegno.erased", std::move(line));
  } else {
    print(printable(name) + ": destroyed " + std::to_string(erasure.originals) + " originals" +
          (erasure.key ? ", the data key" : ", no data key (there was none)") +
          (erasure.secret ? " and the secret of its digests" : "") +
          "; the log stays, and what verify proves of it holds" + std::string(mark_of(who)));
  }
  return exit_fine;
}

Result<int> legal_hold(Globals const& globals, Options const& options) {
  TRY(auto const store, open_to_govern(globals));
  TRY(auto const session, find_session(*store.log, globals.tenant, options.session));
  auto const name = to_string(session.id);
  Json details;
  details.set("held", !options.lift);
  TRY(auto const who,
      operate(*store.log,
              globals,
              options.who,
              {.name = "operator.legal_hold",
               .resource = name,
               .tenant = session.id.tenant,
               .details = std::move(details)}));
  vault::Vault vault(*store.operators, vault::MasterKeys());
  if (options.lift) {
    TRY_VOID(vault.lift(session.id));
  } else {
    TRY_VOID(vault.hold(session.id, {who.name, recordable(options.who.reason), globals.now}));
  }
  auto const now = options.lift ? " may be erased" : " cannot be erased until the hold is lifted";
  if (globals.json) {
    Json line;
    line.set("tenant", session.id.tenant)
        .set("session", session.id.name)
        .set("held", !options.lift);
    add_actor(line, who);
    print_json("dalsegno.legal_hold", std::move(line));
  } else {
    print(printable(name) + now + std::string(mark_of(who)));
  }
  return exit_fine;
}

void add_session_and_who(CLI::App& verb, Options& options) {
  verb.add_option("SESSION", options.session, "a name, a run, or the beginning of one")->required();
  add_credential_options(verb, options.who);
}

}  // namespace

void add_erase(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("erase", "destroy the key and the secrets of a session");
  add_session_and_who(*verb, *options);
  verb->add_flag("--yes", options->yes, "really do it");
  verb->callback([options, &globals] { globals.exit_code = ended(erase(globals, *options)); });
}

void add_legal_hold(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("legal-hold", "forbid that a session is erased");
  add_session_and_who(*verb, *options);
  verb->add_flag("--lift", options->lift, "allow it again");
  verb->callback([options, &globals] { globals.exit_code = ended(legal_hold(globals, *options)); });
}

}  // namespace dalsegno::command
