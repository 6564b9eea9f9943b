// `policy activate` and `policy shadow`: what decides in a store, and what is asked beside it.

#include "dalsegno/try.h"
#include "engine/govern/operators_policy.h"
#include "engine/govern/store_policy.h"
#include "engine/policy/warnings.h"
#include "tools/dalsegno/govern.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/policy.h"
#include "tools/dalsegno/policy_files.h"
#include "tools/dalsegno/printable.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {
namespace {

struct Options {
  std::vector<std::string> files;
  CredentialOptions who;
  bool lock_out = false;
  bool none = false;
};

Json described(engine::PolicySet const& policy) {
  Json details;
  details.set("digest", storage::to_hex(policy.digest())).set("name", policy.name());
  return details;
}

std::string label(engine::PolicySet const& policy) {
  return "policy " + storage::to_hex(policy.digest()).substr(0, 12) + " \"" +
         printable(policy.name()) + "\"";
}

void warn(PolicyFiles const& files, Time now) {
  auto const sources = files.sources();
  auto const document = engine::read_policy_documents(sources);
  if (!document) return;  // the set was made of it
  for (auto const& warning : engine::warnings_of(*document, now))
    say(line_of(warning, *document, sources));
}

/// A policy with rules about operators under which who activates it could not activate the next
/// one would stay for good.
std::function<std::optional<std::string>(engine::Identity const&)> lock_out_check(
    engine::PolicySet const& policy, Time now) {
  return [&policy, now](engine::Identity const& who) -> std::optional<std::string> {
    if (!engine::governs_operators(policy)) return std::nullopt;
    auto const again = engine::decide_about(policy, "operator.policy", policy.name(), who, now);
    if (again.permitted) return std::nullopt;
    return "under " + label(policy) + " " + who.name +
           " could not activate another one: permit operator.policy in it, or say --lock-out";
  };
}

Result<int> activate(Globals const& globals, Options const& options) {
  TRY(auto const files, PolicyFiles::read(options.files));
  TRY(auto const policy, files.parse());
  warn(files, globals.now);
  TRY(auto const store, open_to_govern(globals, Absent::create));
  TRY(auto const before, engine::read_store_policies(*store.log));
  if (before.active && before.active->digest() == policy.digest()) {
    say(label(policy) + " is the active one already");
    return exit_fine;
  }
  auto activation = engine::activation_of(policy);
  engine::OperatorAction action{.name = "operator.policy",
                                .resource = policy.name(),
                                .details = described(policy),
                                .second = engine::SecondPerson::needed,
                                .events = {std::move(activation.event)},
                                .artifacts = std::move(activation.artifacts)};
  if (!options.lock_out) action.objection = lock_out_check(policy, globals.now);
  TRY(auto const who, operate(*store.log, globals, options.who, std::move(action)));
  if (globals.json) {
    Json line = described(policy);
    if (before.active) line.set("replaces", storage::to_hex(before.active->digest()));
    add_actor(line, who);
    print_json("dalsegno.policy_activated", std::move(line));
  } else {
    print(label(policy) + " decides from the next start of a runtime on" +
          std::string(mark_of(who)));
  }
  return exit_fine;
}

Result<int> shadow(Globals const& globals, Options const& options) {
  if (options.none != options.files.empty())
    return Error{Errc::invalid, "name the files of a policy, or say --none"};
  std::vector<engine::PolicySet> shadows;
  Json details(Json::Object{});
  Json::Array digests;
  if (!options.none) {
    TRY(auto const files, PolicyFiles::read(options.files));
    TRY(auto policy, files.parse());
    warn(files, globals.now);
    details = described(policy);
    digests.emplace_back(storage::to_hex(policy.digest()));
    shadows.push_back(std::move(policy));
  }
  details.set(engine::shadow_detail, std::move(digests));
  TRY(auto const store, open_to_govern(globals, Absent::create));
  TRY(auto const who,
      operate(*store.log,
              globals,
              options.who,
              {.name = "operator.policy",
               .resource = shadows.empty() ? "shadow" : shadows.front().name(),
               .details = details,
               .artifacts = engine::shadow_artifacts(shadows)}));
  if (globals.json) {
    add_actor(details, who);
    print_json("dalsegno.policy_shadow", std::move(details));
  } else {
    print((shadows.empty() ? "no policy is asked beside the active one"
                           : label(shadows.front()) + " is asked beside the active one") +
          std::string(" from the next start of a runtime on") + std::string(mark_of(who)));
  }
  return exit_fine;
}

}  // namespace

void add_policy_activate(CLI::App& policy, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = policy.add_subcommand("activate", "let these files decide in a store");
  verb->add_option("FILES", options->files, "policy documents; several make one policy")
      ->required();
  verb->add_flag("--lock-out",
                 options->lock_out,
                 "even if who activates it may not activate another one after it");
  add_credential_options(*verb, options->who);
  verb->callback([options, &globals] { globals.exit_code = ended(activate(globals, *options)); });
}

void add_policy_shadow(CLI::App& policy, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = policy.add_subcommand(
      "shadow", "record beside each decision what these files would have decided");
  verb->add_option("FILES", options->files, "policy documents; several make one policy");
  verb->add_flag("--none", options->none, "no longer");
  add_credential_options(*verb, options->who);
  verb->callback([options, &globals] { globals.exit_code = ended(shadow(globals, *options)); });
}

}  // namespace dalsegno::command
