#include "engine/policy/policy.h"

#include "dalsegno/try.h"
#include "engine/policy/compiled_rule.h"
#include "engine/policy/inputs.h"
#include "engine/policy/rule_index.h"
#include "engine/policy/time_text.h"

#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace dalsegno::engine {
namespace {

using Matches = boost::container::small_vector<CompiledRule const*, 8>;

std::string shortened(std::string const& text) {
  if (text.size() <= max_error_bytes) return text;
  auto end = max_error_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

/// Gathers what became of the rules, and gives the decision.
class Verdict {
 public:
  explicit Verdict(Inputs& inputs) : inputs_(inputs) {}

  void take(CompiledRule const& compiled, RuleOutcome outcome, std::string& why) {
    auto const& rule = compiled.rule();
    bool const forbids = rule.effect == RuleEffect::forbid;
    if (outcome == RuleOutcome::condition_failed) {
      if (out_.errors.size() < max_errors) out_.errors.push_back({rule.id, shortened(why)});
      if (forbids) forbids_.push_back(&compiled);
    } else if (outcome == RuleOutcome::matched) {
      (forbids ? forbids_ : permits_).push_back(&compiled);
    }
  }

  Decision give() {
    if (!forbids_.empty()) {
      deny_by_rule();
    } else if (!permits_.empty()) {
      permit();
    } else {
      deny_by_default();
    }
    inputs_.leave(out_);
    return std::move(out_);
  }

 private:
  void name(Matches const& determining) {
    auto const named = std::min(determining.size(), max_determining_rules);
    out_.rules.reserve(named);
    for (std::size_t i = 0; i < named; ++i) out_.rules.push_back(determining[i]->rule().id);
    out_.reason = determining.front()->rule().reason;
  }

  void deny_by_rule() {
    name(forbids_);
    auto const& first = forbids_.front()->rule();
    for (auto const& error : out_.errors) {
      if (error.rule != first.id) continue;
      out_.reason += (out_.reason.empty() ? "rule " : " (rule ") + first.id +
                     " forbids and cannot be evaluated: " + error.message +
                     (out_.reason.empty() ? "" : ")");
      return;
    }
  }

  void permit() {
    name(permits_);
    out_.permitted = true;
    for (auto const* const compiled : permits_) {
      auto const& of_rule = compiled->obligations();
      out_.obligations.insert(out_.obligations.end(), of_rule.begin(), of_rule.end());
    }
    if (out_.obligations.empty()) return;
    if (out_.obligations.size() > max_applied_obligations) {
      out_.permitted = false;
      out_.reason = "the permits have " + std::to_string(out_.obligations.size()) +
                    " obligations together; at most " + std::to_string(max_applied_obligations) +
                    " can be met";
      out_.obligations.clear();
      return;
    }
    auto const fulfils = inputs_.fulfils();
    for (auto const& obligation : out_.obligations) {
      if (fulfils[static_cast<std::size_t>(obligation.kind)]) continue;
      out_.permitted = false;
      out_.reason = "rule " + obligation.rule + " permits it with the obligation " +
                    std::string(name_of(obligation.kind)) + ", which cannot be met here";
      return;
    }
    keep_to_rates();
  }

  void keep_to_rates() {
    if (inputs_.request().attempt > 1) return;  // its call has had its place
    for (auto const* const compiled : permits_) {
      auto const& limit = compiled->rate();
      if (!limit) continue;
      auto const& rule = compiled->rule().id;
      auto const use = inputs_.rate({rule, *limit});
      if (!use || use->calls < limit->calls) continue;
      out_.permitted = false;
      out_.reason = "rule " + rule + " permits " + std::to_string(limit->calls) + " calls in " +
                    duration_text(limit->per) + ", and " + std::to_string(use->calls) +
                    " were made";
      if (use->free_at) out_.reason += "; the next one may start at " + to_string(*use->free_at);
      return;
    }
  }

  void deny_by_default() {
    auto const& request = inputs_.request();
    out_.reason = "no rule permits ";
    out_.reason.append(request.action).append(" of '").append(request.resource).append("'");
    if (out_.errors.empty()) return;
    out_.reason += "; rule " + out_.errors.front().rule +
                   " could not be evaluated: " + out_.errors.front().message;
  }

  Inputs& inputs_;
  Decision out_;
  Matches permits_;
  Matches forbids_;
};

std::string mismatch(RuleOutcome outcome, PolicyRequest const& request) {
  switch (outcome) {
    case RuleOutcome::other_action:
      return "it is not about " + std::string(request.action);
    case RuleOutcome::other_resource:
      return "it is not about the resource " + std::string(request.resource);
    case RuleOutcome::other_principal:
      return "it is about other principals";
    case RuleOutcome::expired:
      return "it has expired";
    default:
      return {};
  }
}

}  // namespace

struct PolicySet::Compiled {
  explicit Compiled(PolicyDocument read)
      : document(std::move(read)), digest(storage::sha256({document.canonical})) {
    rules.reserve(document.rules.size());
    for (auto const& rule : document.rules) {
      index.add(rule, static_cast<std::uint32_t>(rules.size()));
      rules.emplace_back(rule);
      actions |= rule.actions;
    }
  }
  Compiled(Compiled const&) = delete;  // the rules refer to the document
  Compiled& operator=(Compiled const&) = delete;

  PolicyDocument document;
  storage::Digest digest;
  std::vector<CompiledRule> rules;  // as in the document
  RuleIndex index;
  std::bitset<action_count> actions;  // that rules name
};

PolicySet::PolicySet()
    : compiled_(std::make_shared<Compiled const>(
          PolicyDocument{.name = {},
                         .rules = {},
                         .places = {},
                         .canonical = R"({"dalsegno_policy":1,"rules":[]})"})) {}

PolicySet::PolicySet(PolicySet const&) = default;
PolicySet& PolicySet::operator=(PolicySet const&) = default;
// A set that was moved from keeps its rules: there is no state in which it could not decide.
PolicySet::PolicySet(PolicySet&& other) noexcept
    : compiled_(other.compiled_) {}  // NOLINT(performance-move-constructor-init)
PolicySet& PolicySet::operator=(PolicySet&& other) noexcept {
  compiled_ = other.compiled_;
  return *this;
}
PolicySet::~PolicySet() = default;

Result<PolicySet> PolicySet::parse(std::string_view json, std::string_view file) {
  PolicySource const source{json, file};
  return parse({&source, 1});
}

Result<PolicySet> PolicySet::parse(std::span<PolicySource const> sources) {
  TRY(auto document, read_policy_documents(sources));
  PolicySet out;
  out.compiled_ = std::make_shared<Compiled const>(std::move(document));
  return out;
}

Decision PolicySet::decide(PolicyRequest const& request, PolicyAmbient const& ambient) const {
  Inputs inputs(request, ambient);
  Verdict verdict(inputs);
  auto const action = action_number(request.action);
  if (!action) return verdict.give();
  RulePlaces candidates;
  compiled_->index.find(request, *action, candidates);
  std::string why;
  for (auto const place : candidates) {
    auto const& rule = compiled_->rules[place];
    verdict.take(rule, rule.judge(inputs, why), why);
  }
  return verdict.give();
}

Explained PolicySet::explain(PolicyRequest const& request, PolicyAmbient const& ambient) const {
  Inputs inputs(request, ambient);
  Verdict verdict(inputs);
  auto const action = action_number(request.action);
  Explained out;
  for (auto const& rule : compiled_->rules) {
    RuleTrace trace;
    trace.rule = out.rules.size();
    trace.outcome = RuleOutcome::other_action;
    if (action && rule.rule().actions[*action])
      trace.outcome = rule.judge(inputs, trace.why, &trace.tests);
    verdict.take(rule, trace.outcome, trace.why);
    if (trace.why.empty()) trace.why = mismatch(trace.outcome, request);
    out.rules.push_back(std::move(trace));
  }
  out.decision = verdict.give();
  return out;
}

bool PolicySet::has_rules_about(std::string_view action) const {
  auto const number = action_number(action);
  return number && compiled_->actions[*number];
}

storage::Digest const& PolicySet::digest() const { return compiled_->digest; }
std::string const& PolicySet::name() const { return compiled_->document.name; }
std::string const& PolicySet::document() const { return compiled_->document.canonical; }
std::vector<Rule> const& PolicySet::rules() const { return compiled_->document.rules; }

}  // namespace dalsegno::engine
