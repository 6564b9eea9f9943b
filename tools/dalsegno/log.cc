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

namespace dalsegno::command {

namespace {

struct Options {
  std::string session;
  std::string run;
  std::string at;
};

Json as_json(forensics::History const& history, forensics::PlacedEvent const& placed) {
  Json line;
  line.set("tenant", history.session.tenant).set("session", history.session.name);
  line.set("run", to_string(history.run)).set("recorded_at", to_string(placed.recorded_at));
  line.set("step_hash", storage::to_hex(placed.step_hash));
  line.set("event", storage::to_json_value(placed.event));
  return line;
}

/// The event's fields without those that stand in columns of their own.
std::string fields_of(storage::Event const& event, std::size_t limit) {
  auto const whole = storage::to_json_value(event);
  Json fields = Json::Object{};
  for (auto const& member : *whole.as_object()) {
    if (member.name != "sequence" && member.name != "type" && member.name != "operation")
      fields.set(member.name, member.value);
  }
  return shortened(json_line(std::move(fields)), limit);
}

void print_line(Globals const& globals, forensics::PlacedEvent const& placed) {
  auto const& event = placed.event;
  auto const operation = event.operation == OperationId::none
                             ? std::string("-")
                             : "op " + std::to_string(static_cast<std::uint64_t>(event.operation));
  auto const sequence = std::to_string(event.sequence);
  auto const name = std::string(storage::name_of(event.body));
  if (!globals.terminal) {
    constexpr std::size_t plenty = 2'000;
    print(sequence + '\t' + when(globals, placed.recorded_at) + '\t' + name + '\t' + operation +
          '\t' + fields_of(event, plenty));
    return;
  }
  auto const padded = [](std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
  };
  constexpr std::size_t enough = 120;
  print(padded(sequence, 5) + ' ' +
        styled(globals, Style::faint, padded(when(globals, placed.recorded_at), 11)) + ' ' +
        styled(globals, Style::bold, padded(name, 18)) + ' ' + padded(operation, 6) + ' ' +
        fields_of(event, enough));
}

Result<int> log(Globals const& globals, Options const& options) {
  forensics::Cut cut;
  if (!options.at.empty()) {
    TRY(cut, forensics::parse_cut(options.at));
  }
  TRY(auto const store, open_store(globals));
  TRY(auto newest, find_session(store, globals, options.session));
  TRY(auto const session, find_run(store, std::move(newest), options.run));
  TRY(auto const history, forensics::read_history(*store.log, session.id, session.head, cut));
  for (auto const& placed : history.events) {
    if (globals.json) {
      print_json("dalsegno.event", as_json(history, placed));
    } else {
      print_line(globals, placed);
    }
  }
  return rests_on(store, history);
}

}  // namespace

void add_log(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("log", "print a session's events, one a line");
  verb->add_option("SESSION", options->session, "a name, a run, or the beginning of one")
      ->required();
  verb->add_option("--run", options->run, "another run than the newest: the beginning of its id");
  verb->add_option("--at", options->at, "only what had happened by this sequence or time");
  verb->callback([options, &globals] { globals.exit_code = ended(log(globals, *options)); });
}

}  // namespace dalsegno::command
