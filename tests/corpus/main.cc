// corpus KIND PATH: scores a file or folder of test data and prints one JSON object.
// Exit codes: 0 scored, 2 usage or unreadable input.

#include "tests/corpus/kind.h"

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <string>

namespace dalsegno::corpus {
namespace {

constexpr int unreadable = 2;

int run(int argc, char** argv) {
  CLI::App app(
      "Scores a file or folder of test data (.jsonl, .jsonl.gz, .csv) and prints one JSON object.");
  app.require_subcommand(1);
  std::string path;
  bool as_json = true;
  auto const kinds = {affinity(), jcs(), redaction(), route(), ssrf(), transcripts(), usage()};
  for (auto const& kind : kinds) {
    auto* const command = app.add_subcommand(std::string(kind.name), std::string(kind.about));
    command->add_option("path", path, "a file, or a folder with all below it")->required();
    command->add_flag("--json", as_json, "the answer as JSON: the only form there is");
    if (kind.add_options) kind.add_options(*command);
  }
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& error) {
    return app.exit(error) == 0 ? 0 : unreadable;
  }
  for (auto const& kind : kinds) {
    if (!app.got_subcommand(std::string(kind.name))) continue;
    auto const score = kind.score(path);
    if (!score) {
      std::cerr << "corpus: " << score.error().detail << '\n';
      return unreadable;
    }
    std::cout << to_string(*score) << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace dalsegno::corpus

int main(int argc, char** argv) {
  try {
    return dalsegno::corpus::run(argc, argv);
  } catch (std::exception const& error) {
    std::cerr << "corpus: " << error.what() << '\n';
    return dalsegno::corpus::unreadable;
  }
}
