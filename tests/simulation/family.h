#pragma once

#include "storage/event/event.h"
#include "tests/simulation/findings.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::simulation {

struct SessionTruth;

/// What the log says of a session that an operation asked for.
struct ChildTruth {
  SessionId session;
  bool detached = false;
  std::optional<RunId> run;                  ///< with which it began
  std::optional<storage::ParentClose> told;  ///< what it is to be told of the operation's end
  bool asked_to_end = false;
  bool reported = false;  ///< its end, or why it was not started, is in the log of who asked
};

/// Sessions that sessions ask for: each begins once and only when it was asked for, hears nothing
/// that nobody said, and ends in its parent's log as it did in its own.
class Family {
 public:
  explicit Family(Findings& findings) : findings_(findings) {}

  // By the operation that asks: of this run.
  void asked_for(RunId const& run, OperationId operation, SessionId session, bool detached);
  void asked_to_end(RunId const& run, OperationId operation);
  void told(RunId const& run, OperationId operation, storage::ParentClose close);
  /// `child`: null: there is no such session.
  void reported(RunId const& run,
                OperationId operation,
                storage::ChildEnded const& ended,
                SessionTruth const* child);

  // By the session that was asked for.
  void began(SessionId const& child, RunId const& run, storage::Origin const& origin);
  void heard(SessionId const& child,
             storage::Origin const& origin,
             storage::ParentEnded const& end);
  void heard_to_end(SessionId const& child, storage::Origin const& origin);

  /// In the order in which they began.
  [[nodiscard]] std::vector<SessionId> const& born() const { return born_; }
  /// One that was asked for and neither began nor was refused.
  [[nodiscard]] std::optional<SessionId> unborn() const;

 private:
  using Place = std::pair<RunId, OperationId>;

  [[nodiscard]] ChildTruth* find(RunId const& run, OperationId operation);
  void require(bool holds, SessionId const& child, std::string const& otherwise);

  Findings& findings_;
  std::map<Place, ChildTruth> children_;
  std::vector<SessionId> born_;
  std::size_t open_ = 0;  // of children_: neither begun nor refused
};

}  // namespace dalsegno::simulation
