#pragma once

#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "dalsegno/workflow.h"
#include "engine/policy/policy.h"
#include "engine/session/attempt_watch.h"
#include "engine/session/checkpoint.h"
#include "engine/session/divergence.h"
#include "engine/session/input.h"
#include "engine/session/state.h"
#include "engine/session/step_result.h"
#include "storage/event/codec.h"

#include <coroutine>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::vault {
class Intake;
}

namespace dalsegno::engine {

/// How often an attempt may be orphaned by ending processes before its operation fails.
inline constexpr std::uint32_t max_orphaned_attempts = 100;

/// Signals waiting in one session; one more is refused, unless a receiver waits for it.
inline constexpr std::size_t max_inbox = 10'000;

/// Updates of one session that were taken in and not dealt with; one more is refused.
inline constexpr std::size_t max_open_updates = 100;

/// Of a signal's name, producer key and principal together.
inline constexpr std::size_t max_signal_names_bytes = 64 * 1024;

/// Everything that is not in the session and its input: handed in, so that a session is a function
/// of what it is given.
struct Ambient {
  Time now;
  std::uint64_t epoch = 0;
  PolicySet const& policy;
  /// The newest time that the store is known to have recorded: policy is asked about no earlier
  /// one, so that a clock that was set back revives no permit that has expired.
  Time policy_not_before = {};
  std::span<PolicySet const> shadow_policies = {};  ///< asked beside `policy`, never obeyed
  /// For policy: counters over sessions and windows, resolvers; null: there are none.
  PolicyAmbient const* surroundings = nullptr;
  CallReservations* reservations = nullptr;  ///< of the same host; null: nobody counts
  Registry const* registry = nullptr;        ///< says what is known of tools; null: nothing
  /// Redacts what the workflow's code hands out; null: nothing does. Inputs come redacted.
  vault::Intake const* intake = nullptr;
  /// Where attempts are performed; null: nothing is known of those under way.
  AttemptWatch* attempts = nullptr;
};

/// How a session begins.
struct SessionStart {
  SessionId session;
  RunId run;
  RunId log_id;
  std::string input;  ///< JSON
  std::string principal;
  std::uint64_t random_seed = 0;
  storage::SessionSecret secret;
  /// Of the rules that redact what comes in; zero: none do.
  storage::Digest redaction = {};
  /// The end of the session's run before.
  std::optional<storage::Predecessor> follows = {};
  /// The session that asked for it; for it, where this is not a continuation, nothing is left to
  /// do once the start is durable.
  std::optional<storage::Origin> origin = {};
  bool continues = false;
  /// Recorded with the start, in the same step: what the session begins with.
  std::optional<SignalInput> first_signal = {};
  Time not_earlier = {};                ///< log time of the run before
  std::optional<Time> not_before = {};  ///< its code begins then
  CarriedOver carried = {};
};

/// What a session needs for its whole life.
struct SessionEnvironment {
  /// Bytes of an artifact that a recorded payload names. Only used for payloads too large for an
  /// event.
  std::function<Result<std::string>(storage::Digest const&)> load_artifact;
  /// Receives ctx.log() in life.
  std::function<void(SessionId const&, std::string_view)> log;
  /// Bytes of the run's checkpoint with this sequence: for replay, where redaction changed the
  /// state that the code produced.
  std::function<Result<std::string>(Sequence)> load_checkpoint = {};
};

/// What an operation has for another session, once it is permitted.
[[nodiscard]] StartChild start_of(SessionState const& state,
                                  OperationId id,
                                  Permit const& permit,
                                  std::shared_ptr<std::string const> input);

/// One session as a pure state machine: an input in, a step out; no I/O, no clock, no threads.
///
/// The same code runs in life and in replay: every command goes through `command`, which in life
/// makes an event and in replay compares with the recorded one. After `Errc` from any member the
/// session is of no use: drop it and read back what is true. Thread: one at a time.
class Session final : private detail::Host {
 public:
  /// A session that does not exist yet; `start` makes its first step.
  Session(WorkflowDefinition const& workflow,
          SessionStart const& start,
          SessionEnvironment environment);

  /// A session to be rebuilt from its log by `replay`, from its first step.
  Session(WorkflowDefinition const& workflow,
          SessionId session,
          RunId run,
          RunId log_id,
          storage::SessionSecret secret,
          SessionEnvironment environment);

  /// A session to be rebuilt from a checkpoint: `replay` begins with the step that holds its
  /// CheckpointTaken. Errors: Errc::corrupt when the checkpoint cannot be read.
  [[nodiscard]] static Result<std::unique_ptr<Session>> from_checkpoint(
      WorkflowDefinition const& workflow,
      std::string_view checkpoint,
      storage::SessionSecret secret,
      SessionEnvironment environment);

  /// A session as its events tell it, whose code is not there: it may only be ended.
  [[nodiscard]] static std::unique_ptr<Session> without_code(SessionState state,
                                                             storage::SessionSecret secret,
                                                             SessionEnvironment environment);

  Session(Session const&) = delete;
  Session& operator=(Session const&) = delete;
  ~Session();

  /// The first step. Errors: Errc::held when the workflow code is wrong (an exception that is no
  /// Failure).
  [[nodiscard]] Result<StepResult> start(Ambient const& ambient);

  /// Takes one input. nullopt: the input no longer means anything (its operation has ended) and
  /// nothing is to be done. Errors: Errc::ended, Errc::held, Errc::overloaded (inbox),
  /// Errc::too_large.
  [[nodiscard]] Result<std::optional<StepResult>> handle(Input const& input,
                                                         Ambient const& ambient);

  /// The timer that is due at `now` and comes before all others by (due, operation), if any. Due
  /// timers fire before a newer input is handled.
  [[nodiscard]] std::optional<TimerInput> due_timer(Time now) const;

  /// What the workflow's handler of that name answers, as JSON: no event, no change. Errors:
  /// Errc::not_found (no such handler), Errc::invalid (the handler refused the arguments, failed,
  /// or asked for more than to look), Errc::held, Errc::ended, Errc::too_large.
  [[nodiscard]] Result<std::string> query(std::string const& name, std::string const& arguments);

  /// Everything up to `last` is durable. Until it is told so, a session keeps large payloads of
  /// waiting signals itself: the log does not have them yet.
  void durable_up_to(Sequence last);

  /// Runs the code against one recorded step.
  /// Errors: Errc::diverged; `divergence()` tells where. Errc::newer_format for events that this
  /// version does not know.
  [[nodiscard]] Result<> replay(storage::DecodedStep const& recorded);
  [[nodiscard]] std::optional<Divergence> const& divergence() const { return divergence_; }

  [[nodiscard]] SessionState const& state() const { return state_; }
  [[nodiscard]] storage::SessionSecret const& secret() const { return secret_; }
  /// Of the state that replay must reproduce, workflow position included: equal states give equal
  /// texts.
  [[nodiscard]] std::string fingerprint() const;
  /// Attempts that were started and not ended, as far as the log knows.
  [[nodiscard]] std::vector<OrphanInput> open_attempts(std::string const& reason) const;
  [[nodiscard]] bool has_open_attempt() const;

 private:
  enum class Mode : std::uint8_t { live, replaying };
  /// Sets a flag for the length of a scope.
  class Raised {
   public:
    explicit Raised(bool& flag) : flag_(flag) { flag_ = true; }
    Raised(Raised const&) = delete;
    Raised& operator=(Raised const&) = delete;
    ~Raised() { flag_ = false; }

   private:
    bool& flag_;
  };
  struct Stop {};  // thrown through workflow code when it must not go on; never seen by users

  struct Ready {
    std::coroutine_handle<> handle;
    detail::TaskId task;
  };
  struct Task {
    detail::TaskId parent;
    detail::Shield shield;
  };
  /// What the code side knows of an operation that it issued.
  struct Issued {
    detail::TaskId task{};
    detail::Waiter* waiter = nullptr;
    std::optional<detail::Outcome> outcome;
    std::string name;                          // that the workflow gave it, or ""
    std::shared_ptr<std::string const> input;  // shared with the effects of its attempts
    std::optional<Time> deadline;              // of a receiver
    Sequence ended_at = 0;
    bool taken = false;
    bool lingers = false;  // no object stands for it any more, and it goes on all the same
  };
  /// An operation that the workflow named: it outlives the frame that issued it.
  struct Named {
    OperationId id{};
    storage::OperationKind kind{};
    std::string target;     // activity, model, tool or signal
    bool in_frame = false;  // the frame holds an object for it
  };

  [[nodiscard]] bool live() const { return mode_ == Mode::live; }

  // Inputs: which event they make; nullopt when they mean nothing any more.
  [[nodiscard]] Result<std::optional<StepResult>> handle_signal(SignalInput const& signal,
                                                                Ambient const& ambient);
  [[nodiscard]] Result<std::optional<StepResult>> handle_control(ControlInput const& control,
                                                                 Ambient const& ambient);
  [[nodiscard]] Result<> validate_update(SignalInput const& update);
  [[nodiscard]] Result<std::optional<StepResult>> handle_cancel(CancelInput const& cancel,
                                                                Ambient const& ambient);
  [[nodiscard]] Result<std::optional<StepResult>> handle_approval(ApprovalInput const& approval,
                                                                  Ambient const& ambient);
  [[nodiscard]] std::optional<storage::EventBody> body_of(ResultInput const& input,
                                                          OperationId id,
                                                          OpenOperation const* operation) const;
  [[nodiscard]] std::optional<storage::EventBody> body_of(FailureInput const& input,
                                                          OperationId id,
                                                          OpenOperation const* operation) const;
  [[nodiscard]] std::optional<storage::EventBody> body_of(TimerInput const& input,
                                                          OperationId id,
                                                          OpenOperation const* operation,
                                                          Ambient const& ambient);
  [[nodiscard]] storage::EventBody body_of_limit(TimerInput const& input,
                                                 OperationId id,
                                                 OpenOperation const& operation,
                                                 Ambient const& ambient);
  [[nodiscard]] std::optional<storage::EventBody> body_of(DeferInput const& input,
                                                          OperationId id,
                                                          OpenOperation const* operation) const;
  [[nodiscard]] std::optional<storage::EventBody> body_of(OrphanInput const& input,
                                                          OperationId id,
                                                          OpenOperation const* operation) const;
  [[nodiscard]] Result<std::optional<StepResult>> handle_outside(OutsideInput const& outside,
                                                                 Ambient const& ambient);
  [[nodiscard]] Result<std::optional<StepResult>> handle_promise(OutsideInput const& outside,
                                                                 Ambient const& ambient);
  [[nodiscard]] Result<std::optional<StepResult>> handle_resolution(ResolveInput const& resolve,
                                                                    Ambient const& ambient);
  [[nodiscard]] Result<std::optional<StepResult>> take_body(OperationId id,
                                                            storage::EventBody body,
                                                            Ambient const& ambient);
  [[nodiscard]] std::optional<storage::EventBody> body_of(ChildEndInput const& input,
                                                          OperationId id,
                                                          OpenOperation const* operation) const;
  [[nodiscard]] Result<std::optional<StepResult>> handle_parent(ParentInput const& input,
                                                                Ambient const& ambient);
  [[nodiscard]] static storage::Payload* result_payload(storage::EventBody& body);
  [[nodiscard]] std::chrono::microseconds retry_delay(OperationId id, std::uint32_t failed) const;

  // The loop: the input's event, then the code until nothing is ready.
  template <class Piece>
  void run(Piece piece);
  void run_input(OperationId id, storage::EventBody body);
  void take_input(storage::Event const& event);
  void act_on_controls(std::vector<storage::ControlAsked> const& asked);
  void begin_update(storage::Event const& event, storage::InputReceived const& body);
  void end_updates();
  void on_timer(OperationId id, storage::OperationKind kind);
  void on_approval_timer(OperationId id);
  void escalate_approvals(OperationId id);
  void end_approval(OperationId id, ApprovalAnswer const& answer, std::string const& rule);
  [[nodiscard]] bool ask_for_approval(OperationId id, storage::PolicyDecided const& decision);
  void again_or_fail(OperationId id,
                     std::optional<Time> retry_at,
                     std::string const& type,
                     std::string const& message);
  void fail_or_doubt(OperationId id, std::string const& type, std::string const& message);
  void fail_operation(OperationId id, std::string const& type, std::string const& message);
  void act_on_resolution(OperationId id);
  void complete(OperationId id, Sequence sequence, storage::Payload const& result);
  void take_delivery();
  void end_operation(OperationId id, detail::Outcome outcome);
  void begin_attempt(OperationId id);
  void enter(std::string input);
  void drain();
  void leave();
  void end_frame();
  [[nodiscard]] Result<> carry(Checkpoint checkpoint);
  void cancel_dropped();
  void finish();
  void blame_code(std::string const& what);
  void cancel_open_operations(std::string const& reason);
  enum class SessionEnds : std::uint8_t { no, yes };
  void end_open(OperationId id, std::string const& reason, SessionEnds session_ends);
  [[nodiscard]] bool ask_to_end(OperationId id, std::string const& reason);
  void begin_child(OperationId id, Permit const& permit);
  void end_child(OperationId id, storage::ChildEnded const& ended);
  void end_promise(OperationId id, storage::PromiseSettled const& settled);
  void announce(AnnounceEnd end);
  void take_over();
  void go_on_from_copy();
  void begin_code(storage::SessionStarted const& started);
  void end_before_code();
  void terminate(std::string const& reason);
  void continue_run(std::string input);
  [[nodiscard]] CarriedOver carried_over() const;
  [[nodiscard]] storage::Errand errand(storage::ErrandKind kind, OperationId id) const {
    return {kind, state_.session, state_.run, id};
  }
  void errand_done(storage::ErrandKind kind, storage::Origin const& origin);
  void cancel_unshielded();
  [[nodiscard]] bool shielded(detail::TaskId task) const;
  void refuse_when_cancelled() const;

  // Events: in life they are made, in replay compared with the recorded ones.
  /// The event stays valid until the next command.
  storage::Event const& command(OperationId id, storage::EventBody body);
  void apply_event(storage::Event const& event);
  void note_timer(OperationId id, std::optional<Time> before, std::optional<Time> after);
  void note_timer_gone(OperationId id);
  [[nodiscard]] storage::Event const* next_recorded() const;
  void diverge(std::optional<storage::Event> recorded,
               std::optional<storage::Event> produced,
               std::vector<std::string> fields);
  [[nodiscard]] storage::Payload make_payload(std::string bytes);
  /// The slot for what the code hands out, and `bytes` as it is from here on: in life redacted, in
  /// replay what was recorded, if that can be what redaction made of `bytes`.
  [[nodiscard]] storage::Payload command_payload(std::string& bytes);
  [[nodiscard]] std::string redacted(std::string json);
  [[nodiscard]] std::string redacted_message(std::string_view text) const;
  [[nodiscard]] std::string recorded_state(std::string state, std::string const& bytes);
  [[nodiscard]] storage::Digest digest_of(std::string_view bytes) const;
  [[nodiscard]] std::string payload_text(storage::Payload const& payload);
  void begin_live_step(Ambient const& ambient, Sequence cause);
  [[nodiscard]] Result<StepResult> end_live_step();

  // detail::Host
  [[nodiscard]] SessionId const& session_id() const override { return state_.session; }
  [[nodiscard]] RunId const& run_id() const override { return state_.run; }
  OperationId issue(detail::Request request, std::string name) override;
  [[nodiscard]] std::optional<OperationId> find_named(detail::Request const& request,
                                                      std::string const& name);
  void issue_sleep(OperationId id, detail::SleepRequest sleep);
  void issue_call(OperationId id, detail::CallRequest call);
  void declare(storage::OperationRequested& call, ActivityOptions const& options) const;
  void issue_receive(OperationId id, detail::ReceiveRequest receive);
  void issue_approval(OperationId id, detail::ApprovalRequest asked);
  void issue_child(OperationId id, detail::ChildRequest asked);
  void issue_message(OperationId id, detail::MessageRequest message);
  [[nodiscard]] std::string addressee(OperationId id, detail::MessageRequest const& message);
  void issue_promise(OperationId id);
  storage::Payload input_of(OperationId id, std::string const& what, std::string input);
  [[nodiscard]] bool done(OperationId id) const override;
  [[nodiscard]] Sequence done_at(OperationId id) const override;
  void subscribe(OperationId id, detail::Waiter& waiter) override;
  void unsubscribe(OperationId id) noexcept override;
  detail::Outcome take(OperationId id) override;
  void collect_open(OperationId id, std::vector<OperationId>& open) const override;
  void collect_open(detail::TaskId task, std::vector<OperationId>& open) const override;
  void cancel(OperationId id, std::string const& reason) override;
  void forget(OperationId id) noexcept override;
  detail::TaskId begin_task(std::coroutine_handle<> entry, detail::Shield shield) override;
  void end_task(detail::TaskId task) override;
  void report_unseen(std::exception_ptr const& error) noexcept override;
  [[nodiscard]] detail::TaskId current_task() const override { return current_task_; }
  void make_ready(std::coroutine_handle<> handle, detail::TaskId task) override;
  [[nodiscard]] Time now() const override { return now_; }
  [[nodiscard]] Sequence now_sequence() const override { return state_.last_sequence; }
  std::uint64_t random() override;
  std::string record(std::string name, std::function<std::string()> const& read) override;
  std::string read_once(std::string const& name, std::function<std::string()> const& read);
  void set_attribute(std::string name, std::string json) override;
  void log(std::string_view message) override;
  void answer(Sequence turn, OperationId source, std::string json) override;
  [[nodiscard]] OperationId last_taken() const override { return last_taken_; }
  detail::CheckpointPlace checkpoint(std::string state) override;
  std::uint32_t version(std::string change, std::uint32_t oldest, std::uint32_t newest) override;
  void continue_as_new(std::string input) override;
  [[nodiscard]] std::size_t unread_signals() const override { return state_.inbox.size(); }
  [[nodiscard]] bool cancel_requested() const override { return state_.cancel_requested; }
  detail::QueryId add_query(std::string name, detail::Query query) override;
  void remove_query(detail::QueryId id) noexcept override;
  detail::UpdateId add_update(std::string name, detail::Update update) override;
  void remove_update(detail::UpdateId id) noexcept override;
  [[nodiscard]] std::string token_of(OperationId promise) const override;
  [[nodiscard]] std::optional<std::string> stored(std::string const& key) override;
  void store(std::string key, std::optional<std::string> json) override;
  [[nodiscard]] std::vector<std::string> stored_keys(std::string_view prefix) const override;
  detail::ConditionId add_condition(std::function<bool()> holds) override;
  void remove_condition(detail::ConditionId id) noexcept override;
  void wait_for_condition(detail::ConditionId id, detail::Waiter* waiter) noexcept override;
  [[nodiscard]] Sequence condition_met_at(detail::ConditionId id) const override;
  void take_condition(detail::ConditionId id) override;
  struct Condition;
  void look_at(Condition& condition);
  [[nodiscard]] bool wake_condition();
  void cancel_conditions();
  void refuse_in_query() const;
  [[nodiscard]] std::vector<FinishedOperation> finished_operations() const;
  void forget_name(OperationId id, Issued const& issued);
  void count_command();

  // Set in the constructor.
  WorkflowDefinition const& workflow_;
  SessionEnvironment environment_;
  storage::SessionSecret secret_;
  storage::KeyedDigester digester_;
  std::optional<SessionStart> start_;
  Context context_{*this};

  SessionState state_;
  std::uint64_t random_position_ = 0;
  OperationId last_taken_ = OperationId::none;
  std::deque<std::pair<Sequence, storage::StoredArtifact>>
      not_yet_durable_;  // of signals in the inbox

  // The code. Frames refer to what stands above; `root_` is destroyed before it.
  std::optional<Delivery> delivery_;  // what the newest event brought together
  std::map<OperationId, Issued> issued_;
  std::map<std::string, Named> named_;  // open, or ended and not taken
  std::vector<OperationId> dropped_;    // open, but the code holds no object for them any more
  std::map<detail::TaskId, Task> tasks_;
  std::uint32_t last_task_ = 0;
  std::deque<Ready> ready_;
  detail::TaskId current_task_ = detail::TaskId::root;
  std::uint64_t commands_since_entry_ = 0;
  /// Changes that the frame came by where the log has no choice: it began before the change.
  std::set<std::string> oldest_versions_;
  struct Handler {
    detail::QueryId id{};
    detail::Query query;
  };
  std::map<std::string, Handler, std::less<>> queries_;
  struct UpdateHandler {
    detail::UpdateId id{};
    detail::Update update;
  };
  std::map<std::string, UpdateHandler, std::less<>> update_handlers_;
  std::uint64_t last_handler_ = 0;
  /// What a part of the code waits for without asking anybody.
  struct Condition {
    std::function<bool()> holds;
    detail::TaskId task{};
    detail::Waiter* waiter = nullptr;
    Sequence met_at = 0;  // 0: not yet
    bool cancelled = false;
  };
  std::map<detail::ConditionId, Condition> conditions_;  // in the order in which they were added
  std::uint64_t last_condition_ = 0;
  bool querying_ = false;                  // or validating: code may only look
  std::vector<Sequence> ended_updates_;    // and nobody was told
  bool at_entry_ = true;                   // no checkpoint yet since the frame was entered
  std::optional<std::string> next_entry_;  // a checkpoint ended the frame: enter again with this
  std::optional<std::string> next_run_;    // the run ends: the next one begins with this
  bool entered_ = false;                   // the code has begun
  bool stopped_ = false;                   // no workflow code may run any more
  std::optional<Error> step_error_;        // why the step under way cannot be used
  std::optional<Divergence> divergence_;

  // The step under way.
  Mode mode_ = Mode::live;
  Time now_;
  std::uint64_t epoch_ = 0;
  Sequence cause_ = 0;
  Ambient const* ambient_ = nullptr;          // live only
  std::vector<storage::Event> events_;        // live: made so far
  std::span<storage::Event const> recorded_;  // replaying: the step's events …
  std::size_t recorded_next_ = 0;             // … and how many were matched
  std::vector<Effect> effects_;
  std::vector<storage::StoredArtifact> artifacts_;
  std::vector<storage::StoredCheckpoint> checkpoints_;
  std::vector<storage::ProducerKey> producer_keys_;
  std::vector<storage::VaultRecord> vault_;
  std::vector<storage::VaultRecord> input_vault_;  // that the input under way brings along
  std::vector<storage::Errand> input_errands_;     // that it comes from: done once it is recorded
  std::vector<storage::Errand> errands_set_;
  std::vector<storage::Errand> errands_done_;
  std::optional<Continuation> continuation_;
  std::map<OperationId, std::pair<std::optional<Time>, std::optional<Time>>>
      timers_;  // before, after

  Workflow<std::string> root_;
  /// An update that a handler deals with; its frame may refer to the root's.
  struct OpenUpdate final : detail::Waiter {
    OpenUpdate(Session& the_session, Sequence the_sequence, Workflow<std::string> the_body)
        : session(the_session), sequence(the_sequence), body(std::move(the_body)) {}
    void done() override;

    Session& session;
    Sequence sequence;
    Workflow<std::string> body;
    detail::TaskId task{};
  };
  std::map<Sequence, std::unique_ptr<OpenUpdate>> open_updates_;
};

}  // namespace dalsegno::engine
