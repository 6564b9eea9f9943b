#pragma once

#include "storage/access/token_table.h"
#include "storage/event/codec.h"
#include "storage/event/event.h"
#include "tools/dalsegno/forensics/finding.h"

#include <string>
#include <vector>

namespace dalsegno::forensics {

/// Follows the operators' session: what was done there must have been decided before it, in the
/// same step, and, once there are operators' tokens, by somebody whose token was valid then, and by
/// two people where that is the rule. Whether the decisions are right is checked elsewhere.
class OperatorCheck {
 public:
  OperatorCheck(SessionId session, RunId run, Findings& findings)
      : session_(std::move(session)), run_(run), findings_(findings) {}

  /// The next step; its chain was verified.
  void take(storage::DecodedStep const& step);

 private:
  void check_action(storage::OperatorActed const& acted,
                    std::vector<storage::Event> const& events,
                    Sequence sequence,
                    Time at);
  void check_credential(std::string const& id,
                        storage::OperatorActed const& acted,
                        Sequence sequence,
                        Time at);
  void found(Sequence sequence, std::string detail);

  SessionId session_;
  RunId run_;
  Findings& findings_;
  access::TokenTable tokens_;
};

}  // namespace dalsegno::forensics
