// The side of Session that workflow code talks to.

#include "dalsegno/errors.h"
#include "dalsegno/payload.h"
#include "engine/session/checkpoint.h"
#include "engine/session/overloaded.h"
#include "engine/session/random.h"
#include "engine/session/session.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <utility>
#include <variant>

namespace dalsegno::engine {

namespace {

storage::OperationKind kind_of(detail::CallKind kind) {
  switch (kind) {
    case detail::CallKind::model:
      return storage::OperationKind::model;
    case detail::CallKind::tool:
      return storage::OperationKind::tool;
    case detail::CallKind::activity:
      break;
  }
  return storage::OperationKind::activity;
}

/// A duration below zero means none.
std::uint64_t recorded(std::chrono::milliseconds duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
}

storage::RecordedRetry recorded(RetryPolicy const& policy) {
  return {policy.max_attempts,
          recorded(policy.initial),
          recorded(policy.max_interval),
          std::isfinite(policy.factor) ? policy.factor : 1.0};
}

}  // namespace

void Session::count_command() {
  if (stopped_) throw Stop{};
  ++commands_since_entry_;
}

OperationId Session::issue(detail::Request request) {
  count_command();
  auto const id = static_cast<OperationId>(state_.last_operation + 1);
  std::visit(
      overloaded{[&](detail::CallRequest& call) { issue_call(id, std::move(call)); },
                 [&](detail::SleepRequest& sleep) {
                   issued_[id].task = current_task_;
                   command(id, storage::TimerStarted{sleep.due});
                 },
                 [&](detail::ReceiveRequest& receive) { issue_receive(id, std::move(receive)); }},
      request);
  return id;
}

void Session::issue_call(OperationId id, detail::CallRequest call) {
  if (call.input.size() > storage::max_artifact_bytes) {
    throw Failure("input_too_large",
                  "the input of " + call.name + " has " + std::to_string(call.input.size()) +
                      " bytes; at most " + std::to_string(storage::max_artifact_bytes) +
                      " are allowed");
  }
  auto& issued = issued_[id];
  issued.task = current_task_;
  issued.options = call.options;
  issued.input = std::make_shared<std::string const>(std::move(call.input));
  storage::OperationRequested body;
  body.kind = kind_of(call.kind);
  body.name = std::move(call.name);
  body.input = make_payload(*issued.input);
  if (live())
    body.input_digest = digest_of(*issued.input);  // in replay the bytes themselves are compared
  body.retry = recorded(call.options.retry);
  body.start_to_close_ms = recorded(call.options.start_to_close);
  command(id, std::move(body));
  begin_attempt(id);
}

void Session::issue_receive(OperationId id, detail::ReceiveRequest receive) {
  issued_[id].task = current_task_;
  storage::OperationRequested body;
  body.kind = storage::OperationKind::receive;
  body.name = std::move(receive.signal);
  command(id, std::move(body));
  if (delivery_) {
    take_delivery();
  } else if (receive.deadline) {
    issued_[id].deadline = receive.deadline;
    command(id, storage::TimerStarted{*receive.deadline});
  }
}

bool Session::done(OperationId id) const {
  auto const found = issued_.find(id);
  return found != issued_.end() && found->second.outcome.has_value();
}

Sequence Session::done_at(OperationId id) const {
  auto const found = issued_.find(id);
  return found == issued_.end() ? 0 : found->second.ended_at;
}

void Session::subscribe(OperationId id, detail::Waiter& waiter) {
  if (auto const found = issued_.find(id); found != issued_.end()) found->second.waiter = &waiter;
}

void Session::unsubscribe(OperationId id) noexcept {
  if (auto const found = issued_.find(id); found != issued_.end()) found->second.waiter = nullptr;
}

detail::Outcome Session::take(OperationId id) {
  if (stopped_) throw Stop{};
  auto const found = issued_.find(id);
  if (found == issued_.end() || !found->second.outcome || found->second.taken) {
    throw WorkflowError("the result of an operation was taken twice, or before it had ended");
  }
  found->second.taken = true;
  last_taken_ = id;
  return std::move(*found->second.outcome);
}

void Session::cancel(OperationId id) {
  if (!state_.operations.contains(id)) return;
  count_command();
  if (auto const found = issued_.find(id); found != issued_.end()) found->second.waiter = nullptr;
  command(id, storage::OperationCancelled{"another one ended first"});
}

void Session::forget(OperationId id) noexcept {
  auto const found = issued_.find(id);
  if (found == issued_.end()) return;
  if (found->second.outcome || !state_.operations.contains(id)) {
    issued_.erase(found);
    return;
  }
  found->second.waiter = nullptr;
  dropped_.push_back(id);  // cancelled at the next place where commands may be issued
}

detail::TaskId Session::begin_task(std::coroutine_handle<> entry) {
  if (stopped_) throw Stop{};
  ++commands_since_entry_;
  auto const task = static_cast<detail::TaskId>(++last_task_);
  tasks_[task] = Task{current_task_};
  make_ready(entry, task);
  return task;
}

void Session::end_task(detail::TaskId task, detail::TaskEnd end) {
  auto const belongs = [this, task](detail::TaskId other) {
    for (auto at = other; at != detail::TaskId::root;) {
      if (at == task) return true;
      auto const found = tasks_.find(at);
      if (found == tasks_.end()) return false;
      at = found->second.parent;
    }
    return false;
  };
  if (end == detail::TaskEnd::cancel_operations) {
    std::vector<OperationId> open;
    for (auto const& [id, issued] : issued_) {
      if (belongs(issued.task) && state_.operations.contains(id)) open.push_back(id);
    }
    for (auto const id : open) cancel(id);
    std::erase_if(ready_, [&](Ready const& ready) { return belongs(ready.task); });
  } else {
    std::erase_if(ready_, [task](Ready const& ready) { return ready.task == task; });
    tasks_.erase(task);
  }
}

void Session::make_ready(std::coroutine_handle<> handle, detail::TaskId task) {
  ready_.push_back({handle, task});
}

std::uint64_t Session::random() { return mix(state_.random_seed, ++random_position_); }

std::string Session::record(std::string name, std::function<std::string()> const& read) {
  count_command();
  storage::ValueRecorded body;
  body.name = std::move(name);
  if (live()) {
    body.value = make_payload(read_once(body.name, read));
  } else if (auto const* const next = next_recorded()) {
    if (auto const* const recorded = std::get_if<storage::ValueRecorded>(&next->body))
      body.value = recorded->value;
  }
  auto const value = body.value;
  command(OperationId::none, std::move(body));
  return payload_text(value);
}

/// A value that cannot be read was not recorded, so a replay could not know of it: the workflow
/// must not go on.
std::string Session::read_once(std::string const& name, std::function<std::string()> const& read) {
  std::string what;
  try {
    return read();
  } catch (std::exception const& error) {
    what = error.what();
  } catch (...) {
    what = "something that is no std::exception";
  }
  blame_code("reading the value \"" + name + "\": " + what);
  throw Stop{};
}

void Session::set_attribute(std::string name, std::string json) {
  count_command();
  command(OperationId::none, storage::AttributeSet{std::move(name), make_payload(std::move(json))});
}

void Session::log(std::string_view message) {
  if (live() && environment_.log) environment_.log(state_.session, message);
}

void Session::answer(Sequence turn, OperationId source, std::string json) {
  count_command();
  command(OperationId::none, storage::AnswerGiven{turn, source, make_payload(json)});
  if (live()) effects_.emplace_back(GiveAnswer{turn, std::move(json)});
}

detail::CheckpointPlace Session::checkpoint(std::string state) {
  if (stopped_) throw Stop{};
  if (at_entry_) {
    if (commands_since_entry_ > 0) {
      throw WorkflowError(
          "a command came before the workflow's first checkpoint; checkpoint at the top of its "
          "loop");
    }
    at_entry_ = false;
    return detail::CheckpointPlace::at_entry;
  }
  cancel_dropped();  // what the code has let go is not open any more
  bool const waiting =
      std::ranges::any_of(issued_, [](auto const& entry) { return !entry.second.taken; });
  if (!state_.operations.empty() || waiting)
    throw WorkflowError("a checkpoint while an operation is open");
  if (!tasks_.empty()) throw WorkflowError("a checkpoint while a spawned workflow is open");

  Checkpoint checkpoint{state_, random_position_, state};
  checkpoint.state.last_sequence = state_.last_sequence + 1;
  checkpoint.state.last_time = now_;
  auto bytes = encode(checkpoint);
  command(OperationId::none, storage::CheckpointTaken{storage::sha256({bytes}), bytes.size()});
  if (live()) checkpoints_.push_back({state_.last_sequence, std::move(bytes)});
  next_entry_ = std::move(state);
  return detail::CheckpointPlace::frame_ends;
}

std::string Session::fingerprint() const {
  // A checkpoint's text holds the state that a workflow can see; what is open comes on top.
  auto text = encode(Checkpoint{state_, random_position_, {}});
  text += storage::to_hex(state_.hash);
  text += " status " + std::to_string(static_cast<int>(state_.status));
  for (auto const& [id, operation] : state_.operations) {
    text += " operation " + std::to_string(static_cast<std::uint64_t>(id)) + ' ' + operation.name +
            ' ' + std::to_string(operation.attempt) + ' ' + std::to_string(operation.failed) + ' ' +
            std::to_string(operation.orphaned) + ' ' +
            (operation.attempt_open ? "open" : "waiting") + ' ' +
            (operation.timer_due ? to_string(*operation.timer_due) : std::string("no timer"));
    auto const issued = issued_.find(id);
    text += issued == issued_.end() || issued->second.waiter == nullptr ? " unawaited" : " awaited";
  }
  return text;
}

}  // namespace dalsegno::engine
