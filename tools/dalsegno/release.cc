#include "dalsegno/try.h"
#include "engine/session/control_step.h"
#include "storage/rocksdb/rocksdb_log.h"
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
};

Result<int> release(Globals const& globals, Options const& options) {
  // A folder that holds no store is not to become one because of this.
  TRY_VOID(open_store(globals));
  TRY(auto const log, storage::open_rocksdb(globals.data));
  TRY(auto const session, find_session(*log, globals.tenant, options.session));
  if (session.head.status != storage::SessionStatus::held)
    return Error{
        Errc::invalid,
        to_string(session.id) + " is not held, it is " + std::string(name_of(session.head.status))};
  TRY(auto const step,
      engine::make_control_step(session.id,
                                log->info().log_id,
                                session.head,
                                storage::Released{options.by, options.reason},
                                globals.now,
                                log->info().epoch));
  TRY(auto const receipt, log->append({&step.append, 1}));
  TRY_VOID(receipt.each.front());
  auto const sequence = step.append.first_sequence;
  if (globals.json) {
    Json line;
    line.set("tenant", session.id.tenant).set("session", session.id.name);
    line.set("run", to_string(session.head.run))
        .set("sequence", sequence)
        .set("commit", receipt.number);
    print_json("dalsegno.released", std::move(line));
  } else {
    print(printable(to_string(session.id)) + " is released, at sequence " +
          std::to_string(sequence) + "; it goes on when a runtime next opens the store");
  }
  return exit_fine;
}

}  // namespace

void add_release(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("release", "let a held session go on");
  verb->add_option("SESSION", options->session, "a name, a run, or the beginning of one")
      ->required();
  verb->add_option("--by", options->by, "who releases it")->required();
  verb->add_option("--reason", options->reason, "why; both go into the session's log")->required();
  verb->callback([options, &globals] { globals.exit_code = ended(release(globals, *options)); });
}

}  // namespace dalsegno::command
