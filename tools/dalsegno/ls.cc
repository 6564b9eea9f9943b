#include "dalsegno/try.h"
#include "tools/dalsegno/builds.h"
#include "tools/dalsegno/dead_letters.h"
#include "tools/dalsegno/in_doubt.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/session_rows.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {

namespace {

struct Options {
  std::string status;
  std::string workflow;
  std::string filter;
  std::vector<std::string> count_by;
  bool held = false;
  bool in_doubt = false;
  bool dead_letters = false;
  bool builds = false;
  bool all_tenants = false;
};

bool wanted(Options const& options, storage::Head const& head) {
  if (options.held && head.status != storage::SessionStatus::held) return false;
  if (!options.status.empty() && options.status != name_of(head)) return false;
  return options.workflow.empty() || options.workflow == head.workflow;
}

Json as_json(SessionId const& id, storage::Head const& head) {
  Json line;
  line.set("tenant", id.tenant).set("session", id.name).set("run", to_string(head.run));
  line.set("workflow", head.workflow).set("status", name_of(head));
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
    case storage::SessionStatus::continued:
      return Style::faint;
    case storage::SessionStatus::open:
      break;
  }
  return Style::plain;
}

class Listing {
 public:
  Listing(Globals const& globals, Options const& options) : globals_(globals), options_(options) {}

  void add(SessionId const& id, storage::Head const& head, Json attributes = {}) {
    ++count_;
    if (globals_.json) {
      auto line = as_json(id, head);
      if (attributes.as_object() != nullptr) line.set("attributes", std::move(attributes));
      print_json("dalsegno.session", std::move(line));
      return;
    }
    auto const run = to_string(head.run);
    table_.add({printable(options_.all_tenants ? to_string(id) : id.name),
                head.workflow.empty() ? "-" : printable(head.workflow),
                std::string(name_of(head)),
                std::to_string(head.last_sequence),
                when(globals_, head.started_at),
                when(globals_, head.updated_at),
                std::to_string(head.open_attempts),
                globals_.terminal ? run.substr(0, 8) : run},
               style_of(head.status));
  }

  void end() const {
    if (!table_.empty()) table_.print(globals_);
    if (count_ == 0) say("no sessions");
  }

 private:
  Globals const& globals_;
  Options const& options_;
  Table table_{{"SESSION", "WORKFLOW", "STATUS", "EVENTS", "STARTED", "UPDATED", "OPEN", "RUN"}};
  std::size_t count_ = 0;
};

Result<> list_heads(Globals const& globals, Options const& options, OpenStore const& store) {
  Listing listing(globals, options);
  TRY_VOID(store.log->scan_heads([&](SessionId const& id, storage::Head const& head) {
    if ((options.all_tenants || id.tenant == globals.tenant) && wanted(options, head))
      listing.add(id, head);
    return true;
  }));
  listing.end();
  return {};
}

/// How many there are of each combination of values.
void count_groups(Globals const& globals,
                  std::vector<std::string> const& titles,
                  std::vector<FieldName> const& fields,
                  std::vector<SessionRow> const& rows) {
  std::map<std::vector<std::string>, std::size_t> groups;
  for (auto const& row : rows) {
    std::vector<std::string> group;
    group.reserve(fields.size());
    for (auto const& field : fields) group.push_back(to_text(value_of(row, field)));
    ++groups[std::move(group)];
  }
  std::vector<std::string> heads;
  heads.reserve(titles.size() + 1);
  for (auto const& title : titles) heads.push_back(printable(title));
  heads.emplace_back("SESSIONS");
  Table table(std::move(heads));
  for (auto const& [group, count] : groups) {
    if (globals.json) {
      Json values = Json(Json::Object{});
      for (std::size_t i = 0; i < titles.size(); ++i) values.set(titles[i], group[i]);
      print_json("dalsegno.session_count",
                 Json(Json::Object{}).set("group", std::move(values)).set("sessions", count));
      continue;
    }
    std::vector<std::string> cells;
    for (auto const& value : group) cells.push_back(value.empty() ? "-" : printable(value));
    cells.push_back(std::to_string(count));
    table.add(std::move(cells));
  }
  if (!globals.json && !table.empty()) table.print(globals);
  if (rows.empty()) say("no sessions");
}

Result<> list_rows(Globals const& globals, Options const& options, OpenStore const& store) {
  TRY(auto const filter, SessionFilter::parse(options.filter, globals.now));
  std::vector<FieldName> fields;
  for (auto const& name : options.count_by) {
    TRY(auto field, parse_field(name));
    fields.push_back(std::move(field));
  }
  bool const with_attributes = globals.json || std::ranges::any_of(fields, [](auto const& field) {
                                 return field.attribute;
                               });
  TRY(auto rows,
      find_rows(*store.log,
                options.all_tenants ? std::string() : globals.tenant,
                filter,
                with_attributes));
  std::erase_if(rows, [&](SessionRow const& row) { return !wanted(options, row.head); });
  if (!fields.empty()) {
    count_groups(globals, options.count_by, fields, rows);
    return {};
  }
  Listing listing(globals, options);
  for (auto& row : rows) {
    Json attributes = Json(Json::Object{});
    for (auto& [name, value] : row.attributes) attributes.set(name, std::move(value));
    listing.add(row.id, row.head, std::move(attributes));
  }
  listing.end();
  return {};
}

Result<int> list(Globals const& globals, Options const& options) {
  TRY(auto const store, open_store(globals));
  if (options.builds) return list_builds(store, globals);
  bool const chosen = !options.filter.empty() || !options.count_by.empty();
  auto const is_wanted = [&](SessionId const& id, storage::Head const& head) {
    return (options.all_tenants || id.tenant == globals.tenant) && wanted(options, head);
  };
  if (options.in_doubt || options.dead_letters) {
    if (chosen)
      return Error{Errc::invalid,
                   "--in-doubt and --dead-letters are lists of their own: --filter and --count-by "
                   "do not go with them"};
    if (options.in_doubt && options.dead_letters)
      return Error{Errc::invalid, "--dead-letters lists what is in doubt as well: leave one out"};
    return options.in_doubt ? list_in_doubt(store, globals, is_wanted)
                            : list_dead_letters(store, globals, is_wanted);
  }
  TRY_VOID(chosen ? list_rows(globals, options, store) : list_heads(globals, options, store));
  say_not_verified(
      "these are the heads that the store keeps beside its steps; dalsegno verify compares them");
  return store.loss.empty() ? exit_fine : exit_integrity;
}

}  // namespace

void add_ls(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("ls", "list sessions");
  verb->add_option("--status",
                   options->status,
                   "only these: open, paused, completed, failed, cancelled, held")
      ->check(CLI::IsMember({"open", "paused", "completed", "failed", "cancelled", "held"}));
  verb->add_option("--workflow", options->workflow, "only those that run this workflow");
  verb->add_option(
      "--filter",
      options->filter,
      "only these: 'status = \"open\" and risk > 2 and started > -7d order by started'");
  verb->add_option("--count-by", options->count_by, "how many there are of each value of a field")
      ->delimiter(',');
  verb->add_flag("--held", options->held, "only those that wait for a person");
  verb->add_flag("--in-doubt",
                 options->in_doubt,
                 "calls of which nobody knows whether they had their effect, in open sessions");
  verb->add_flag(
      "--dead-letters",
      options->dead_letters,
      "what does not go on without a person: held sessions, sessions that failed because "
      "a call did for good, calls in doubt");
  verb->add_flag("--builds",
                 options->builds,
                 "which programs ran the store's sessions, and how many wait that each wrote last");
  verb->add_flag(
      "--all-tenants", options->all_tenants, "of all tenants, the store's own journal as well");
  verb->callback([options, &globals] { globals.exit_code = ended(list(globals, *options)); });
}

}  // namespace dalsegno::command
