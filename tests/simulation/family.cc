#include "tests/simulation/family.h"

#include "tests/simulation/truth.h"

namespace dalsegno::simulation {

ChildTruth* Family::find(RunId const& run, OperationId operation) {
  auto const found = children_.find({run, operation});
  return found == children_.end() ? nullptr : &found->second;
}

void Family::require(bool holds, SessionId const& child, std::string const& otherwise) {
  if (!holds) findings_.add("children", to_string(child) + " " + otherwise);
}

void Family::asked_for(RunId const& run, OperationId operation, SessionId session, bool detached) {
  auto const [place, fresh] = children_.try_emplace({run, operation});
  require(fresh, session, "was asked for twice by one operation");
  place->second.session = std::move(session);
  place->second.detached = detached;
  ++open_;
}

void Family::asked_to_end(RunId const& run, OperationId operation) {
  if (auto* const child = find(run, operation)) child->asked_to_end = true;
}

void Family::told(RunId const& run, OperationId operation, storage::ParentClose close) {
  if (auto* const child = find(run, operation)) child->told = close;
}

void Family::reported(RunId const& run,
                      OperationId operation,
                      storage::ChildEnded const& ended,
                      SessionTruth const* child) {
  auto* const known = find(run, operation);
  if (known == nullptr)
    return findings_.add("children", "the end of a session that nobody had asked for");
  auto const& name = known->session;
  require(!known->reported, name, "ended twice for its parent");
  known->reported = true;
  if (ended.run == RunId()) {  // it was not started
    require(ended.outcome == storage::ChildOutcome::failed, name, "ended and has no run");
    require(!known->run, name, "was started, and its parent was told that it was not");
    --open_;
    return;
  }
  require(known->run.has_value() && child != nullptr, name, "ended, and it had never begun");
  if (child == nullptr || known->detached) return;
  using storage::SessionStatus;
  auto const& [status, outcome] = std::pair(child->status, ended.outcome);
  require(child->run == ended.run, name, "ended in another run than its parent was told");
  require((status == SessionStatus::completed && outcome == storage::ChildOutcome::completed) ||
              (status == SessionStatus::cancelled && outcome == storage::ChildOutcome::cancelled) ||
              (status == SessionStatus::failed && outcome == storage::ChildOutcome::failed),
          name,
          "ended otherwise than its parent was told");
  if (status == SessionStatus::completed && child->result && !ended.result.artifact)
    require(
        *child->result == ended.result.bytes, name, "gave another result than its parent was told");
}

void Family::began(SessionId const& child, RunId const& run, storage::Origin const& origin) {
  auto* const known = find(origin.run, origin.operation);
  require(known != nullptr && known->session == child, child, "began, and nobody had asked for it");
  if (known == nullptr) return;
  require(!known->run, child, "began twice for one operation");
  require(!known->reported, child, "began after its parent was told that it would not");
  if (!known->run) --open_;
  known->run = run;
  born_.push_back(child);
}

void Family::heard(SessionId const& child,
                   storage::Origin const& origin,
                   storage::ParentEnded const& end) {
  auto const* const known = find(origin.run, origin.operation);
  require(known != nullptr && known->told == end.close,
          child,
          "heard of an end of its parent that its parent does not have");
}

void Family::heard_to_end(SessionId const& child, storage::Origin const& origin) {
  auto const* const known = find(origin.run, origin.operation);
  require(known != nullptr && known->asked_to_end,
          child,
          "was asked to end by its parent, which does not know of it");
}

std::optional<SessionId> Family::unborn() const {
  if (open_ == 0) return std::nullopt;
  for (auto const& [place, child] : children_)
    if (!child.run && !child.reported) return child.session;
  return std::nullopt;
}

}  // namespace dalsegno::simulation
