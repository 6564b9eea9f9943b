#include "engine/replay/replayer.h"

#include "dalsegno/try.h"
#include "storage/log/chain.h"

#include <utility>

namespace dalsegno::engine {

namespace {

Result<storage::SessionSecret> secret_of(storage::EventLog const& log, SessionId const& session) {
  auto secret = log.secret(session);
  if (!secret && secret.error().code == Errc::not_found) {
    return Error{Errc::undecidable,
                 "session " + to_string(session) +
                     ": its key is gone, so its digests cannot be computed again"};
  }
  return secret;
}

/// The stored checkpoint to begin with, if any.
Result<std::optional<storage::StoredCheckpoint>> find_checkpoint(storage::EventLog const& log,
                                                                 SessionId const& session,
                                                                 storage::Head const& head,
                                                                 ReplayFrom from) {
  switch (from.kind) {
    case ReplayFrom::Kind::start:
      return std::optional<storage::StoredCheckpoint>();
    case ReplayFrom::Kind::newest_checkpoint:
      return log.newest_checkpoint(session, head.run, head.last_sequence);
    case ReplayFrom::Kind::checkpoint:
      break;
  }
  TRY(auto found, log.newest_checkpoint(session, head.run, from.sequence));
  if (!found || found->sequence != from.sequence) {
    return Error{Errc::not_found,
                 "session " + to_string(session) + " has no checkpoint at sequence " +
                     std::to_string(from.sequence)};
  }
  return found;
}

/// A checkpoint is trusted only if its CheckpointTaken names its digest.
Result<> check_digest(storage::DecodedStep const& step, Sequence sequence, std::string_view bytes) {
  for (auto const& event : step.step.events) {
    if (event.sequence != sequence) continue;
    auto const* const taken = std::get_if<storage::CheckpointTaken>(&event.body);
    if (taken != nullptr && taken->state_digest == storage::sha256({bytes})) return {};
  }
  return Error{Errc::corrupt,
               "session " + to_string(step.step.header.session) + ": the checkpoint at sequence " +
                   std::to_string(sequence) + " does not match the digest in the log"};
}

/// What the steps of a run that is not the newest come to.
Result<storage::Head> head_of_run(storage::EventLog const& log,
                                  SessionId const& session,
                                  RunId const& run) {
  SessionState state;
  state.session = session;
  state.run = run;
  TRY_VOID(storage::read_verified(
      log, session, run, 1, storage::Reading::replay, [&](storage::DecodedStep const& step) {
        for (auto const& event : step.step.events)
          apply(state, event, step.step.header.recorded_at);
        apply_step_end(state, step.step.header, step.hash);
        return true;
      }));
  if (state.last_sequence == 0)
    return Error{Errc::not_found,
                 "session " + to_string(session) + " has no run " + to_string(run)};
  return head_of(state);
}

}  // namespace

Result<ReplayReport> replay_session(storage::EventLog const& log,
                                    FindWorkflow const& find_workflow,
                                    SessionId const& session,
                                    ReplayFrom from,
                                    std::function<void(SessionId const&, std::string_view)> say,
                                    std::function<void()> const& after_step) {
  TRY(auto head, log.head(session));
  if (!head) return Error{Errc::not_found, "there is no session " + to_string(session)};
  if (from.run && *from.run != head->run) {
    TRY(head, head_of_run(log, session, *from.run));
  }
  auto const* const workflow = find_workflow(head->workflow);
  if (workflow == nullptr) {
    return Error{Errc::unknown_workflow,
                 "session " + to_string(session) + " runs workflow \"" + head->workflow +
                     "\", which this program does not have"};
  }
  TRY(auto secret, secret_of(log, session));
  TRY(auto stored, find_checkpoint(log, session, *head, from));

  SessionEnvironment environment;
  environment.load_artifact = [&log, session](storage::Digest const& digest) {
    return log.artifact(session, digest);
  };
  environment.load_checkpoint =
      [&log, session, run = head->run](Sequence sequence) -> Result<std::string> {
    TRY(auto found, log.newest_checkpoint(session, run, sequence));
    if (found && found->sequence == sequence) return std::move(found->bytes);
    return Error{Errc::not_found, "there is no checkpoint " + std::to_string(sequence)};
  };
  environment.log = std::move(say);

  ReplayReport report;
  if (stored) {
    TRY(report.session,
        Session::from_checkpoint(*workflow, stored->bytes, secret, std::move(environment)));
    report.from = stored->sequence;
  } else {
    report.session = std::make_unique<Session>(
        *workflow, session, head->run, log.info().log_id, secret, std::move(environment));
  }

  Result<> outcome;
  bool first = true;
  auto const visit = [&](storage::DecodedStep const& step) {
    // A store that is being written may have more by now.
    if (step.step.header.first_sequence > head->last_sequence) return false;
    if (std::exchange(first, false) && stored)
      outcome = check_digest(step, stored->sequence, stored->bytes);
    if (outcome) outcome = report.session->replay(step);
    if (!outcome) return false;
    if (after_step) after_step();
    ++report.steps;
    report.events += step.step.events.size();
    return true;
  };
  TRY_VOID(storage::read_verified(
      log, session, head->run, stored ? stored->sequence : 1, storage::Reading::replay, visit));
  if (!outcome) {
    if (outcome.error().code != Errc::diverged) return outcome.error();
    report.divergence = report.session->divergence();
  } else if (report.session->state().last_sequence != head->last_sequence ||
             report.session->state().hash != head->hash) {
    return Error{Errc::corrupt,
                 "session " + to_string(session) + ": its steps end at sequence " +
                     std::to_string(report.session->state().last_sequence) + ", its head says " +
                     std::to_string(head->last_sequence)};
  }
  return report;
}

}  // namespace dalsegno::engine
