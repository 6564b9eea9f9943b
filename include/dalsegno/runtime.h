#pragma once

#include "dalsegno/approval.h"
#include "dalsegno/child.h"
#include "dalsegno/doubt.h"
#include "dalsegno/fork.h"
#include "dalsegno/ids.h"
#include "dalsegno/payload.h"
#include "dalsegno/queues.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "dalsegno/store.h"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dalsegno {

/// A secret that the program hands out itself: found wherever it comes back, also encoded.
struct KnownSecret {
  std::string kind;   ///< 1 to 40 of a-z, 0-9 and '_': it stands in the token
  std::string value;  ///< 6 bytes or more; a shorter one is refused
};

/// What comes into sessions, and what their code hands out, is redacted before it is recorded or
/// sent: in place of a secret stands a token, and the original lies in the store's vault, under a
/// master key that is not in the store (docs/redaction.md).
struct RedactionOptions {
  bool enabled = true;
  /// Mode 0600, a key a line. Empty, and no command: "<store's folder>.master-key", which is made
  /// if it is not there. A store in memory has a key of its own.
  std::filesystem::path master_key_file = {};
  std::string master_key_command = {};   ///< prints the same
  std::vector<std::string> spared = {};  ///< categories that stay: "ip", "email" …
  std::vector<KnownSecret> known = {};
};

struct RuntimeOptions {
  /// The policy document (JSON, docs/policy.md). Empty: the one that is active in the store; where
  /// none is, there are no rules and every call is denied. In a store with operators it must be the
  /// active one: they activate policies (docs/credentials.md).
  std::string policy = {};
  std::string policy_name = "policy";  ///< how errors name the document, for example its file
  unsigned shards = 1;                 ///< threads that run sessions
  unsigned activity_threads = 8;       ///< threads that perform calls
  /// In what order and how many at once: checked in this order, the first that names a call has it.
  std::vector<QueueOptions> queues = {};
  /// While so many calls wait to be performed, starts are refused as Errc::overloaded.
  std::size_t max_waiting_calls = 200'000;
  std::size_t max_idle_sessions = 1'000;  ///< kept in memory though they only wait
  RedactionOptions redaction = {};
  /// Which program this is, recorded once for each epoch (EngineStarted): so the log tells which
  /// code wrote a step. Empty: the build id of the executable (GNU, as `readelf -n` shows it), or
  /// "unknown" where it has none. Give it where workflows lie in libraries of their own. At most
  /// 200 bytes.
  std::string build = {};
  /// A step of a session's code that takes longer ends the process by SIGABRT, as all sessions of
  /// its shard wait for it. Whoever supervises the process starts it again; after the third time in
  /// a row the session is held, and the others go on. 0: no limit. A store in memory has none.
  std::chrono::milliseconds step_limit = std::chrono::seconds(10);
  /// Receives ctx.log() and what people should know. Called on several threads.
  std::function<void(SessionId const&, std::string_view)> log = {};
};

/// How a session is started.
struct StartOptions {
  std::string principal = {};  ///< on whose behalf
  /// Whether a session of that name that has ended may begin a new run. With `allow` a start that
  /// is repeated after the end begins another one.
  Reuse reuse = Reuse::reject;
  std::chrono::microseconds delay{0};  ///< its code begins so much later; 0: at once
};

/// A signal or an update, as JSON.
struct Message {
  std::string name;
  std::string payload;
  std::string key = {};  ///< makes it safe to repeat: the session gets it once
  std::string principal = {};
};

/// What a start or a signal was acknowledged with. When you have it, it is durable.
struct Acknowledgement {
  RunId run;
  Sequence sequence = 0;
  bool repeated = false;  ///< it had been recorded before: this is its first sequence
};

/// Runs the sessions of one store: in this process, in its own threads.
///
///     auto store = dalsegno::Store::open("./data");
///     dalsegno::Registry registry;
///     registry.add(dalsegno::define_workflow("refund", refund)).add(pay_back, [](auto const&,
///     Refund r) { … }); auto runtime = dalsegno::Runtime::start(std::move(*store),
///     std::move(registry), {.policy = …});
///     (*runtime)->start_session({.name = "order-17"}, "refund", Refund{"17", 20});
///     auto receipt = (*runtime)->result<Receipt>({.name = "order-17"});
///
/// Sessions that were under way when the last process ended go on by themselves. Thread: any, but
/// for `stop`.
class Runtime {
 public:
  /// Errors: those of the store; Errc::invalid for a wrong policy document, a wrong queue, a name
  /// of the build that is too long, a known secret that is too short, or a file of master keys that
  /// others may read; Errc::denied when the master key is not the store's, or the store has
  /// operators and they have not activated this policy.
  [[nodiscard]] static Result<std::unique_ptr<Runtime>> start(Store store,
                                                              Registry registry,
                                                              RuntimeOptions options);
  Runtime(Runtime const&) = delete;
  Runtime& operator=(Runtime const&) = delete;
  ~Runtime();

  /// Starts a session; waits until that is durable. The same name with the same workflow and input
  /// is the same session; with another one Errc::conflict. Other errors: Errc::unknown_workflow,
  /// Errc::invalid, Errc::too_large, Errc::no_space, Errc::overloaded, Errc::unavailable, those of
  /// the log.
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
  /// The same with options. Errors: also Errc::conflict when the session was erased.
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

  /// Sends a signal; waits until it is durable. A `key` makes it safe to repeat: the session gets
  /// it once. Errors: Errc::not_found, Errc::ended, Errc::held, Errc::overloaded, Errc::too_large,
  /// Errc::unavailable.
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

  /// Sends a signal and waits for the answer that the workflow gives to it (ctx.answer), as JSON.
  Result<std::string> ask_with_json(SessionId const& session,
                                    std::string name,
                                    std::string payload,
                                    std::string key = {},
                                    std::string principal = {});
  template <class Answer, class T>
  Result<Answer> ask(SessionId const& session,
                     std::string name,
                     T const& payload,
                     std::string key = {},
                     std::string principal = {}) {
    auto answer = ask_with_json(
        session, std::move(name), to_json(payload), std::move(key), std::move(principal));
    if (!answer) return answer.error();
    return from_json<Answer>(*answer);
  }

  /// Asks the workflow to do something and waits for its result: what its handler of that name
  /// (Context::on_update) gives. The handler may refuse it, and then nothing is recorded. A `key`
  /// makes it safe to repeat: the session deals with it once, and the result is the recorded one.
  /// Errors: Errc::invalid (refused, with the reason), Errc::failed (taken in, and the handler
  /// threw: its type and message), Errc::not_found (no such session, or no handler of that name
  /// now), Errc::held (also when it is paused), Errc::overloaded, those of `signal`; Errc::ended
  /// also when the run ended before the update was dealt with.
  Result<std::string> update_with_json(SessionId const& session, Message update);
  template <class Out, class In>
  Result<Out> update(SessionId const& session,
                     std::string name,
                     In const& arguments,
                     std::string key = {},
                     std::string principal = {}) {
    auto result = update_with_json(
        session, {std::move(name), to_json(arguments), std::move(key), std::move(principal)});
    if (!result) return result.error();
    return from_json<Out>(*result);
  }

  /// Sends a signal to a session; where there is none of that name (or one that has ended and may
  /// begin again, StartOptions::reuse), starts it with the signal, in one write. The receipt is the
  /// signal's. Errors: those of `signal` and `start_session`; Errc::conflict when it exists with
  /// another workflow.
  Result<Acknowledgement> start_with_signal(SessionId const& session,
                                            std::string workflow,
                                            std::string input,
                                            Message signal,
                                            StartOptions options = {});
  /// The same with an update, for whose result it waits. An update that is refused leaves no
  /// session behind. Errors: also those of `update`.
  Result<std::string> start_with_update(SessionId const& session,
                                        std::string workflow,
                                        std::string input,
                                        Message update,
                                        StartOptions options = {});

  /// Asks the workflow's handler of that name (Context::on_query): nothing is recorded, nothing
  /// moves. What the answer rests on is durable. Errors: Errc::not_found (no such session, or no
  /// handler of that name now), Errc::invalid (the handler refused or failed), Errc::ended,
  /// Errc::held, Errc::overloaded, Errc::unavailable.
  Result<std::string> query_with_json(SessionId const& session,
                                      std::string name,
                                      std::string arguments);
  template <class Answer, class In>
  Result<Answer> query(SessionId const& session, std::string name, In const& arguments) {
    auto answer = query_with_json(session, std::move(name), to_json(arguments));
    if (!answer) return answer.error();
    return from_json<Answer>(*answer);
  }
  template <class Answer>
  Result<Answer> query(SessionId const& session, std::string name) {
    auto answer = query_with_json(session, std::move(name), "null");
    if (!answer) return answer.error();
    return from_json<Answer>(*answer);
  }

  /// Asks a session to end, and waits until that is durable; the workflow sees it as Cancelled
  /// (Context::cancelled) and may do what it must first. Repeated, it is acknowledged once more.
  /// Errors: Errc::not_found, Errc::ended, Errc::held, Errc::too_large, Errc::unavailable.
  Result<Acknowledgement> cancel(SessionId const& session, std::string by, std::string reason);

  /// Lets a session stand still: its code does not run and no call of it begins, until `resume`.
  /// What comes meanwhile is recorded (signals, results of calls that are under way or were handed
  /// out, answers), and waits; its timers and time limits wait, too. Repeated, it is acknowledged
  /// once more. Errors: Errc::invalid without a name, Errc::not_found, Errc::ended, Errc::held,
  /// Errc::too_large, Errc::unavailable.
  Result<Acknowledgement> pause(SessionId const& session, std::string by, std::string reason);
  Result<Acknowledgement> resume(SessionId const& session, std::string by, std::string reason);
  /// Ends a session without asking its code, also a held one: what is open is cancelled, children
  /// are dealt with as their `parent_close` says. Errors: as above, but for Errc::held.
  Result<Acknowledgement> terminate(SessionId const& session, std::string by, std::string reason);

  /// Makes a run that goes on from a copy of a run up to the event `at` (the whole step that holds
  /// it), with random numbers and idempotency keys of its own: a new run of the session, or of a
  /// new one (ForkOptions::as). Waits until that is durable. Attempts that were under way there are
  /// made again, as their effect class says; what the forked run did later is not undone, and the
  /// answer lists it. Whoever sends a signal that came later under its key again gets the place
  /// where it stands now. Errors: Errc::invalid, Errc::not_found (session, run or event);
  /// Errc::conflict when the session's newest run has not ended (terminate it, or say so in the
  /// options), the new session exists, or the run cannot go on from there (it has ended, is held,
  /// waits for a child or deals with an update); Errc::undecidable when the session was erased;
  /// Errc::newer_format, Errc::too_large, Errc::no_space, Errc::unavailable.
  Result<Fork> fork(SessionId const& session, Sequence at, ForkOptions options);
  /// Lets a session begin again with its first input, as a new run; one that has not ended is
  /// terminated first, in the same write. Signals do not come again, but for one that it was
  /// started with. Errors: as above.
  Result<Fork> restart(SessionId const& session, RestartOptions options);

  /// The requests for approval that wait, of all sessions. Reads every open session's log. Errors:
  /// those of the log.
  [[nodiscard]] Result<std::vector<PendingApproval>> approvals() const;
  /// Answers a request; waits until that is durable. When enough people have granted it, what waits
  /// goes on; one who denies ends it. `id` is the request's, or its beginning. Errors:
  /// Errc::not_found; Errc::denied for the requester and for who is not asked; Errc::conflict when
  /// the same person has answered; Errc::ended when it has expired; Errc::invalid, Errc::too_large,
  /// Errc::held, Errc::unavailable.
  Result<Acknowledgement> answer_approval(std::string const& id,
                                          ApprovalDecision decision,
                                          Approver approver);

  /// Ends an attempt that was left to somebody outside (ActivityContext::complete_later), with its
  /// result or as failed; waits until that is durable. A failure is repeated as the retry policy
  /// says, `delay` included. Errors: Errc::invalid when the token is none, or the result no JSON;
  /// Errc::not_found, when there is no such session; Errc::denied when nobody was given this token;
  /// Errc::ended when it is spent: the attempt has ended, or its session; Errc::held,
  /// Errc::too_large, Errc::unavailable.
  template <class T>
  Result<Acknowledgement> complete_activity(std::string const& token, T const& result) {
    return complete_activity_with_json(token, to_json(result));
  }
  Result<Acknowledgement> complete_activity_with_json(std::string const& token, std::string result);
  Result<Acknowledgement> fail_activity(std::string const& token, ActivityError const& error);
  /// Says that whoever has the token is at it still. Each one is recorded. Errors: as above;
  /// Errc::too_large when the details have more than 16 KiB.
  template <class T>
  Result<Acknowledgement> heartbeat_activity(std::string const& token, T const& details) {
    return heartbeat_activity_with_json(token, to_json(details));
  }
  Result<Acknowledgement> heartbeat_activity_with_json(std::string const& token,
                                                       std::string details = {});

  /// Keeps a promise of a workflow (Context::promise), or rejects it; waits until that is durable.
  /// Errors: Errc::invalid when the token is none, or the result no JSON; Errc::not_found;
  /// Errc::denied when nobody was given this token; Errc::ended when the promise is settled, or
  /// nobody waits for it any more; Errc::held, Errc::too_large, Errc::unavailable.
  template <class T>
  Result<Acknowledgement> resolve_promise(std::string const& token, T const& result) {
    return complete_activity_with_json(token, to_json(result));
  }
  Result<Acknowledgement> reject_promise(std::string const& token,
                                         std::string type,
                                         std::string const& reason) {
    return fail_activity(token, ActivityError(std::move(type), reason));
  }

  /// The calls of which nobody knows whether they had their effect, of all sessions. Reads every
  /// open session's log. Errors: those of the log.
  [[nodiscard]] Result<std::vector<CallInDoubt>> in_doubt() const;
  /// Says what is to become of one of them; waits until that is durable. `result` is JSON, when it
  /// is completed. Errors: Errc::not_found when it is not in doubt; Errc::conflict when somebody
  /// has resolved it; Errc::invalid without a name, a reason or a result that is JSON; Errc::ended,
  /// Errc::held, Errc::too_large, Errc::unavailable.
  Result<Acknowledgement> resolve(SessionId const& session,
                                  OperationId operation,
                                  Resolve resolution,
                                  Resolver resolver,
                                  std::string result = {});

  /// Waits for the end of a session. A failed one gives Errc::ended with its type and message, a
  /// cancelled one with "cancelled" and the reason, a
  /// held one Errc::held.
  Result<std::string> result_as_json(SessionId const& session);
  template <class Out>
  Result<Out> result(SessionId const& session) {
    auto json = result_as_json(session);
    if (!json) return json.error();
    return from_json<Out>(*json);
  }

  /// What waits to be performed, and what is: each queue, the default one last.
  [[nodiscard]] std::vector<QueueStatus> queues() const;

  /// Waits for calls under way, makes everything durable, ends. Also done by the destructor.
  void stop();

 private:
  class Parts;
  explicit Runtime(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace dalsegno
