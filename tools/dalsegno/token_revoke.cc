#include "dalsegno/try.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/token.h"

#include <memory>
#include <string>
#include <utility>

namespace dalsegno::command {

namespace {

struct Options {
  std::string id;
  CredentialOptions who;
};

Result<int> revoke(Globals const& globals, Options const& options) {
  TRY(auto const store, open_to_govern(globals));
  TRY(auto const shown, credentials(options.who));
  TRY(auto const revoked,
      engine::revoke_token(
          *store.log, shown, options.id, recordable(options.who.reason), globals.now));
  if (globals.json) {
    Json line;
    line.set("id", revoked.token.id)
        .set("kind", access::name_of(revoked.token.kind))
        .set("owner", revoked.token.owner);
    add_actor(line, revoked.by);
    print_json("dalsegno.token_revoked", std::move(line));
  } else {
    print("token " + revoked.token.id + " of " + printable(revoked.token.owner) + " is revoked" +
          std::string(mark_of(revoked.by)));
  }
  return exit_fine;
}

}  // namespace

void add_token_revoke(CLI::App& token, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = token.add_subcommand("revoke", "end a token at once");
  verb->add_option("ID", options->id, "its id, or the beginning of one")->required();
  add_credential_options(*verb, options->who);
  verb->callback([options, &globals] { globals.exit_code = ended(revoke(globals, *options)); });
}

}  // namespace dalsegno::command
