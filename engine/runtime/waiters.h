#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "engine/session/step_result.h"

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::engine {

/// What whoever waits for an answer is told when the session has ended; with the type and message
/// of its failure, "" when it did not fail.
[[nodiscard]] Error unanswered(SessionId const& session,
                               std::string const& type,
                               std::string const& message);

/// Who waits for an answer to a turn or for a session's end. Each callback is called once, without
/// the lock. Thread: any.
class Waiters {
 public:
  using OnAnswer = std::function<void(Result<std::string>)>;
  using OnEnd = std::function<void(Result<AnnounceEnd>)>;

  void wait_for_answer(SessionId const& session, Sequence turn, OnAnswer call);
  void wait_for_end(SessionId const& session, OnEnd call);

  void answer(SessionId const& session, Sequence turn, Result<std::string> const& answer);
  /// The session goes on in another run: a turn that was carried over has another sequence there,
  /// who waits for an answer to another one learns that none will come.
  void continued(SessionId const& session, std::map<Sequence, Sequence> const& carried);
  /// The session ended: who waits for its end is told, who waits for an answer learns that none
  /// will come.
  void end(SessionId const& session, AnnounceEnd const& end);
  /// The session was held, or the runtime stopped: all who wait for it get the error.
  void fail(SessionId const& session, Error const& error);
  void fail_all(Error const& error);

 private:
  using Turn = std::pair<SessionId, Sequence>;

  [[nodiscard]] std::vector<OnAnswer> take_answers(SessionId const& session);
  [[nodiscard]] std::vector<OnEnd> take_ends(SessionId const& session);

  // Guarded by mutex_.
  std::mutex mutex_;
  std::multimap<Turn, OnAnswer> answers_;
  std::multimap<SessionId, OnEnd> ends_;
};

}  // namespace dalsegno::engine
