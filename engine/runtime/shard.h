#pragma once

#include "dalsegno/registry.h"
#include "engine/fork/fork.h"
#include "engine/policy/policy.h"
#include "engine/runtime/committer.h"
#include "engine/runtime/counters.h"
#include "engine/runtime/entropy.h"
#include "engine/runtime/marker.h"
#include "engine/runtime/threads.h"
#include "engine/session/session.h"
#include "storage/log/event_log.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

namespace dalsegno::engine {

/// What a session is started with.
struct StartRequest {
  SessionId session;
  std::string workflow;
  std::string input;  ///< JSON
  std::string principal;
  storage::Reuse reuse = storage::Reuse::reject;
  std::chrono::microseconds delay{0};          ///< its code begins so much later …
  std::optional<Time> not_before = {};         ///< … or then
  std::optional<storage::Origin> origin = {};  ///< the session that asks for it
  CarriedOver carried = {};                    ///< from that one
  /// A signal or an update that the session begins with, in the same write; one that is there is
  /// sent it instead.
  std::optional<SignalInput> first = {};
};

/// What a start or a signal was acknowledged with: durable.
struct Receipt {
  RunId run;
  Sequence sequence = 0;
  bool repeated = false;  ///< it had been recorded before; this is its first sequence
};
using OnReceipt = std::function<void(Result<Receipt>)>;

// What comes to a shard.
using VaultRecords = std::vector<storage::VaultRecord>;  // what was redacted of a message
struct StartMessage {
  StartRequest request;
  VaultRecords vault;
  OnReceipt done;
};
struct SignalMessage {
  SessionId session;
  SignalInput input;
  VaultRecords vault;
  OnReceipt done;
};
struct CancelMessage {
  SessionId session;
  CancelInput input;
  OnReceipt done;
};
/// Somebody pauses a session, lets it go on, or ends it.
struct ControlMessage {
  SessionId session;
  ControlInput input;
  OnReceipt done;
};
/// A person answers a request for approval.
struct ApprovalMessage {
  SessionId session;
  ApprovalInput input;
  OnReceipt done;
};
/// Somebody outside ends an attempt that was left to them, or says that they are at it.
struct OutsideMessage {
  SessionId session;
  RunId run;
  OutsideInput input;
  VaultRecords vault;
  OnReceipt done;
};
/// A person says what is to become of an operation in doubt.
struct ResolveMessage {
  SessionId session;
  ResolveInput input;
  VaultRecords vault;
  OnReceipt done;
};
struct InputMessage {
  SessionId session;
  RunId run;
  Input input;
  VaultRecords vault = {};
};
/// What the session that asked for this one says. Whichever run of it is the newest takes it.
struct ParentMessage {
  SessionId session;
  ParentInput input;
};
/// Bring the session into memory and take up what was under way when its process ended.
struct LoadMessage {
  SessionId session;
};
/// A look at a session: nothing is recorded.
struct QueryMessage {
  SessionId session;
  std::string name;
  std::string arguments;  ///< JSON
  std::function<void(Result<std::string>)> done;
};
/// A person releases a held session.
struct ReleaseMessage {
  SessionId session;
  std::string by;
  std::string reason;
  OnReceipt done;
};
/// A person forks a session, or lets it begin again. It comes to the shard of the session that gets
/// the new run.
struct ForkMessage {
  ForkRequest request;
  std::function<void(Result<Fork>)> done;
};
struct CommittedMessage {
  SessionId session;
  RunId run;
  Sequence last_sequence = 0;
  Result<> result;
};
using Message = std::variant<StartMessage,
                             SignalMessage,
                             CancelMessage,
                             ApprovalMessage,
                             InputMessage,
                             ParentMessage,
                             LoadMessage,
                             QueryMessage,
                             ReleaseMessage,
                             CommittedMessage,
                             OutsideMessage,
                             ResolveMessage,
                             ControlMessage,
                             ForkMessage>;

/// What a shard needs from the runtime.
struct ShardServices {
  storage::EventLog& log;
  Registry const& registry;
  PolicySet const& policy;
  std::span<PolicySet const> shadow_policies;  ///< asked beside it
  Committer& committer;
  vault::Intake const* intake = nullptr;  ///< null: nothing is redacted
  CallCounters* counters = nullptr;       ///< null: policy asks for none beyond a session's own
  std::function<Time()> now;
  Entropy entropy;
  std::atomic<Time>& newest;  ///< the latest `now` of all shards, and what the log had before
  std::function<void(SessionId const&, std::string_view)>
      say;                            ///< ctx.log() and what people should know
  std::function<void(Time)> look_at;  ///< a timer may be due then that was fired in vain before
  std::size_t max_idle_sessions = 0;  ///< kept in memory though nothing is under way
  std::size_t hurry_up_to = 0;        ///< sessions with something under way; see EngineOptions
  Threads threads = Threads::own;
  std::function<AttemptWatch*()> attempts = {};  ///< null: nothing is known of those under way
  std::function<void()> run_errands = {};  ///< a session is back that may have missed something
  /// The log cannot be read: nothing more is acknowledged, and who starts anew finds what was lost.
  std::function<void(Error const&)> fail = {};
};

/// Messages that may wait in one shard before starts and signals are refused as Errc::overloaded.
inline constexpr std::size_t max_mailbox = 16'384;

/// A thread that serves the sessions of some partitions: takes one input at a time, lets the
/// session decide, hands the step to the committer and goes on without waiting for the disk.
class Shard {
 public:
  Shard(ShardServices services, Marker marker);
  Shard(Shard const&) = delete;
  Shard& operator=(Shard const&) = delete;
  ~Shard();

  /// Thread: any.
  void post(Message message);
  /// As `post`, for what comes from outside. When `max_mailbox` messages wait, or the shard stops,
  /// nothing is taken: the result says why.
  [[nodiscard]] Result<> offer(Message& message);
  void post(std::vector<Message> messages);
  /// Takes what has been posted, then ends. Without a thread: takes nothing more.
  void stop();

  // Without a thread.
  /// Messages that wait.
  [[nodiscard]] std::size_t waiting() const;
  /// Takes at most so many of them, oldest first.
  void serve_waiting(std::size_t most);
  /// A session that is in memory with all its steps durable; nullptr: it is not.
  [[nodiscard]] Session const* at_rest(SessionId const& session) const;

 private:
  struct Live {
    std::unique_ptr<Session> session;                  // null while held or read back
    storage::Head head;                                // after the newest submitted step
    std::size_t in_flight = 0;                         // steps not yet durable
    std::map<std::string, Receipt, std::less<>> keys;  // of signals that are not yet durable
    std::list<SessionId>::iterator idle;
    bool is_idle = false;
    // Once nothing is in flight any more the session is read back from the log; what comes for it
    // until then waits.
    bool read_back = false;
    unsigned read_back_in_a_row = 0;
    std::vector<Message> waiting;
  };

  void work();
  void serve(std::vector<Message>& messages);
  void take(StartMessage message);
  void take(SignalMessage message);
  void take(InputMessage message);
  void take(ParentMessage message);
  void take(LoadMessage const& message);
  void take(CancelMessage message);
  void take(QueryMessage message);
  void take(ControlMessage message);
  void take(ApprovalMessage message);
  void take(OutsideMessage message);
  void take(ResolveMessage message);
  template <class FromOutside>
  void take_request(FromOutside message);
  void take(ReleaseMessage message);
  void take(ForkMessage message);
  void take(CommittedMessage const& message);

  void send_to_existing(StartMessage message, storage::Head const& head);
  [[nodiscard]] Result<> add_first_update(SessionId const& id,
                                          std::unique_ptr<Session>& session,
                                          SignalInput const& update,
                                          StepResult& step,
                                          Ambient const& surroundings);
  void end_held(SessionId const& session, ControlMessage* asked);
  void begin(StartMessage message,
             WorkflowDefinition const& workflow,
             std::optional<storage::Head> const& before);
  [[nodiscard]] Result<SessionStart> make_start(StartMessage& message,
                                                std::optional<storage::Head> const& before);
  [[nodiscard]] SessionEnvironment environment_of(SessionId const& session) const;
  [[nodiscard]] Result<std::optional<StepResult>> handle(SessionId const& session,
                                                         Live& live,
                                                         Input const& input,
                                                         Ambient const& ambient);
  [[nodiscard]] Result<> continue_run(SessionId const& session,
                                      std::unique_ptr<Session>& run,
                                      StepResult& step,
                                      Ambient const& ambient);
  void settled(Live const* live, std::vector<storage::Errand> errands);
  [[nodiscard]] Result<Live*> live(SessionId const& session);
  [[nodiscard]] Result<Live*> revive(SessionId const& session, storage::Head const& head);
  [[nodiscard]] std::optional<Result<Receipt>> taken_before(SessionId const& session,
                                                            std::string_view key) const;
  [[nodiscard]] Result<Receipt> same_start(StartRequest const& request,
                                           storage::Head const& head) const;
  [[nodiscard]] Result<Receipt> first_recorded(SessionId const& session,
                                               std::string_view key,
                                               Sequence sequence,
                                               RunId const& newest) const;
  [[nodiscard]] Result<Receipt> confirm(SessionId const& session,
                                        std::string_view key,
                                        Receipt const& receipt) const;
  void hold(SessionId const& session,
            Live& live,
            std::string kind,
            std::string report,
            std::function<void(Result<>)> acknowledge = {});
  void give_up(SessionId const& session,
               Live& live,
               Error const& error,
               std::function<void(Result<>)> acknowledge = {});
  [[nodiscard]] bool fire_due_timers(SessionId const& session, Live& live, Time now);
  void read_back(SessionId const& session);
  void not_taken(SessionId const& session, Error const& error);
  static void refuse_waiting(Live& live, Error const& error);
  void submit(SessionId const& session,
              Live& live,
              StepResult step,
              std::function<void(Result<>)> acknowledge);
  void acknowledge_in_order(SessionId const& session, std::function<void(Result<>)> acknowledge);
  void not_idle(Live& live);
  void settle(SessionId const& session, Live& live);
  [[nodiscard]] bool hurries() const;
  [[nodiscard]] bool wait_for_messages(std::vector<Message>& messages);
  void evict();
  [[nodiscard]] Ambient ambient(SessionId const& session);

  // Set in the constructor.
  ShardServices services_;
  storage::StoreInfo info_;
  Marker marker_;
  // Only on the thread.
  std::unordered_map<SessionId, Live> sessions_;
  std::list<SessionId> idle_;  // least recently used first
  std::size_t evicted_ = 0;    // since memory was last given back to the machine
  std::vector<PendingStep> outgoing_;
  std::vector<storage::Errand> settled_;     // of no use any more; the next step says so
  std::unique_ptr<ShardCounters> counters_;  // null: policy asks for none
  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<Message> mailbox_;
  bool stopping_ = false;
  // Whether there is something in the mailbox; changed under mutex_, read without.
  std::atomic<bool> mail_ = false;

  std::jthread thread_;
};

}  // namespace dalsegno::engine
