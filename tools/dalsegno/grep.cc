// Events that hold a pattern: a value's digits (see hash), a host, a text.

#include "dalsegno/try.h"
#include "storage/event/event_json.h"
#include "tools/dalsegno/forensics/history.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>
#include <re2/re2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dalsegno::command {

namespace {

struct Options {
  std::string pattern;
  std::vector<std::string> sessions;
  bool fixed = false;
  bool ignore_case = false;
};

/// The match with a little of what is around it.
std::string excerpt(std::string const& text, re2::StringPiece const& match) {
  constexpr std::size_t around = 40;
  auto const at = static_cast<std::size_t>(match.data() - text.data());
  auto const from = at > around ? at - around : 0;
  return text.substr(from, at - from + match.size() + around);
}

void print_match(Globals const& globals,
                 forensics::History const& history,
                 forensics::PlacedEvent const& placed,
                 std::string const& part) {
  auto const name = std::string(storage::name_of(placed.event.body));
  if (globals.json) {
    Json line;
    line.set("tenant", history.session.tenant).set("session", history.session.name);
    line.set("run", to_string(history.run)).set("sequence", placed.event.sequence);
    line.set("type", name).set("excerpt", printable(part));
    print_json("dalsegno.match", std::move(line));
    return;
  }
  print(printable(to_string(history.session)) + '\t' + std::to_string(placed.event.sequence) +
        '\t' + name + '\t' + printable(part));
}

Result<int> grep(Globals const& globals, Options const& options) {
  RE2::Options how(RE2::Quiet);
  how.set_case_sensitive(!options.ignore_case);
  how.set_literal(options.fixed);
  RE2 const pattern(options.pattern, how);
  if (!pattern.ok()) return Error{Errc::invalid, "the pattern is wrong: " + pattern.error()};
  TRY(auto const store, open_store(globals));
  TRY(auto const sessions, find_sessions(store, globals, options.sessions));
  std::uint64_t matches = 0;
  std::uint64_t steps = 0;
  for (auto const& session : sessions) {
    TRY(auto const history, forensics::read_history(*store.log, session.id, session.head, {}));
    steps += history.steps;
    if (history.broken) return rests_on(store, history);  // what is behind the break is unknown
    for (auto const& placed : history.events) {
      auto const text = to_string(storage::to_json_value(placed.event));
      re2::StringPiece match;
      if (!pattern.Match(text, 0, text.size(), RE2::UNANCHORED, &match, 1)) continue;
      ++matches;
      print_match(globals, history, placed, excerpt(text, match));
    }
  }
  auto const rests = say_verified(store, steps);
  if (rests != exit_fine) return rests;
  return matches > 0 ? exit_fine : exit_findings;
}

}  // namespace

void add_grep(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("grep", "list the events that hold a pattern");
  verb->add_option("PATTERN", options->pattern, "a regular expression (RE2) over the event as JSON")
      ->required();
  verb->add_option("SESSION", options->sessions, "only in these");
  verb->add_flag("-F,--fixed", options->fixed, "the pattern is a text, not an expression");
  verb->add_flag("-i,--ignore-case", options->ignore_case, "upper and lower case are the same");
  verb->callback([options, &globals] { globals.exit_code = ended(grep(globals, *options)); });
}

}  // namespace dalsegno::command
