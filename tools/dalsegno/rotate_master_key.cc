// A new master key: every session's data key is wrapped anew. The originals stay as they are.

#include "dalsegno/try.h"
#include "storage/event/hex.h"
#include "storage/vault/vault.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/master_key_options.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>
#include <utility>

namespace dalsegno::command {

namespace {

struct Options {
  CredentialOptions who;
  MasterKeyOptions keys;
};

Result<int> rotate(Globals const& globals, Options const& options) {
  TRY(auto keys, master_keys(globals, options.keys));
  TRY(auto const store, open_to_govern(globals));
  auto const current = storage::hex_text(keys.current().id);
  Json details;
  details.set("master_key", current);
  TRY(auto const who,
      operate(*store.log,
              globals,
              options.who,
              {.name = "operator.rotate_key",
               .resource = "master-key",
               .details = std::move(details),
               .second = engine::SecondPerson::needed}));
  vault::Vault vault(*store.operators, std::move(keys));
  TRY(auto const rotation, vault.rotate());
  if (globals.json) {
    Json line;
    line.set("master_key", current)
        .set("rewrapped", std::uint64_t{rotation.rewrapped})
        .set("current", std::uint64_t{rotation.current});
    add_actor(line, who);
    print_json("dalsegno.master_key_rotated", std::move(line));
  } else {
    print(std::to_string(rotation.rewrapped) + " keys are wrapped by master key " + current +
          " now, " + std::to_string(rotation.current) + " were before; no older one is needed" +
          std::string(mark_of(who)));
  }
  return exit_fine;
}

}  // namespace

void add_rotate_master_key(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand(
      "rotate-master-key", "wrap all keys by the first master key of the file, the newest");
  add_master_key_options(*verb, options->keys);
  add_credential_options(*verb, options->who);
  verb->callback([options, &globals] { globals.exit_code = ended(rotate(globals, *options)); });
}

}  // namespace dalsegno::command
