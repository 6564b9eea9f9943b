// Where a run begins and ends: what it takes over from the one before, when its code begins, and
// how it is continued.

#include "dalsegno/errors.h"
#include "engine/session/next_run.h"
#include "engine/session/random.h"
#include "engine/session/session.h"

#include <cassert>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno::engine {

namespace {

/// Unread signals that a continuation may carry over.
constexpr std::size_t max_carried_signals = 5'000;
constexpr std::size_t max_carried_bytes = 16U << 20U;

/// Of one RunCarried, so that it fits into an event whatever it holds.
constexpr std::size_t max_chunk_bytes = 64 * 1024;

/// What is carried over as events that each fit.
class Chunks {
 public:
  void add(storage::CallCount const& call) { room_for(call.name.size()).calls.push_back(call); }
  void add_taint(std::string const& name) { room_for(name.size()).taint.push_back(name); }
  void add_sender(std::string const& name) { room_for(name.size()).senders.push_back(name); }
  void add_attribute(storage::NamedPayload const& it) { room_for(it).attributes.push_back(it); }
  void add_stored(storage::NamedPayload const& it) { room_for(it).stored.push_back(it); }
  [[nodiscard]] std::vector<storage::RunCarried> take() { return std::move(chunks_); }

 private:
  storage::RunCarried& room_for(storage::NamedPayload const& value) {
    return room_for(value.name.size() + value.value.bytes.size());
  }
  storage::RunCarried& room_for(std::size_t bytes) {
    constexpr std::size_t overhead = 64;  // of an entry
    bytes += overhead;
    if (chunks_.empty() || (used_ > 0 && used_ + bytes > max_chunk_bytes)) {
      chunks_.emplace_back();
      used_ = 0;
    }
    used_ += bytes;
    return chunks_.back();
  }

  std::vector<storage::RunCarried> chunks_;
  std::size_t used_ = 0;
};

std::vector<storage::RunCarried> in_chunks(CarriedOver const& carried) {
  Chunks chunks;
  for (auto const& call : carried.calls) chunks.add(call);
  for (auto const& name : carried.taint) chunks.add_taint(name);
  for (auto const& name : carried.senders) chunks.add_sender(name);
  for (auto const& attribute : carried.attributes) chunks.add_attribute(attribute);
  for (auto const& value : carried.stored) chunks.add_stored(value);
  return chunks.take();
}

bool is_taken_over(storage::EventBody const& body) {
  // With the start of a run a signal comes from the run before, or from who started it.
  if (std::holds_alternative<storage::RunCarried>(body)) return true;
  if (std::holds_alternative<storage::Forked>(body)) return true;
  auto const* const signal = std::get_if<storage::InputReceived>(&body);
  return signal != nullptr && !signal->update;
}

}  // namespace

// ---- the beginning ----

void Session::begin_code(storage::SessionStarted const& started) {
  take_over();
  if (!state_.delayed_input) return enter(payload_text(started.input));
  command(static_cast<OperationId>(state_.last_operation + 1),
          storage::TimerStarted{*started.not_before});
}

void Session::take_over() {
  if (!live()) {
    while (auto const* const next = next_recorded()) {
      if (!is_taken_over(next->body)) return;
      command(OperationId::none, next->body);
    }
    return;
  }
  if (!start_) return;
  for (auto& chunk : in_chunks(start_->carried)) command(OperationId::none, std::move(chunk));
  for (auto& signal : start_->carried.signals) command(OperationId::none, std::move(signal));
  if (auto const& first = start_->first_signal) {
    storage::InputReceived signal;
    signal.signal = first->signal;
    signal.producer_key = first->producer_key;
    signal.principal = first->principal;
    signal.taint = first->taint;
    signal.senders = first->senders;
    signal.payload_digest = digest_of(first->payload);
    signal.payload = make_payload(first->payload);
    auto const& recorded = command(OperationId::none, std::move(signal));
    if (std::get<storage::InputReceived>(recorded.body).payload.artifact)
      not_yet_durable_.emplace_back(recorded.sequence, artifacts_.back());
    if (!first->producer_key.empty())
      producer_keys_.push_back({first->producer_key, recorded.sequence});
  }
  // Who asked for a detached start is still to be told of it.
  if (start_->origin && !start_->continues && !start_->origin->detached)
    errand_done(storage::ErrandKind::start, *start_->origin);
}

/// Behind the copy of another run's steps: the random numbers begin anew, and the signals come that
/// came to that run later. Their code runs when the timer of operation 0 fires.
void Session::go_on_from_copy() {
  assert(!live());  // made without code: engine/fork
  random_position_ = 0;
  while (auto const* const next = next_recorded()) {
    command(OperationId::none, next->body);
    take_delivery();
  }
}

// ---- the end ----

void Session::announce(AnnounceEnd end) {
  if (!live()) return;
  end.run = state_.run;
  end.parent = state_.parent;
  if (end.parent) {
    end.taint.assign(state_.taint.begin(), state_.taint.end());
    for (auto const& [name, first] : state_.senders) end.senders.push_back(name);
    errands_set_.push_back(errand(storage::ErrandKind::report, OperationId::none));
  }
  effects_.emplace_back(std::move(end));
}

/// Ends the run without asking its code.
void Session::terminate(std::string const& reason) {
  cancel_open_operations(reason);
  command(OperationId::none, storage::SessionCancelled{reason});
  AnnounceEnd end;
  end.status = storage::SessionStatus::cancelled;
  end.type = "cancelled";
  end.message = reason;
  announce(std::move(end));
  leave();
}

void Session::end_before_code() { terminate(state_.cancel_reason); }

// ---- the next run ----

void Session::continue_as_new(std::string input) {
  refuse_when_cancelled();
  if (stopped_) throw Stop{};
  if (current_task_ != detail::TaskId::root)
    throw WorkflowError("a spawned workflow cannot continue the session as a new run");
  std::size_t bytes = 0;
  for (auto const& entry : state_.inbox) bytes += entry.payload.bytes.size() + entry.signal.size();
  if (state_.inbox.size() > max_carried_signals || bytes > max_carried_bytes) {
    throw Failure("inbox_too_full",
                  std::to_string(state_.inbox.size()) + " signals of " + std::to_string(bytes) +
                      " bytes are unread; at most " + std::to_string(max_carried_signals) +
                      " signals of " + std::to_string(max_carried_bytes) +
                      " bytes can be carried over");
  }
  if (input.size() > storage::max_artifact_bytes) {
    throw Failure("input_too_large",
                  "the input of the next run has " + std::to_string(input.size()) +
                      " bytes; at most " + std::to_string(storage::max_artifact_bytes) +
                      " are allowed");
  }
  count_command();
  next_run_ = std::move(input);
}

void Session::continue_run(std::string input) {
  next_run_.reset();
  cancel_open_operations("the run continues as a new one");
  storage::ContinuedAsNew body;
  body.next = next_run(digester_, state_.run);
  body.input = command_payload(input);
  if (live()) body.input_digest = digest_of(input);
  body.unread_signals = static_cast<std::uint32_t>(state_.inbox.size());
  auto const next = body.next;
  command(OperationId::none, std::move(body));
  if (live()) {
    auto& continuation = continuation_.emplace();
    continuation.run = next;
    continuation.input = std::move(input);
    continuation.principal = state_.principal;
    constexpr std::uint64_t another = 0x636F'6E74'696E'7565;
    continuation.random_seed = mix(state_.random_seed ^ another, 1);
    continuation.parent = state_.parent;
    continuation.carried = carried_over();
  }
  leave();
}

CarriedOver Session::carried_over() const {
  CarriedOver carried;
  for (auto const& [call, count] : state_.calls)
    carried.calls.push_back({call.first, call.second, count});
  carried.taint.assign(state_.taint.begin(), state_.taint.end());
  for (auto const& [name, first] : state_.senders) carried.senders.push_back(name);
  for (auto const& [name, value] : state_.attributes) carried.attributes.push_back({name, value});
  for (auto const& [key, value] : state_.stored) carried.stored.push_back({key, value});
  for (auto const& entry : state_.inbox) {
    storage::InputReceived signal;
    signal.signal = entry.signal;
    signal.payload = entry.payload;
    signal.payload_digest =
        entry.payload.artifact ? entry.payload.artifact->digest : digest_of(entry.payload.bytes);
    signal.carried_from = entry.sequence;
    carried.signals.push_back(std::move(signal));
  }
  for (auto const& [sequence, artifact] : not_yet_durable_) carried.artifacts.push_back(artifact);
  return carried;
}

}  // namespace dalsegno::engine
