#pragma once

// For tests of workflows: a runtime without threads and without waiting, and three ways to see
// whether a workflow is what a workflow must be. Nothing here is random or takes time: what a test
// did once, it does each time.
//
//     ds::TestRuntime runtime(registry());
//     runtime.start_session({.name = "order-17"}, "refund", Refund{"17", 20});
//     runtime.advance(std::chrono::hours(24));
//     auto receipt = runtime.result<Receipt>({.name = "order-17"});

#include "dalsegno/approval.h"
#include "dalsegno/doubt.h"
#include "dalsegno/ids.h"
#include "dalsegno/payload.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "dalsegno/runtime.h"
#include "dalsegno/store.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno {

struct TestOptions {
  /// The policy document (docs/policy.md). Empty: every call is permitted.
  std::string policy = {};
  /// Of log time, when the first process begins.
  Time start = Time(std::chrono::hours(24 * 365 * 56));
  /// Run ids, seeds and keys of sessions are drawn from it.
  std::uint64_t seed = 1;
  /// Receives ctx.log() and what people should know.
  std::function<void(SessionId const&, std::string_view)> log = {};
};

namespace detail {
class TestPlan;
}

/// A runtime over a store in memory, with the real engine, that does something only while one of
/// its members is called, on the calling thread, activities included. Its clock stands still but
/// for `advance` and `result`, which skip the time until the next thing is due. A test stubs an
/// activity by registering another function under its name. Nothing is redacted, so permits with
/// the obligations `redact` or `reveal` deny. Thread: one at a time.
///
/// Errors of the members that have one in Runtime: the same.
class TestRuntime {
 public:
  /// Throws std::invalid_argument for a wrong policy document. What goes on for ever without time
  /// going by ends with std::runtime_error, thrown by whichever member it went on in.
  explicit TestRuntime(Registry registry, TestOptions options = {});
  TestRuntime(TestRuntime&&) noexcept;
  TestRuntime& operator=(TestRuntime&&) noexcept;
  TestRuntime(TestRuntime const&) = delete;
  TestRuntime& operator=(TestRuntime const&) = delete;
  ~TestRuntime();

  // As in Runtime. Each goes on until nothing more happens at this point of time.

  template <class In>
  Result<Acknowledgement> start_session(SessionId const& session,
                                        std::string workflow,
                                        In const& input,
                                        std::string principal = {}) {
    return start_with_json(session, std::move(workflow), to_json(input), std::move(principal));
  }
  Result<Acknowledgement> start_with_json(SessionId const& session,
                                          std::string workflow,
                                          std::string input,
                                          std::string principal = {});
  template <class In>
  Result<Acknowledgement> start_session(SessionId const& session,
                                        std::string workflow,
                                        In const& input,
                                        StartOptions options) {
    return start_with_json(session, std::move(workflow), to_json(input), std::move(options));
  }
  Result<Acknowledgement> start_with_json(SessionId const& session,
                                          std::string workflow,
                                          std::string input,
                                          StartOptions options);
  /// Without a key the signal gets one of its own, so that it arrives once however often the
  /// process ends meanwhile.
  template <class T>
  Result<Acknowledgement> signal(SessionId const& session,
                                 std::string name,
                                 T const& payload,
                                 std::string key = {},
                                 std::string principal = {}) {
    return signal_with_json(
        session, std::move(name), to_json(payload), std::move(key), std::move(principal));
  }
  Result<Acknowledgement> signal_with_json(SessionId const& session,
                                           std::string name,
                                           std::string payload,
                                           std::string key = {},
                                           std::string principal = {});
  Result<Acknowledgement> cancel(SessionId const& session, std::string by, std::string reason);
  Result<Acknowledgement> pause(SessionId const& session, std::string by, std::string reason);
  Result<Acknowledgement> resume(SessionId const& session, std::string by, std::string reason);
  Result<Acknowledgement> terminate(SessionId const& session, std::string by, std::string reason);
  [[nodiscard]] Result<std::vector<PendingApproval>> approvals();
  Result<Acknowledgement> answer_approval(std::string const& id,
                                          ApprovalDecision decision,
                                          Approver approver);
  template <class T>
  Result<Acknowledgement> complete_activity(std::string const& token, T const& result) {
    return complete_activity_with_json(token, to_json(result));
  }
  Result<Acknowledgement> complete_activity_with_json(std::string const& token, std::string result);
  Result<Acknowledgement> fail_activity(std::string const& token, ActivityError const& error);
  template <class T>
  Result<Acknowledgement> heartbeat_activity(std::string const& token, T const& details) {
    return heartbeat_activity_with_json(token, to_json(details));
  }
  Result<Acknowledgement> heartbeat_activity_with_json(std::string const& token,
                                                       std::string details = {});
  template <class T>
  Result<Acknowledgement> resolve_promise(std::string const& token, T const& result) {
    return complete_activity_with_json(token, to_json(result));
  }
  Result<Acknowledgement> reject_promise(std::string const& token,
                                         std::string type,
                                         std::string const& reason) {
    return fail_activity(token, ActivityError(std::move(type), reason));
  }
  [[nodiscard]] Result<std::vector<CallInDoubt>> in_doubt();
  Result<Acknowledgement> resolve(SessionId const& session,
                                  OperationId operation,
                                  Resolve resolution,
                                  Resolver resolver,
                                  std::string result = {});

  /// Skips time until it is dealt with. Without a key one is made, so that it is asked for once
  /// also where a process ends meanwhile.
  Result<std::string> update_with_json(SessionId const& session, Message update);
  template <class Out, class In>
  Result<Out> update(SessionId const& session, std::string name, In const& arguments) {
    auto result = update_with_json(session, {std::move(name), to_json(arguments)});
    if (!result) return result.error();
    return from_json<Out>(*result);
  }
  Result<Acknowledgement> start_with_signal(SessionId const& session,
                                            std::string workflow,
                                            std::string input,
                                            Message signal,
                                            StartOptions options = {});
  /// As `update_with_json`.
  Result<std::string> start_with_update(SessionId const& session,
                                        std::string workflow,
                                        std::string input,
                                        Message update,
                                        StartOptions options = {});

  Result<std::string> query_with_json(SessionId const& session,
                                      std::string name,
                                      std::string arguments);
  template <class Answer>
  Result<Answer> query(SessionId const& session, std::string name) {
    auto answer = query_with_json(session, std::move(name), "null");
    if (!answer) return answer.error();
    return from_json<Answer>(*answer);
  }
  template <class Answer, class In>
  Result<Answer> query(SessionId const& session, std::string name, In const& arguments) {
    auto answer = query_with_json(session, std::move(name), to_json(arguments));
    if (!answer) return answer.error();
    return from_json<Answer>(*answer);
  }

  /// Skips time until the session has ended. Errors: Errc::ended, Errc::held, Errc::not_found;
  /// Errc::unavailable when it waits for something that does not come by itself: a signal, an
  /// approval.
  Result<std::string> result_as_json(SessionId const& session);
  template <class Out>
  Result<Out> result(SessionId const& session) {
    auto json = result_as_json(session);
    if (!json) return json.error();
    return from_json<Out>(*json);
  }

  // Of tests alone.

  [[nodiscard]] Time now() const;
  /// Time goes by: what comes due meanwhile happens at its time.
  void advance(std::chrono::microseconds time);
  /// The process ends here and another one begins over the same store, so much later.
  void crash(std::chrono::microseconds down = std::chrono::microseconds(0));
  /// Whether the session has ended, and how is no matter.
  [[nodiscard]] bool has_ended(SessionId const& session);
  /// The events of the session's newest run, each as a line of JSON (docs/cli.md, "show --json").
  [[nodiscard]] std::vector<std::string> history(SessionId const& session) const;
  /// How many runs the session has had.
  [[nodiscard]] std::size_t runs(SessionId const& session) const;
  /// Steps that are in the store: each is a place where a process may end.
  [[nodiscard]] std::uint64_t steps() const;

 private:
  friend class detail::TestPlan;
  class Parts;
  std::unique_ptr<Parts> parts_;
};

/// What a test does with its sessions; gives the outcome, in any form that can be compared. It is
/// called many times and must do the same each time.
using Scenario = std::function<std::string(TestRuntime&)>;

struct ScenarioOptions {
  TestOptions runtime = {};
  /// At most so many runs of each kind; the report says when they were not enough.
  std::size_t max_runs = 10'000;
};

/// The first run that came to another outcome.
struct ScenarioDifference {
  std::string what;  ///< what was different about the run: "the process ended after step 4"
  std::string expected;
  std::string outcome;
};

struct ScenarioReport {
  std::string outcome;         ///< of a run in which nothing went wrong
  std::size_t crashes = 0;     ///< runs with one crash each
  std::size_t duplicates = 0;  ///< runs in which one result was handed in twice
  std::size_t orders = 0;      ///< runs with another order of what came at the same time
  bool complete = true;        ///< false: `max_runs` was not enough for all of one kind
  std::optional<ScenarioDifference> difference;

  [[nodiscard]] explicit operator bool() const { return !difference; }
};

/// Runs the scenario as it is; then again with the process ending after each step that became
/// durable, and after each effect whose result was not yet recorded; with each result handed in
/// twice; and in every order of results and timers that come at the same time. Stops at the first
/// run whose outcome differs. `make_registry` is called for each run.
[[nodiscard]] ScenarioReport crash_everywhere(std::function<Registry()> const& make_registry,
                                              Scenario const& scenario,
                                              ScenarioOptions const& options = {});

/// A session whose history does not fit this program's code.
struct ReplayFailure {
  SessionId session;
  Errc code = Errc::diverged;
  std::string report;  ///< which event was recorded, which one the code made, and a hint
};

enum class ReplayWhich : std::uint8_t { open, all };

/// Runs the workflow code of this program against the recorded histories of a store, for example
/// before a deploy. Writes nothing, calls no activity. Errors: those of the log.
[[nodiscard]] Result<std::vector<ReplayFailure>> replay_sessions(
    Store const& store, Registry const& registry, ReplayWhich which = ReplayWhich::open);

}  // namespace dalsegno
