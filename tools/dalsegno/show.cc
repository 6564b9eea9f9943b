#include "dalsegno/try.h"
#include "storage/event/event_json.h"
#include "tools/dalsegno/forensics/history.h"
#include "tools/dalsegno/forensics/prompt.h"
#include "tools/dalsegno/forensics/stored_values.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/payload_text.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/transcript_text.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace dalsegno::command {

namespace {

/// Bytes of a value of the store that are shown to people.
constexpr std::size_t max_shown_value = 2'000;

struct Options {
  std::string session;
  std::string run;
  std::string at;
  std::optional<Sequence> prompt;  ///< of which call
  bool store = false;
};

Json as_json(forensics::History const& history,
             forensics::PlacedEvent const& placed,
             TranscriptLine const& line) {
  Json object;
  object.set("tenant", history.session.tenant).set("session", history.session.name);
  object.set("run", to_string(history.run)).set("sequence", placed.event.sequence);
  object.set("recorded_at", to_string(placed.recorded_at));
  object.set("type", storage::name_of(placed.event.body));
  if (placed.event.operation != OperationId::none)
    object.set("operation", static_cast<std::uint64_t>(placed.event.operation));
  auto const begin = line.text.find_first_not_of(' ');
  object.set("text", begin == std::string::npos ? std::string() : line.text.substr(begin));
  return object;
}

void print_title(Globals const& globals, FoundSession const& session) {
  auto const& head = session.head;
  print(styled(globals, Style::bold, printable(to_string(session.id))) + ", " +
        (head.workflow.empty() ? std::string("no workflow") : printable(head.workflow)) + ", " +
        std::string(name_of(head)) + ", " + std::to_string(head.last_sequence) + " events, run " +
        (globals.terminal ? to_string(head.run).substr(0, 8) : to_string(head.run)) + ", started " +
        when(globals, head.started_at));
}

void print_line(Globals const& globals,
                forensics::PlacedEvent const& placed,
                TranscriptLine const& line) {
  auto place = std::to_string(placed.event.sequence);
  if (place.size() < 5) place.insert(0, 5 - place.size(), ' ');
  if (!globals.terminal) place += "  " + to_string(placed.recorded_at);
  print(styled(globals, Style::faint, place) + "  " + styled(globals, line.style, line.text));
}

Result<Json> as_json(forensics::History const& history,
                     forensics::RebuiltPrompt const& prompt,
                     std::string const& messages) {
  Json object;
  object.set("tenant", history.session.tenant).set("session", history.session.name);
  object.set("run", to_string(history.run)).set("sequence", prompt.requested);
  object.set("operation", static_cast<std::uint64_t>(prompt.operation)).set("model", prompt.model);
  object.set("digest", prompt.digest);
  object.set("revealed_by", Json::Array(prompt.revealed_by.begin(), prompt.revealed_by.end()));
  TRY(auto list, parse_json(messages));
  object.set("messages", std::move(list));
  return object;
}

/// The bytes alone on stdout, so that they can be compared with others.
Result<int> show_prompt(Globals const& globals,
                        OpenStore const& store,
                        forensics::History const& history,
                        Sequence sequence) {
  TRY(auto const prompt, forensics::rebuild_prompt(*store.log, history, sequence));
  auto const messages = forensics::messages_json(prompt.messages);
  if (globals.json) {
    TRY(auto line, as_json(history, prompt, messages));
    print_json("dalsegno.prompt", std::move(line));
  } else if (globals.terminal) {
    print(printable(messages));
  } else {
    std::fwrite(messages.data(), 1, messages.size(), stdout);
  }
  auto const count = std::to_string(prompt.messages.size());
  say(prompt.digest.empty()
          ? "the request names no digest: its " + count + " messages are all that it brought"
          : count + " messages, as the request's digest " + prompt.digest.substr(0, 16) + " says");
  for (auto const& rule : prompt.revealed_by)
    say("the server was given originals where tokens stand here, by rule " + printable(rule));
  return rests_on(store, history);
}

/// What the keyed store held at the end of the history.
Result<int> show_store(Globals const& globals,
                       OpenStore const& store,
                       forensics::History const& history) {
  for (auto const& [key, stored] : forensics::stored_values(history)) {
    if (globals.json) {
      Json object;
      object.set("tenant", history.session.tenant).set("session", history.session.name);
      object.set("run", to_string(history.run)).set("sequence", stored.sequence);
      object.set("recorded_at", to_string(stored.recorded_at));
      object.set("key", key).set("value", storage::to_json_value(stored.value));
      print_json("dalsegno.stored", std::move(object));
    } else {
      print(printable(key) + " = " + payload_text(stored.value, max_shown_value) +
            styled(globals, Style::faint, "  @" + std::to_string(stored.sequence)));
    }
  }
  return rests_on(store, history);
}

Result<int> show(Globals const& globals, Options const& options) {
  forensics::Cut cut;
  if (!options.at.empty()) {
    TRY(cut, forensics::parse_cut(options.at));
  }
  TRY(auto const store, open_store(globals));
  TRY(auto newest, find_session(store, globals, options.session));
  TRY(auto const session, find_run(store, std::move(newest), options.run));
  TRY(auto const history, forensics::read_history(*store.log, session.id, session.head, cut));
  if (options.store) return show_store(globals, store, history);
  if (options.prompt) return show_prompt(globals, store, history, *options.prompt);
  if (!globals.json) print_title(globals, session);
  Transcript transcript;
  for (auto const& placed : history.events) {
    auto const line = transcript.tell(placed.event);
    if (!line) continue;
    if (globals.json) {
      print_json("dalsegno.transcript", as_json(history, placed, *line));
    } else {
      print_line(globals, placed, *line);
    }
  }
  return rests_on(store, history);
}

}  // namespace

void add_show(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("show", "tell what happened in a session");
  verb->add_option("SESSION", options->session, "a name, a run, or the beginning of one")
      ->required();
  verb->add_option("--run", options->run, "another run than the newest: the beginning of its id");
  auto* const at =
      verb->add_option("--at", options->at, "only what had happened by this sequence or time");
  verb->add_option("--prompt",
                   options->prompt,
                   "the messages that a model was given, as canonical JSON: the sequence of an "
                   "event of that call")
      ->excludes(at);
  verb->add_flag("--store", options->store, "what the session's keyed store held, one key a line")
      ->excludes("--prompt");
  verb->footer(
      "Exit codes: 0 fine; 2 no such session, or no model call at that sequence; 3 the chain is "
      "broken, or a\n"
      "message of the prompt is missing or another than the request's digest stands for.\n");
  verb->callback([options, &globals] { globals.exit_code = ended(show(globals, *options)); });
}

}  // namespace dalsegno::command
