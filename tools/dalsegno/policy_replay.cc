#include "dalsegno/try.h"
#include "tools/dalsegno/decision_text.h"
#include "tools/dalsegno/forensics/policy_book.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/policy.h"
#include "tools/dalsegno/policy_files.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/redecide.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {
namespace {

using forensics::StoredDecision;

struct Options {
  std::vector<std::string> sessions;
  std::vector<std::string> policies;
  bool all = false;
};

/// Makes recorded decisions again and tells of those that come out otherwise.
class Replay {
 public:
  Replay(Globals const& globals, Options const& options, forensics::PolicyBook const& book)
      : globals_(globals), options_(options), book_(book) {}

  /// Judges by this policy; without one each decision by its own.
  void use(engine::PolicySet policy) { policy_ = std::move(policy); }

  void take(StoredDecision const& stored) {
    ++counts_.decisions;
    auto const* const policy = policy_ ? &*policy_ : book_.find(stored.decided.policy);
    if (policy == nullptr) {
      tell_unknown(stored,
                   "the journal does not hold policy " + storage::to_hex(stored.decided.policy));
      return;
    }
    auto const again = engine::decide_again(*policy, stored.decided, stored.context);
    if (!again.unknown.empty()) {
      tell_unknown(stored, "not recorded: " + rules_text(again.unknown));
      return;
    }
    compare(stored, again.decision);
  }

  [[nodiscard]] Redecided const& counts() const { return counts_; }

 private:
  void compare(StoredDecision const& stored, engine::Decision const& now) {
    bool const was_permitted = stored.decided.effect == storage::DecisionEffect::permit;
    auto const verdict = verdict_text(now);
    bool const must_ask = now.permitted && verdict != "permit";
    // Its own policy must name the same rules again; another has rules of its own.
    bool const other_rules = !policy_ && now.rules != stored.decided.rules;
    bool const changed = was_permitted != now.permitted || must_ask || other_rules;
    if (changed) ++counts_.changed;
    if (was_permitted && !now.permitted) ++counts_.now_denied;
    if (!was_permitted && now.permitted) ++counts_.now_permitted;
    if (was_permitted && must_ask) ++counts_.need_approval;
    if (!changed && !options_.all) return;
    auto line = [&] {
      auto out = place_of(stored);
      return out.set("recorded", was_permitted ? "permit" : "deny")
          .set("verdict", changed ? "changed" : "same")
          .set("now", command::as_json(now));
    };
    if (globals_.json) {
      print_json("dalsegno.redecision", line());
      return;
    }
    tell(stored,
         std::string(was_permitted ? "permit" : "deny") + " -> " + verdict + " by " +
             rules_text(now.rules) + (now.reason.empty() ? "" : ": " + now.reason),
         now.permitted ? Style::warning : Style::bad);
  }

  void tell_unknown(StoredDecision const& stored, std::string const& why) {
    ++counts_.unknown;
    if (globals_.json) {
      print_json("dalsegno.redecision", place_of(stored).set("verdict", "unknown").set("why", why));
      return;
    }
    tell(stored, "unknown: " + why, Style::faint);
  }

  void tell(StoredDecision const& stored, std::string const& what, Style style) const {
    auto const place = stored.session.name + " at " + std::to_string(stored.sequence);
    print(styled(globals_,
                 style,
                 printable(place + ": " + stored.decided.action + " " + stored.decided.resource +
                           ": " + what)));
    // What was asked for, so that the answer can be understood without looking it up.
    constexpr std::size_t shown = 300;
    if (stored.context.arguments && stored.decided.action == "tool.call") {
      auto const text = stored.context.arguments->substr(0, shown);
      print(styled(
          globals_,
          Style::faint,
          "    " + printable(text) + (stored.context.arguments->size() > shown ? "..." : "")));
    }
  }

  Globals const& globals_;
  Options const& options_;
  forensics::PolicyBook const& book_;
  std::optional<engine::PolicySet> policy_;
  Redecided counts_;
};

Result<int> replay(Globals const& globals, Options const& options) {
  TRY(auto const store, open_store(globals));
  TRY(auto const book, forensics::PolicyBook::read(*store.log));
  Replay replay(globals, options, book);
  if (!options.policies.empty()) {
    TRY(auto policy, read_policies(options.policies));
    replay.use(std::move(policy));
  }
  TRY(auto const sessions, find_sessions(store, globals, options.sessions));
  TRY(auto const rest,
      visit_decisions(store, sessions, [&](StoredDecision const& stored) { replay.take(stored); }));
  auto const& counts = replay.counts();
  if (globals.json) {
    print_json("dalsegno.policy_replay", counts.as_json());
  } else {
    print(counts.as_text());
  }
  return rest.exit_code == exit_fine ? counts.exit_code() : rest.exit_code;
}

}  // namespace

void add_policy_replay(CLI::App& policy, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = policy.add_subcommand(
      "replay", "make recorded decisions again and say which come out otherwise, and why");
  verb->fallthrough();
  verb->add_option("SESSION", options->sessions, "only these [all]");
  verb->add_option(
      "--policy", options->policies, "policy documents [each decision's own, from the journal]");
  verb->add_flag("--all", options->all, "tell of those that stay the same, too");
  verb->footer(
      "Ends with 0 when nothing changes, 1 when something does, 125 when something that is asked "
      "for was not recorded.");
  verb->callback([options, &globals] { globals.exit_code = ended(replay(globals, *options)); });
}

}  // namespace dalsegno::command
