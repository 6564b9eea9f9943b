#pragma once

// Writing workflows: coroutines of type Workflow<T> that take a Context and ask it for everything
// that is not pure computation. A workflow is deterministic: given the same recorded events it
// issues the same commands in the same order. So: no clock but ctx.now(), no randomness but
// ctx.random() and ctx.uuid(), no I/O but in activities, no iteration over unordered containers, no
// threads, no other kind of coroutine.

#include "dalsegno/activity.h"
#include "dalsegno/child.h"
#include "dalsegno/errors.h"
#include "dalsegno/ids.h"
#include "dalsegno/keyed_store.h"
#include "dalsegno/payload.h"
#include "dalsegno/until.h"
#include "dalsegno/workflow_host.h"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno {

// ---- Workflow<T> ----

namespace detail {

class WorkflowPromiseBase {
 public:
  std::suspend_always initial_suspend() noexcept { return {}; }

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      auto& promise = ended.promise();
      if (promise.awaited_by) return promise.awaited_by;
      if (promise.on_end != nullptr) promise.on_end->done();
      return std::noop_coroutine();
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }

  std::coroutine_handle<> awaited_by;  ///< the workflow that awaits this one, if any
  Waiter* on_end = nullptr;            ///< else who wants to know that it ended
  std::exception_ptr error;
};

template <class T>
class WorkflowPromise : public WorkflowPromiseBase {
 public:
  std::coroutine_handle<WorkflowPromise> get_return_object() {
    return std::coroutine_handle<WorkflowPromise>::from_promise(*this);
  }
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    if (error) std::rethrow_exception(error);
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class WorkflowPromise<void> : public WorkflowPromiseBase {
 public:
  std::coroutine_handle<WorkflowPromise> get_return_object() {
    return std::coroutine_handle<WorkflowPromise>::from_promise(*this);
  }
  void return_void() noexcept {}
  void take() {
    if (error) std::rethrow_exception(error);
  }
};

}  // namespace detail

/// A durable coroutine. It starts when it is awaited, spawned, or entered by the engine. Move-only;
/// owns its frame. Parameters are taken by value (the Context by reference): they must outlive the
/// caller's temporaries.
template <class T = void>
class [[nodiscard]] Workflow {
 public:
  using promise_type = detail::WorkflowPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;
  using value_type = T;

  Workflow() = default;
  Workflow(Handle handle) : handle_(handle) {}  // NOLINT: made by the promise
  Workflow(Workflow&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Workflow& operator=(Workflow&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  Workflow(Workflow const&) = delete;
  Workflow& operator=(Workflow const&) = delete;
  ~Workflow() { reset(); }

  // Awaiting a workflow from a workflow runs it as a part of the caller.
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
    handle_.promise().awaited_by = caller;
    return handle_;
  }
  T await_resume() { return handle_.promise().take(); }

  // For the engine.
  [[nodiscard]] Handle handle() const { return handle_; }
  [[nodiscard]] bool done() const { return handle_ && handle_.done(); }
  void reset() {
    if (handle_) std::exchange(handle_, {}).destroy();
  }

 private:
  Handle handle_;
};

// ---- operations ----

/// Something a workflow can wait for: a call, a sleep, a signal. It is issued, and gets its number,
/// when it is awaited or handed to `all` or `any`, in the order in which it stands there. Await it
/// once.
template <class T>
class [[nodiscard]] Operation {
 public:
  using value_type = T;
  using Decode = T (*)(detail::Outcome const&);

  Operation(detail::Host& host, detail::Request request, Decode decode)
      : host_(&host), request_(std::move(request)), decode_(decode) {}
  Operation(Operation&& other) noexcept
      : host_(other.host_),
        request_(std::move(other.request_)),
        name_(std::move(other.name_)),
        decode_(other.decode_),
        id_(std::exchange(other.id_, OperationId::none)),
        begun_(std::exchange(other.begun_, false)) {}
  Operation(Operation const&) = delete;
  Operation& operator=(Operation const&) = delete;
  Operation& operator=(Operation&&) = delete;
  ~Operation() {
    if (id_ != OperationId::none) host_->forget(id_);
  }

  /// Gives the operation a name, by which it lasts over checkpoints: it goes on when this object
  /// goes, and where the workflow issues an operation of that name, kind and activity (or signal)
  /// again, also in a later frame, it gets the one that is under way or has ended, as it was asked
  /// for first, and nothing is issued. Open until its result is taken, it is cancelled, or the
  /// session ends. Not empty; one object at a time stands for it.
  [[nodiscard]] Operation named(std::string name) && {
    if (id_ != OperationId::none) throw WorkflowError("an operation was named after it was issued");
    if (name.empty()) throw WorkflowError("the name of an operation is empty");
    name_ = std::move(name);
    return std::move(*this);
  }
  /// Issues it now; await it, or hand it to `all` or `any`, later.
  void begin() {
    start();
    begun_ = true;
  }

  /// Cancels it, if it was issued and is still open: awaiting it then throws Cancelled.
  void cancel() {
    if (id_ != OperationId::none) host_->cancel(id_, "the workflow cancelled it");
  }

  // Pieces from which `co_await`, `all` and `any` are made.
  void start() {
    if (std::exchange(begun_, false)) return;
    if (id_ != OperationId::none) throw WorkflowError("an operation was awaited twice");
    id_ = host_->issue(std::move(request_), std::move(name_));
  }
  [[nodiscard]] bool done() const { return host_->done(id_); }
  [[nodiscard]] std::uint64_t done_at() const { return host_->done_at(id_); }
  void subscribe(detail::Waiter& waiter) { host_->subscribe(id_, waiter); }
  void unsubscribe() noexcept { host_->unsubscribe(id_); }
  void collect_open(std::vector<OperationId>& open) const { host_->collect_open(id_, open); }
  void let_go() noexcept {}
  T take() { return decode_(host_->take(id_)); }

  struct Awaiter : detail::Waiter {
    explicit Awaiter(Operation& awaited) : operation(awaited) {}
    Awaiter(Awaiter const&) = delete;
    Awaiter& operator=(Awaiter const&) = delete;
    ~Awaiter() override {
      if (subscribed) operation.unsubscribe();  // the frame may go before the operation does
    }
    bool await_ready() {
      operation.start();
      return operation.done();
    }
    void await_suspend(std::coroutine_handle<> caller) {
      resume_here(*operation.host_, caller);
      operation.subscribe(*this);
      subscribed = true;
    }
    T await_resume() { return operation.take(); }
    Operation& operation;
    bool subscribed = false;
  };
  Awaiter operator co_await() & { return Awaiter(*this); }
  Awaiter operator co_await() && { return Awaiter(*this); }

 private:
  template <class>
  friend class Promise;

  detail::Host* host_;
  detail::Request request_;
  std::string name_;
  Decode decode_;
  OperationId id_ = OperationId::none;
  bool begun_ = false;  // issued ahead of being awaited
};

/// Something that somebody else will bring: whoever has its token, in another session
/// (Context::resolve) or in any program (Runtime::resolve_promise). Await it like any operation.
/// Throws (from co_await): PromiseRejected, Cancelled.
template <class T>
class [[nodiscard]] Promise : public Operation<T> {
 public:
  explicit Promise(Operation<T> issued) : Operation<T>(std::move(issued)) {}

  /// "dalsegno-promise-" and letters, digits, '-' and '_', at most 600 of them. The same wherever
  /// the code asks, also in a later frame. Whoever has it may keep the promise, once; it stands in
  /// the log where the workflow hands it out.
  [[nodiscard]] std::string token() const { return this->host_->token_of(this->id_); }
};

/// A workflow that runs beside its parent. Await it for its result; when it is dropped its frame is
/// destroyed and what it still waited for is cancelled.
template <class T>
class [[nodiscard]] Spawned {
 public:
  using value_type = T;

  Spawned(detail::Host& host, Workflow<T> body, detail::Shield shield)
      : state_(std::make_unique<State>(host, std::move(body), shield)) {}

  void start() {}  // runs since it was spawned
  [[nodiscard]] bool done() const { return state_->body.done(); }
  [[nodiscard]] std::uint64_t done_at() const { return state_->ended_at; }
  void subscribe(detail::Waiter& waiter) { state_->waiter = &waiter; }
  void unsubscribe() noexcept { state_->waiter = nullptr; }
  void collect_open(std::vector<OperationId>& open) const {
    state_->host.collect_open(state_->task, open);
  }
  /// Destroys the frame.
  void let_go() noexcept {
    state_->host.end_task(state_->task);
    state_->body.reset();
  }
  T take() {
    state_->taken = true;
    return state_->body.handle().promise().take();
  }

  struct Awaiter : detail::Waiter {
    explicit Awaiter(Spawned& awaited) : spawned(awaited) {}
    Awaiter(Awaiter const&) = delete;
    Awaiter& operator=(Awaiter const&) = delete;
    ~Awaiter() override {
      if (subscribed) spawned.unsubscribe();
    }
    [[nodiscard]] bool await_ready() const { return spawned.done(); }
    void await_suspend(std::coroutine_handle<> caller) {
      resume_here(spawned.state_->host, caller);
      spawned.subscribe(*this);
      subscribed = true;
    }
    T await_resume() { return spawned.take(); }
    Spawned& spawned;
    bool subscribed = false;
  };
  Awaiter operator co_await() & { return Awaiter(*this); }
  Awaiter operator co_await() && { return Awaiter(*this); }

 private:
  struct State : detail::Waiter {
    State(detail::Host& the_host, Workflow<T> the_body, detail::Shield shield)
        : host(the_host), body(std::move(the_body)) {
      body.handle().promise().on_end = this;
      task = host.begin_task(body.handle(), shield);
    }
    State(State const&) = delete;
    State& operator=(State const&) = delete;
    ~State() {
      // What nobody awaited failed unseen: the session says so if it was a bug.
      if (body.done() && !taken) host.report_unseen(body.handle().promise().error);
      host.end_task(task);
    }
    void done() override {
      ended_at = host.now_sequence();
      host.end_task(task);
      if (waiter != nullptr) waiter->done();
    }

    detail::Host& host;
    Workflow<T> body;
    detail::TaskId task{};
    std::uint64_t ended_at = 0;
    bool taken = false;
    detail::Waiter* waiter = nullptr;
  };
  std::unique_ptr<State> state_;
};

namespace detail {

template <class T>
using NotVoid = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class Part>
NotVoid<typename Part::value_type> take_value(Part& part) {
  if constexpr (std::is_void_v<typename Part::value_type>) {
    part.take();
    return {};
  } else {
    return part.take();
  }
}

/// Waits for several parts; `needed` of them must be done.
class Gate : public Waiter {
 public:
  Gate() = default;
  Gate(Gate const&) = delete;
  Gate& operator=(Gate const&) = delete;
  ~Gate() override = default;

  void open_after(std::size_t needed) { missing_ = needed; }
  [[nodiscard]] bool is_open() const { return missing_ == 0; }
  void wait(Host& host, std::coroutine_handle<> caller) { resume_here(host, caller); }
  void done() override {
    if (missing_ == 0) return;
    if (--missing_ == 0) Waiter::done();
  }

 private:
  std::size_t missing_ = 0;
};

template <class... Parts>
class [[nodiscard]] All {
 public:
  All(Host& host, Parts... parts) : host_(host), parts_(std::move(parts)...) {}

  bool await_ready() {
    std::size_t open = 0;
    std::apply([&](auto&... part) { ((part.start(), open += part.done() ? 0U : 1U), ...); },
               parts_);
    gate_.open_after(open);
    return gate_.is_open();
  }
  void await_suspend(std::coroutine_handle<> caller) {
    gate_.wait(host_, caller);
    std::apply([&](auto&... part) { ((part.done() ? void() : part.subscribe(gate_)), ...); },
               parts_);
  }
  auto await_resume() {
    return std::apply(
        [](auto&... part) {
          return std::tuple<NotVoid<typename Parts::value_type>...>{take_value(part)...};
        },
        parts_);
  }

 private:
  Host& host_;
  std::tuple<Parts...> parts_;
  Gate gate_;
};

template <class Part>
class [[nodiscard]] AllOf {
 public:
  AllOf(Host& host, std::vector<Part> parts) : host_(host), parts_(std::move(parts)) {}

  bool await_ready() {
    std::size_t open = 0;
    for (auto& part : parts_) {
      part.start();
      open += part.done() ? 0U : 1U;
    }
    gate_.open_after(open);
    return gate_.is_open();
  }
  void await_suspend(std::coroutine_handle<> caller) {
    gate_.wait(host_, caller);
    for (auto& part : parts_) {
      if (!part.done()) part.subscribe(gate_);
    }
  }
  std::vector<NotVoid<typename Part::value_type>> await_resume() {
    std::vector<NotVoid<typename Part::value_type>> values;
    values.reserve(parts_.size());
    for (auto& part : parts_) values.push_back(take_value(part));
    return values;
  }

 private:
  Host& host_;
  std::vector<Part> parts_;
  Gate gate_;
};

template <class... Parts>
class [[nodiscard]] Any {
 public:
  using Value = std::variant<NotVoid<typename Parts::value_type>...>;

  Any(Host& host, Parts... parts) : host_(host), parts_(std::move(parts)...) {}

  bool await_ready() {
    std::apply([&](auto&... part) { (part.start(), ...); }, parts_);
    bool const ready = std::apply([](auto&... part) { return (part.done() || ...); }, parts_);
    gate_.open_after(ready ? 0 : 1);
    return ready;
  }
  void await_suspend(std::coroutine_handle<> caller) {
    gate_.wait(host_, caller);
    std::apply([&](auto&... part) { (part.subscribe(gate_), ...); }, parts_);
  }
  Value await_resume() { return settle(std::index_sequence_for<Parts...>{}); }

 private:
  template <std::size_t... indices>
  Value settle(std::index_sequence<indices...>) {
    // The winner is the part that the lowest event ended; among equals the first in order.
    std::size_t winner = sizeof...(indices);
    std::uint64_t winner_at = UINT64_MAX;
    auto const look = [&](auto& part, std::size_t index) {
      if (part.done() && part.done_at() < winner_at) {
        winner = index;
        winner_at = part.done_at();
      }
    };
    (look(std::get<indices>(parts_), indices), ...);
    std::vector<OperationId> open;
    auto const collect = [&](auto& part, std::size_t index) {
      if (index != winner && !part.done()) part.collect_open(open);
    };
    (collect(std::get<indices>(parts_), indices), ...);
    std::ranges::sort(open);
    for (auto const id : open) host_.cancel(id, "another one ended first");
    auto const let_go = [&](auto& part, std::size_t index) {
      if (index != winner && !part.done()) part.let_go();
    };
    (let_go(std::get<indices>(parts_), indices), ...);
    std::optional<Value> value;
    auto const take = [&]<std::size_t index>(std::integral_constant<std::size_t, index>) {
      if (index == winner)
        value.emplace(std::in_place_index<index>, take_value(std::get<index>(parts_)));
    };
    (take(std::integral_constant<std::size_t, indices>{}), ...);
    return std::move(*value);
  }

  Host& host_;
  std::tuple<Parts...> parts_;
  Gate gate_;
};

class [[nodiscard]] ContinueAwaiter {
 public:
  ContinueAwaiter(Host& host, std::string input) : host_(host), input_(std::move(input)) {}
  bool await_ready() {
    host_.continue_as_new(std::move(input_));
    return false;
  }
  void await_suspend(std::coroutine_handle<>) noexcept {}  // the run ends here
  void await_resume() noexcept {}

 private:
  Host& host_;
  std::string input_;
};

class [[nodiscard]] CheckpointAwaiter {
 public:
  CheckpointAwaiter(Host& host, std::string state) : host_(host), state_(std::move(state)) {}
  bool await_ready() { return host_.checkpoint(std::move(state_)) == CheckpointPlace::at_entry; }
  void await_suspend(std::coroutine_handle<>) noexcept {
  }  // the frame ends here: it is never resumed
  void await_resume() noexcept {}

 private:
  Host& host_;
  std::string state_;
};

}  // namespace detail

// ---- approvals ----

/// What a workflow asks people for.
struct Approval {
  std::string what;  ///< in a few words: "refund over 100"
  std::string why = {};
  Risk risk = Risk::undeclared;
  /// Roles, as names or globs, and people as "id:NAME". Empty: whoever may give approvals. Whom the
  /// session was started for may not, whoever is named here.
  std::vector<std::string> approvers = {};
  std::uint32_t quorum = 1;  ///< how many different people; one who denies is enough to deny
  std::optional<std::chrono::microseconds> expires = {};  ///< after so long; absent: never
  /// After so long without a decision `escalate_to` may answer, too.
  std::optional<std::chrono::microseconds> escalate_after = {};
  std::vector<std::string> escalate_to = {};
};

enum class ApprovalOutcome : std::uint8_t { granted, denied, expired };
BOOST_DESCRIBE_ENUM(ApprovalOutcome, granted, denied, expired)

/// What people answered. It must be looked at: nothing is thrown when they said no.
struct [[nodiscard]] ApprovalAnswer {
  ApprovalOutcome outcome = ApprovalOutcome::denied;
  std::vector<std::string> by;  ///< who granted, or who denied; nobody when it expired
  std::string reason;           ///< of the last of them

  [[nodiscard]] bool granted() const { return outcome == ApprovalOutcome::granted; }
};
BOOST_DESCRIBE_STRUCT(ApprovalAnswer, (), (outcome, by, reason))

// ---- Context ----

namespace detail {

/// A handler of queries or updates: it is there for as long as this lives.
template <class Id, void (Host::*remove)(Id) noexcept>
class [[nodiscard]] Handler {
 public:
  Handler(Host& host, Id id) : host_(&host), id_(id) {}
  Handler(Handler&& other) noexcept : host_(other.host_), id_(std::exchange(other.id_, Id::none)) {}
  Handler(Handler const&) = delete;
  Handler& operator=(Handler const&) = delete;
  Handler& operator=(Handler&&) = delete;
  ~Handler() {
    if (id_ != Id::none) (host_->*remove)(id_);
  }

 private:
  Host* host_;
  Id id_;
};

template <class T>
struct IsWorkflow : std::false_type {};
template <class T>
struct IsWorkflow<Workflow<T>> : std::true_type {};

}  // namespace detail

/// Answers a query, or takes updates, for as long as it lives: keep it beside what the handler
/// refers to.
using QueryHandler = detail::Handler<detail::QueryId, &detail::Host::remove_query>;
using UpdateHandler = detail::Handler<detail::UpdateId, &detail::Host::remove_update>;

namespace detail {
class BareMessages;
}  // namespace detail

/// What a workflow asks for everything outside of itself. Lives as long as the session is in
/// memory; use it only from the workflow it was given to.
class Context {
 public:
  explicit Context(detail::Host& host) : host_(host) {}
  Context(Context const&) = delete;
  Context& operator=(Context const&) = delete;

  [[nodiscard]] SessionId const& session() const { return host_.session_id(); }
  [[nodiscard]] RunId const& run() const { return host_.run_id(); }

  /// Calls an activity: durable, decided by policy before each attempt, retried as its options say.
  /// Throws (from co_await): PolicyDenied, ActivityFailed, Cancelled.
  template <class In, class Out, std::convertible_to<In> Arg>
  Operation<Out> call(Activity<In, Out> const& activity, Arg&& input) {
    return Operation<Out>(host_,
                          detail::CallRequest{detail::CallKind::activity,
                                              std::string(activity.name),
                                              to_json(static_cast<In>(std::forward<Arg>(input))),
                                              activity.options},
                          &decode_value<Out>);
  }

  /// Calls a model or a tool by name (known only when the model asks for it). As `call`.
  template <class Out, class In>
  Operation<Out> model(std::string name, In const& request, ActivityOptions options = {}) {
    return Operation<Out>(
        host_,
        detail::CallRequest{detail::CallKind::model, std::move(name), to_json(request), options},
        &decode_value<Out>);
  }
  template <class Out, class In>
  Operation<Out> tool(std::string name, In const& request, ActivityOptions options = {}) {
    return Operation<Out>(
        host_,
        detail::CallRequest{detail::CallKind::tool, std::move(name), to_json(request), options},
        &decode_value<Out>);
  }

  /// Asks people, who are shown `arguments`, and waits for days if need be; costs no memory and no
  /// thread meanwhile. Throws Cancelled.
  ///
  ///     auto const answer = co_await ctx.approval({.what = "refund over 100", .approvers =
  ///     {"desk-lead"}, .expires = 24h}, asked); if (!answer.granted()) co_return …;
  template <class In>
  Operation<ApprovalAnswer> approval(Approval asked, In const& arguments) {
    return approval_with_json(std::move(asked), to_json(arguments));
  }
  Operation<ApprovalAnswer> approval(Approval asked) {
    return approval_with_json(std::move(asked), "null");
  }

  /// Ends not before `now() + duration` (log time). Costs no memory and no thread while it waits.
  Operation<void> sleep(std::chrono::microseconds duration) { return sleep_until(after(duration)); }
  Operation<void> sleep_until(Time due) {
    return Operation<void>(
        host_, detail::SleepRequest{std::clamp(due, Time{}, last_time)}, &decode_nothing);
  }

  /// The next signal of that name ("*": of any name), in the order in which they were recorded.
  template <class T>
  Operation<T> receive(std::string signal) {
    return Operation<T>(
        host_, detail::ReceiveRequest{std::move(signal), std::nullopt}, &decode_value<T>);
  }
  /// The same, or nullopt once `timeout` has passed; a signal that comes later stays for the next
  /// receiver.
  template <class T>
  Operation<std::optional<T>> receive(std::string signal, std::chrono::microseconds timeout) {
    return Operation<std::optional<T>>(host_,
                                       detail::ReceiveRequest{std::move(signal), after(timeout)},
                                       &decode_unless_timed_out<T>);
  }
  /// A signal together with its sequence: what `answer` names.
  template <class T>
  Operation<std::pair<Sequence, T>> receive_with_sequence(std::string signal) {
    return Operation<std::pair<Sequence, T>>(
        host_, detail::ReceiveRequest{std::move(signal), std::nullopt}, &decode_with_sequence<T>);
  }

  /// Waits for all parts; results in their order. If some failed, throws the failure of the first
  /// of them, after all have ended. Parts are Operations or Spawned.
  template <class... Parts>
  detail::All<Parts...> all(Parts... parts) {
    return detail::All<Parts...>(host_, std::move(parts)...);
  }
  template <class Part>
  detail::AllOf<Part> all(std::vector<Part> parts) {
    return detail::AllOf<Part>(host_, std::move(parts));
  }
  /// Waits for the first part to end (by recorded order) and cancels the others in operation order.
  /// The result's index() is the winner; a failed winner throws.
  template <class... Parts>
  detail::Any<Parts...> any(Parts... parts) {
    return detail::Any<Parts...>(host_, std::move(parts)...);
  }
  /// Runs a workflow beside this one; it first runs when this one waits.
  template <class T>
  Spawned<T> spawn(Workflow<T> body) {
    return Spawned<T>(host_, std::move(body), detail::Shield::no);
  }
  /// The same, out of reach of a request to cancel the session: for what must be done before it
  /// ends, such as compensations.
  template <class T>
  Spawned<T> shield(Workflow<T> body) {
    return Spawned<T>(host_, std::move(body), detail::Shield::yes);
  }
  /// Whether somebody asked the session to end. What it waited for then threw Cancelled, and so
  /// does every new operation outside a shield; a workflow that lets Cancelled through ends as
  /// cancelled, one that returns has completed.
  [[nodiscard]] bool cancelled() const { return host_.cancel_requested(); }

  /// Which side of a change of this workflow's code the run is on: `newest` for one that comes here
  /// first with the new code (recorded), `oldest` for one that had passed here before the change.
  /// Stays the same until a checkpoint, from where on an old run is on the new side. A run whose
  /// version the code does not know any more (below `oldest` or above `newest`) is held.
  [[nodiscard]] std::uint32_t version(std::string change,
                                      std::uint32_t oldest,
                                      std::uint32_t newest) {
    return host_.version(std::move(change), oldest, newest);
  }

  /// Runs another workflow as a session of its own and gives its result: as `start_child`, awaited.
  template <class Out, class In>
  Operation<Out> call_child(std::string workflow, In const& input, ChildOptions options = {}) {
    return Operation<Out>(host_,
                          detail::ChildRequest{std::move(workflow),
                                               std::move(options.id),
                                               to_json(input),
                                               options.parent_close,
                                               options.on_cancel,
                                               options.reuse,
                                               false,
                                               std::nullopt},
                          &decode_child<Out>);
  }
  /// Starts another workflow as a session of its own, in the same tenant and for the same
  /// principal, once policy permits it ("session.start"); it is started once, whatever ends
  /// meanwhile. Await the operation for its result, now or later. When the operation's object goes,
  /// the child goes on: it ends with this run as `parent_close` says. What taints this session
  /// taints the child, and the other way round. Throws (from co_await): ChildFailed, PolicyDenied,
  /// Cancelled.
  template <class Out, class In>
  Operation<Out> start_child(std::string workflow, In const& input, ChildOptions options = {}) {
    auto child = call_child<Out>(std::move(workflow), input, std::move(options));
    child.begin();
    return child;
  }
  /// Starts another session without a tie to this one, perhaps later. Gives its name, once its
  /// start is durable; it need not be awaited. Throws (from co_await): ChildFailed when it could
  /// not be started, PolicyDenied, Cancelled.
  template <class In>
  Operation<std::string> start_detached(std::string workflow,
                                        In const& input,
                                        DetachedOptions options = {}) {
    detail::ChildRequest request;
    request.workflow = std::move(workflow);
    request.session = std::move(options.id);
    request.input = to_json(input);
    request.parent_close = ParentClose::abandon;
    request.on_cancel = OnCancel::abandon;
    request.reuse = options.reuse;
    request.detached = true;
    if (options.delay > std::chrono::microseconds(0)) request.not_before = after(options.delay);
    Operation<std::string> started(host_, std::move(request), &decode_child<std::string>);
    started.begin();
    return started;
  }

  /// Sends a signal to another session of the same tenant, once policy permits it
  /// ("session.signal", the resource is the session's name); ends once that session has recorded
  /// it. It gets it once, whatever ends meanwhile, and also when the operation's object goes. What
  /// taints this session taints that one from there on. Throws (from co_await): MessageFailed,
  /// PolicyDenied, Cancelled.
  template <class T>
  Operation<void> signal(std::string session, std::string name, T const& payload) {
    return message({detail::Ask::signal,
                    std::move(session),
                    std::move(name),
                    std::string(),
                    std::string(),
                    to_json(payload)});
  }
  /// The same; where there is no such session, or it has ended, it is started with the signal, in
  /// one write.
  template <class In, class T>
  Operation<void> signal_or_start(std::string session,
                                  std::string workflow,
                                  In const& input,
                                  std::string name,
                                  T const& payload) {
    return message({detail::Ask::signal,
                    std::move(session),
                    std::move(name),
                    std::move(workflow),
                    std::string(),
                    "{\"input\":" + to_json(input) + ",\"signal\":" + to_json(payload) + '}'});
  }

  /// A promise that others keep: hand out its token. Give it a name where it is to last over
  /// checkpoints (Operation::named). To wait no longer than so long:
  ///
  ///     auto paid = ctx.promise<Receipt>();
  ///     co_await ctx.call(ask_bank, paid.token());
  ///     auto const first = co_await ctx.any(std::move(paid), ctx.sleep(24h));
  template <class T>
  Promise<T> promise(std::string name = {}) {
    Operation<T> made(host_, detail::PromiseRequest{}, &decode_kept<T>);
    Operation<T> issued = name.empty() ? std::move(made) : std::move(made).named(std::move(name));
    issued.begin();
    return Promise<T>(std::move(issued));
  }
  /// Keeps a promise of another session of the same tenant, once policy permits it
  /// ("session.signal"); ends once that is recorded there, or it is found to be settled already.
  /// Throws (from co_await): MessageFailed, PolicyDenied, Cancelled; at once Failure("invalid")
  /// when the token is none.
  template <class T>
  Operation<void> resolve(std::string token, T const& value) {
    return message({detail::Ask::resolve,
                    std::string(),
                    std::string(),
                    std::string(),
                    std::move(token),
                    to_json(value)});
  }
  /// The same: whoever waits for it gets PromiseRejected.
  Operation<void> reject(std::string token, std::string type, std::string reason);

  /// Waits until a condition over the workflow's variables holds:
  ///
  ///     co_await ctx.until([&] { return waiting.empty(); });
  ///
  /// It may only look. `holds` is called often, so let it be cheap.
  Until until(std::function<bool()> holds) { return {host_, std::move(holds)}; }

  /// Values under keys, kept with the session.
  [[nodiscard]] KeyedStore store() { return KeyedStore(host_); }

  /// Ends this run and begins the next one of the session with `input`, in one step: nothing comes
  /// between them. Await it in the workflow itself, not in a spawned one; it does not return. What
  /// is open is cancelled, children are dealt with as their `parent_close` says; signals that were
  /// not received, attributes, taint and the counts that policies ask for are carried over.
  /// Throws Failure("inbox_too_full") when more than 5'000 signals or 16 MiB of them are unread,
  /// Cancelled, WorkflowError.
  template <class In>
  detail::ContinueAwaiter continue_as_new(In const& input) {
    return detail::ContinueAwaiter(host_, to_json(input));
  }
  /// Signals that were recorded and not received. Nothing is recorded between this and what the
  /// workflow does next without waiting: one that returns when it is 0 has left none unread.
  [[nodiscard]] std::size_t unread_signals() const { return host_.unread_signals(); }

  /// Log time of the step under way: the same for all that happens in it, and never running
  /// backward.
  [[nodiscard]] Time now() const { return host_.now(); }
  /// 64 random bits from the session's recorded seed (SplitMix64, Steele et al. 2014, indexed by
  /// position).
  [[nodiscard]] std::uint64_t random() { return host_.random(); }
  /// Uniform in [0, bound), bound > 0 (rejection sampling: no bias).
  [[nodiscard]] std::uint64_t random_below(std::uint64_t bound);
  /// Uniform in [0, 1), 53 bits.
  [[nodiscard]] double random_unit() { return static_cast<double>(random() >> 11U) * 0x1.0p-53; }
  /// A version 4 UUID (RFC 9562) from `random`.
  [[nodiscard]] std::string uuid();

  /// A value that is read once: `read` runs in life, its result is recorded, and replay gives it
  /// back. `read` does no I/O and issues no commands; a value from outside that needs I/O is an
  /// activity.
  template <class Read>
  auto record(std::string name, Read read) {
    using Value = std::invoke_result_t<Read&>;
    auto const json = host_.record(std::move(name), [&read] { return to_json(Value(read())); });
    return decode_text<Value>(json);
  }

  /// A searchable fact about the session.
  template <class T>
  void set_attribute(std::string name, T const& value) {
    host_.set_attribute(std::move(name), to_json(value));
  }

  /// Says something to the program's log; silent on replay.
  void log(std::string_view message) { host_.log(message); }

  /// The answer to the turn that came in as signal number `turn`; `source` is the model call whose
  /// output it is (last_operation() right after it). Recorded; the client gets it once that is
  /// durable.
  template <class T>
  void answer(Sequence turn, OperationId source, T const& content) {
    host_.answer(turn, source, to_json(content));
  }
  /// The operation whose result this workflow was given last.
  [[nodiscard]] OperationId last_operation() const { return host_.last_taken(); }

  /// Answers Runtime::query(session, name) from now on, until the handler that this returns goes:
  ///
  ///     auto const progress = ctx.on_query("progress", [&] { return done; });
  ///
  /// The handler looks at the workflow's variables and returns a value; a command in it is refused
  /// to who asked. Nothing is recorded and nothing moves. Throws WorkflowError when there is a
  /// handler of that name.
  template <class Answer>
  QueryHandler on_query(std::string name, Answer answer) {
    return {host_,
            host_.add_query(std::move(name), [answer = std::move(answer)](std::string const&) {
              return to_json(answer());
            })};
  }
  /// The same with arguments.
  template <class In, class Answer>
  QueryHandler on_query(std::string name, Answer answer) {
    return {host_,
            host_.add_query(std::move(name),
                            [answer = std::move(answer)](std::string const& arguments) {
                              return to_json(answer(decode_text<In>(arguments)));
                            })};
  }

  /// Takes updates of that name (Runtime::update) from now on, until the handler that this returns
  /// goes. `handle` gets the arguments and gives the result: a value, nothing, or a Workflow, which
  /// runs beside this one and may call, sleep and receive. `validate` looks at them first, before
  /// anything is recorded, and not on replay: what it throws is the refusal; a command in it is
  /// refused, too.
  ///
  ///     auto const adds = ctx.on_update<Line>(
  ///         "add",
  ///         [&](Line const& line) { if (order.closed) throw Failure("closed", "too late"); },
  ///         [&](Line line) -> Workflow<int> { co_await ctx.call(reserve, line); … });
  ///
  /// A Failure that `handle` throws goes to who asked; it does not end the workflow. An update that
  /// is under way when the run ends is not answered. Throws WorkflowError when there is a handler
  /// of that name.
  template <class In, class Validate, class Handle>
  UpdateHandler on_update(std::string name, Validate validate, Handle handle) {
    detail::Update update;
    update.validate = [validate = std::move(validate)](std::string const& arguments) {
      validate(decode_text<In>(arguments));
    };
    update.run = [handle = std::move(handle)](std::string arguments) {
      return run_update<In>(handle, std::move(arguments));
    };
    return {host_, host_.add_update(std::move(name), std::move(update))};
  }
  template <class In, class Handle>
  UpdateHandler on_update(std::string name, Handle handle) {
    return on_update<In>(std::move(name), [](In const&) {}, std::move(handle));
  }

  /// Records `state` as a point from which replay may start, ends this frame and enters the
  /// workflow again with decode(encode(state)): in life as in recovery. The first checkpoint after
  /// an entry does nothing, and no command may come before it. Not while a spawned workflow or an
  /// operation without a name is open; named ones last (Operation::named). Throws WorkflowError
  /// when a rule is broken.
  template <class State>
  detail::CheckpointAwaiter checkpoint(State const& state) {
    return detail::CheckpointAwaiter(host_, to_json(state));
  }

 private:
  friend class detail::BareMessages;

  /// `handle` by value: it lives in this frame.
  template <class In, class Handle>
  static Workflow<std::string> run_update(Handle handle, std::string arguments) {
    using Out = std::invoke_result_t<Handle&, In>;
    auto in = decode_text<In>(arguments);
    if constexpr (detail::IsWorkflow<Out>::value) {
      if constexpr (std::is_void_v<typename Out::value_type>) {
        co_await handle(std::move(in));
        co_return "null";
      } else {
        co_return to_json(co_await handle(std::move(in)));
      }
    } else if constexpr (std::is_void_v<Out>) {
      handle(std::move(in));
      co_return "null";
    } else {
      co_return to_json(handle(std::move(in)));
    }
  }
  Operation<void> message(detail::MessageRequest request) {
    return Operation<void>(host_, std::move(request), &decode_delivered);
  }
  [[nodiscard]] Operation<ApprovalAnswer> approval_with_json(Approval asked, std::string arguments);
  /// The last point of time that a log can hold.
  static constexpr Time last_time = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);
  /// now() + duration, within what a log can hold.
  [[nodiscard]] Time after(std::chrono::microseconds duration) const;

  template <class T>
  static T decode_text(std::string_view json) {
    if constexpr (std::is_void_v<T>) {
      return;
    } else {
      auto value = from_json<T>(json);
      if (!value) throw Failure("payload_mismatch", value.error().detail);
      return std::move(*value);
    }
  }
  template <class T>
  static T decode_value(detail::Outcome const& outcome) {
    detail::throw_unless_completed(outcome);
    return decode_text<T>(outcome.payload);
  }
  template <class T>
  static T decode_kept(detail::Outcome const& outcome) {
    detail::throw_unless_kept(outcome);
    return decode_text<T>(outcome.payload);
  }
  static void decode_delivered(detail::Outcome const& outcome) {
    detail::throw_unless_delivered(outcome);
  }
  template <class T>
  static T decode_child(detail::Outcome const& outcome) {
    detail::throw_unless_child_completed(outcome);
    return decode_text<T>(outcome.payload);
  }
  template <class T>
  static std::optional<T> decode_unless_timed_out(detail::Outcome const& outcome) {
    if (outcome.kind == detail::OutcomeKind::timed_out) return std::nullopt;
    return decode_value<T>(outcome);
  }
  template <class T>
  static std::pair<Sequence, T> decode_with_sequence(detail::Outcome const& outcome) {
    return {outcome.sequence, decode_value<T>(outcome)};
  }
  static void decode_nothing(detail::Outcome const& outcome) {
    detail::throw_unless_completed(outcome);
  }

  detail::Host& host_;
};

// ---- registration ----

/// A workflow under its name, its types erased: input and result are JSON.
struct WorkflowDefinition {
  std::string name;
  std::function<Workflow<std::string>(Context&, std::string input)> enter;
};

namespace detail {

template <class Out, class In>
Workflow<std::string> enter_erased(Workflow<Out> (*body)(Context&, In),
                                   Context& context,
                                   std::string input) {
  auto decoded = from_json<In>(input);
  if (!decoded) throw Failure("input_mismatch", decoded.error().detail);
  if constexpr (std::is_void_v<Out>) {
    co_await body(context, std::move(*decoded));
    co_return "null";
  } else {
    co_return to_json(co_await body(context, std::move(*decoded)));
  }
}

}  // namespace detail

template <class Out, class In>
WorkflowDefinition define_workflow(std::string name, Workflow<Out> (*body)(Context&, In)) {
  return {std::move(name), [body](Context& context, std::string input) {
            return detail::enter_erased<Out, In>(body, context, std::move(input));
          }};
}

}  // namespace dalsegno
