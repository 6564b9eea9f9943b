#include "tools/dalsegno/suggest.h"

#include "engine/policy/nearest.h"
#include "tools/dalsegno/printable.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

namespace dalsegno::command {

namespace {

std::vector<std::string> verbs_of(CLI::App const& app) {
  std::vector<std::string> names;
  for (auto const* const verb : app.get_subcommands([](CLI::App const*) { return true; }))
    names.push_back(verb->get_name());
  return names;
}

std::vector<std::string> options_of(CLI::App const& app) {
  std::vector<std::string> names;
  for (auto const* const option : app.get_options())
    for (auto const& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string with_nearest(std::string message,
                         std::string_view word,
                         std::vector<std::string> const& known) {
  std::vector<std::string_view> const views(known.begin(), known.end());
  if (auto const near = engine::nearest(word, views))
    return message + "; did you mean " + std::string(*near) + "?";
  return message;
}

/// The verbs of `policy` or `token`, when none was given.
std::string missing_verb(CLI::App const& verb) {
  std::string text = verb.get_name() + " takes one of";
  char const* before = " ";
  for (auto const& name : verbs_of(verb)) {
    text += before + name;
    before = ", ";
  }
  return text;
}

bool lacks_verb(CLI::App const& verb) {
  return !verbs_of(verb).empty() && verb.get_subcommands().empty();
}

}  // namespace

std::string no_such_verb(CLI::App const& app, std::string const& word) {
  return with_nearest(
      "there is no verb " + printable(word) + " (dalsegno help lists them)", word, verbs_of(app));
}

std::string explain_refusal(CLI::App const& app, CLI::ParseError const& error) {
  auto const left = app.remaining(true);
  // What nobody knew goes first: a misspelt option may be why a required one is missing.
  auto const chosen = app.get_subcommands();
  if (left.empty())
    return !chosen.empty() && lacks_verb(*chosen.front()) ? missing_verb(*chosen.front())
                                                          : std::string(error.what());
  // An option before an unknown verb is unknown for the same reason: name the verb.
  auto const first = std::ranges::find_if(
      left, [&](std::string const& word) { return !chosen.empty() || !word.starts_with('-'); });
  auto const word = first == left.end() ? left.front() : *first;
  auto const shown = printable(word);
  if (word.starts_with('-')) {
    auto known = options_of(app);
    std::string of;
    for (auto const* const verb : chosen) {
      auto const own = options_of(*verb);
      known.insert(known.begin(), own.begin(), own.end());
      of = " of " + verb->get_name();
    }
    auto const name = word.substr(0, word.find('='));
    return with_nearest("there is no option " + printable(name) + of, name, known);
  }
  if (chosen.empty()) return no_such_verb(app, word);
  if (lacks_verb(*chosen.front()))
    return with_nearest(
        missing_verb(*chosen.front()) + ", not \"" + shown + '"', word, verbs_of(*chosen.front()));
  return chosen.front()->get_name() + " does not know what to do with \"" + shown + '"';
}

}  // namespace dalsegno::command
