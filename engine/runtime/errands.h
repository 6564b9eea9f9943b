#pragma once

// What sessions owe each other: to start one that another asked for or to hand it what is meant for
// it, to tell it what became of that
// one, and to tell that one how it ended. A step that promises it sets an errand (EventLog), the
// step that keeps the promise takes it away. What is promised is done at once by `start`, `tell`
// and `report`; what was missed, as the process ended or a session was held, by `run_all`. All of
// it may be done twice.

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "engine/runtime/shard.h"
#include "engine/session/step_result.h"
#include "storage/log/event_log.h"

#include <functional>
#include <string_view>

namespace dalsegno::engine {

/// Thread: any.
class Errands {
 public:
  using Send = std::function<void(SessionId const& to, Message message)>;
  using Say = std::function<void(SessionId const&, std::string_view)>;

  using Fail = std::function<void(Error const&)>;

  /// `log` outlives this. `fail`: the log could not be read, and an errand was not done for that.
  Errands(storage::EventLog const& log, Send send, Say say, Fail fail);
  Errands(Errands const&) = delete;
  Errands& operator=(Errands const&) = delete;
  ~Errands() = default;

  void start(StartChild const& wanted);
  void tell(TellChild const& told);
  /// Tells who asked for `session` how it ended; nothing where nobody did.
  void report(SessionId const& session, AnnounceEnd const& end);

  /// Does what the log knows as not done. Errors: those of the log.
  [[nodiscard]] Result<> run_all();

 private:
  [[nodiscard]] Result<> run(storage::Errand const& errand);
  [[nodiscard]] Result<> run_for_child(storage::Errand const& errand);
  [[nodiscard]] Result<> run_report(storage::Errand const& errand);
  void started(StartChild const& wanted, Result<Receipt> const& receipt);
  void signal(StartChild const& wanted);
  void settle(StartChild const& wanted);
  void delivered(StartChild const& wanted, Result<> const& done);
  void not_done(SessionId const& session, Error const& error);

  // Set in the constructor.
  storage::EventLog const& log_;
  Send send_;
  Say say_;
  Fail fail_;
};

}  // namespace dalsegno::engine
