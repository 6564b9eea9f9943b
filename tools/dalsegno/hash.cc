// The digits that a value has in this store's tokens, so that they can be looked for.

#include "dalsegno/try.h"
#include "storage/vault/token.h"
#include "storage/vault/vault.h"
#include "tools/dalsegno/master_key_options.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

namespace dalsegno::command {

namespace {

struct Options {
  std::string value;
  MasterKeyOptions keys;
};

Result<int> hash(Globals const& globals, Options const& options) {
  auto value = options.value;
  if (value == "-") {
    value.assign(std::istreambuf_iterator<char>(std::cin), {});
    if (value.ends_with('\n')) value.pop_back();
  }
  TRY(auto const store, open_store(globals));
  TRY(auto keys, master_keys(globals, options.keys));
  vault::Vault vault(*store.log, std::move(keys));
  TRY(auto const key, vault.redaction_key());
  auto const digits = vault::TokenMaker(key).digits(value);
  if (globals.json) {
    print_json("dalsegno.hash", Json().set("digits", digits));
  } else {
    print(digits);
  }
  return exit_fine;
}

}  // namespace

void add_hash(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      app.add_subcommand("hash", "print the digits that stand for a value in this store's tokens");
  verb->add_option(
          "VALUE", options->value, "the value; - reads it from stdin, where nobody sees it")
      ->required();
  add_master_key_options(*verb, options->keys);
  verb->callback([options, &globals] { globals.exit_code = ended(hash(globals, *options)); });
}

}  // namespace dalsegno::command
