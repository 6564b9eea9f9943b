#pragma once

#include "activities/model/dialect.h"
#include "dalsegno/activity.h"
#include "dalsegno/agent.h"
#include "dalsegno/result.h"
#include "storage/log/event_log.h"

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::activities {

/// A prompt, and where the one before it went.
struct Conversation {
  std::vector<PromptMessage> messages;
  /// Of the newest answer in it that a route chose a model for.
  struct Last {
    std::string model;
    std::uint64_t tokens = 0;  ///< of its prompt and its answer, as the server counted
  };
  std::optional<Last> last;
};

/// The prompt of a model call, as a projection of its session's log.
///
/// A request brings what is new in its conversation and a digest that proves what stands before;
/// this finds that in the log: the requests that were made and the answers that were recorded. So
/// any prompt of the past can be had again, and one that a process began is had by the next.
/// What was read stays in memory for a while, as a session asks again soon.
/// Thread: any.
class ConversationLog {
 public:
  explicit ConversationLog(storage::EventLog const& log) : log_(log) {}

  /// The whole prompt of the operation, whose request is in the log; its last messages are those of
  /// `request`, where the permit may have revealed something.
  /// Errors: Errc::not_found when the log does not hold what the request's digest stands for, with
  /// the message that is another or is not there; those of the log, with the event whose payload
  /// could not be had.
  [[nodiscard]] Result<Conversation> prompt(SessionId const& session,
                                            RunId const& run,
                                            OperationId operation,
                                            agent::ModelRequest const& request);

 private:
  /// A place in a conversation: what was said there, after what its parent stands for.
  struct Place {
    std::size_t parent = 0;
    std::uint64_t messages = 0;  // from the beginning on
    std::string digest;
    std::vector<PromptMessage> said;
    std::optional<Conversation::Last> routed;  // of an answer
  };
  /// What a run's log says of its calls of models.
  struct Run {
    Sequence read_to = 0;
    std::vector<Place> places{Place{}};  // the first stands for the beginning
    std::map<OperationId, std::size_t> requests;
    std::size_t bytes = 0;
  };
  struct Entry {
    RunId run;
    std::mutex mutex;
    Run read;  // guarded by it
  };

  [[nodiscard]] std::shared_ptr<Entry> entry_of(RunId const& run);
  /// Reads the log on, until it knows the request of `wanted` or the log ends.
  [[nodiscard]] Result<> read_on(SessionId const& session,
                                 RunId const& run,
                                 OperationId wanted,
                                 Run& into) const;
  [[nodiscard]] Result<> take(SessionId const& session,
                              storage::Event const& event,
                              Run& into) const;
  [[nodiscard]] Result<std::string> bytes_of(SessionId const& session,
                                             storage::Payload const& payload) const;
  static void add_request(Run& into, OperationId operation, std::string const& input);
  static void add_answer(Run& into, OperationId operation, std::string const& result);
  [[nodiscard]] static Error not_recorded(Run const& read, agent::ModelRequest const& request);

  // Set in the constructor.
  storage::EventLog const& log_;
  std::mutex mutex_;
  // Guarded by mutex_. Those asked for last are in front.
  std::list<std::shared_ptr<Entry>> runs_;
};

/// The digest of a conversation that goes on with `message`, as the agent workflow chains them.
[[nodiscard]] std::string chain_message(std::string const& digest, agent::Message const& message);

}  // namespace dalsegno::activities
