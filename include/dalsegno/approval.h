#pragma once

#include "dalsegno/activity.h"
#include "dalsegno/ids.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno {

/// A request for approval that is open: a call, or a workflow, waits for people. When several rules
/// ask for approval of one call, there is one for each, all with one id.
struct PendingApproval {
  /// 64 hexadecimal digits, of this run, operation and arguments. Where one is asked for, its first
  /// digits will do.
  std::string id;
  SessionId session;
  OperationId operation = OperationId::none;
  std::string action;  ///< "tool.call" …; "" when the workflow itself asks
  std::string what;    ///< the tool's name; or what the workflow asks
  std::string why;
  std::string rule;  ///< of the policy, that asks; "" when the workflow does
  Risk risk = Risk::undeclared;
  std::string arguments;               ///< JSON; redacted, as everything that is recorded
  std::string input_digest;            ///< of the arguments, in hexadecimal digits
  std::string requester;               ///< whom the session was started for: may not answer
  std::vector<std::string> senders;    ///< who sent it signals before it asked: may not answer
  std::vector<std::string> approvers;  ///< roles and "id:NAME", as globs; empty: everybody
  std::uint32_t quorum = 1;
  std::vector<std::string> granted_by;
  std::optional<Time> expires;
  std::optional<Time> escalates_at;
  std::vector<std::string> escalates_to;
};

/// Who answers a request, and why. What is given here is recorded; whoever calls has made sure that
/// it is true.
struct Approver {
  std::string by;
  std::vector<std::string> roles = {};
  std::string reason = {};
  std::string credential = {};  ///< id of the token that says who it is; "" when none was asked for
};

enum class ApprovalDecision : bool { deny, grant };

}  // namespace dalsegno
