#include "dalsegno/try.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>

namespace dalsegno::command {

namespace {

struct Options {
  std::string by;
  std::string reason;
  bool yes = false;
};

Result<int> accept_loss(Globals const& globals, Options const& options) {
  std::string loss;
  {
    TRY(auto store, open_store(globals));  // says what is missing
    loss = std::move(store.loss);
  }
  if (loss.empty()) {
    say("nothing is missing, so there is nothing to accept");
    return exit_fine;
  }
  if (!options.yes) {
    say("what was acknowledged in them is gone for good; --yes accepts that and begins a new "
        "generation of the log");
    return exit_usage;
  }
  storage::RocksDbOptions how;
  how.accept_loss =
      std::make_unique<storage::LossAcceptance>(options.by, options.reason, globals.now);
  TRY(auto const log, storage::open_rocksdb(globals.data, std::move(how)));
  auto const info = log->info();
  if (globals.json) {
    Json line;
    line.set("loss", loss)
        .set("generation", std::uint64_t{info.generation})
        .set("last_commit", info.last_commit);
    print_json("dalsegno.loss_accepted", std::move(line));
  } else {
    print("accepted; the log goes on as generation " + std::to_string(info.generation));
  }
  return exit_fine;
}

}  // namespace

void add_accept_loss(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      app.add_subcommand("accept-loss", "go on although acknowledged commits are gone");
  verb->add_option("--by", options->by, "who accepts it")->required();
  verb->add_option("--reason", options->reason, "why; both go into the store's journal")
      ->required();
  verb->add_flag("--yes", options->yes, "really do it; without, only say what is missing");
  verb->callback(
      [options, &globals] { globals.exit_code = ended(accept_loss(globals, *options)); });
}

}  // namespace dalsegno::command
