// Events: in life they are made and gathered into a step, in replay compared with the recorded
// ones.

#include "dalsegno/try.h"
#include "engine/session/overloaded.h"
#include "engine/session/session.h"
#include "storage/vault/intake.h"
#include "storage/vault/redacted_match.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

namespace dalsegno::engine {

storage::Event const& Session::command(OperationId id, storage::EventBody body) {
  if (stopped_) throw Stop{};
  storage::Event event{state_.last_sequence + 1, id, std::move(body)};
  if (live()) {
    if (events_.size() >= storage::max_events_per_step) {
      step_error_ = Error{Errc::too_large,
                          "one step of session " + to_string(state_.session) + " has more than " +
                              std::to_string(storage::max_events_per_step) + " events: workflow " +
                              workflow_.name + " does not wait for anything"};
      stopped_ = true;
      throw Stop{};
    }
    apply_event(event);
    return events_.emplace_back(std::move(event));
  }
  auto const* const recorded = next_recorded();
  if (recorded == nullptr) {
    diverge(std::nullopt, std::move(event), {});
    throw Stop{};
  }
  if (auto fields = differing_fields(*recorded, event); !fields.empty()) {
    diverge(*recorded, std::move(event), std::move(fields));
    throw Stop{};
  }
  ++recorded_next_;
  apply_event(*recorded);
  return *recorded;
}

void Session::apply_event(storage::Event const& event) {
  if (!live()) {
    delivery_ = apply(state_, event, now_);
    return;
  }
  auto const before = timer_of(state_, event.operation);
  delivery_ = apply(state_, event, now_);
  note_timer(event.operation, before, timer_of(state_, event.operation));
  if (delivery_) {
    // A receiver with a deadline that got its signal needs its timer no more.
    note_timer_gone(delivery_->receiver);
  }
}

void Session::note_timer(OperationId id, std::optional<Time> before, std::optional<Time> after) {
  if (before == after) return;
  auto const [found, fresh] = timers_.try_emplace(id, before, after);
  if (!fresh) found->second.second = after;
}

void Session::note_timer_gone(OperationId id) {
  auto const issued = issued_.find(id);
  if (issued == issued_.end() || !issued->second.deadline) return;
  note_timer(id, issued->second.deadline, std::nullopt);
}

storage::Payload Session::make_payload(std::string bytes) {
  storage::Payload payload;
  if (bytes.size() <= storage::max_inline_payload_bytes) {
    payload.bytes = std::move(bytes);
    return payload;
  }
  auto const digest = digester_.digest(bytes);
  payload.artifact = storage::ArtifactRef{digest, bytes.size()};
  if (live()) artifacts_.push_back({digest, std::move(bytes)});
  return payload;
}

namespace {

/// The slot of a command that holds what the code handed out.
storage::Payload const* handed_out(storage::EventBody const& body) {
  return std::visit(
      overloaded{[](storage::OperationRequested const& requested) { return &requested.input; },
                 [](storage::AttributeSet const& set) { return &set.value; },
                 [](storage::StoreChanged const& changed) { return &changed.value; },
                 [](storage::AnswerGiven const& given) { return &given.answer; },
                 [](storage::SessionCompleted const& completed) { return &completed.result; },
                 [](storage::UpdateEnded const& ended) { return &ended.result; },
                 [](storage::ContinuedAsNew const& continued) { return &continued.input; },
                 [](auto const&) -> storage::Payload const* { return nullptr; }},
      body);
}

bool may_hold_token(storage::Payload const& payload) {
  return payload.artifact || payload.bytes.contains("[secret:");
}

}  // namespace

storage::Payload Session::command_payload(std::string& bytes) {
  if (live()) {
    bytes = redacted(std::move(bytes));
    return make_payload(bytes);
  }
  auto made = make_payload(bytes);
  auto const* const next = next_recorded();
  auto const* const recorded = next == nullptr ? nullptr : handed_out(next->body);
  if (recorded == nullptr || *recorded == made || !may_hold_token(*recorded)) return made;
  auto text = payload_text(*recorded);
  if (!vault::could_be_redacted_json(text, bytes)) return made;
  bytes = std::move(text);
  return *recorded;
}

/// What the code hands out itself may hold secrets, too: its inputs came redacted.
std::string Session::redacted(std::string json) {
  if (!live() || ambient_->intake == nullptr) return json;
  auto taken = ambient_->intake->json(state_.session, json);
  if (!taken) {
    step_error_ =
        Error{taken.error().code,
              "session " + to_string(state_.session) +
                  ": what its code hands out cannot be redacted: " + taken.error().detail};
    stopped_ = true;
    throw Stop{};
  }
  std::ranges::move(taken->records, std::back_inserter(vault_));
  return std::move(taken->text);
}

std::string Session::redacted_message(std::string_view text) const {
  return live() && ambient_->intake != nullptr ? ambient_->intake->message(text)
                                               : std::string(text);
}

storage::Digest Session::digest_of(std::string_view bytes) const { return digester_.digest(bytes); }

std::string Session::payload_text(storage::Payload const& payload) {
  if (!payload.artifact) return payload.bytes;
  auto const here =
      std::ranges::find(artifacts_, payload.artifact->digest, &storage::StoredArtifact::digest);
  if (here != artifacts_.end()) return here->bytes;
  for (auto const& [sequence, artifact] : not_yet_durable_) {
    if (artifact.digest == payload.artifact->digest) return artifact.bytes;
  }
  auto loaded = environment_.load_artifact
                    ? environment_.load_artifact(payload.artifact->digest)
                    : Result<std::string>(Error{Errc::not_found, "no artifacts here"});
  if (!loaded) {
    step_error_ =
        Error{loaded.error().code,
              "session " + to_string(state_.session) + ": artifact " +
                  storage::to_hex(payload.artifact->digest) + ": " + loaded.error().detail};
    stopped_ = true;
    throw Stop{};
  }
  return std::move(*loaded);
}

void Session::begin_live_step(Ambient const& ambient, Sequence cause) {
  mode_ = Mode::live;
  now_ = std::max(ambient.now, state_.last_time);
  epoch_ = ambient.epoch;
  ambient_ = &ambient;
  cause_ = cause;
  events_.clear();
  effects_.clear();
  artifacts_.clear();
  checkpoints_.clear();
  producer_keys_.clear();
  vault_.clear();
  errands_set_.clear();
  errands_done_.clear();
  continuation_.reset();
  timers_.clear();
  step_error_.reset();
}

Result<StepResult> Session::end_live_step() {
  ambient_ = nullptr;
  if (step_error_) return *step_error_;
  storage::Step step;
  step.header.log_id = state_.log_id;
  step.header.session = state_.session;
  step.header.run = state_.run;
  step.header.first_sequence = events_.front().sequence;
  step.header.epoch = epoch_;
  step.header.previous = state_.hash;
  step.header.recorded_at = now_;
  step.header.cause = cause_;
  step.events = std::move(events_);
  TRY(auto encoded, storage::encode(step));
  apply_step_end(state_, step.header, encoded.hash);

  StepResult result;
  auto& append = result.append;
  append.session = state_.session;
  append.run = state_.run;
  append.expected_sequence = step.header.first_sequence - 1;
  append.first_sequence = step.header.first_sequence;
  append.epoch = epoch_;
  append.step = std::move(encoded);
  append.head = head_of(state_);
  for (auto const& [id, change] : timers_) {
    if (change.first == change.second) continue;
    if (change.first)
      append.timers_cleared.push_back({*change.first, state_.session, state_.run, id});
    if (change.second)
      append.timers_set.push_back({*change.second, state_.session, state_.run, id});
  }
  append.producer_keys = std::move(producer_keys_);
  append.checkpoints = std::move(checkpoints_);
  append.artifacts = std::move(artifacts_);
  append.vault = std::move(vault_);
  append.errands_set = std::move(errands_set_);
  append.errands_done = std::move(errands_done_);
  if (continuation_) {
    continuation_->follows = {state_.run, state_.hash};
    result.continuation = std::exchange(continuation_, std::nullopt);
  }
  result.events = std::move(step.events);
  result.recorded_at = now_;
  result.effects = std::move(effects_);
  return result;
}

}  // namespace dalsegno::engine
