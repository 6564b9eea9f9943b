// The side of Session that workflow code talks to.

#include "dalsegno/errors.h"
#include "dalsegno/payload.h"
#include "engine/session/checkpoint.h"
#include "engine/session/completion_token.h"
#include "engine/session/overloaded.h"
#include "engine/session/random.h"
#include "engine/session/session.h"
#include "storage/vault/redacted_match.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <utility>
#include <variant>

namespace dalsegno::engine {

using storage::OperationKind;

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

std::vector<std::string> recorded(TypeList const& types) {
  std::vector<std::string> list;
  for (auto const type : types)
    if (!type.empty()) list.emplace_back(type);
  return list;
}

storage::RecordedRetry recorded(RetryPolicy const& policy) {
  return {policy.max_attempts,
          recorded(policy.initial),
          recorded(policy.max_interval),
          std::isfinite(policy.factor) ? policy.factor : 1.0,
          std::isfinite(policy.jitter) ? std::clamp(policy.jitter, 0.0, 1.0) : 0.0,
          recorded(policy.non_retryable)};
}

storage::CallTerms terms_of(ActivityOptions const& options) {
  return {recorded(options.schedule_to_start),
          recorded(options.schedule_to_close),
          recorded(options.heartbeat),
          static_cast<storage::EffectClass>(options.effect)};
}

storage::OperationKind kind_of(detail::Request const& request) {
  return std::visit(
      overloaded{[](detail::CallRequest const& call) { return kind_of(call.kind); },
                 [](detail::SleepRequest const&) { return OperationKind::sleep; },
                 [](detail::ReceiveRequest const&) { return OperationKind::receive; },
                 [](detail::ApprovalRequest const&) { return OperationKind::approval; },
                 [](detail::ChildRequest const&) { return OperationKind::child; },
                 [](detail::MessageRequest const&) { return OperationKind::message; },
                 [](detail::PromiseRequest const&) { return OperationKind::promise; }},
      request);
}

std::string target_of(detail::Request const& request) {
  return std::visit(overloaded{[](detail::CallRequest const& call) { return call.name; },
                               [](detail::SleepRequest const&) { return std::string(); },
                               [](detail::ReceiveRequest const& receive) { return receive.signal; },
                               [](detail::ApprovalRequest const& asked) { return asked.what; },
                               [](detail::ChildRequest const& asked) { return asked.workflow; },
                               [](detail::MessageRequest const& message) {
                                 auto const token = parse_completion_token(message.promise);
                                 return token ? token->session.name : message.session;
                               },
                               [](detail::PromiseRequest const&) { return std::string(); }},
                    request);
}

storage::Risk recorded(Risk risk) { return static_cast<storage::Risk>(risk); }

}  // namespace

/// Risk, trust and terms: what the call itself declares, else what its tool does.
void Session::declare(storage::OperationRequested& call, ActivityOptions const& options) const {
  call.risk = recorded(options.risk);
  call.untrusted = options.untrusted;
  call.terms = terms_of(options);
  if (call.kind != OperationKind::tool || !live() || ambient_->registry == nullptr) return;
  auto const of_tool = ambient_->registry->options_of_tool(call.name);
  if (options.risk == Risk::undeclared) call.risk = recorded(of_tool.risk);
  call.untrusted = call.untrusted || of_tool.untrusted;
  if (options.effect == EffectClass::idempotent)
    call.terms.effect = static_cast<storage::EffectClass>(of_tool.effect);
}

void Session::count_command() {
  refuse_in_query();
  if (stopped_) throw Stop{};
  ++commands_since_entry_;
}

OperationId Session::issue(detail::Request request, std::string name) {
  refuse_in_query();
  refuse_when_cancelled();
  if (!name.empty()) {
    if (auto const known = find_named(request, name)) return *known;
  }
  count_command();
  auto const id = static_cast<OperationId>(state_.last_operation + 1);
  if (!name.empty()) named_[name] = {id, kind_of(request), target_of(request), true};
  auto& issued = issued_[id];
  issued.task = current_task_;
  issued.name = std::move(name);
  std::visit(
      overloaded{[&](detail::CallRequest& call) { issue_call(id, std::move(call)); },
                 [&](detail::SleepRequest const& sleep) { issue_sleep(id, sleep); },
                 [&](detail::ReceiveRequest& receive) { issue_receive(id, std::move(receive)); },
                 [&](detail::ApprovalRequest& asked) { issue_approval(id, std::move(asked)); },
                 [&](detail::ChildRequest& asked) { issue_child(id, std::move(asked)); },
                 [&](detail::MessageRequest& message) { issue_message(id, std::move(message)); },
                 [&](detail::PromiseRequest const&) { issue_promise(id); }},
      request);
  return id;
}

/// The operation of that name that an earlier frame issued.
std::optional<OperationId> Session::find_named(detail::Request const& request,
                                               std::string const& name) {
  if (stopped_) throw Stop{};
  auto const found = named_.find(name);
  if (found == named_.end()) return std::nullopt;
  auto& named = found->second;
  if (named.in_frame) throw WorkflowError("an operation named " + name + " is open already");
  if (named.kind != kind_of(request) || named.target != target_of(request)) {
    throw WorkflowError("the operation named " + name +
                        " is of another kind, or of another activity or signal, than the one that "
                        "an earlier frame issued");
  }
  named.in_frame = true;
  issued_.at(named.id).task = current_task_;
  return named.id;
}

void Session::issue_sleep(OperationId id, detail::SleepRequest sleep) {
  if (auto const& name = issued_.at(id).name; !name.empty()) {
    storage::OperationRequested body;
    body.kind = OperationKind::sleep;
    body.label = name;
    command(id, std::move(body));
  }
  command(id, storage::TimerStarted{sleep.due});
}

/// Keeps what the operation is asked with; as a payload.
storage::Payload Session::input_of(OperationId id, std::string const& what, std::string input) {
  if (input.size() > storage::max_artifact_bytes) {
    forget_name(id, issued_.at(id));
    issued_.erase(id);
    throw Failure("input_too_large",
                  "the input of " + what + " has " + std::to_string(input.size()) +
                      " bytes; at most " + std::to_string(storage::max_artifact_bytes) +
                      " are allowed");
  }
  auto payload = command_payload(input);
  issued_.at(id).input = std::make_shared<std::string const>(std::move(input));
  return payload;
}

void Session::issue_call(OperationId id, detail::CallRequest call) {
  storage::OperationRequested body;
  body.input = input_of(id, call.name, std::move(call.input));
  auto const& issued = issued_.at(id);
  body.kind = kind_of(call.kind);
  body.name = std::move(call.name);
  body.label = issued.name;
  if (live())
    body.input_digest = digest_of(*issued.input);  // in replay the bytes themselves are compared
  body.retry = recorded(call.options.retry);
  body.start_to_close_ms = recorded(call.options.start_to_close);
  body.on_cancel = static_cast<storage::CancelMode>(call.options.on_cancel);
  declare(body, call.options);
  command(id, std::move(body));
  begin_attempt(id);
}

void Session::issue_approval(OperationId id, detail::ApprovalRequest asked) {
  storage::OperationRequested body;
  body.input = input_of(id, asked.what, std::move(asked.input));
  auto const& issued = issued_.at(id);
  body.kind = OperationKind::approval;
  body.name = std::move(asked.what);
  body.label = issued.name;
  if (live()) body.input_digest = digest_of(*issued.input);
  body.risk = recorded(asked.risk);
  command(id, std::move(body));
  storage::ApprovalRequested request;
  request.input_digest = state_.operations.at(id).input_digest;
  request.approvers = std::move(asked.approvers);
  request.quorum = asked.quorum;
  request.expires = asked.expires;
  if (!asked.escalate_to.empty()) request.escalate_at = asked.escalate_at;
  request.escalate_to = std::move(asked.escalate_to);
  request.reason = redacted_message(asked.why);
  command(id, std::move(request));
}

void Session::issue_receive(OperationId id, detail::ReceiveRequest receive) {
  storage::OperationRequested body;
  body.kind = OperationKind::receive;
  body.name = std::move(receive.signal);
  body.label = issued_.at(id).name;
  command(id, std::move(body));
  if (delivery_) {
    take_delivery();
  } else if (receive.deadline) {
    issued_.at(id).deadline = receive.deadline;
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

void Session::forget_name(OperationId id, Issued const& issued) {
  auto const named = named_.find(issued.name);
  if (named != named_.end() && named->second.id == id) named_.erase(named);
}

detail::Outcome Session::take(OperationId id) {
  if (stopped_) throw Stop{};
  auto const found = issued_.find(id);
  if (found == issued_.end() || !found->second.outcome || found->second.taken) {
    throw WorkflowError("the result of an operation was taken twice, or before it had ended");
  }
  found->second.taken = true;
  forget_name(id, found->second);
  last_taken_ = id;
  return std::move(*found->second.outcome);
}

void Session::collect_open(OperationId id, std::vector<OperationId>& open) const {
  if (state_.operations.contains(id)) open.push_back(id);
}

void Session::collect_open(detail::TaskId task, std::vector<OperationId>& open) const {
  auto const belongs = [this, task](detail::TaskId other) {
    for (auto at = other; at != detail::TaskId::root;) {
      if (at == task) return true;
      auto const found = tasks_.find(at);
      if (found == tasks_.end()) return false;
      at = found->second.parent;
    }
    return false;
  };
  for (auto const& [id, issued] : issued_) {
    if (belongs(issued.task)) collect_open(id, open);
  }
}

void Session::cancel(OperationId id, std::string const& reason) {
  if (!state_.operations.contains(id)) return;
  count_command();
  if (ask_to_end(id, reason)) return;
  if (auto const found = issued_.find(id); found != issued_.end()) {
    auto& issued = found->second;
    issued.waiter = nullptr;
    issued.outcome.emplace();
    issued.outcome->kind = detail::OutcomeKind::cancelled;
    issued.outcome->message = reason;
    issued.ended_at = state_.last_sequence + 1;
    forget_name(id, issued);
  }
  end_open(id, reason, SessionEnds::no);
}

void Session::forget(OperationId id) noexcept {
  auto const found = issued_.find(id);
  if (found == issued_.end()) return;
  if (auto const named = named_.find(found->second.name);
      named != named_.end() && named->second.id == id) {
    named->second.in_frame = false;  // it goes on
    found->second.waiter = nullptr;
    return;
  }
  if (found->second.outcome || !state_.operations.contains(id)) {
    issued_.erase(found);
    return;
  }
  found->second.waiter = nullptr;
  auto const& operation = state_.operations.at(id);
  if (operation.child || operation.cancel_asked) {
    found->second.lingers = true;
    return;
  }
  dropped_.push_back(id);  // cancelled at the next place where commands may be issued
}

detail::TaskId Session::begin_task(std::coroutine_handle<> entry, detail::Shield shield) {
  refuse_in_query();
  if (stopped_) throw Stop{};
  ++commands_since_entry_;
  auto const task = static_cast<detail::TaskId>(++last_task_);
  tasks_[task] = Task{current_task_, shield};
  make_ready(entry, task);
  return task;
}

void Session::end_task(detail::TaskId task) {
  std::erase_if(ready_, [task](Ready const& ready) { return ready.task == task; });
  tasks_.erase(task);
}

void Session::report_unseen(std::exception_ptr const& error) noexcept {
  if (!error || stopped_) return;
  try {
    std::rethrow_exception(error);
  } catch (Stop const&) {
    stopped_ = true;
  } catch (Failure const&) {  // NOLINT(bugprone-empty-catch): declared, and nobody asked
  } catch (std::exception const& bug) {
    blame_code(bug.what());
  } catch (...) {
    blame_code("something that is no std::exception");
  }
}

void Session::make_ready(std::coroutine_handle<> handle, detail::TaskId task) {
  ready_.push_back({handle, task});
}

std::uint64_t Session::random() {
  refuse_in_query();
  return mix(state_.random_seed, ++random_position_);
}

std::string Session::record(std::string name, std::function<std::string()> const& read) {
  count_command();
  storage::ValueRecorded body;
  body.name = std::move(name);
  if (live()) {
    body.value = make_payload(redacted(read_once(body.name, read)));
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

/// The choice that the log has; else, where the code is ahead of the log, the newest; else the
/// oldest, as what is replayed was done before the change, and it stays so until the next
/// checkpoint enters a new frame: a recovery that begins there finds the same.
std::uint32_t Session::version(std::string change, std::uint32_t oldest, std::uint32_t newest) {
  refuse_in_query();
  if (stopped_) throw Stop{};
  auto const supported = [&](std::uint32_t version) {
    if (version >= oldest && version <= newest) return version;
    throw WorkflowError("this run is on version " + std::to_string(version) + " of the change \"" +
                        change + "\"; the code knows " + std::to_string(oldest) + " to " +
                        std::to_string(newest));
  };
  if (auto const chosen = state_.versions.find(change); chosen != state_.versions.end())
    return supported(chosen->second);
  if (oldest_versions_.contains(change)) return oldest;
  auto version = newest;
  if (!live()) {
    auto const* const next = next_recorded();
    auto const* const recorded =
        next == nullptr ? nullptr : std::get_if<storage::VersionChosen>(&next->body);
    if (recorded == nullptr || recorded->change != change) {
      oldest_versions_.insert(std::move(change));
      return oldest;
    }
    version = recorded->version;
  }
  count_command();
  command(OperationId::none, storage::VersionChosen{change, version});
  return supported(version);
}

void Session::set_attribute(std::string name, std::string json) {
  count_command();
  auto value = command_payload(json);
  command(OperationId::none, storage::AttributeSet{std::move(name), std::move(value)});
}

void Session::log(std::string_view message) {
  if (live() && environment_.log) environment_.log(state_.session, message);
}

void Session::answer(Sequence turn, OperationId source, std::string json) {
  count_command();
  auto payload = command_payload(json);
  command(OperationId::none, storage::AnswerGiven{turn, source, std::move(payload)});
  if (live()) effects_.emplace_back(GiveAnswer{turn, std::move(json)});
}

detail::CheckpointPlace Session::checkpoint(std::string state) {
  refuse_in_query();
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
  bool const open = std::ranges::any_of(
      issued_, [](auto const& entry) { return !entry.second.taken && entry.second.name.empty(); });
  if (open) {
    throw WorkflowError(
        "a checkpoint while an operation without a name is open (or its result was not taken)");
  }
  if (!tasks_.empty()) throw WorkflowError("a checkpoint while a spawned workflow is open");

  state = redacted(std::move(state));
  Checkpoint checkpoint{state_, random_position_, state, finished_operations()};
  for (auto& finished : checkpoint.finished)
    finished.payload = make_payload(finished.outcome.payload);
  checkpoint.state.last_sequence = state_.last_sequence + 1;
  checkpoint.state.last_time = now_;
  auto bytes = encode(checkpoint);
  if (auto recorded = recorded_state(state, bytes); recorded != state) {
    state = checkpoint.workflow_state = std::move(recorded);
    bytes = encode(checkpoint);
  }
  command(OperationId::none, storage::CheckpointTaken{storage::sha256({bytes}), bytes.size()});
  if (live()) checkpoints_.push_back({state_.last_sequence, std::move(bytes)});
  next_entry_ = std::move(state);
  return detail::CheckpointPlace::frame_ends;
}

/// In replay: the state as it was recorded, if the checkpoint in the store shows that it is `state`
/// but for what was redacted; else `state`.
std::string Session::recorded_state(std::string state, std::string const& bytes) {
  auto const* const next = live() ? nullptr : next_recorded();
  auto const* const taken =
      next == nullptr ? nullptr : std::get_if<storage::CheckpointTaken>(&next->body);
  if (taken == nullptr || taken->state_digest == storage::sha256({bytes}) ||
      !environment_.load_checkpoint)
    return state;
  auto const stored = environment_.load_checkpoint(next->sequence);
  if (!stored || storage::sha256({*stored}) != taken->state_digest) return state;
  auto checkpoint = decode_checkpoint(*stored);
  bool const same = checkpoint && vault::could_be_redacted_json(checkpoint->workflow_state, state);
  return same ? std::move(checkpoint->workflow_state) : state;
}

/// Named operations that ended and whose result no frame took yet.
std::vector<FinishedOperation> Session::finished_operations() const {
  std::vector<FinishedOperation> finished;
  for (auto const& [name, named] : named_) {
    auto const& issued = issued_.at(named.id);
    if (!issued.outcome) continue;
    finished.push_back(
        {named.id, name, named.kind, named.target, issued.ended_at, *issued.outcome, {}});
    finished.back().payload.bytes = issued.outcome->payload;
  }
  return finished;
}

std::string Session::fingerprint() const {
  // A checkpoint's text holds the state that a workflow can see; what is open comes on top.
  auto text = encode(Checkpoint{state_, random_position_, {}, finished_operations()});
  text += storage::to_hex(state_.hash);
  text += " status " + std::to_string(static_cast<int>(state_.status));
  if (state_.paused) text += " paused";
  for (auto const& control : state_.controls)
    text += " to " + std::string(storage::name_of(control.verb));
  for (auto const update : state_.updates) text += " update " + std::to_string(update);
  for (auto const& [id, operation] : state_.operations) {
    text += " operation " + std::to_string(static_cast<std::uint64_t>(id)) + ' ' + operation.name +
            ' ' + std::to_string(operation.attempt) + ' ' + std::to_string(operation.failed) + ' ' +
            std::to_string(operation.orphaned) + ' ' +
            (operation.attempt_open ? "open" : "waiting") + ' ' +
            (operation.timer_due ? to_string(*operation.timer_due) : std::string("no timer"));
    for (auto const& asked : operation.approvals) {
      text += " approval " + asked.request.rule + (asked.waiting ? " waiting" : " settled");
      for (auto const& answer : asked.given)
        text += (answer.granted ? " granted by " : " denied by ") + answer.by;
    }
    if (operation.deferred) text += " deferred";
    if (operation.unsure) text += " unsure";
    if (operation.doubt) text += operation.doubt->resolution ? " resolved" : " in doubt";
    auto const issued = issued_.find(id);
    text += issued == issued_.end() || issued->second.waiter == nullptr ? " unawaited" : " awaited";
  }
  return text;
}

}  // namespace dalsegno::engine
