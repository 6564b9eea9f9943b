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
  std::string status;
  std::string workflow;
  bool held = false;
  bool all_tenants = false;
};

bool wanted(Globals const& globals,
            Options const& options,
            SessionId const& id,
            storage::Head const& head) {
  if (!options.all_tenants && id.tenant != globals.tenant) return false;
  if (options.held && head.status != storage::SessionStatus::held) return false;
  if (!options.status.empty() && options.status != name_of(head.status)) return false;
  return options.workflow.empty() || options.workflow == head.workflow;
}

Json as_json(SessionId const& id, storage::Head const& head) {
  Json line;
  line.set("tenant", id.tenant).set("session", id.name).set("run", to_string(head.run));
  line.set("workflow", head.workflow).set("status", name_of(head.status));
  line.set("events", head.last_sequence).set("steps", head.steps);
  line.set("open_attempts", std::uint64_t{head.open_attempts}).set("checkpoint", head.checkpoint);
  line.set("started_at", to_string(head.started_at)).set("updated_at", to_string(head.updated_at));
  return line;
}

Style style_of(storage::SessionStatus status) {
  switch (status) {
    case storage::SessionStatus::failed:
      return Style::bad;
    case storage::SessionStatus::held:
      return Style::warning;
    case storage::SessionStatus::completed:
    case storage::SessionStatus::cancelled:
      return Style::faint;
    case storage::SessionStatus::open:
      break;
  }
  return Style::plain;
}

int list(Globals const& globals, Options const& options) {
  auto const store = open_store(globals);
  if (!store) return fail(store.error());
  Table table({"SESSION", "WORKFLOW", "STATUS", "EVENTS", "STARTED", "UPDATED", "OPEN", "RUN"});
  std::size_t count = 0;
  auto const take = [&](SessionId const& id, storage::Head const& head) {
    if (!wanted(globals, options, id, head)) return true;
    ++count;
    if (globals.json) {
      print_json("dalsegno.session", as_json(id, head));
      return true;
    }
    auto const run = to_string(head.run);
    table.add({printable(options.all_tenants ? to_string(id) : id.name),
               head.workflow.empty() ? "-" : printable(head.workflow),
               std::string(name_of(head.status)),
               std::to_string(head.last_sequence),
               when(globals, head.started_at),
               when(globals, head.updated_at),
               std::to_string(head.open_attempts),
               globals.terminal ? run.substr(0, 8) : run},
              style_of(head.status));
    return true;
  };
  if (auto const read = store->log->scan_heads(take); !read) return fail(read.error());
  if (!table.empty()) table.print(globals);
  if (count == 0) say("no sessions");
  say_not_verified(
      "these are the heads that the store keeps beside its steps; dalsegno verify compares them");
  return store->loss.empty() ? exit_fine : exit_integrity;
}

}  // namespace

void add_ls(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("ls", "list sessions");
  verb->add_option("--status", options->status, "only these: open, completed, failed, held")
      ->check(CLI::IsMember({"open", "completed", "failed", "held"}));
  verb->add_option("--workflow", options->workflow, "only those that run this workflow");
  verb->add_flag("--held", options->held, "only those that wait for a person");
  verb->add_flag(
      "--all-tenants", options->all_tenants, "of all tenants, the store's own journal as well");
  verb->callback([options, &globals] { globals.exit_code = list(globals, *options); });
}

}  // namespace dalsegno::command
