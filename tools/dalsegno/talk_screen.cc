#include "tools/dalsegno/talk_screen.h"

#include "dalsegno/json.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"

#include <cstdio>
#include <utility>
#include <variant>

namespace dalsegno::command {
namespace {

constexpr std::size_t shown_arguments = 200;

std::string joined(std::vector<std::string> const& names) {
  std::string text;
  for (auto const& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "no rule" : text;
}

std::string call_text(storage::OperationRequested const& asked) {
  auto text = "tool " + asked.name;
  auto const input = asked.input.artifact ? Result<Json>(Error{}) : parse_json(asked.input.bytes);
  auto const* const arguments = input ? input->find("arguments") : nullptr;
  if (arguments != nullptr) text += " " + shortened(to_string(*arguments), shown_arguments);
  return text;
}

}  // namespace

void TalkScreen::take(model::Delta const& delta) {
  if (globals_.json || delta.kind != model::Delta::Kind::text) return;
  std::lock_guard const lock(mutex_);
  if (!is_shown_) return;
  // Another attempt says it anew.
  if (!shown_.empty() && (delta.operation != operation_ || delta.attempt != attempt_)) break_off();
  operation_ = delta.operation;
  attempt_ = delta.attempt;
  shown_ += delta.text;
  auto const text = printable(delta.text, Lines::keep);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void TalkScreen::tell(std::span<storage::Event const> events) {
  std::lock_guard const lock(mutex_);
  for (auto const& event : events) {
    if (std::holds_alternative<storage::InputReceived>(event.body)) {
      is_answering_ = true;
    } else if (std::holds_alternative<storage::AnswerGiven>(event.body)) {
      is_answering_ = false;
    } else if (auto const* const asked = std::get_if<storage::OperationRequested>(&event.body)) {
      if (asked->kind == storage::OperationKind::tool) asked_[event.operation] = call_text(*asked);
      if (asked->kind == storage::OperationKind::model) is_shown_ = is_answering_;
    } else if (auto const* const decided = std::get_if<storage::PolicyDecided>(&event.body)) {
      tell_of(event.operation, *decided);
    } else if (auto const* const failed = std::get_if<storage::AttemptFailed>(&event.body)) {
      note(failed->type + ": " + failed->message + (failed->retry_at ? "; it is tried again" : ""));
    } else if (auto const* const completed = std::get_if<storage::ModelCompleted>(&event.body)) {
      tell_of(*completed);
    } else if (auto const* const request = std::get_if<storage::ApprovalRequested>(&event.body)) {
      note("waits for approval: " + request->reason +
           "; end this, see dalsegno approvals, and begin it again");
    } else if (auto const* const doubt = std::get_if<storage::OperationInDoubt>(&event.body)) {
      note("nobody knows whether this call was made: " + doubt->reason +
           "; end this, say with dalsegno resolve what is to become of it, and begin it again");
    }
  }
}

void TalkScreen::tell_of(OperationId operation, storage::PolicyDecided const& decided) {
  bool const is_denied = decided.effect == storage::DecisionEffect::deny;
  auto call = asked_.extract(operation);
  if (!call.empty())
    note(call.mapped() + (is_denied ? ": denied by " + joined(decided.rules) + ": " + decided.reason
                                    : ": permitted by " + joined(decided.rules)));
  else if (is_denied)
    note("denied: " + decided.resource + ": " + decided.reason);
}

/// What the record of the call says of its route and its budget (docs/models.md).
void TalkScreen::tell_of(storage::ModelCompleted const& completed) {
  if (completed.result.artifact) return;
  auto const reply = parse_json(completed.result.bytes);
  auto const* const call = reply ? reply->find("call") : nullptr;
  if (call == nullptr) return;
  auto const* const route = call->find("route");
  if (route != nullptr && route->text("binding") != "kept")
    note("model " + std::string(route->text("model")) + " (" + std::string(route->text("binding")) +
         ", route " + std::string(route->text("rules")) + ")");
  auto const* const budget = call->find("budget");
  auto const* const warnings = budget == nullptr ? nullptr : budget->find("warnings");
  if (warnings == nullptr || warnings->as_array() == nullptr) return;
  for (auto const& warning : *warnings->as_array()) {
    auto const* const used = warning.find("used_usd");
    auto const* const soft = warning.find("soft_usd");
    if (used == nullptr || soft == nullptr) continue;
    note("the budget of " + std::string(warning.text("account")) + " has its soft limit, " +
         to_string(*soft) + " USD, behind it: " + to_string(*used) + " are spent or set aside");
  }
}

void TalkScreen::finish(std::uint64_t turn, std::string const& answer) {
  std::lock_guard const lock(mutex_);
  if (globals_.json) {
    Json line;
    line.set("turn", turn).set("answer", answer);
    print_json("dalsegno.answer", std::move(line));
    return;
  }
  if (shown_ == answer) {
    print("");
  } else {
    if (!shown_.empty()) break_off();
    print(printable(answer, Lines::keep));
  }
  shown_.clear();
}

void TalkScreen::break_off() {
  print("");
  shown_.clear();
}

void TalkScreen::note(std::string const& text) {
  if (!shown_.empty()) break_off();
  say(printable(text));
}

}  // namespace dalsegno::command
