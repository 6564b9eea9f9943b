#pragma once

// Requests for approval as a session keeps them, and the rules for who may answer and when that is
// enough. Pure: the same in life, in replay and for whoever checks a log.

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "engine/session/input.h"
#include "storage/event/event.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::engine {

struct OpenOperation;
struct SessionState;

/// Of names, roles and reason of one answer together.
inline constexpr std::size_t max_approval_bytes = 16 * 1024;

/// What one person said to a request.
struct GivenAnswer {
  bool granted = false;
  std::string by;
  std::string credential;
  std::string reason;
  std::vector<std::string> roles;

  friend bool operator==(GivenAnswer const&, GivenAnswer const&) = default;
};

/// A request for approval of an operation and what people said to it.
struct AskedApproval {
  storage::ApprovalRequested request;  ///< as it was asked last: an escalation widens it
  bool waiting = true;                 ///< the operation waits for it; else an attempt came of it
  std::vector<GivenAnswer> given;      ///< of those who may answer, each of another person

  friend bool operator==(AskedApproval const&, AskedApproval const&) = default;
};

/// Whether both names are of one person: upper and lower case and blanks around do not matter.
[[nodiscard]] bool same_person(std::string_view left, std::string_view right);

/// Whether somebody with these roles is among those whom the request asks.
[[nodiscard]] bool may_answer(storage::ApprovalRequested const& request,
                              std::string_view by,
                              std::span<std::string const> roles);

[[nodiscard]] std::uint32_t grants_of(AskedApproval const& asked);
/// Who said no; null: nobody.
[[nodiscard]] GivenAnswer const* denial_of(AskedApproval const& asked);
/// Enough people granted it, be it of use still or not.
[[nodiscard]] bool has_quorum(AskedApproval const& asked);
[[nodiscard]] bool has_lapsed(AskedApproval const& asked, Time now);

/// The request after its time to escalate: more people may answer, and nothing else changes.
[[nodiscard]] storage::ApprovalRequested escalated(storage::ApprovalRequested request);

/// Whether it waits for people, and not for its result, a retry or the clock.
[[nodiscard]] bool waits_for_approval(OpenOperation const& operation);

/// The requests to make before the call may start: what the decision asks for and nobody has
/// granted yet, or what has lapsed since, or was granted on other terms.
[[nodiscard]] std::vector<storage::ApprovalRequested> missing_approvals(
    OpenOperation const& operation, storage::PolicyDecided const& decision, Time now);

/// Who has approved the operation, as far as that is of use at `now`.
[[nodiscard]] std::vector<std::string> approvers_of(OpenOperation const& operation, Time now);

/// The answer as its event, if it may be given.
///
/// Errors: Errc::not_found when the operation waits for no approval; Errc::invalid for an answer
/// without a name, or to other arguments than those that are waiting; Errc::denied when it is the
/// requester, somebody who sent a signal before the request, or nobody whom the request asks;
/// Errc::conflict when the same person has answered, or somebody has denied it; Errc::ended when
/// the request has expired; Errc::too_large.
[[nodiscard]] Result<storage::ApprovalGiven> check_answer(SessionState const& state,
                                                          ApprovalInput const& input,
                                                          Time now);

// The fold's part.

/// A new request of a rule takes the place of its older one; an escalation keeps what was said.
void note_request(OpenOperation& operation, storage::ApprovalRequested const& request);
/// Counts the answer for each request that it may be given to. What may not be given counts
/// nowhere, whoever wrote it into the log.
void note_answer(SessionState const& state,
                 OpenOperation& operation,
                 storage::ApprovalGiven const& answer,
                 Time recorded_at);
/// The first moment at which a request that is waited for escalates or expires; with `after` the
/// first one later than that.
[[nodiscard]] std::optional<Time> next_moment(OpenOperation const& operation,
                                              std::optional<Time> after = std::nullopt);

}  // namespace dalsegno::engine
