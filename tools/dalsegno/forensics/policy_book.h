#pragma once

#include "dalsegno/result.h"
#include "engine/policy/policy.h"
#include "engine/policy/recorded.h"
#include "storage/event/event.h"
#include "storage/log/event_log.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::forensics {

/// What came of checking something again.
enum class Verdict : std::uint8_t { holds, fails, unknown };

/// "holds", "fails", "unknown".
[[nodiscard]] std::string_view name_of(Verdict verdict);

/// A rule as the policy document has it.
struct RuleText {
  std::string id;
  std::string effect;  ///< "permit", "forbid"; "" when the document is not there
  std::string reason;
  std::string owner;
};

/// A verdict with what there is to say about it.
struct Judgement {
  Verdict verdict = Verdict::unknown;
  std::string why;  ///< empty when it holds
};

/// The policy documents that the store's journal holds, to judge recorded decisions again.
class PolicyBook {
 public:
  /// Errors: those of read_journal.
  [[nodiscard]] static Result<PolicyBook> read(storage::EventLog const& log);

  /// Whether the document with that digest is in the journal and can be read.
  [[nodiscard]] bool knows(storage::Digest const& policy) const;
  /// Its name; "" when it is not there.
  [[nodiscard]] std::string name(storage::Digest const& policy) const;
  /// Whether it was activated, the last time, with a token for emergencies.
  [[nodiscard]] bool by_break_glass(storage::Digest const& policy) const;
  [[nodiscard]] RuleText rule(storage::Digest const& policy, std::string const& id) const;

  /// Decides again, under the recorded document, with what was recorded, and compares effect and
  /// determining rules. Unknown when the document or something that it asks for was not recorded.
  [[nodiscard]] Judgement judge(storage::PolicyDecided const& decided,
                                engine::DecisionContext const& context) const;
  /// The rules with that digest; nullptr when they are not known.
  [[nodiscard]] engine::PolicySet const* find(storage::Digest const& policy) const;

  /// What operators did to the session, oldest first; not what was refused.
  [[nodiscard]] std::vector<storage::OperatorActed> actions_on(SessionId const& session) const;

  /// Losses that somebody accepted, oldest first.
  [[nodiscard]] std::vector<storage::LossAccepted> const& losses() const { return losses_; }

 private:
  struct Entry {
    std::string name;
    std::optional<engine::PolicySet> set;
    std::vector<RuleText> rules;
    std::string problem;  ///< why there is no set
    bool break_glass = false;
  };
  static Entry make_entry(storage::PolicyActivated const& activated,
                          Result<std::string> const& document);
  void add(storage::PolicyActivated const& activated, Result<std::string> const& document);

  std::map<storage::Digest, Entry> entries_;
  std::vector<storage::LossAccepted> losses_;
  std::vector<storage::OperatorActed> actions_;
};

}  // namespace dalsegno::forensics
