#include "dalsegno/try.h"
#include "engine/policy/time_text.h"
#include "engine/policy/warnings.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/policy.h"
#include "tools/dalsegno/policy_files.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string at;
  bool strict = false;
};

std::string_view name_of(engine::WarningKind kind) {
  switch (kind) {
    case engine::WarningKind::expired:
      return "expired";
    case engine::WarningKind::never_matches:
      return "never_matches";
    case engine::WarningKind::shadowed:
      break;
  }
  return "shadowed";
}

void tell(Globals const& globals,
          engine::PolicyWarning const& warning,
          engine::PolicyDocument const& document,
          std::span<engine::PolicySource const> sources) {
  if (!globals.json) {
    print(styled(globals, Style::warning, line_of(warning, document, sources)));
    return;
  }
  auto const& [file, place] = document.places[warning.rule];
  Json line;
  line.set("kind", name_of(warning.kind)).set("rule", document.rules[warning.rule].id);
  line.set("file", sources[file].file)
      .set("line", std::uint64_t{place.line})
      .set("column", std::uint64_t{place.column});
  print_json("dalsegno.policy_warning", line.set("what", warning.what));
}

Result<int> check(Globals const& globals, Options const& options) {
  auto now = globals.now;
  if (!options.at.empty()) {
    auto const at = engine::parse_instant(options.at);
    if (!at) return Error{Errc::invalid, "--at: \"" + options.at + "\" is no time as RFC 3339"};
    now = *at;
  }
  TRY(auto const files, PolicyFiles::read(options.files));
  auto const sources = files.sources();
  TRY(auto const document, engine::read_policy_documents(sources));
  auto const warnings = engine::warnings_of(document, now);
  for (auto const& warning : warnings) tell(globals, warning, document, sources);
  auto const digest = storage::to_hex(storage::sha256({document.canonical}));
  if (globals.json) {
    Json line;
    line.set("digest", digest).set("name", document.name);
    line.set("files", std::uint64_t{sources.size()})
        .set("rules", std::uint64_t{document.rules.size()});
    print_json("dalsegno.policy", line.set("warnings", std::uint64_t{warnings.size()}));
  } else {
    print(std::to_string(document.rules.size()) + " rules, " + std::to_string(warnings.size()) +
          " warnings, version " + digest);
  }
  return options.strict && !warnings.empty() ? exit_warnings : exit_fine;
}

}  // namespace

void add_policy_check(CLI::App& policy, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = policy.add_subcommand(
      "check", "say what is wrong or suspicious in policy documents; several make one set");
  verb->fallthrough();
  verb->add_option("FILES", options->files, "policy documents")->required();
  verb->add_option("--at", options->at, "warn of what has expired by then [now]");
  verb->add_flag("--strict", options->strict, "end with 4 when there are warnings");
  verb->callback([options, &globals] { globals.exit_code = ended(check(globals, *options)); });
}

}  // namespace dalsegno::command
