#pragma once

// Makes sessions by hand, step by step: right in every way, unless the caller spoils a step.

#include "engine/policy/policy.h"
#include "engine/policy/recorded.h"
#include "engine/session/state.h"
#include "storage/event/codec.h"
#include "storage/log/event_log.h"
#include "storage/log/journal.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::forensics::test {

inline constexpr std::string_view policy_text = R"({"dalsegno_policy": 1, "name": "desk", "rules": [
  {"id": "calls", "effect": "permit", "actions": ["*.call"], "reason": "the desk's own"},
  {"id": "no-refund", "effect": "forbid", "actions": ["tool.call"], "resources": ["refund"],
   "reason": "refunds need a person"},
  {"id": "two-leads", "effect": "permit", "actions": ["tool.call"], "resources": ["pay"],
   "obligations": {"require_approval": {"roles": ["lead"], "count": 2, "within": "1h"}}}]})";

inline engine::PolicySet policy() { return engine::PolicySet::parse(policy_text).value(); }

inline Time at(std::int64_t seconds) { return Time(std::chrono::seconds(1'700'000'000 + seconds)); }

inline bool activate_policy(storage::EventLog& log) {
  storage::PolicyActivated activated;
  activated.digest = policy().digest();
  activated.name = policy().name();
  activated.document.bytes = policy().document();
  return storage::append_to_journal(log, {activated}, at(0)).has_value();
}

/// An event of an operation (0: of none).
struct Said {
  std::uint64_t operation = 0;
  storage::EventBody body;
};

/// One session as its writer sees it.
class SessionScript {
 public:
  using SpoilStep = std::function<void(storage::Step&)>;
  using SpoilAppend = std::function<void(storage::Append&)>;

  SessionScript(storage::EventLog& log, std::string name, std::string workflow = "test")
      : log_(log), workflow_(std::move(workflow)) {
    state_.session = {"default", std::move(name)};
    state_.run.bytes.fill(static_cast<std::uint8_t>(1 + state_.session.name.size()));
    state_.log_id = log.info().log_id;
    secret_.bytes.fill(7);
  }

  void forget_secret() { keep_secret_ = false; }

  [[nodiscard]] SessionId const& id() const { return state_.session; }
  [[nodiscard]] RunId const& run() const { return state_.run; }
  [[nodiscard]] Sequence last() const { return state_.last_sequence; }
  [[nodiscard]] storage::Digest digest(std::string_view text) const {
    return storage::KeyedDigester(secret_).digest(text);
  }
  static storage::Payload payload(std::string text) {
    storage::Payload payload;
    payload.bytes = std::move(text);
    return payload;
  }

  // ---- events ----

  [[nodiscard]] Said started(std::string input = "{}") const {
    storage::SessionStarted body;
    body.workflow = workflow_;
    body.rules_version = 1;
    body.principal = "ann";
    body.input_digest = digest(input);
    body.input = payload(std::move(input));
    return {0, body};
  }
  [[nodiscard]] Said signal(std::string text) const {
    storage::InputReceived body;
    body.signal = "turn";
    body.payload_digest = digest(text);
    body.payload = payload(std::move(text));
    return {0, body};
  }
  [[nodiscard]] Said receive(std::uint64_t operation) const {
    storage::OperationRequested body;
    body.kind = storage::OperationKind::receive;
    body.name = "turn";
    return {operation, body};
  }
  [[nodiscard]] Said request(std::uint64_t operation, std::string tool, std::string input) const {
    storage::OperationRequested body;
    body.kind = storage::OperationKind::tool;
    body.name = std::move(tool);
    body.input_digest = digest(input);
    body.input = payload(std::move(input));
    return {operation, body};
  }
  [[nodiscard]] Said decide(std::uint64_t operation,
                            std::string const& tool,
                            std::string const& input,
                            std::uint32_t attempt = 1) const {
    auto const set = policy();
    std::vector<engine::Attribute> known{{"taint", Json::Array()}};
    if (auto const open = state_.operations.find(static_cast<OperationId>(operation));
        open != state_.operations.end()) {
      auto const by =
          engine::approvers_of(open->second, at(static_cast<std::int64_t>(state_.steps)));
      if (!by.empty()) known.push_back({"approval", Json::Array(by.begin(), by.end())});
    }
    engine::PolicyRequest const request{
        .principal = {.kind = "workflow", .id = "ann", .tenant = state_.session.tenant},
        .action = "tool.call",
        .resource = tool,
        .session = state_.session.name,
        .workflow = workflow_,
        .attempt = attempt,
        .attributes = known,
        .arguments = input};
    auto body = engine::to_event(set, request, set.decide(request, engine::PolicyTime(at(0))));
    body.input_digest = digest(input);
    return {operation, body};
  }
  [[nodiscard]] Said start(std::uint64_t operation,
                           std::string const& input,
                           std::uint32_t attempt = 1) const {
    return {operation, storage::AttemptStarted{attempt, digest(input)}};
  }
  [[nodiscard]] static Said result(std::uint64_t operation,
                                   std::string text,
                                   std::uint32_t attempt = 1) {
    return {operation, storage::ToolCompleted{attempt, payload(std::move(text)), false}};
  }
  /// As the rule "two-leads" asks.
  [[nodiscard]] Said ask_leads(std::uint64_t operation, std::string const& input) const {
    storage::ApprovalRequested body;
    body.attempt = 1;
    body.input_digest = digest(input);
    body.approvers = {"lead"};
    body.quorum = 2;
    body.expires = at(static_cast<std::int64_t>(state_.steps)) + std::chrono::hours(1);
    body.rule = "two-leads";
    return {operation, body};
  }
  [[nodiscard]] Said approve(std::uint64_t operation,
                             std::string by,
                             std::string const& input) const {
    return {operation,
            storage::ApprovalGiven{true, std::move(by), "", "", digest(input), {"lead"}}};
  }
  /// The timer that the operation has armed.
  [[nodiscard]] Said fire(std::uint64_t operation) const {
    auto const& due = state_.operations.at(static_cast<OperationId>(operation)).timer_due;
    return {operation, storage::TimerFired{due.value()}};
  }
  [[nodiscard]] static Said answer(Sequence turn, std::uint64_t source, std::string text) {
    return {0,
            storage::AnswerGiven{turn, static_cast<OperationId>(source), payload(std::move(text))}};
  }

  // ---- steps ----

  /// Appends a step of these events; `spoil` may change it before it is encoded, `spoil_append`
  /// what goes with it.
  [[nodiscard]] Result<> step(std::vector<Said> said,
                              SpoilStep const& spoil = {},
                              SpoilAppend const& spoil_append = {}) {
    storage::Step step;
    auto& header = step.header;
    header.log_id = state_.log_id;
    header.session = state_.session;
    header.run = state_.run;
    header.first_sequence = state_.last_sequence + 1;
    header.epoch = log_.info().epoch;
    header.previous = state_.hash;
    header.recorded_at = at(static_cast<std::int64_t>(state_.steps));
    auto sequence = state_.last_sequence;
    for (auto& one : said)
      step.events.push_back(
          {++sequence, static_cast<OperationId>(one.operation), std::move(one.body)});
    auto const open = state_.operations.find(step.events.front().operation);
    header.cause = open == state_.operations.end() ? 0 : open->second.cause;
    storage::Append append;
    append.session = state_.session;
    append.run = state_.run;
    append.expected_sequence = state_.last_sequence;
    append.first_sequence = state_.last_sequence + 1;
    append.epoch = header.epoch;
    if (spoil) spoil(step);
    auto encoded = storage::encode(step);
    if (!encoded) return encoded.error();
    auto const before = timers();
    for (auto const& event : step.events) engine::apply(state_, event, header.recorded_at);
    engine::apply_step_end(state_, header, encoded->hash);
    auto const after = timers();
    auto const has = [](auto const& timers, auto const& timer) {
      auto const found = timers.find(timer.first);
      return found != timers.end() && found->second == timer.second;
    };
    for (auto const& timer : after)
      if (!has(before, timer))
        append.timers_set.push_back({timer.second, id(), run(), timer.first});
    for (auto const& timer : before)
      if (!has(after, timer))
        append.timers_cleared.push_back({timer.second, id(), run(), timer.first});
    append.step = std::move(*encoded);
    append.head = engine::head_of(state_);
    if (append.expected_sequence == 0 && keep_secret_) append.secret = secret_;
    if (spoil_append) spoil_append(append);
    auto receipt = log_.append({&append, 1});
    if (!receipt) return receipt.error();
    return receipt->each.front();
  }

 private:
  [[nodiscard]] std::map<OperationId, Time> timers() const {
    std::map<OperationId, Time> armed;
    for (auto const& [operation, open] : state_.operations)
      if (open.timer_due) armed[operation] = *open.timer_due;
    return armed;
  }

  storage::EventLog& log_;
  std::string workflow_;
  storage::SessionSecret secret_;
  bool keep_secret_ = true;
  engine::SessionState state_;
};

}  // namespace dalsegno::forensics::test
