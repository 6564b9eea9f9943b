#include "tools/dalsegno/forensics/statistics.h"

#include "dalsegno/try.h"
#include "engine/session/overloaded.h"
#include "storage/event/copied.h"
#include "storage/log/chain.h"
#include "tools/dalsegno/forensics/calls.h"
#include "tools/dalsegno/forensics/status_name.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace dalsegno::forensics {

namespace {

using engine::overloaded;

/// Counts the events of one run.
class RunCounter {
 public:
  explicit RunCounter(Statistics& statistics) : out_(statistics) {}

  void take(storage::Event const& event, Time recorded_at) {
    ++out_.events[std::string(storage::name_of(event.body))];
    if (event.sequence == 1) copied_ = storage::copied_up_to(event.body);
    if (auto const* const requested = std::get_if<storage::OperationRequested>(&event.body))
      request(event, *requested);
    auto const found = calls_.find(event.operation);
    // What a fork copied is counted in the run that it comes from.
    if (found == calls_.end() || event.sequence <= copied_) return;
    auto& call = found->second;
    auto& figures = *call.figures;
    std::visit(overloaded{
                   [&](storage::PolicyDecided const& body) {
                     if (body.effect == storage::DecisionEffect::deny) ++figures.denied;
                   },
                   [&](storage::AttemptStarted const& body) {
                     ++figures.attempts;
                     if (body.attempt > 1) ++figures.retries;
                     call.started_at = recorded_at;
                   },
                   [&](storage::AttemptFailed const&) { ++figures.failed_attempts; },
                   [&](storage::AttemptOrphaned const&) { ++figures.orphaned; },
                   [&](storage::OperationCompleted const&) { complete(call, recorded_at); },
                   [&](storage::ModelCompleted const& body) {
                     complete(call, recorded_at);
                     out_.input_tokens += body.input_tokens;
                     out_.output_tokens += body.output_tokens;
                     out_.cached_tokens += body.cached_tokens;
                   },
                   [&](storage::ToolCompleted const& body) {
                     complete(call, recorded_at);
                     if (body.is_error) ++figures.errors;
                   },
                   [&](storage::OperationFailed const&) { ++figures.failed; },
                   [](auto const&) {},
               },
               event.body);
  }

 private:
  struct OpenCall {
    CallFigures* figures = nullptr;
    Time started_at;
  };

  void request(storage::Event const& event, storage::OperationRequested const& body) {
    bool const calls = body.kind == storage::OperationKind::activity ||
                       body.kind == storage::OperationKind::model ||
                       body.kind == storage::OperationKind::tool;
    if (!calls) return;
    auto& figures = out_.calls[std::string(name_of(body.kind)) + ' ' + body.name];
    if (event.sequence > copied_) ++figures.requested;
    calls_[event.operation] = {&figures, {}};
  }

  static void complete(OpenCall& call, Time recorded_at) {
    ++call.figures->completed;
    call.figures->latencies.push_back(recorded_at - call.started_at);
  }

  Statistics& out_;
  std::map<OperationId, OpenCall> calls_;
  Sequence copied_ = 0;  // events up to here are another run's
};

}  // namespace

void count_events(Statistics& statistics, History const& history) {
  RunCounter counter(statistics);
  for (auto const& placed : history.events) counter.take(placed.event, placed.recorded_at);
}

Result<Statistics> count(storage::EventLog const& log,
                         std::vector<CountedSession> const& sessions) {
  Statistics statistics;
  statistics.commits = log.info().last_commit;
  auto const log_id = log.info().log_id;
  for (auto const& [id, head] : sessions) {
    ++statistics.sessions[head.workflow][std::string(name_of(head))];
    storage::ChainVerifier chain(log_id, id, head.run);
    RunCounter counter(statistics);
    Result<> outcome;
    auto const read = log.read_steps(id, head.run, 1, [&](std::string_view bytes) {
      auto const step = storage::decode(bytes, storage::Reading::show);
      outcome = step ? chain.check(*step) : Result<>(step.error());
      if (!outcome) return false;
      ++statistics.steps;
      statistics.step_bytes += bytes.size();
      for (auto const& event : step->step.events)
        counter.take(event, step->step.header.recorded_at);
      return true;
    });
    if (!read && read.error().code == Errc::io) return read.error();
    if (outcome && read &&
        (chain.last_sequence() != head.last_sequence || chain.hash() != head.hash))
      outcome =
          Error{Errc::data_loss, to_string(id) + ": its steps do not end where its head says"};
    if (!read) statistics.broken.push_back(read.error().detail);
    if (!outcome) statistics.broken.push_back(outcome.error().detail);
  }
  for (auto& [name, figures] : statistics.calls) std::ranges::sort(figures.latencies);
  return statistics;
}

}  // namespace dalsegno::forensics
