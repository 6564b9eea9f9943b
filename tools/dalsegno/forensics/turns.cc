#include "tools/dalsegno/forensics/turns.h"

#include "dalsegno/try.h"
#include "engine/session/overloaded.h"
#include "tools/dalsegno/forensics/calls.h"
#include "tools/dalsegno/forensics/model_calls.h"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

namespace dalsegno::forensics {

namespace {

using engine::overloaded;

std::vector<Turn> find_turns(History const& history) {
  std::vector<Turn> turns;
  for (auto const& placed : history.events) {
    std::visit(overloaded{
                   [&](storage::InputReceived const& input) {
                     if (input.signal != "turn" || input.update) return;
                     Turn turn;
                     turn.sequence = placed.event.sequence;
                     turn.arrived = placed.recorded_at;
                     turns.push_back(turn);
                   },
                   [&](storage::AnswerGiven const& given) {
                     auto const turn =
                         std::ranges::lower_bound(turns, given.turn, {}, &Turn::sequence);
                     if (turn == turns.end() || turn->sequence != given.turn || turn->answer)
                       return;
                     turn->end = TurnEnd::answered;
                     turn->answer = between(turn->arrived, placed.recorded_at);
                   },
                   [](auto const&) {},
               },
               placed.event.body);
  }
  auto const left = end_of(history);
  for (auto& turn : turns) {
    if (turn.answer) continue;
    turn.end = left;
    if (left == TurnEnd::failed) turn.ended = history.events.back().recorded_at;
  }
  return turns;
}

/// When turns were handed to the workflow, and what it called then.
class Handovers {
 public:
  Handovers(std::map<Sequence, Sequence> received, std::vector<RecordedModelCall> calls)
      : received_(std::move(received)), calls_(std::move(calls)) {
    for (auto const& [input, at] : received_) handed_.push_back(at);
    std::ranges::sort(handed_);
  }

  /// The first model call after the turn was handed over and before the next input was; nullptr
  /// without any.
  [[nodiscard]] RecordedModelCall const* first_call(Turn const& turn) const {
    auto const begin = received_.find(turn.sequence);
    if (begin == received_.end()) return nullptr;
    auto const next = std::ranges::upper_bound(handed_, begin->second);
    auto const call =
        std::ranges::upper_bound(calls_, begin->second, {}, &RecordedModelCall::requested);
    if (call == calls_.end() || (next != handed_.end() && call->requested > *next)) return nullptr;
    return &*call;
  }

 private:
  std::map<Sequence, Sequence> received_;  // InputReceived → when it was handed over
  std::vector<Sequence> handed_;           // sorted
  std::vector<RecordedModelCall> calls_;   // as they were requested
};

std::optional<std::chrono::microseconds> first_token_of(RecordedModelCall const& call,
                                                        Time arrived) {
  if (!call.record || !call.record->first_token || !call.record->elapsed) return std::nullopt;
  auto const until_recorded = between(arrived, call.attempts[*call.completed].ended_at);
  auto const after_token = *call.record->elapsed - *call.record->first_token;
  // The clock of the log may have been set meanwhile; the call's own figure is the least.
  return std::max(until_recorded - after_token, *call.record->first_token);
}

}  // namespace

std::string_view name_of(TurnEnd end) {
  switch (end) {
    case TurnEnd::answered:
      return "answered";
    case TurnEnd::waiting:
      return "waiting";
    case TurnEnd::failed:
      return "failed";
    case TurnEnd::gone:
      return "gone";
  }
  return "unknown";
}

TurnEnd end_of(History const& history) {
  if (history.events.empty()) return TurnEnd::waiting;
  auto const& last = history.events.back().event.body;
  if (std::holds_alternative<storage::SessionFailed>(last)) return TurnEnd::failed;
  bool const is_over = std::holds_alternative<storage::SessionCompleted>(last) ||
                       std::holds_alternative<storage::SessionCancelled>(last) ||
                       std::holds_alternative<storage::ContinuedAsNew>(last);
  return is_over ? TurnEnd::gone : TurnEnd::waiting;
}

Result<std::vector<Turn>> read_turns(storage::EventLog const& log, History const& history) {
  auto turns = find_turns(history);
  TRY(auto calls, read_model_calls(log, history));
  Handovers const handovers(find_calls(history).received, std::move(calls));
  for (auto& turn : turns) {
    auto const* const call = handovers.first_call(turn);
    if (call == nullptr || !call->completed) continue;
    turn.has_result = true;
    turn.first_token = first_token_of(*call, turn.arrived);
  }
  return turns;
}

}  // namespace dalsegno::forensics
