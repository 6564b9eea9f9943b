#pragma once

// A session played by hand: no threads, a clock that only the test moves, a log in memory that
// takes each step at once. Attempts wait until the test performs them.

#include "dalsegno/try.h"
#include "engine/replay/replayer.h"
#include "engine/session/control_step.h"
#include "engine/session/session.h"
#include "storage/log/chain.h"
#include "storage/memory/memory_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::engine::test {

inline constexpr Time first_moment{std::chrono::hours(1'000)};

inline PolicySet permit_all() {
  return PolicySet::parse(R"({"dalsegno_policy": 1, "name": "all", "rules": [
    {"id": "all", "effect": "permit", "actions": ["*.call"]}]})")
      .value();
}

/// "InputReceived", or "AttemptStarted 2" for an event of operation 2.
inline std::vector<std::string> names_of(std::vector<storage::Event> const& events) {
  std::vector<std::string> names;
  for (auto const& event : events) {
    names.emplace_back(storage::name_of(event.body));
    auto const operation = static_cast<std::uint64_t>(event.operation);
    if (operation != 0) names.back() += ' ' + std::to_string(operation);
  }
  return names;
}

/// The first body of that type.
template <class Body>
std::optional<Body> find_body(std::vector<storage::Event> const& events) {
  for (auto const& event : events) {
    if (auto const* const body = std::get_if<Body>(&event.body)) return *body;
  }
  return std::nullopt;
}

class SessionDriver {
 public:
  using Events = std::vector<storage::Event>;

  explicit SessionDriver(WorkflowDefinition definition) : workflow(std::move(definition)) {}

  // One step each: made, appended, its effects kept.

  [[nodiscard]] Result<Events> try_start(std::string input) {
    SessionStart start;
    start.session = id;
    start.run.bytes.fill(7);
    start.log_id = log->info().log_id;
    start.input = std::move(input);
    start.principal = "tester";
    start.random_seed = seed;
    start.secret.bytes.fill(9);
    session = std::make_unique<Session>(workflow, start, environment());
    TRY(auto step, session->start(ambient()));
    return commit(std::move(step));
  }
  /// The run goes on in another one, as its step says.
  [[nodiscard]] Result<StepResult> begin_next_run(Continuation next) {
    SessionStart start;
    start.session = id;
    start.run = next.run;
    start.log_id = log->info().log_id;
    start.input = std::move(next.input);
    start.principal = std::move(next.principal);
    start.random_seed = next.random_seed;
    start.secret = session->secret();
    start.follows = next.follows;
    start.origin = std::move(next.parent);
    start.continues = true;
    start.not_earlier = now;
    start.carried = std::move(next.carried);
    session = std::make_unique<Session>(workflow, start, environment());
    return session->start(ambient());
  }
  /// No events: the input meant nothing any more.
  [[nodiscard]] Result<Events> try_take(Input const& input) {
    TRY(auto step, session->handle(input, ambient()));
    if (!step) return Events();
    return commit(std::move(*step));
  }

  Events start(std::string input) { return expect(try_start(std::move(input))); }
  Events take(Input const& input) { return expect(try_take(input)); }
  Events signal(std::string name, std::string payload, std::string key = {}) {
    return take(SignalInput{std::move(name), std::move(payload), std::move(key), "sender"});
  }
  Events complete(std::uint64_t operation, std::string payload, std::uint32_t attempt = 1) {
    ResultInput result;
    result.operation = static_cast<OperationId>(operation);
    result.attempt = attempt;
    result.payload = std::move(payload);
    return take(result);
  }
  Events fail(std::uint64_t operation,
              std::uint32_t attempt,
              std::string type = "busy",
              bool retryable = true) {
    return take(FailureInput{static_cast<OperationId>(operation),
                             attempt,
                             std::move(type),
                             "it did not work",
                             retryable});
  }
  /// Moves the clock to the next armed timer and fires it.
  Events fire_next() {
    auto const timers = log->timers(Time{}, Time::max(), 1).value();
    EXPECT_FALSE(timers.empty()) << "no timer is armed";
    if (timers.empty()) return {};
    now = std::max(now, timers.front().due);
    return take(TimerInput{timers.front().operation, timers.front().due});
  }

  /// An answer to a request for approval, as a running engine takes it.
  [[nodiscard]] ApprovalInput answer_of(std::uint64_t operation,
                                        std::string by,
                                        std::vector<std::string> roles,
                                        bool granted = true) const {
    ApprovalInput input;
    input.operation = static_cast<OperationId>(operation);
    input.granted = granted;
    input.by = std::move(by);
    input.roles = std::move(roles);
    input.reason = granted ? "looks right" : "too risky";
    if (auto const found = session->state().operations.find(input.operation);
        found != session->state().operations.end())
      input.input_digest = found->second.input_digest;
    return input;
  }
  /// The same as a control step: appended where no session is in memory, which is then read back.
  [[nodiscard]] Result<Events> try_answer_outside(ApprovalInput const& input) {
    TRY(auto step, make_approval_step(session->state(), input, now, log->info().epoch));
    std::vector<storage::Append> batch{std::move(step.append)};
    TRY(auto receipt, log->append(batch));
    TRY_VOID(std::move(receipt.each.front()));
    restart();
    return std::move(step.events);
  }

  /// The same for what a person says about a call in doubt.
  [[nodiscard]] Result<Events> try_resolve_outside(ResolveInput const& input) {
    TRY(auto step, make_resolution_step(session->state(), input, now, log->info().epoch));
    std::vector<storage::Append> batch{std::move(step.append)};
    TRY(auto receipt, log->append(batch));
    TRY_VOID(std::move(receipt.each.front()));
    restart();
    return std::move(step.events);
  }

  /// The process ends and another one begins: what is in the log is all there is. With another
  /// workflow: a deploy.
  void restart(ReplayFrom from = {}) {
    session.reset();
    attempts.clear();
    log = storage::open_memory(store);
    auto report = replay(from);
    ASSERT_TRUE(report) << report.error().detail;
    ASSERT_FALSE(report->divergence) << describe(*report->divergence);
    session = std::move(report->session);
  }
  void orphan_open_attempts() {
    for (auto const& orphan : session->open_attempts("the process that made it ended"))
      take(orphan);
  }

  [[nodiscard]] Result<ReplayReport> replay(ReplayFrom from = {}) const {
    return replay_session(*log, [this](std::string_view) { return &workflow; }, id, from);
  }
  [[nodiscard]] std::vector<Sequence> checkpoints() const {
    return log->checkpoints(id, session->state().run).value();
  }
  /// Replay equals life: from the start and from every checkpoint.
  void expect_replays() const {
    auto const life = session->fingerprint();
    std::vector<ReplayFrom> places{{ReplayFrom::Kind::start, 0}};
    for (auto const sequence : checkpoints())
      places.push_back({ReplayFrom::Kind::checkpoint, sequence});
    for (auto const& place : places) {
      auto const report = replay(place);
      ASSERT_TRUE(report) << "from " << place.sequence << ": " << report.error().detail;
      ASSERT_FALSE(report->divergence)
          << "from " << place.sequence << ": " << describe(*report->divergence);
      EXPECT_EQ(report->session->fingerprint(), life) << "from " << place.sequence;
    }
    for (auto const& run : log->runs(id).value())
      if (run != session->state().run) expect_replays(run);
  }
  /// The same of a run that has ended.
  void expect_replays(RunId const& run) const {
    std::vector<ReplayFrom> places{{ReplayFrom::Kind::start, 0, run}};
    for (auto const sequence : log->checkpoints(id, run).value())
      places.push_back({ReplayFrom::Kind::checkpoint, sequence, run});
    std::optional<std::string> first;
    for (auto const& place : places) {
      auto const report = replay(place);
      ASSERT_TRUE(report) << to_string(run) << ": " << report.error().detail;
      ASSERT_FALSE(report->divergence) << to_string(run) << ": " << describe(*report->divergence);
      auto const fingerprint = report->session->fingerprint();
      EXPECT_EQ(fingerprint, first.value_or(fingerprint)) << to_string(run);
      first = fingerprint;
    }
  }
  [[nodiscard]] Events history() const { return history(log->head(id).value()->run); }
  [[nodiscard]] Events history(RunId const& run) const {
    Events events;
    auto const read =
        storage::read_verified(*log, id, run, 1, storage::Reading::run, [&](auto const& step) {
          events.insert(events.end(), step.step.events.begin(), step.step.events.end());
          return true;
        });
    EXPECT_TRUE(read) << read.error().detail;
    return events;
  }

  SessionId id{"default", "played"};
  WorkflowDefinition workflow;
  PolicySet policy = permit_all();
  std::vector<PolicySet> shadows;
  Registry registry;              ///< says what is known of tools
  AttemptWatch* watch = nullptr;  ///< says how attempts go; null: nobody has begun any
  std::uint64_t seed = 42;
  Time now = first_moment;
  std::shared_ptr<storage::MemoryStore> store = storage::make_memory_store(3);
  std::unique_ptr<storage::EventLog> log = storage::open_memory(store);
  std::unique_ptr<Session> session;

  std::vector<StartAttempt>
      attempts;  ///< released, oldest first; the test takes them out as it likes
  std::vector<GiveAnswer> answers;
  std::vector<StartChild> children;
  std::vector<TellChild> telling;
  std::optional<AnnounceEnd> end;
  std::vector<std::string> said;
  storage::Append last;  ///< what the newest step asked the log to do
  Time last_recorded_at;
  std::size_t steps = 0;

 private:
  [[nodiscard]] Ambient ambient() const {
    return {.now = now,
            .epoch = log->info().epoch,
            .policy = policy,
            .shadow_policies = shadows,
            .registry = &registry,
            .attempts = watch};
  }
  [[nodiscard]] SessionEnvironment environment() {
    return {[this](storage::Digest const& digest) { return log->artifact(id, digest); },
            [this](SessionId const&, std::string_view text) { said.emplace_back(text); }};
  }

  Result<Events> commit(StepResult step) {
    EXPECT_GE(step.recorded_at, last_recorded_at) << "log time ran backward";
    std::vector<StepResult> parts;
    parts.push_back(std::move(step));
    while (auto next = std::exchange(parts.back().continuation, std::nullopt)) {
      TRY(auto first, begin_next_run(std::move(*next)));
      parts.push_back(std::move(first));
    }
    std::vector<storage::Append> batch;
    for (auto const& part : parts) batch.push_back(part.append);
    TRY(auto receipt, log->append(batch));
    for (auto& one : receipt.each) TRY_VOID(std::move(one));
    ++steps;
    Events events;
    for (auto& part : parts) {
      last = std::move(part.append);
      last_recorded_at = part.recorded_at;
      for (auto& effect : part.effects) take_effect(effect);
      std::ranges::move(part.events, std::back_inserter(events));
    }
    session->durable_up_to(last.head.last_sequence);
    return events;
  }
  void take_effect(Effect& effect) {
    if (auto* const attempt = std::get_if<StartAttempt>(&effect))
      attempts.push_back(std::move(*attempt));
    if (auto* const answer = std::get_if<GiveAnswer>(&effect))
      answers.push_back(std::move(*answer));
    if (auto* const announced = std::get_if<AnnounceEnd>(&effect)) end = std::move(*announced);
    if (auto* const child = std::get_if<StartChild>(&effect)) children.push_back(std::move(*child));
    if (auto* const told = std::get_if<TellChild>(&effect)) telling.push_back(std::move(*told));
  }
  static Events expect(Result<Events> events) {
    EXPECT_TRUE(events) << events.error().detail;
    return events ? std::move(*events) : Events();
  }
};

}  // namespace dalsegno::engine::test
