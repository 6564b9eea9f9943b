#include "engine/replay/open_approvals.h"

#include "dalsegno/try.h"
#include "engine/replay/fold_session.h"
#include "engine/session/call_policy.h"
#include "storage/event/digest.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace dalsegno::engine {
namespace {

constexpr std::size_t shortest_prefix = 4;

std::string number(OperationId id) { return std::to_string(static_cast<std::uint64_t>(id)); }

/// Of this run, operation and arguments: no other request has it.
std::string id_of(SessionState const& state, OperationId id, OpenOperation const& operation) {
  return storage::to_hex(storage::sha256({"dalsegno/approval/1 ",
                                          to_string(state.run),
                                          " ",
                                          number(id),
                                          " ",
                                          storage::to_hex(operation.input_digest)}));
}

bool names_it(PendingApproval const& pending, std::string_view text) {
  auto const place = "@" + number(pending.operation);
  return text == pending.session.name + place || text == to_string(pending.session) + place;
}

}  // namespace

Result<std::vector<PendingApproval>> open_approvals(storage::EventLog const& log,
                                                    SessionState const& state) {
  std::vector<PendingApproval> open;
  if (state.status != storage::SessionStatus::open) return open;
  for (auto const& [id, operation] : state.operations) {
    if (!waits_for_approval(operation)) continue;
    PendingApproval pending;
    pending.id = id_of(state, id, operation);
    pending.session = state.session;
    pending.operation = id;
    if (operation.kind != storage::OperationKind::approval)
      pending.action = action_of(operation.kind);
    pending.what = operation.name;
    pending.risk = static_cast<Risk>(operation.risk);
    TRY(pending.arguments, text_of(log, state.session, operation.input));
    pending.input_digest = storage::to_hex(operation.input_digest);
    pending.requester = state.principal;
    for (auto const& [sender, first] : state.senders)
      if (first < operation.requested) pending.senders.push_back(sender);
    for (auto const& asked : operation.approvals) {
      if (!asked.waiting) continue;
      auto one = pending;
      one.why = asked.request.reason;
      one.rule = asked.request.rule;
      one.approvers = asked.request.approvers;
      one.quorum = asked.request.quorum;
      for (auto const& answer : asked.given)
        if (answer.granted) one.granted_by.push_back(answer.by);
      one.expires = asked.request.expires;
      one.escalates_at = asked.request.escalate_at;
      one.escalates_to = asked.request.escalate_to;
      open.push_back(std::move(one));
    }
  }
  return open;
}

Result<std::vector<PendingApproval>> open_approvals(storage::EventLog const& log) {
  std::vector<PendingApproval> all;
  TRY_VOID(each_open_session(log, [&](SessionState const& state) -> Result<> {
    TRY(auto open, open_approvals(log, state));
    std::ranges::move(open, std::back_inserter(all));
    return {};
  }));
  return all;
}

Result<PendingApproval> find_approval(std::span<PendingApproval const> open,
                                      std::string_view text) {
  PendingApproval const* found = nullptr;
  for (auto const& pending : open) {
    bool const meant =
        names_it(pending, text) || (text.size() >= shortest_prefix && pending.id.starts_with(text));
    if (!meant || (found != nullptr && found->id == pending.id)) continue;
    if (found != nullptr)
      return Error{Errc::invalid,
                   "several requests for approval begin with \"" + std::string(text) +
                       "\": give more of the id"};
    found = &pending;
  }
  if (found == nullptr)
    return Error{Errc::not_found,
                 "no request for approval \"" + std::string(text) +
                     "\" is open: it may have been answered, or have expired"};
  return *found;
}

ApprovalInput to_input(PendingApproval const& pending,
                       ApprovalDecision decision,
                       Approver approver) {
  ApprovalInput input;
  input.operation = pending.operation;
  input.granted = decision == ApprovalDecision::grant;
  input.by = std::move(approver.by);
  input.roles = std::move(approver.roles);
  input.reason = std::move(approver.reason);
  input.credential = std::move(approver.credential);
  input.input_digest = storage::parse_digest(pending.input_digest).value_or(storage::Digest{});
  return input;
}

}  // namespace dalsegno::engine
