#include "dalsegno/try.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/token.h"

#include <chrono>
#include <memory>
#include <string>

namespace dalsegno::command {

namespace {

struct Options {
  std::string id;
  std::string overlap = "24h";
  std::string expires;
  CredentialOptions who;
};

Result<int> rotate(Globals const& globals, Options const& options) {
  TRY(auto const overlap, read_lifetime("--overlap", options.overlap));
  if (!overlap) return Error{Errc::invalid, "--overlap: the old token has to end: 24h"};
  TRY(auto const lifetime, read_lifetime("--expires", options.expires));
  TRY(auto const store, open_to_govern(globals));
  TRY(auto const shown, credentials(options.who));
  TRY(auto const made,
      engine::rotate_token(*store.log,
                           shown,
                           options.id,
                           *overlap,
                           lifetime,
                           options.who.reason.empty() ? "rotation" : recordable(options.who.reason),
                           globals.now));
  show_made(globals, made);
  if (!globals.json) say("the old token, " + options.id + ", ends in " + options.overlap);
  return exit_fine;
}

}  // namespace

void add_token_rotate(CLI::App& token, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      token.add_subcommand("rotate", "make the successor of a token and print it, this once");
  verb->add_option("ID", options->id, "its id, or the beginning of one")->required();
  verb->add_option("--overlap", options->overlap, "how long both are valid: 24h, 15m [24h]");
  verb->add_option("--expires", options->expires, "after so long [as long as the old one lives]");
  add_credential_options(*verb, options->who, Why::optional);
  verb->callback([options, &globals] { globals.exit_code = ended(rotate(globals, *options)); });
}

}  // namespace dalsegno::command
