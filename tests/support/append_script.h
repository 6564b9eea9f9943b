#pragma once

// Makes the appends of one session, one after the other, for tests of logs.

#include "storage/log/event_log.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::storage::test {

inline Time at(std::int64_t microseconds) { return Time(std::chrono::microseconds(microseconds)); }

inline Payload json(std::string text) {
  Payload payload;
  payload.bytes = std::move(text);
  return payload;
}

inline InputReceived input(std::string text) {
  InputReceived received;
  received.signal = "say";
  received.payload = json(std::move(text));
  return received;
}

/// Run `number` of a test.
inline RunId run_id(std::uint8_t number) {
  RunId run;
  run.bytes.fill(number);
  return run;
}

/// One session as its writer sees it.
class AppendScript {
 public:
  AppendScript(EventLog const& log, SessionId session, RunId run = run_id(1))
      : log_id_(log.info().log_id), epoch_(log.info().epoch), session_(std::move(session)) {
    head_.run = run;
    head_.workflow = "test";
  }

  /// The next step, as an append; from now on the step counts as appended.
  Append next(std::vector<EventBody> bodies) {
    Append append = peek(std::move(bodies));
    head_ = append.head;
    follows_.reset();
    return append;
  }

  /// The next step, as an append, without going on.
  [[nodiscard]] Append peek(std::vector<EventBody> bodies) const {
    Step step;
    step.header.log_id = log_id_;
    step.header.session = session_;
    step.header.run = head_.run;
    step.header.first_sequence = head_.last_sequence + 1;
    step.header.epoch = epoch_;
    step.header.previous = follows_ ? follows_->hash : head_.hash;
    step.header.recorded_at = head_.updated_at + std::chrono::milliseconds(1);
    auto sequence = head_.last_sequence;
    for (auto& body : bodies)
      step.events.push_back({++sequence, OperationId::none, std::move(body)});

    Append append;
    append.session = session_;
    append.run = head_.run;
    append.expected_sequence = head_.last_sequence;
    append.first_sequence = head_.last_sequence + 1;
    append.epoch = epoch_;
    append.step = encode(step).value();
    append.head = head_;
    append.head.last_sequence = sequence;
    append.head.hash = append.step.hash;
    append.head.epoch = epoch_;
    append.head.updated_at = step.header.recorded_at;
    append.head.steps = head_.steps + 1;
    append.follows = follows_;
    return append;
  }

  /// What the end of the run is: the next append counts as that.
  void set_status(SessionStatus status) { head_.status = status; }
  /// The next append begins a run that follows this one's end. Its first event must say so:
  /// `started`.
  void begin_run(RunId run) {
    follows_ = Predecessor{head_.run, head_.hash};
    Head next;
    next.run = run;
    next.workflow = head_.workflow;
    next.updated_at = head_.updated_at;
    head_ = next;
  }
  [[nodiscard]] SessionStarted started() const {
    SessionStarted body;
    body.workflow = head_.workflow;
    if (follows_) {
      body.follows = follows_->run;
      body.follows_hash = follows_->hash;
    }
    return body;
  }

  /// Goes on from what is in the log.
  void adopt(Head const& head) {
    head_ = head;
    follows_.reset();
  }
  void set_epoch(std::uint64_t epoch) { epoch_ = epoch; }
  [[nodiscard]] Head const& head() const { return head_; }
  [[nodiscard]] SessionId const& session() const { return session_; }
  [[nodiscard]] RunId const& run() const { return head_.run; }

 private:
  RunId log_id_;
  std::uint64_t epoch_;
  SessionId session_;
  Head head_;
  std::optional<Predecessor> follows_;
};

}  // namespace dalsegno::storage::test
