#include "dalsegno/try.h"
#include "storage/rocksdb/rocksdb_log.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>
#include <utility>

namespace dalsegno::command {

namespace {

struct Options {
  CredentialOptions who;
  bool yes = false;
};

/// What has to be recorded with the acceptance. The log takes nothing before it: so who asks is
/// found out from what is left, and decision and action stand in the acceptance's own step.
Result<engine::Judged> judge(OpenStore const& store,
                             Globals const& globals,
                             Options const& options) {
  Json details;
  details.set("loss", store.loss);
  TRY(auto const shown, credentials(options.who));
  TRY(auto judged,
      engine::judge(*store.log,
                    shown,
                    {.name = "operator.accept_loss",
                     .resource = "store",
                     .reason = recordable(options.who.reason),
                     .details = std::move(details)},
                    globals.now));
  if (judged.refused) return std::move(*judged.refused);
  return judged;
}

Result<int> accept_loss(Globals const& globals, Options const& options) {
  std::string loss;
  engine::Judged judged;
  {
    TRY(auto const store, open_store(globals));  // says what is missing
    loss = store.loss;
    if (loss.empty()) {
      say("nothing is missing, so there is nothing to accept");
      return exit_fine;
    }
    if (!options.yes) {
      say("what was acknowledged in them is gone for good; --yes accepts that and begins a new "
          "generation of the log");
      return exit_usage;
    }
    TRY(judged, judge(store, globals, options));
  }
  storage::RocksDbOptions how;
  how.accept_loss = std::make_unique<storage::LossAcceptance>(
      judged.who.name, recordable(options.who.reason), judged.at, std::move(judged.events));
  TRY(auto const log, storage::open_rocksdb(globals.data, std::move(how)));
  auto const info = log->info();
  if (globals.json) {
    Json line;
    line.set("loss", loss)
        .set("generation", std::uint64_t{info.generation})
        .set("last_commit", info.last_commit);
    add_actor(line, judged.who);
    print_json("dalsegno.loss_accepted", std::move(line));
  } else {
    print("accepted; the log goes on as generation " + std::to_string(info.generation) +
          std::string(mark_of(judged.who)));
  }
  return exit_fine;
}

}  // namespace

void add_accept_loss(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      app.add_subcommand("accept-loss", "go on although acknowledged commits are gone");
  add_credential_options(*verb, options->who);
  verb->add_flag("--yes", options->yes, "really do it; without, only say what is missing");
  verb->callback(
      [options, &globals] { globals.exit_code = ended(accept_loss(globals, *options)); });
}

}  // namespace dalsegno::command
