#pragma once

// What stands between workflow code and the session that runs it. For the engine and for
// workflow.h; not for users.

#include "dalsegno/activity.h"
#include "dalsegno/child.h"
#include "dalsegno/ids.h"

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno {
template <class T>
class Workflow;
}

namespace dalsegno::detail {

class Host;

/// A line of execution within a session: the root workflow is 0, each spawned workflow has one of
/// its own.
enum class TaskId : std::uint32_t { root = 0 };
/// Whether a request to cancel the session reaches what a task waits for.
enum class Shield : std::uint8_t { no, yes };

/// Somebody who waits for something. The default is to continue a coroutine, in its own task.
class Waiter {
 public:
  Waiter() = default;
  virtual ~Waiter() = default;
  virtual void done();

 protected:
  Waiter(Waiter const&) = default;
  Waiter& operator=(Waiter const&) = default;
  void resume_here(Host& host, std::coroutine_handle<> caller);

 private:
  Host* host_ = nullptr;
  std::coroutine_handle<> caller_;
  TaskId task_{};
};

enum class CallKind : std::uint8_t { activity, model, tool };

struct CallRequest {
  CallKind kind = CallKind::activity;
  std::string name;
  std::string input;  ///< canonical JSON
  ActivityOptions options;
};
struct SleepRequest {
  Time due;
};
struct ReceiveRequest {
  std::string signal;
  std::optional<Time> deadline;
};
struct ApprovalRequest {
  std::string what;
  std::string why;
  std::string input;  ///< canonical JSON
  Risk risk = Risk::undeclared;
  std::vector<std::string> approvers;
  std::uint32_t quorum = 1;
  std::optional<Time> expires;
  std::optional<Time> escalate_at;
  std::vector<std::string> escalate_to;
};
struct ChildRequest {
  std::string workflow;
  std::string session;  ///< its name; "": one is made
  std::string input;    ///< canonical JSON
  ParentClose parent_close = ParentClose::terminate;
  OnCancel on_cancel = OnCancel::attempt;
  Reuse reuse = Reuse::reject;
  bool detached = false;
  std::optional<Time> not_before;
};
enum class Ask : std::uint8_t { signal = 1, resolve = 2, reject = 3 };
/// Something for another session.
struct MessageRequest {
  Ask ask = Ask::signal;
  std::string session;   ///< its name, where a signal is sent
  std::string signal;    ///< the signal's name
  std::string workflow;  ///< is started where there is no such session; "": none is
  std::string promise;   ///< its token, where it is settled
  std::string input;     ///< canonical JSON
  bool bare = false;     ///< no data of the session goes along: its taint stays
};
struct PromiseRequest {};
using Request = std::variant<CallRequest,
                             SleepRequest,
                             ReceiveRequest,
                             ApprovalRequest,
                             ChildRequest,
                             MessageRequest,
                             PromiseRequest>;

enum class OutcomeKind : std::uint8_t { completed, failed, denied, cancelled, timed_out };

/// How an operation ended.
struct Outcome {
  OutcomeKind kind = OutcomeKind::completed;
  Sequence sequence = 0;  ///< of the event that ended it; for a signal, of its InputReceived
  std::string payload;    ///< JSON, when completed
  std::string type;       ///< when failed
  std::string message;
  std::uint32_t attempts = 0;
  std::vector<std::string> rules;  ///< when denied
};

/// Throws ActivityFailed, PolicyDenied (or ApprovalDenied) or Cancelled.
void throw_unless_completed(Outcome const& outcome);
/// The same for a child: throws ChildFailed in place of ActivityFailed.
void throw_unless_child_completed(Outcome const& outcome);
/// The same: throws MessageFailed, or PromiseRejected.
void throw_unless_delivered(Outcome const& outcome);
void throw_unless_kept(Outcome const& outcome);

/// Arguments in, answer out, both JSON.
using Query = std::function<std::string(std::string const&)>;
enum class QueryId : std::uint64_t { none = 0 };

/// What an update comes to. Arguments and result are JSON.
struct Update {
  std::function<void(std::string const&)> validate;  ///< throws: it is not taken in
  std::function<Workflow<std::string>(std::string)> run;
};
enum class UpdateId : std::uint64_t { none = 0 };

enum class ConditionId : std::uint64_t { none = 0 };

enum class CheckpointPlace : std::uint8_t { at_entry, frame_ends };

class Host {
 public:
  [[nodiscard]] virtual SessionId const& session_id() const = 0;
  [[nodiscard]] virtual RunId const& run_id() const = 0;

  /// `name`: "" or what the operation is called in all frames of the run.
  virtual OperationId issue(Request request, std::string name) = 0;
  [[nodiscard]] virtual bool done(OperationId id) const = 0;
  /// Orders ends: the sequence of the event that ended it.
  [[nodiscard]] virtual Sequence done_at(OperationId id) const = 0;
  virtual void subscribe(OperationId id, Waiter& waiter) = 0;
  virtual void unsubscribe(OperationId id) noexcept = 0;
  virtual Outcome take(OperationId id) = 0;
  /// Adds what is still open of the operation, or of the task and those it spawned.
  virtual void collect_open(OperationId id, std::vector<OperationId>& open) const = 0;
  virtual void collect_open(TaskId task, std::vector<OperationId>& open) const = 0;
  /// Nothing where it has ended. Who waits for it is not woken.
  virtual void cancel(OperationId id, std::string const& reason) = 0;
  /// The object that stood for the operation is gone. Issues no command: frames may be destroyed at
  /// any time.
  virtual void forget(OperationId id) noexcept = 0;

  virtual TaskId begin_task(std::coroutine_handle<> entry, Shield shield) = 0;
  virtual void end_task(TaskId task) = 0;
  /// A spawned workflow ended, with that error or none, and nobody will take its result.
  virtual void report_unseen(std::exception_ptr const& error) noexcept = 0;
  [[nodiscard]] virtual TaskId current_task() const = 0;
  virtual void make_ready(std::coroutine_handle<> handle, TaskId task) = 0;

  [[nodiscard]] virtual Time now() const = 0;
  [[nodiscard]] virtual Sequence now_sequence() const = 0;  ///< of the newest event
  virtual std::uint64_t random() = 0;
  virtual std::string record(std::string name, std::function<std::string()> const& read) = 0;
  virtual void set_attribute(std::string name, std::string json) = 0;
  virtual void log(std::string_view message) = 0;
  virtual void answer(Sequence turn, OperationId source, std::string json) = 0;
  [[nodiscard]] virtual OperationId last_taken() const = 0;
  virtual CheckpointPlace checkpoint(std::string state) = 0;
  virtual std::uint32_t version(std::string change, std::uint32_t oldest, std::uint32_t newest) = 0;
  [[nodiscard]] virtual bool cancel_requested() const = 0;
  virtual QueryId add_query(std::string name, Query query) = 0;
  virtual void remove_query(QueryId id) noexcept = 0;
  virtual UpdateId add_update(std::string name, Update update) = 0;
  virtual void remove_update(UpdateId id) noexcept = 0;
  virtual void continue_as_new(std::string input) = 0;
  [[nodiscard]] virtual std::size_t unread_signals() const = 0;

  /// With which somebody keeps the promise.
  [[nodiscard]] virtual std::string token_of(OperationId promise) const = 0;

  // The keyed store: JSON.
  [[nodiscard]] virtual std::optional<std::string> stored(std::string const& key) = 0;
  virtual void store(std::string key, std::optional<std::string> json) = 0;  ///< nullopt: erases
  [[nodiscard]] virtual std::vector<std::string> stored_keys(std::string_view prefix) const = 0;

  // Conditions over the workflow's variables.
  virtual ConditionId add_condition(std::function<bool()> holds) = 0;
  virtual void remove_condition(ConditionId id) noexcept = 0;
  virtual void wait_for_condition(ConditionId id, Waiter* waiter) noexcept = 0;
  /// The sequence at which it was seen to hold; 0: not yet.
  [[nodiscard]] virtual Sequence condition_met_at(ConditionId id) const = 0;
  virtual void take_condition(ConditionId id) = 0;

 protected:
  Host() = default;
  ~Host() = default;
  Host(Host const&) = default;
  Host& operator=(Host const&) = default;
};

}  // namespace dalsegno::detail
