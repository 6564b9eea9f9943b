#include "dalsegno/contact.h"
#include "dalsegno/try.h"
#include "storage/event/event_json.h"
#include "tools/dalsegno/forensics/history.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {

namespace {

struct Options {
  std::vector<std::string> sessions;
  std::string host;
  bool denied = false;
};

std::string joined(std::vector<std::string> const& words) {
  std::string text;
  for (auto const& word : words) text += (text.empty() ? "" : ",") + word;
  return text.empty() ? "-" : text;
}

Json as_json(forensics::History const& history,
             forensics::PlacedEvent const& placed,
             Contact const& contact) {
  Json line;
  line.set("tenant", history.session.tenant).set("session", history.session.name);
  line.set("run", to_string(history.run)).set("recorded_at", to_string(placed.recorded_at));
  line.set("sequence", placed.event.sequence)
      .set("operation", static_cast<std::uint64_t>(placed.event.operation));
  line.set("contact", storage::to_json_value(contact));
  return line;
}

/// Goes through the sessions and shows what they contacted.
class Survey {
 public:
  Survey(Globals const& globals, Options const& options, OpenStore const& store)
      : globals_(globals), options_(options), store_(store) {}

  void look_at(forensics::History const& history);
  [[nodiscard]] int end();

 private:
  [[nodiscard]] bool is_wanted(Contact const& contact) const {
    return (options_.host.empty() || contact.host == options_.host) &&
           (!options_.denied || contact.outcome == "denied");
  }
  void show(forensics::History const& history,
            forensics::PlacedEvent const& placed,
            Contact const& contact);

  Globals const& globals_;
  Options const& options_;
  OpenStore const& store_;
  Table table_{{"TIME",
                "SESSION",
                "SEQ",
                "OUTCOME",
                "STATUS",
                "SENT",
                "RECEIVED",
                "ADDRESS",
                "RULES",
                "REQUEST"}};
  std::uint64_t steps_ = 0;
  std::vector<std::string> broken_;
};

void Survey::show(forensics::History const& history,
                  forensics::PlacedEvent const& placed,
                  Contact const& contact) {
  if (globals_.json) {
    print_json("dalsegno.contact", as_json(history, placed, contact));
    return;
  }
  bool const answered = contact.outcome == "answered";
  auto request = printable(contact.method + ' ' + contact.url);
  if (!answered) request += "  (" + printable(contact.reason) + ")";
  table_.add({when(globals_, placed.recorded_at),
              printable(history.session.name),
              std::to_string(placed.event.sequence),
              printable(contact.outcome),
              contact.status == 0 ? "-" : std::to_string(contact.status),
              std::to_string(contact.bytes_sent),
              std::to_string(contact.bytes_received),
              contact.address.empty() ? "-" : printable(contact.address),
              printable(joined(contact.rules)),
              std::move(request)},
             answered ? Style::plain : Style::warning);
}

void Survey::look_at(forensics::History const& history) {
  for (auto const& placed : history.events)
    for (auto const& contact : storage::contacts_of(placed.event.body))
      if (is_wanted(contact)) show(history, placed, contact);
  steps_ += history.steps;
  if (history.broken) broken_.push_back(to_string(history.session) + ": " + history.broken->detail);
}

int Survey::end() {
  if (!table_.empty()) table_.print(globals_);
  for (auto const& broken : broken_) say_not_verified(broken);
  return broken_.empty() ? say_verified(store_, steps_) : exit_integrity;
}

Result<int> egress(Globals const& globals, Options const& options) {
  TRY(auto const store, open_store(globals));
  TRY(auto const sessions, find_sessions(store, globals, options.sessions));
  Survey survey(globals, options, store);
  for (auto const& session : sessions) {
    TRY(auto const history, forensics::read_history(*store.log, session.id, session.head));
    survey.look_at(history);
  }
  return survey.end();
}

}  // namespace

void add_egress(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand(
      "egress", "list what the outside world was asked: where, by which rule, with what outcome");
  verb->add_option("SESSION", options->sessions, "only these [all]");
  verb->add_option("--host", options->host, "only contacts with this host");
  verb->add_flag("--denied", options->denied, "only what the egress rules or policy denied");
  verb->callback([options, &globals] { globals.exit_code = ended(egress(globals, *options)); });
}

}  // namespace dalsegno::command
