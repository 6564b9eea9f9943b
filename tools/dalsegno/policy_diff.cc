#include "dalsegno/try.h"
#include "engine/policy/describe.h"
#include "tools/dalsegno/decision_text.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/policy.h"
#include "tools/dalsegno/policy_files.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/redecide.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {
namespace {

using engine::PolicySet;

struct Options {
  std::string before;
  std::string after;
};

engine::Rule const* find(PolicySet const& policy, std::string const& id) {
  auto const found = std::ranges::find(policy.rules(), id, &engine::Rule::id);
  return found == policy.rules().end() ? nullptr : &*found;
}

/// The members that two rules of one id differ in.
std::vector<std::string> differing(engine::Rule const& before, engine::Rule const& after) {
  auto const a = engine::as_json(before);
  auto const b = engine::as_json(after);
  std::vector<std::string> out;
  for (auto const field : engine::rule_fields) {
    auto const* const left = a.find(field);
    auto const* const right = b.find(field);
    bool const same = left == nullptr || right == nullptr ? left == right : *left == *right;
    if (!same) out.emplace_back(field);
  }
  return out;
}

class Differences {
 public:
  explicit Differences(Globals const& globals) : globals_(globals) {}

  void compare_rules(PolicySet const& before, PolicySet const& after) {
    for (auto const& rule : before.rules()) {
      auto const* const other = find(after, rule.id);
      if (other == nullptr) {
        tell("removed", rule.id, {});
      } else if (auto const fields = differing(rule, *other); !fields.empty()) {
        tell("changed", rule.id, fields);
      }
    }
    for (auto const& rule : after.rules())
      if (find(before, rule.id) == nullptr) tell("added", rule.id, {});
  }

  void compare_decisions(PolicySet const& before,
                         PolicySet const& after,
                         forensics::StoredDecision const& stored) {
    ++counts_.decisions;
    auto const old_one = engine::decide_again(before, stored.decided, stored.context);
    auto const new_one = engine::decide_again(after, stored.decided, stored.context);
    if (!old_one.unknown.empty() || !new_one.unknown.empty()) {
      ++counts_.unknown;
      return;
    }
    auto const was = verdict_text(old_one.decision);
    auto const is = verdict_text(new_one.decision);
    if (was == is) return;
    ++counts_.changed;
    if (old_one.decision.permitted && !new_one.decision.permitted) ++counts_.now_denied;
    if (!old_one.decision.permitted && new_one.decision.permitted) ++counts_.now_permitted;
    if (old_one.decision.permitted && new_one.decision.permitted && is != "permit")
      ++counts_.need_approval;
    if (globals_.json) {
      print_json("dalsegno.policy_decision_difference",
                 place_of(stored)
                     .set("before", command::as_json(old_one.decision))
                     .set("after", command::as_json(new_one.decision)));
      return;
    }
    print(printable(stored.session.name + " at " + std::to_string(stored.sequence) + ": " +
                    stored.decided.action + " " + stored.decided.resource + ": " + was + " by " +
                    rules_text(old_one.decision.rules) + " -> " + is + " by " +
                    rules_text(new_one.decision.rules)));
  }

  [[nodiscard]] std::size_t of_rules() const { return of_rules_; }
  [[nodiscard]] Redecided const& counts() const { return counts_; }

 private:
  void tell(std::string_view kind, std::string const& id, std::vector<std::string> const& fields) {
    ++of_rules_;
    if (globals_.json) {
      Json line;
      line.set("kind", kind).set("rule", id);
      if (!fields.empty()) line.set("fields", Json::Array(fields.begin(), fields.end()));
      print_json("dalsegno.policy_difference", std::move(line));
      return;
    }
    print(std::string(kind) + " " + id + (fields.empty() ? "" : ": " + rules_text(fields)));
  }

  Globals const& globals_;
  std::size_t of_rules_ = 0;
  Redecided counts_;
};

Result<int> diff(Globals const& globals, Options const& options, bool with_store) {
  TRY(auto const before, read_policies({options.before}));
  TRY(auto const after, read_policies({options.after}));
  Differences differences(globals);
  differences.compare_rules(before, after);
  int const of_rules = differences.of_rules() > 0 ? exit_findings : exit_fine;
  if (!with_store) return of_rules;
  TRY(auto const store, open_store(globals));
  TRY(auto const sessions, find_sessions(store, globals, {}));
  TRY(auto const rest, visit_decisions(store, sessions, [&](forensics::StoredDecision const& it) {
        differences.compare_decisions(before, after, it);
      }));
  auto const& counts = differences.counts();
  if (globals.json) {
    print_json("dalsegno.policy_replay", counts.as_json());
  } else {
    print(counts.as_text());
  }
  if (rest.exit_code != exit_fine) return rest.exit_code;
  return std::max(of_rules, counts.exit_code());
}

}  // namespace

void add_policy_diff(CLI::App& policy, CLI::App const& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = policy.add_subcommand(
      "diff",
      "compare two policies: their rules and, with --data, what they say to recorded calls");
  verb->fallthrough();
  verb->add_option("BEFORE", options->before, "a policy document")->required();
  verb->add_option("AFTER", options->after, "another")->required();
  verb->callback([options, &app, &globals] {
    globals.exit_code = ended(diff(globals, *options, app.count("--data") > 0));
  });
}

}  // namespace dalsegno::command
