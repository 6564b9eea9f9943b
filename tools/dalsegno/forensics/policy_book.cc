#include "tools/dalsegno/forensics/policy_book.h"

#include "dalsegno/try.h"
#include "engine/govern/operators_policy.h"
#include "engine/govern/store_policy.h"
#include "engine/policy/document.h"
#include "storage/access/operator_acted.h"
#include "storage/log/journal.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace dalsegno::forensics {

namespace {

std::string listed(std::vector<std::string> const& rules) {
  if (rules.empty()) return "no rule";
  std::string text;
  for (auto const& rule : rules) text += (text.empty() ? "" : ", ") + rule;
  return text;
}

std::string_view effect_name(bool permitted) { return permitted ? "permit" : "deny"; }

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::holds:
      return "holds";
    case Verdict::fails:
      return "fails";
    case Verdict::unknown:
      return "unknown";
  }
  return "unknown";
}

PolicyBook::Entry PolicyBook::make_entry(storage::PolicyActivated const& activated,
                                         Result<std::string> const& document) {
  Entry entry;
  entry.name = activated.name;
  if (!document) {
    entry.problem = "the document is not in the store: " + document.error().detail;
    return entry;
  }
  auto const& text = *document;
  auto set = engine::PolicySet::parse(text, "journal");
  if (!set) {
    entry.problem = "the document in the journal cannot be read: " + set.error().detail;
    return entry;
  }
  if (set->digest() != activated.digest) {
    entry.problem = "the document in the journal has another digest than it is recorded under";
    return entry;
  }
  entry.set = std::move(*set);
  if (auto const read = engine::read_policy_document(text, "journal")) {
    for (auto const& rule : read->rules) {
      auto const permits = rule.effect == engine::RuleEffect::permit;
      entry.rules.push_back({rule.id, permits ? "permit" : "forbid", rule.reason, rule.owner});
    }
  }
  return entry;
}

Result<PolicyBook> PolicyBook::read(storage::EventLog const& log) {
  PolicyBook book;
  // What decides about operators where the active policy does not is part of the program.
  auto const& operators = engine::operators_policy();
  storage::PolicyActivated builtin;
  builtin.digest = operators.digest();
  builtin.name = operators.name();
  book.add(builtin, operators.document());
  TRY(auto const events, storage::read_journal(log));
  bool break_glass = false;  // of the newest action
  for (auto const& event : events) {
    if (auto const* const acted = std::get_if<storage::OperatorActed>(&event.body)) {
      break_glass = acted->break_glass;
      if (!access::was_refused(*acted)) book.actions_.push_back(*acted);
    }
    if (auto const* const activated = std::get_if<storage::PolicyActivated>(&event.body)) {
      book.add(*activated, engine::document_of(log, *activated));
      book.entries_[activated->digest].break_glass = break_glass;
    }
    if (auto const* const accepted = std::get_if<storage::LossAccepted>(&event.body))
      book.losses_.push_back(*accepted);
  }
  return book;
}

void PolicyBook::add(storage::PolicyActivated const& activated,
                     Result<std::string> const& document) {
  if (!entries_.contains(activated.digest))
    entries_.emplace(activated.digest, make_entry(activated, document));
}

std::vector<storage::OperatorActed> PolicyBook::actions_on(SessionId const& session) const {
  std::vector<storage::OperatorActed> out;
  auto const name = to_string(session);
  std::ranges::copy_if(actions_, std::back_inserter(out), [&](storage::OperatorActed const& acted) {
    return acted.resource == name;
  });
  return out;
}

bool PolicyBook::knows(storage::Digest const& policy) const {
  auto const found = entries_.find(policy);
  return found != entries_.end() && found->second.set.has_value();
}

std::string PolicyBook::name(storage::Digest const& policy) const {
  auto const found = entries_.find(policy);
  return found == entries_.end() ? std::string() : found->second.name;
}

bool PolicyBook::by_break_glass(storage::Digest const& policy) const {
  auto const found = entries_.find(policy);
  return found != entries_.end() && found->second.break_glass;
}

RuleText PolicyBook::rule(storage::Digest const& policy, std::string const& id) const {
  if (auto const found = entries_.find(policy); found != entries_.end()) {
    auto const& rules = found->second.rules;
    auto const rule = std::ranges::find(rules, id, &RuleText::id);
    if (rule != rules.end()) return *rule;
  }
  return {id, "", "", ""};
}

engine::PolicySet const* PolicyBook::find(storage::Digest const& policy) const {
  auto const found = entries_.find(policy);
  return found == entries_.end() || !found->second.set ? nullptr : &*found->second.set;
}

Judgement PolicyBook::judge(storage::PolicyDecided const& decided,
                            engine::DecisionContext const& context) const {
  auto const found = entries_.find(decided.policy);
  if (found == entries_.end())
    return {Verdict::unknown,
            "the journal does not hold policy " + storage::to_hex(decided.policy)};
  if (!found->second.set) return {Verdict::unknown, found->second.problem};
  auto const redecided = engine::decide_again(*found->second.set, decided, context);
  if (!redecided.unknown.empty())
    return {Verdict::unknown,
            "what its policy asks for is not known: " + listed(redecided.unknown)};
  auto const& again = redecided.decision;
  bool const permitted = decided.effect == storage::DecisionEffect::permit;
  if (again.permitted != permitted)
    return {Verdict::fails,
            "the log says " + std::string(effect_name(permitted)) + ", its policy says " +
                std::string(effect_name(again.permitted)) + " (" + listed(again.rules) + ")"};
  if (again.rules != decided.rules)
    return {Verdict::fails,
            "the log names " + listed(decided.rules) + " as determining, its policy " +
                listed(again.rules)};
  return {Verdict::holds, ""};
}

}  // namespace dalsegno::forensics
