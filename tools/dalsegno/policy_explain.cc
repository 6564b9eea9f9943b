#include "dalsegno/try.h"
#include "engine/policy/describe.h"
#include "tools/dalsegno/decision_text.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/policy.h"
#include "tools/dalsegno/policy_files.h"
#include "tools/dalsegno/policy_request.h"
#include "tools/dalsegno/printable.h"

#include <memory>
#include <string>
#include <vector>

namespace dalsegno::command {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string request;
};

Style style_of(engine::RuleTrace const& trace, engine::Rule const& rule) {
  if (trace.outcome == engine::RuleOutcome::condition_failed) return Style::warning;
  if (trace.outcome != engine::RuleOutcome::matched) return Style::faint;
  return rule.effect == engine::RuleEffect::permit ? Style::good : Style::bad;
}

void tell(Globals const& globals, engine::RuleTrace const& trace, engine::Rule const& rule) {
  auto line = rule.id + " (" + (rule.effect == engine::RuleEffect::permit ? "permit" : "forbid") +
              "): " + std::string(engine::name_of(trace.outcome));
  if (trace.tests.empty() && !trace.why.empty()) line += ": " + trace.why;
  print(styled(globals, style_of(trace, rule), printable(line)));
  for (auto const& test : trace.tests) {
    auto const verdict = test.truth == engine::Truth::yes  ? "yes"
                         : test.truth == engine::Truth::no ? "no"
                                                           : "cannot be evaluated";
    print("    " + printable(test.test + ": it is " + test.value + ": " + verdict));
  }
}

void tell(Globals const& globals, engine::Decision const& decision) {
  print(styled(globals,
               decision.permitted ? Style::good : Style::bad,
               verdict_text(decision) + " by " + rules_text(decision.rules)));
  if (!decision.reason.empty()) print("    " + printable(decision.reason));
  for (auto const& obligation : decision.obligations)
    print("    obligation of " + obligation.rule + ": " +
          std::string(engine::name_of(obligation.kind)) + " " + obligation.parameters);
}

Result<int> explain(Globals const& globals, Options const& options) {
  TRY(auto const policy, read_policies(options.files));
  TRY(auto const json, parse_json(options.request));
  TRY(auto const request, WrittenRequest::read(json, globals.now));
  auto const explained = policy.explain(request->request(), *request);
  if (globals.json) {
    auto line = as_json(explained.decision);
    Json::Array rules;
    for (auto const& trace : explained.rules)
      rules.push_back(as_json(trace, policy.rules()[trace.rule]));
    line.set("trace", std::move(rules)).set("policy", storage::to_hex(policy.digest()));
    print_json("dalsegno.policy_explanation", std::move(line));
  } else {
    for (auto const& trace : explained.rules) tell(globals, trace, policy.rules()[trace.rule]);
    tell(globals, explained.decision);
  }
  return explained.decision.permitted ? exit_fine : exit_not_permitted;
}

}  // namespace

void add_policy_explain(CLI::App& policy, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = policy.add_subcommand(
      "explain", "decide about a request and say of every rule why it matched or not");
  verb->fallthrough();
  verb->add_option("FILES", options->files, "policy documents")->required();
  verb->add_option("--request", options->request, "the request, as JSON (docs/policy.md)")
      ->required();
  verb->callback([options, &globals] { globals.exit_code = ended(explain(globals, *options)); });
}

}  // namespace dalsegno::command
