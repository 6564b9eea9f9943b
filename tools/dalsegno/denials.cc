#include "dalsegno/try.h"
#include "engine/session/call_policy.h"
#include "tools/dalsegno/decision_text.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/redecide.h"
#include "tools/dalsegno/verbs.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {
namespace {

struct Options {
  std::vector<std::string> sessions;
};

/// A denial by the policy that decided, or by one that was asked beside it.
struct Denial {
  std::vector<std::string> const& rules;
  std::string const& reason;
  std::string by;  ///< "" or "shadow POLICY"
};

class Denials {
 public:
  explicit Denials(Globals const& globals)
      : globals_(globals), table_({"SESSION", "SEQUENCE", "WHEN", "CALL", "RULES", "REASON"}) {}

  void take(forensics::StoredDecision const& stored) {
    auto const& decided = stored.decided;
    if (decided.effect == storage::DecisionEffect::deny)
      tell(stored, {decided.rules, decided.reason, ""});
    for (auto const& shadow : decided.shadows) {
      if (shadow.effect == storage::DecisionEffect::deny)
        tell(stored, {shadow.rules, shadow.reason, "shadow " + storage::to_hex(shadow.policy)});
    }
  }

  /// People were asked, and the call was not approved.
  void take(forensics::RefusedCall const& refused) {
    ++count_;
    std::vector<std::string> rules;
    rules.reserve(refused.call.approvals.size());
    for (auto const& asked : refused.call.approvals) rules.push_back(asked.request.rule);
    auto const action = std::string(engine::action_of(refused.call.kind));
    if (globals_.json) {
      Json line;
      line.set("tenant", refused.session.tenant).set("session", refused.session.name);
      line.set("run", to_string(refused.run)).set("sequence", refused.sequence);
      line.set("operation", static_cast<std::uint64_t>(refused.operation));
      line.set("action", action).set("resource", refused.call.name);
      line.set("recorded_at", to_string(refused.recorded_at));
      line.set("rules", Json::Array(rules.begin(), rules.end()));
      line.set("reason", refused.failed.message).set("approval", refused.failed.type);
      print_json("dalsegno.denial", std::move(line));
      return;
    }
    table_.add({printable(refused.session.name),
                std::to_string(refused.sequence),
                when(globals_, refused.recorded_at),
                printable(action + " " + refused.call.name),
                rules_text(rules),
                printable(refused.failed.message)},
               Style::bad);
  }

  void finish() const {
    if (!table_.empty()) table_.print(globals_);
    if (count_ == 0) say("no denials");
  }

 private:
  void tell(forensics::StoredDecision const& stored, Denial const& denial) {
    ++count_;
    if (globals_.json) {
      auto line = place_of(stored);
      line.set("recorded_at", to_string(stored.context.recorded_at));
      line.set("attempt", std::uint64_t{stored.decided.attempt});
      line.set("principal", stored.decided.principal);
      line.set("rules", Json::Array(denial.rules.begin(), denial.rules.end()));
      line.set("reason", denial.reason);
      if (!denial.by.empty()) line.set("shadow", denial.by.substr(denial.by.find(' ') + 1));
      print_json("dalsegno.denial", std::move(line));
      return;
    }
    table_.add(
        {printable(stored.session.name),
         std::to_string(stored.sequence),
         when(globals_, stored.context.recorded_at),
         printable(stored.decided.action + " " + stored.decided.resource),
         (denial.by.empty() ? "" : denial.by.substr(0, 15) + ": ") + rules_text(denial.rules),
         printable(denial.reason)},
        denial.by.empty() ? Style::bad : Style::faint);
  }

  Globals const& globals_;
  Table table_;
  std::size_t count_ = 0;
};

Result<int> denials(Globals const& globals, Options const& options) {
  TRY(auto const store, open_store(globals));
  TRY(auto const sessions, find_sessions(store, globals, options.sessions));
  Denials found(globals);
  TRY(auto const rest,
      visit_decisions(
          store,
          sessions,
          [&](forensics::StoredDecision const& it) { found.take(it); },
          [&](forensics::RefusedCall const& it) { found.take(it); }));
  found.finish();
  return rest.exit_code;
}

}  // namespace

void add_denials(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      app.add_subcommand("denials", "list what policy or people denied, by which rules and why");
  verb->add_option("SESSION", options->sessions, "only these [all]");
  verb->callback([options, &globals] { globals.exit_code = ended(denials(globals, *options)); });
}

}  // namespace dalsegno::command
