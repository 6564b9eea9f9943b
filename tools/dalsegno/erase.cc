// Erasure of a session's secrets, and the legal hold against it. The log itself is never rewritten.

#include "dalsegno/try.h"
#include "storage/log/journal.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "storage/vault/vault.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>

namespace dalsegno::command {

namespace {

struct Options {
  std::string session;
  std::string by;
  std::string reason;
  bool yes = false;
  bool lift = false;
};

/// What an operator does is in the journal before it is done.
Result<> announce(storage::EventLog& log,
                  Globals const& globals,
                  Options const& options,
                  std::string action) {
  return storage::append_to_journal(
      log, {storage::OperatorActed{options.by, std::move(action), options.reason}}, globals.now);
}

Result<int> erase(Globals const& globals, Options const& options) {
  // A folder that holds no store is not to become one because of this.
  TRY_VOID(open_store(globals));
  TRY(auto const log, storage::open_rocksdb(globals.data));
  TRY(auto const session, find_session(*log, globals.tenant, options.session));
  auto const name = to_string(session.id);
  if (session.head.status == storage::SessionStatus::open)
    return Error{Errc::conflict,
                 name + " is still open; it would need what is erased: end or hold it first"};
  vault::Vault vault(*log, vault::MasterKeys());
  TRY(auto const hold, vault.hold_on(session.id));
  if (!options.yes && !hold) {
    say("the secrets of " + printable(name) + " would be gone for good; --yes does it");
    return exit_usage;
  }
  vault::Reason const reason{options.by, options.reason, globals.now};
  TRY(auto const gone, log->vault_record(session.id, "erased"));
  if (!hold && !gone) TRY_VOID(announce(*log, globals, options, "erase " + name));
  TRY(auto const erasure, vault.erase(session.id, reason));
  if (globals.json) {
    Json line;
    line.set("tenant", session.id.tenant).set("session", session.id.name);
    line.set("originals", static_cast<std::uint64_t>(erasure.originals))
        .set("key", erasure.key)
        .set("secret", erasure.secret);
    print_json("dalsegno.erased", std::move(line));
  } else {
    print(printable(name) + ": destroyed " + std::to_string(erasure.originals) + " originals" +
          (erasure.key ? ", the data key" : ", no data key (there was none)") +
          (erasure.secret ? " and the secret of its digests" : "") +
          "; the log stays, and what verify proves of it holds");
  }
  return exit_fine;
}

Result<int> legal_hold(Globals const& globals, Options const& options) {
  TRY_VOID(open_store(globals));
  TRY(auto const log, storage::open_rocksdb(globals.data));
  TRY(auto const session, find_session(*log, globals.tenant, options.session));
  auto const name = to_string(session.id);
  vault::Vault vault(*log, vault::MasterKeys());
  TRY_VOID(announce(*log,
                    globals,
                    options,
                    (options.lift ? "lift the legal hold of " : "legal hold of ") + name));
  if (options.lift) {
    TRY_VOID(vault.lift(session.id));
  } else {
    TRY_VOID(vault.hold(session.id, {options.by, options.reason, globals.now}));
  }
  auto const now = options.lift ? " may be erased" : " cannot be erased until the hold is lifted";
  if (globals.json) {
    Json line;
    line.set("tenant", session.id.tenant)
        .set("session", session.id.name)
        .set("held", !options.lift);
    print_json("dalsegno.legal_hold", std::move(line));
  } else {
    print(printable(name) + now);
  }
  return exit_fine;
}

void add_who(CLI::App& verb, Options& options) {
  verb.add_option("SESSION", options.session, "a name, a run, or the beginning of one")->required();
  verb.add_option("--by", options.by, "who does it")->required();
  verb.add_option("--reason", options.reason, "why; both go into the store's journal")->required();
}

}  // namespace

void add_erase(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("erase", "destroy the key and the secrets of a session");
  add_who(*verb, *options);
  verb->add_flag("--yes", options->yes, "really do it");
  verb->callback([options, &globals] { globals.exit_code = ended(erase(globals, *options)); });
}

void add_legal_hold(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("legal-hold", "forbid that a session is erased");
  add_who(*verb, *options);
  verb->add_flag("--lift", options->lift, "allow it again");
  verb->callback([options, &globals] { globals.exit_code = ended(legal_hold(globals, *options)); });
}

}  // namespace dalsegno::command
