#include "activities/http/contact_text.h"
#include "dalsegno/payload.h"
#include "dalsegno/try.h"
#include "tools/dalsegno/forensics/calls.h"
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

/// The contacts that an event holds: in the result of a call, or in the message of an attempt that
/// failed. Errors: a payload that cannot be fetched.
Result<std::vector<http::Contact>> contacts_of(storage::EventLog const& log,
                                               SessionId const& session,
                                               storage::Event const& event) {
  if (auto const* const failed = std::get_if<storage::AttemptFailed>(&event.body))
    return http::contacts_in_message(failed->message);
  auto const* const result = forensics::result_of(event.body);
  if (result == nullptr) return std::vector<http::Contact>();
  TRY(auto const bytes, forensics::bytes_of(log, session, *result));
  return http::contacts_in_result(bytes);
}

std::string joined(std::vector<std::string> const& words) {
  std::string text;
  for (auto const& word : words) text += (text.empty() ? "" : ",") + word;
  return text.empty() ? "-" : text;
}

Json as_json(forensics::History const& history,
             forensics::PlacedEvent const& placed,
             http::Contact const& contact) {
  Json line;
  line.set("tenant", history.session.tenant).set("session", history.session.name);
  line.set("run", to_string(history.run)).set("recorded_at", to_string(placed.recorded_at));
  line.set("sequence", placed.event.sequence)
      .set("operation", static_cast<std::uint64_t>(placed.event.operation));
  line.set("contact", parse_json(to_json(contact)).value());
  return line;
}

/// Goes through the sessions and shows what they contacted.
class Survey {
 public:
  Survey(Globals const& globals, Options const& options, OpenStore const& store)
      : globals_(globals), options_(options), store_(store) {}

  Result<> look_at(forensics::History const& history);
  [[nodiscard]] int end();

 private:
  [[nodiscard]] bool is_wanted(http::Contact const& contact) const {
    return (options_.host.empty() || contact.host == options_.host) &&
           (!options_.denied || contact.outcome == "denied");
  }
  void show(forensics::History const& history,
            forensics::PlacedEvent const& placed,
            http::Contact const& contact);

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
  std::uint64_t unreadable_ = 0;
};

void Survey::show(forensics::History const& history,
                  forensics::PlacedEvent const& placed,
                  http::Contact const& contact) {
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

Result<> Survey::look_at(forensics::History const& history) {
  for (auto const& placed : history.events) {
    auto const contacts = contacts_of(*store_.log, history.session, placed.event);
    if (!contacts) {
      ++unreadable_;
      say(to_string(history.session) + " #" + std::to_string(placed.event.sequence) + ": " +
          contacts.error().detail);
      continue;
    }
    for (auto const& contact : *contacts)
      if (is_wanted(contact)) show(history, placed, contact);
  }
  steps_ += history.steps;
  if (history.broken) broken_.push_back(to_string(history.session) + ": " + history.broken->detail);
  return {};
}

int Survey::end() {
  if (!table_.empty()) table_.print(globals_);
  if (unreadable_ > 0)
    say(std::to_string(unreadable_) +
        " results could not be read: what they may have contacted is not in this list");
  for (auto const& broken : broken_) say_not_verified(broken);
  if (!broken_.empty() || unreadable_ > 0) return exit_integrity;
  return say_verified(store_, steps_);
}

Result<int> egress(Globals const& globals, Options const& options) {
  TRY(auto const store, open_store(globals));
  TRY(auto const sessions, find_sessions(store, globals, options.sessions));
  Survey survey(globals, options, store);
  for (auto const& session : sessions) {
    TRY(auto const history, forensics::read_history(*store.log, session.id, session.head));
    TRY_VOID(survey.look_at(history));
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
