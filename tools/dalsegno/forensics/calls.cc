#include "tools/dalsegno/forensics/calls.h"

#include "engine/session/overloaded.h"
#include "engine/session/state.h"

#include <algorithm>
#include <variant>

namespace dalsegno::forensics {

namespace {

using engine::overloaded;

CallAttempt& attempt_of(Call& call, std::uint32_t number) {
  auto const found = std::ranges::find(call.attempts, number, &CallAttempt::number);
  if (found != call.attempts.end()) return *found;
  call.attempts.push_back({number, 0, 0, 0});
  return call.attempts.back();
}

bool is_call(storage::OperationKind kind) {
  return kind == storage::OperationKind::activity || kind == storage::OperationKind::model ||
         kind == storage::OperationKind::tool;
}

void take(Calls& calls, storage::Event const& event) {
  if (auto const* const requested = std::get_if<storage::OperationRequested>(&event.body)) {
    if (is_call(requested->kind))
      calls.by_operation[event.operation] = {
          event.operation, requested->kind, requested->name, event.sequence, {}, 0};
    return;
  }
  auto const found = calls.by_operation.find(event.operation);
  if (found == calls.by_operation.end()) return;
  auto& call = found->second;
  auto const sequence = event.sequence;
  auto const completed = [&](auto const& body) {
    attempt_of(call, body.attempt).ended = sequence;
    if (call.ended == 0) call.ended = sequence;
  };
  std::visit(overloaded{
                 [&](storage::PolicyDecided const& body) {
                   attempt_of(call, body.attempt).decided = sequence;
                   if (body.effect == storage::DecisionEffect::deny && call.ended == 0)
                     call.ended = sequence;
                 },
                 [&](storage::AttemptStarted const& body) {
                   attempt_of(call, body.attempt).started = sequence;
                 },
                 [&](storage::AttemptFailed const& body) {
                   attempt_of(call, body.attempt).ended = sequence;
                 },
                 [&](storage::AttemptOrphaned const& body) {
                   // A late result of an attempt that had failed: the failure is what counted.
                   auto& attempt = attempt_of(call, body.attempt);
                   if (attempt.ended == 0) attempt.ended = sequence;
                 },
                 [&](storage::OperationCompleted const& body) { completed(body); },
                 [&](storage::ModelCompleted const& body) { completed(body); },
                 [&](storage::ToolCompleted const& body) { completed(body); },
                 [&](storage::OperationFailed const&) { call.ended = sequence; },
                 [&](storage::OperationCancelled const&) { call.ended = sequence; },
                 [](auto const&) {},
             },
             event.body);
}

}  // namespace

Calls find_calls(History const& history) {
  Calls calls;
  engine::SessionState state;
  for (auto const& placed : history.events) {
    take(calls, placed.event);
    if (auto const delivery = engine::apply(state, placed.event, placed.recorded_at))
      calls.received[delivery->entry.sequence] = placed.event.sequence;
  }
  return calls;
}

std::string_view name_of(storage::OperationKind kind) {
  switch (kind) {
    case storage::OperationKind::activity:
      return "activity";
    case storage::OperationKind::model:
      return "model";
    case storage::OperationKind::tool:
      return "tool";
    case storage::OperationKind::sleep:
      return "sleep";
    case storage::OperationKind::receive:
      return "receive";
    case storage::OperationKind::approval:
      return "approval";
    case storage::OperationKind::child:
      return "child";
    case storage::OperationKind::message:
      return "message";
    case storage::OperationKind::promise:
      return "promise";
  }
  return "unknown";
}

std::string_view action_of(storage::OperationKind kind) {
  switch (kind) {
    case storage::OperationKind::model:
      return "model.call";
    case storage::OperationKind::tool:
      return "tool.call";
    case storage::OperationKind::child:
      return "session.start";
    case storage::OperationKind::message:
      return "session.signal";
    default:
      return "activity.call";
  }
}

storage::Payload const* result_of(storage::EventBody const& body) {
  return std::visit(
      overloaded{
          [](storage::OperationCompleted const& completed) -> storage::Payload const* {
            return &completed.result;
          },
          [](storage::ModelCompleted const& completed) -> storage::Payload const* {
            return &completed.result;
          },
          [](storage::ToolCompleted const& completed) -> storage::Payload const* {
            return &completed.result;
          },
          [](auto const&) -> storage::Payload const* { return nullptr; },
      },
      body);
}

}  // namespace dalsegno::forensics
