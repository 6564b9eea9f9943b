#include "tools/dalsegno/dead_letters.h"

#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "engine/replay/open_doubts.h"
#include "engine/session/state.h"
#include "storage/log/chain.h"
#include "storage/log/journal.h"
#include "tools/dalsegno/forensics/calls.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno::command {

namespace {

struct DeadLetter {
  SessionId session;
  RunId run;
  std::string workflow;
  std::string state;  ///< "held", "failed", "in doubt"
  OperationId operation = OperationId::none;
  std::string call;            ///< "tool pay"; "" when it is about no call
  std::uint32_t attempts = 0;  ///< of the call
  std::string error;           ///< the newest
  Time since;
  std::string next;  ///< what can be done
};

/// The newest run of a session, read for what ended it or holds it.
class LastWords {
 public:
  explicit LastWords(SessionId const& session, storage::Head const& head) {
    state_.session = session;
    state_.run = head.run;
  }

  void take(storage::DecodedStep const& step) {
    auto const at = step.step.header.recorded_at;
    for (auto const& event : step.step.events) {
      if (auto const* const failed = std::get_if<storage::OperationFailed>(&event.body))
        note(event, *failed);
      if (auto const* const held = std::get_if<storage::Held>(&event.body)) {
        held_ = *held;
        since_ = at;
      }
      if (auto const* const failed = std::get_if<storage::SessionFailed>(&event.body)) {
        failed_ = *failed;
        since_ = at;
      }
      engine::apply(state_, event, at);
    }
    engine::apply_step_end(state_, step.step.header, step.hash);
  }

  [[nodiscard]] engine::SessionState const& state() const { return state_; }

  [[nodiscard]] std::optional<DeadLetter> letter() const {
    auto letter = about();
    if (state_.status == storage::SessionStatus::held && held_) {
      letter.state = "held";
      letter.error = held_->kind + ": " + reason_of(*held_);
      letter.next = held_->kind == "divergence" ? "deploy code that fits, then release; or fork"
                                                : "mend the code, then release; or fork";
      return letter;
    }
    if (state_.status != storage::SessionStatus::failed || !failed_) return std::nullopt;
    auto const call = failures_.find(failed_->type);
    if (call == failures_.end()) return std::nullopt;  // it failed of itself
    letter.state = "failed";
    letter.operation = call->second.operation;
    letter.call = call->second.call;
    letter.attempts = call->second.attempts;
    letter.error = failed_->type + ": " + failed_->message;
    letter.next = "fork before the call, or restart";
    return letter;
  }

 private:
  struct FailedCall {
    OperationId operation = OperationId::none;
    std::string call;
    std::uint32_t attempts = 0;
  };

  [[nodiscard]] DeadLetter about() const {
    DeadLetter letter;
    letter.session = state_.session;
    letter.run = state_.run;
    letter.workflow = state_.workflow;
    letter.since = since_;
    return letter;
  }

  /// A call that no attempt was made of was denied or not approved: nothing ran out.
  void note(storage::Event const& event, storage::OperationFailed const& failed) {
    auto const open = state_.operations.find(event.operation);
    if (open == state_.operations.end() || failed.attempts == 0) return;
    failures_[failed.type] = {
        event.operation,
        std::string(forensics::name_of(open->second.kind)) + ' ' + open->second.name,
        failed.attempts};
  }

  /// What the report says to people: why, or what commonly causes a divergence.
  static std::string reason_of(storage::Held const& held) {
    auto const report = parse_json(held.report);
    if (!report) return held.report;
    auto const reason = report->text("reason");
    return std::string(reason.empty() ? report->text("hint") : reason);
  }

  engine::SessionState state_;
  std::optional<storage::Held> held_;
  std::optional<storage::SessionFailed> failed_;
  Time since_;
  std::map<std::string, FailedCall> failures_;  // the newest of each type
};

DeadLetter letter_of(CallInDoubt const& call, engine::SessionState const& state) {
  DeadLetter letter;
  letter.session = call.session;
  letter.run = state.run;
  letter.workflow = state.workflow;
  letter.state = "in doubt";
  letter.operation = call.operation;
  auto const kind = call.action.substr(0, call.action.find('.'));
  letter.call = kind + ' ' + call.what;
  letter.attempts = call.attempt;
  letter.error = call.reason;
  letter.since = call.since;
  letter.next = "find out whether it happened, then resolve";
  return letter;
}

void print_as_json(DeadLetter const& letter) {
  Json line;
  line.set("tenant", letter.session.tenant).set("session", letter.session.name);
  line.set("run", to_string(letter.run)).set("workflow", letter.workflow);
  line.set("state", letter.state);
  if (letter.operation != OperationId::none) {
    line.set("operation", static_cast<std::uint64_t>(letter.operation)).set("call", letter.call);
    line.set("attempts", std::uint64_t{letter.attempts});
  }
  line.set("error", letter.error).set("since", to_string(letter.since)).set("next", letter.next);
  print_json("dalsegno.dead_letter", std::move(line));
}

void print_as_text(Globals const& globals, DeadLetter const& letter) {
  constexpr std::size_t longest = 300;
  auto head = printable(to_string(letter.session));
  if (letter.operation != OperationId::none)
    head += ' ' + std::to_string(static_cast<std::uint64_t>(letter.operation));
  auto text = styled(globals, Style::bold, head) + "  " + letter.state + " since " +
              to_string(letter.since);
  if (!letter.call.empty())
    text += ": " + printable(letter.call) + ", " + std::to_string(letter.attempts) +
            (letter.attempts == 1 ? " attempt" : " attempts");
  print(text);
  print("  error  " + shortened(letter.error, longest));
  print("  run    " + to_string(letter.run) + " of " + printable(letter.workflow));
  print("  next   " + letter.next);
}

}  // namespace

Result<int> list_dead_letters(
    OpenStore const& store,
    Globals const& globals,
    std::function<bool(SessionId const&, storage::Head const&)> const& wanted) {
  using storage::SessionStatus;
  std::vector<FoundSession> sessions;
  TRY_VOID(store.log->scan_heads([&](SessionId const& id, storage::Head const& head) {
    bool const may_be = head.status == SessionStatus::open || head.status == SessionStatus::held ||
                        head.status == SessionStatus::failed;
    if (may_be && id != storage::journal_session() && wanted(id, head))
      sessions.push_back({id, head});
    return true;
  }));
  std::uint64_t steps = 0;
  std::size_t count = 0;
  auto const show = [&](DeadLetter const& letter) {
    ++count;
    if (globals.json) {
      print_as_json(letter);
    } else {
      print_as_text(globals, letter);
    }
  };
  for (auto const& [id, head] : sessions) {
    LastWords words(id, head);
    TRY_VOID(storage::read_verified(
        *store.log, id, head.run, 1, storage::Reading::show, [&](storage::DecodedStep const& step) {
          words.take(step);
          return true;
        }));
    steps += words.state().steps;
    if (auto const letter = words.letter()) show(*letter);
    if (words.state().status == SessionStatus::failed) continue;
    TRY(auto const doubts, engine::open_doubts(*store.log, words.state()));
    for (auto const& call : doubts) show(letter_of(call, words.state()));
  }
  if (count == 0) say("nothing waits for a person");
  return say_verified(store, steps);
}

}  // namespace dalsegno::command
