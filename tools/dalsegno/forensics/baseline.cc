#include "tools/dalsegno/forensics/baseline.h"

#include "dalsegno/try.h"
#include "tools/dalsegno/forensics/copied_events.h"
#include "tools/dalsegno/forensics/model_calls.h"
#include "tools/dalsegno/forensics/status_name.h"

#include <algorithm>
#include <utility>

namespace dalsegno::forensics {

namespace {

/// Reads sessions one after the other.
class Reader {
 public:
  explicit Reader(storage::EventLog const& log) : log_(log), survey_({GroupKey::workflow}) {}

  Result<> read(CountedSession const& session) {
    TRY(auto const histories, read_all_runs(log_, session.id, session.head));
    std::vector<CallSurvey::Run> runs;
    for (auto const& history : histories) {
      baseline_.steps += history.steps;
      if (history.broken)
        baseline_.broken.push_back(to_string(session.id) + ": " + history.broken->detail);
      TRY(auto calls, read_model_calls(log_, history));
      // What a fork copied is counted in the run that it comes from.
      auto const copied = copied_events(history);
      std::erase_if(calls, [copied](auto const& call) { return call.requested <= copied; });
      count_events(statistics_[history.workflow], history);
      note_failures(history);
      runs.push_back({history.workflow, std::move(calls)});
    }
    survey_.add(session.id, runs);
    note_session(session.head, histories);
    return {};
  }

  Baseline finish() {
    for (auto& [workflow, statistics] : statistics_)
      baseline_.workflows[workflow].calls = std::move(statistics.calls);
    for (auto& [values, group] : survey_.finish()) {
      auto const& name = values.front();
      baseline_.workflows[name == "-" ? "" : name].models = std::move(group);
    }
    for (auto& [name, workflow] : baseline_.workflows) {
      std::ranges::sort(workflow.durations);
      for (auto& [call, figures] : workflow.calls) std::ranges::sort(figures.latencies);
    }
    return std::move(baseline_);
  }

 private:
  void note_failures(History const& history) {
    auto& failures = baseline_.workflows[history.workflow].failures;
    std::map<OperationId, bool> is_model;
    for (auto const& placed : history.events) {
      auto const& event = placed.event;
      if (auto const* const asked = std::get_if<storage::OperationRequested>(&event.body))
        is_model[event.operation] = asked->kind == storage::OperationKind::model;
      auto const* const failed = std::get_if<storage::AttemptFailed>(&event.body);
      bool const counts = failed != nullptr && event.sequence > copied_events(history);
      if (counts && is_model[event.operation]) ++failures[failed->type];
    }
  }

  void note_session(storage::Head const& head, std::vector<History> const& histories) {
    ++baseline_.sessions;
    auto& workflow = baseline_.workflows[head.workflow];
    ++workflow.sessions[std::string(name_of(head))];
    std::optional<Time> first;
    std::optional<Time> last;
    for (auto const& history : histories) {
      if (history.events.empty()) continue;
      auto const begun = history.events.front().recorded_at;
      auto const ended = history.events.back().recorded_at;
      first = std::min(first.value_or(begun), begun);
      last = std::max(last.value_or(ended), ended);
    }
    if (!first) return;
    baseline_.first = std::min(baseline_.first.value_or(*first), *first);
    baseline_.last = std::max(baseline_.last.value_or(*last), *last);
    bool const has_ended = head.status == storage::SessionStatus::completed ||
                           head.status == storage::SessionStatus::failed ||
                           head.status == storage::SessionStatus::cancelled;
    if (has_ended) workflow.durations.push_back(between(*first, *last));
  }

  storage::EventLog const& log_;
  CallSurvey survey_;
  std::map<std::string, Statistics> statistics_;
  Baseline baseline_;
};

}  // namespace

Result<Baseline> read_baseline(storage::EventLog const& log,
                               std::vector<CountedSession> const& sessions) {
  Reader reader(log);
  for (auto const& session : sessions) TRY_VOID(reader.read(session));
  return reader.finish();
}

CallFigures together(WorkflowBaseline const& workflow, std::string_view kind) {
  CallFigures sum;
  for (auto const& [name, figures] : workflow.calls) {
    if (!name.starts_with(std::string(kind) + ' ')) continue;
    sum.requested += figures.requested;
    sum.completed += figures.completed;
    sum.errors += figures.errors;
    sum.failed += figures.failed;
    sum.denied += figures.denied;
    sum.attempts += figures.attempts;
    sum.retries += figures.retries;
    sum.failed_attempts += figures.failed_attempts;
    sum.orphaned += figures.orphaned;
    sum.latencies.insert(sum.latencies.end(), figures.latencies.begin(), figures.latencies.end());
  }
  std::ranges::sort(sum.latencies);
  return sum;
}

double share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace dalsegno::forensics
