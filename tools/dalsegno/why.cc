#include "dalsegno/try.h"
#include "tools/dalsegno/explanation_text.h"
#include "tools/dalsegno/forensics/explain.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <charconv>
#include <memory>
#include <string>
#include <vector>

namespace dalsegno::command {

namespace {

struct Options {
  std::string session;
  std::string answer;
  std::string at;
  bool all = false;
};

/// The answers meant by "17" (a sequence), "#3" (the third answer), nothing (the last), or --all.
Result<std::vector<Sequence>> choose(forensics::History const& history, Options const& options) {
  auto there = forensics::explainable(history);
  if (there.empty())
    return Error{Errc::not_found,
                 to_string(history.session) + " has given no answer and has not ended"};
  if (options.all) return there;
  if (options.answer.empty()) return std::vector{there.back()};
  std::string_view text = options.answer;
  bool const ordinal = text.front() == '#';
  if (ordinal) text.remove_prefix(1);
  std::uint64_t number = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0)
    return Error{
        Errc::invalid,
        "\"" + options.answer + "\" is neither a sequence (17) nor the number of an answer (#3)"};
  if (!ordinal) return std::vector{Sequence{number}};
  if (number > there.size())
    return Error{Errc::not_found,
                 to_string(history.session) + " has " + std::to_string(there.size()) +
                     (there.size() == 1 ? " answer" : " answers") + " by then"};
  return std::vector{there[number - 1]};
}

Result<int> why(Globals const& globals, Options const& options) {
  forensics::Cut cut;
  if (!options.at.empty()) {
    TRY(cut, forensics::parse_cut(options.at));
  }
  TRY(auto const store, open_store(globals));
  TRY(auto const session, find_session(store, globals, options.session));
  TRY(auto const history, forensics::read_history(*store.log, session.id, session.head, cut));
  TRY(auto const answers, choose(history, options));
  auto policies = forensics::PolicyBook::read(*store.log);
  if (!policies && policies.error().code != Errc::corrupt &&
      policies.error().code != Errc::data_loss)
    return policies.error();
  if (!policies) say("the journal with the policies does not verify: " + policies.error().detail);
  forensics::PolicyBook const none;
  bool whole = policies.has_value();
  for (auto const sequence : answers) {
    TRY(auto const explanation,
        forensics::explain(*store.log, history, policies ? *policies : none, sequence));
    whole = whole && explanation.whole();
    if (globals.json) {
      print_json("dalsegno.explanation", to_json_value(explanation));
    } else {
      print_explanation(globals, explanation);
    }
  }
  auto const rests = rests_on(store, history);
  return rests == exit_fine && !whole ? exit_integrity : rests;
}

}  // namespace

void add_why(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      app.add_subcommand("why", "explain an answer: what was done for it, and who permitted that");
  verb->add_option("SESSION", options->session, "a name, a run, or the beginning of one")
      ->required();
  verb->add_option("ANSWER", options->answer, "its sequence, or its number (#3) [the last]");
  verb->add_flag("--all", options->all, "all answers");
  verb->add_option("--at", options->at, "only what had happened by this sequence or time");
  verb->callback([options, &globals] { globals.exit_code = ended(why(globals, *options)); });
}

}  // namespace dalsegno::command
