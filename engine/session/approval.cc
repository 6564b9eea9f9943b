#include "engine/session/approval.h"

#include "dalsegno/json.h"
#include "engine/policy/glob.h"
#include "engine/policy/grammar.h"
#include "engine/policy/time_text.h"
#include "engine/session/state.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

namespace dalsegno::engine {
namespace {

constexpr std::string_view id_prefix = "id:";

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

std::string_view trimmed(std::string_view name) {
  auto const first = name.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return name.substr(first, name.find_last_not_of(' ') - first + 1);
}

void add_names(std::vector<std::string>& to,
               Json const& parameters,
               std::string_view field,
               std::string_view prefix) {
  auto const* const list = parameters.find(field);
  if (list == nullptr || list->as_array() == nullptr) return;
  for (auto const& entry : *list->as_array()) {
    if (auto const* const name = entry.as_string()) to.push_back(std::string(prefix) + *name);
  }
}

std::optional<std::chrono::seconds> duration(Json const& parameters, std::string_view field) {
  auto const* const value = parameters.find(field);
  auto const* const text = value == nullptr ? nullptr : value->as_string();
  return text == nullptr ? std::nullopt : parse_duration(*text);
}

/// What the obligation asks at `now`. One that cannot be read (no policy of ours gives it) asks for
/// more people than there are, and lapses at once.
storage::ApprovalRequested request_of(storage::RecordedObligation const& obligation,
                                      storage::PolicyDecided const& decision,
                                      Time now) {
  storage::ApprovalRequested request;
  request.attempt = decision.attempt;
  request.input_digest = decision.input_digest;
  request.rule = obligation.rule;
  request.reason = decision.reason;
  request.quorum = std::numeric_limits<std::uint32_t>::max();
  request.expires = now;
  auto const parameters = parse_json(obligation.parameters);
  if (!parameters) return request;
  auto const* const count = parameters->find("count");
  auto const* const people = count == nullptr ? nullptr : count->as_integer();
  auto const within = duration(*parameters, "within");
  add_names(request.approvers, *parameters, "roles", "");
  add_names(request.approvers, *parameters, "ids", id_prefix);
  if (people == nullptr || *people < 1 || !within || request.approvers.empty()) return request;
  request.quorum = static_cast<std::uint32_t>(*people);
  request.expires = now + *within;
  add_names(request.escalate_to, *parameters, "escalate_to", "");
  auto const escalate_after = duration(*parameters, "escalate_after");
  if (escalate_after && !request.escalate_to.empty()) request.escalate_at = now + *escalate_after;
  return request;
}

bool on_terms_of(storage::ApprovalRequested const& asked,
                 storage::ApprovalRequested const& wanted) {
  return asked.rule == wanted.rule && asked.quorum == wanted.quorum &&
         asked.input_digest == wanted.input_digest &&
         (asked.approvers == wanted.approvers || asked.approvers == escalated(wanted).approvers);
}

bool has_granted(AskedApproval const& asked, std::string_view by) {
  return std::ranges::any_of(asked.given, [by](GivenAnswer const& answer) {
    return answer.granted && same_person(answer.by, by);
  });
}

/// Whether the request waits for an answer of this person at that time.
bool takes(AskedApproval const& asked, storage::ApprovalGiven const& answer, Time now) {
  return asked.waiting && !has_lapsed(asked, now) && denial_of(asked) == nullptr &&
         may_answer(asked.request, answer.by, answer.roles) &&
         !(answer.granted && has_granted(asked, answer.by));
}

/// What is wrong with the answer whatever the requests ask.
std::optional<Error> wrong_with(SessionState const& state,
                                OpenOperation const& operation,
                                storage::ApprovalGiven const& answer) {
  if (trimmed(answer.by).empty())
    return Error{Errc::invalid, "an approval needs the name of who gives it"};
  if (answer.input_digest != operation.input_digest)
    return Error{Errc::invalid,
                 "the answer is to other arguments than those that wait for approval: look at "
                 "them again"};
  if (same_person(answer.by, state.principal))
    return Error{Errc::denied,
                 answer.by + " is the requester: session " + to_string(state.session) +
                     " was started for them; somebody else must answer"};
  for (auto const& [sender, first] : state.senders) {
    if (first < operation.requested && same_person(answer.by, sender))
      return Error{Errc::denied,
                   answer.by + " sent session " + to_string(state.session) +
                       " a signal that the request may come from; somebody else must answer"};
  }
  return std::nullopt;
}

}  // namespace

bool same_person(std::string_view left, std::string_view right) {
  return std::ranges::equal(
      trimmed(left), trimmed(right), [](char a, char b) { return lower(a) == lower(b); });
}

bool may_answer(storage::ApprovalRequested const& request,
                std::string_view by,
                std::span<std::string const> roles) {
  if (request.approvers.empty()) return true;
  return std::ranges::any_of(request.approvers, [&](std::string_view approver) {
    if (approver.starts_with(id_prefix)) return glob_matches(approver.substr(3), by);
    return std::ranges::any_of(
        roles, [&](std::string const& role) { return glob_matches(approver, role); });
  });
}

std::uint32_t grants_of(AskedApproval const& asked) {
  return static_cast<std::uint32_t>(std::ranges::count(asked.given, true, &GivenAnswer::granted));
}

GivenAnswer const* denial_of(AskedApproval const& asked) {
  auto const found = std::ranges::find(asked.given, false, &GivenAnswer::granted);
  return found == asked.given.end() ? nullptr : &*found;
}

bool has_quorum(AskedApproval const& asked) {
  return denial_of(asked) == nullptr && grants_of(asked) >= asked.request.quorum;
}

bool has_lapsed(AskedApproval const& asked, Time now) {
  return asked.request.expires && *asked.request.expires <= now;
}

storage::ApprovalRequested escalated(storage::ApprovalRequested request) {
  if (!request.approvers.empty()) {  // else everybody may answer already
    for (auto& more : request.escalate_to) {
      if (std::ranges::find(request.approvers, more) == request.approvers.end())
        request.approvers.push_back(std::move(more));
    }
  }
  request.escalate_at.reset();
  request.escalate_to.clear();
  return request;
}

bool waits_for_approval(OpenOperation const& operation) {
  return std::ranges::any_of(operation.approvals, &AskedApproval::waiting);
}

std::vector<storage::ApprovalRequested> missing_approvals(OpenOperation const& operation,
                                                          storage::PolicyDecided const& decision,
                                                          Time now) {
  std::vector<storage::ApprovalRequested> missing;
  for (auto const& obligation : decision.obligations) {
    if (obligation.kind != name_of(ObligationKind::require_approval)) continue;
    auto wanted = request_of(obligation, decision, now);
    bool const granted = std::ranges::any_of(operation.approvals, [&](AskedApproval const& asked) {
      return on_terms_of(asked.request, wanted) && has_quorum(asked) && !has_lapsed(asked, now);
    });
    if (!granted) missing.push_back(std::move(wanted));
  }
  return missing;
}

std::vector<std::string> approvers_of(OpenOperation const& operation, Time now) {
  std::vector<std::string> names;
  for (auto const& asked : operation.approvals) {
    if (has_lapsed(asked, now)) continue;
    for (auto const& answer : asked.given) {
      if (answer.granted && std::ranges::find(names, answer.by) == names.end())
        names.push_back(answer.by);
    }
  }
  return names;
}

Result<storage::ApprovalGiven> check_answer(SessionState const& state,
                                            ApprovalInput const& input,
                                            Time now) {
  auto const found = state.operations.find(input.operation);
  auto const place = "operation " + std::to_string(static_cast<std::uint64_t>(input.operation)) +
                     " of session " + to_string(state.session);
  if (found == state.operations.end() || !waits_for_approval(found->second))
    return Error{Errc::not_found, place + " waits for no approval (any more)"};
  auto const& operation = found->second;
  auto size = input.by.size() + input.credential.size() + input.reason.size();
  for (auto const& role : input.roles) size += role.size();
  if (size > max_approval_bytes)
    return Error{Errc::too_large,
                 "name, roles and reason together have " + std::to_string(size) +
                     " bytes; at most " + std::to_string(max_approval_bytes) + " are allowed"};
  storage::ApprovalGiven answer{input.granted,
                                std::string(trimmed(input.by)),
                                input.credential,
                                input.reason,
                                input.input_digest,
                                input.roles};
  if (auto wrong = wrong_with(state, operation, answer)) return std::move(*wrong);
  if (!input.plain_by.empty()) {
    auto plain = answer;
    plain.by = input.plain_by;
    if (auto wrong = wrong_with(state, operation, plain)) return std::move(*wrong);
  }
  bool lapsed = false;
  bool answered = false;
  for (auto const& asked : operation.approvals) {
    if (takes(asked, answer, now)) return answer;
    if (!asked.waiting) continue;
    lapsed = lapsed || has_lapsed(asked, now);
    answered = answered || has_granted(asked, answer.by);
    if (auto const* const denial = denial_of(asked))
      return Error{Errc::conflict, place + ": " + denial->by + " has denied it already"};
  }
  if (lapsed) return Error{Errc::ended, place + ": the request for approval has expired"};
  if (answered)
    return Error{Errc::conflict,
                 place + ": " + answer.by + " has approved it already; it waits for somebody else"};
  return Error{Errc::denied,
               place + ": " + answer.by + " is not among those who may answer, by name or role"};
}

void note_request(OpenOperation& operation, storage::ApprovalRequested const& request) {
  auto const same_rule = [&](AskedApproval const& asked) {
    return asked.request.rule == request.rule;
  };
  auto const found = std::ranges::find_if(operation.approvals, same_rule);
  if (found == operation.approvals.end()) {
    operation.approvals.push_back({request, true, {}});
    return;
  }
  bool const same_request = found->waiting && found->request.expires == request.expires &&
                            request == escalated(found->request);
  found->request = request;
  found->waiting = true;
  if (!same_request) found->given.clear();
}

void note_answer(SessionState const& state,
                 OpenOperation& operation,
                 storage::ApprovalGiven const& answer,
                 Time recorded_at) {
  if (wrong_with(state, operation, answer)) return;
  for (auto& asked : operation.approvals) {
    if (!takes(asked, answer, recorded_at)) continue;
    asked.given.push_back(
        {answer.granted, answer.by, answer.credential, answer.reason, answer.roles});
  }
}

std::optional<Time> next_moment(OpenOperation const& operation, std::optional<Time> after) {
  std::optional<Time> first;
  auto const look = [&](std::optional<Time> const& moment) {
    if (moment && (!after || *moment > *after) && (!first || *moment < *first)) first = moment;
  };
  for (auto const& asked : operation.approvals) {
    if (!asked.waiting) continue;
    look(asked.request.escalate_at);
    look(asked.request.expires);
  }
  return first;
}

}  // namespace dalsegno::engine
