#pragma once

#include "dalsegno/queues.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "engine/policy/policy.h"
#include "engine/runtime/entropy.h"
#include "engine/runtime/shard.h"
#include "engine/runtime/waiters.h"
#include "engine/session/step_result.h"
#include "storage/log/event_log.h"

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::vault {
class Intake;
}

namespace dalsegno::engine {

struct AttemptEnd;
class ActivityPool;
class CallCounters;
class Errands;
class TimerService;
class Watchdog;

struct EngineOptions {
  unsigned shards = 1;
  unsigned activity_threads = 8;
  std::vector<QueueOptions> queues = {};  ///< see include/dalsegno/queues.h
  /// While so many calls wait to be performed, no session is started.
  std::size_t max_waiting_calls = 200'000;
  std::size_t max_idle_sessions = 1'000;  ///< kept in memory though they only wait, over all shards
  /// While no more sessions of a shard than these have something under way, it does not sleep
  /// before a short call can have ended, and waits for the disk itself: waking other threads would
  /// take longer. 0: never.
  std::size_t hurry_up_to = 2;
  /// Where runs whose code kills the process are marked; empty: nowhere.
  std::filesystem::path marker_file;
  /// A step that takes longer ends the process, its run marked (watchdog.h). 0, or without
  /// `marker_file`: none does.
  std::chrono::milliseconds step_limit{0};
  std::function<Time()> now;                    ///< null: the machine's clock
  Entropy entropy = {};                         ///< null: the machine's
  Threads threads = Threads::own;               ///< none: see engine_steps.h
  std::vector<PolicySet> shadow_policies = {};  ///< asked beside the one that decides, never obeyed
  /// Redacts what comes into sessions and what their code hands out, before it is recorded or sent;
  /// outlives the engine. Null: nothing is redacted, and permits that ask for it deny.
  vault::Intake const* intake = nullptr;
  /// What people should know: ctx.log() and what went wrong with a session. Called on several
  /// threads.
  std::function<void(SessionId const&, std::string_view)> say;
  /// Called with each durable step, one after the other in commit order, before its effects
  /// are released.
  std::function<void(SessionId const&, std::span<storage::Event const>)> on_durable;
};

/// Runs the sessions of one store: shards, committer, activity pool, timers. One engine to a store.
/// Thread: any, but for `stop` and the destructor.
class Engine {
 public:
  /// Records the policy as active if it is not yet, takes up open sessions, fires what is past due,
  /// then begins. Errors: Errc::invalid for a wrong queue; Errc::denied when the policy is not
  /// active, and the store has operators to activate it; those of the log.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> start(storage::EventLog& log,
                                                             Registry const& registry,
                                                             PolicySet policy,
                                                             EngineOptions options);
  Engine(Engine const&) = delete;
  Engine& operator=(Engine const&) = delete;
  ~Engine();

  /// Starts a session; a repeated request gets the same run, another one under the same name
  /// Errc::conflict. `done` is called once, on a thread of the engine, when it is durable or
  /// refused.
  void start_session(StartRequest request, OnReceipt done);
  /// Errors: Errc::invalid (the payload is not JSON), Errc::not_found, Errc::ended, Errc::held,
  /// Errc::overloaded, Errc::too_large, Errc::unavailable.
  void signal(SessionId session, SignalInput input, OnReceipt done);
  /// A signal and the answer that the workflow gives to it, or an update and its result (of one
  /// that failed: Errc::failed); the answer to a repeated one is the
  /// recorded one.
  void ask(SessionId const& session, SignalInput input, OnReceipt recorded, Waiters::OnAnswer done);
  /// A session that begins with a signal or an update (StartRequest::first), and what comes of
  /// that: as `ask`.
  void ask_first(StartRequest request, OnReceipt recorded, Waiters::OnAnswer done);
  void wait_for_end(SessionId const& session, Waiters::OnEnd done);
  /// Asks a session to end; a repeated request is acknowledged once more. Errors: Errc::not_found,
  /// Errc::ended, Errc::held, Errc::too_large, Errc::unavailable.
  void cancel(SessionId session, CancelInput input, OnReceipt done);
  /// Pauses a session, lets it go on, cancels or terminates it; what is so already is acknowledged
  /// once more. A held one can be terminated. Errors: those of check_control
  /// (engine/session/control_step.h), Errc::not_found, Errc::unavailable.
  void control(SessionId session, ControlInput input, OnReceipt done);
  /// Somebody grants or denies a request for approval. Errors: those of `check_answer`
  /// (engine/session/approval.h), Errc::held, Errc::unavailable.
  void answer_approval(SessionId session, ApprovalInput input, OnReceipt done);
  void release(SessionId session, std::string by, std::string reason, OnReceipt done);
  /// Forks a session, or lets it begin again. Errors: those of plan_fork (engine/fork/fork.h),
  /// Errc::no_space, Errc::unavailable.
  void fork(ForkRequest request, std::function<void(Result<Fork>)> done);
  /// Asks the workflow's handler of that name; records nothing. A session that is not in memory is
  /// brought there. Errors: those of Session::query; Errc::not_found, Errc::overloaded,
  /// Errc::unavailable.
  void query(SessionId session,
             std::string name,
             std::string arguments,
             std::function<void(Result<std::string>)> done);
  /// Somebody outside, with a token from ActivityContext::complete_later, ends the attempt, or says
  /// that they are at it. Of `what`, operation and attempt are the token's. Errors: Errc::invalid
  /// (no token, no JSON), Errc::not_found, Errc::denied (nobody was given this token), Errc::ended
  /// (the attempt, and so the token, or the session), Errc::held, Errc::too_large,
  /// Errc::unavailable.
  void end_from_outside(std::string const& token,
                        decltype(OutsideInput::what) what,
                        OnReceipt done);
  /// A person says what is to become of an operation in doubt. Errors: those of check_resolution
  /// (engine/session/doubt.h), Errc::not_found, Errc::ended, Errc::held, Errc::unavailable.
  void resolve(SessionId session, ResolveInput input, OnReceipt done);

  // The same, waiting.
  [[nodiscard]] Result<Receipt> start_session(StartRequest request);
  [[nodiscard]] Result<Receipt> signal(SessionId session, SignalInput input);
  [[nodiscard]] Result<std::string> ask(SessionId session, SignalInput input);
  [[nodiscard]] Result<std::string> ask_first(StartRequest request);
  [[nodiscard]] Result<Receipt> control(SessionId session, ControlInput input);
  [[nodiscard]] Result<AnnounceEnd> wait_for_end(SessionId const& session);
  [[nodiscard]] Result<Receipt> cancel(SessionId session, CancelInput input);
  [[nodiscard]] Result<Receipt> answer_approval(SessionId session, ApprovalInput input);
  [[nodiscard]] Result<Receipt> release(SessionId session, std::string by, std::string reason);
  [[nodiscard]] Result<Fork> fork(ForkRequest request);
  [[nodiscard]] Result<std::string> query(SessionId session,
                                          std::string name,
                                          std::string arguments);
  [[nodiscard]] Result<Receipt> end_from_outside(std::string const& token,
                                                 decltype(OutsideInput::what) what);
  [[nodiscard]] Result<Receipt> resolve(SessionId session, ResolveInput input);

  /// What waits to be performed, and what is.
  [[nodiscard]] std::vector<QueueStatus> queues() const;

  /// Waits for attempts under way, makes everything durable, then ends. Who still waits gets
  /// Errc::unavailable.
  void stop();
  /// Why nothing is acknowledged any more: the log refused a write, or a read without which
  /// something that nobody sends again would be lost.
  [[nodiscard]] std::optional<Error> failure() const;

 private:
  friend class EngineSteps;

  Engine(storage::EventLog& log, Registry const& registry, PolicySet policy, EngineOptions options);

  [[nodiscard]] Result<> activate_policy();
  [[nodiscard]] Result<> count_calls();
  void uncount(StepResult const& step);
  [[nodiscard]] Result<> hold_poisoned();
  [[nodiscard]] Result<bool> workflow_moved(SessionId const& session,
                                            storage::Head const& head,
                                            Sequence sequence) const;
  [[nodiscard]] Result<> recover();
  void deliver(SessionId const& session, RunId const& run, AttemptEnd ended);
  void release_effects(std::span<PendingStep> steps, std::span<Result<> const> results, bool fatal);
  void abandon_attempts(StepResult const& step);
  [[nodiscard]] Result<std::string> token_of(StartAttempt const& attempt) const;
  [[nodiscard]] bool continues(SessionId const& session, StepResult const& step) const;
  void announce(SessionId const& session, StepResult const& step);
  void run_errands();
  void fail(Error const& error);
  [[nodiscard]] std::optional<Error> refusal() const;
  [[nodiscard]] Result<VaultRecords> take_in(SessionId const& session,
                                             std::string_view what,
                                             std::string& payload) const;
  [[nodiscard]] Result<VaultRecords> take_in_signal(SessionId const& session,
                                                    SignalInput& input) const;
  void redact(std::string& text) const;
  [[nodiscard]] Shard& shard_of(SessionId const& session) const;
  [[nodiscard]] std::size_t shard_index(SessionId const& session) const;
  [[nodiscard]] Result<AnnounceEnd> read_end(SessionId const& session,
                                             storage::Head const& head) const;
  [[nodiscard]] OnReceipt and_wait(SessionId const& session,
                                   OnReceipt recorded,
                                   Waiters::OnAnswer done);
  void find_answer(SessionId const& session, RunId const& run, Sequence turn);

  // Set in the constructor.
  storage::EventLog& log_;
  Registry const& registry_;
  PolicySet policy_;
  EngineOptions options_;
  std::unique_ptr<MarkerFile> markers_;
  std::atomic<Time> newest_;                // that this process has seen, or the log had before it
  std::unique_ptr<CallCounters> counters_;  // null: the policy asks for none
  Waiters waiters_;
  std::atomic<bool> stopping_ = false;
  // Guarded by failure_mutex_.
  mutable std::mutex failure_mutex_;
  std::optional<Error> failure_;

  // Threads; made in this order, ended in the other.
  std::unique_ptr<Committer> committer_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<ActivityPool> pool_;
  std::unique_ptr<TimerService> timers_;
  std::unique_ptr<Errands> errands_;    // used by the threads
  std::unique_ptr<Watchdog> watchdog_;  // null: a step may take as long as it likes
  bool stopped_ = false;
};

}  // namespace dalsegno::engine
