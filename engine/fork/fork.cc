#include "engine/fork/fork.h"

#include "dalsegno/try.h"
#include "engine/fork/later.h"
#include "engine/fork/run_writer.h"
#include "engine/fork/step_copier.h"
#include "engine/replay/fold_session.h"
#include "engine/session/next_run.h"
#include "engine/session/session.h"
#include "storage/log/chain.h"
#include "storage/log/journal.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <variant>
#include <vector>

namespace dalsegno::engine {

namespace {

using storage::SessionStatus;

std::string name_of(SessionId const& session) { return "session " + to_string(session); }

Result<> check_form(ForkRequest const& request) {
  auto const& options = request.options;
  auto const name = name_of(request.session);
  auto const invalid = [&](std::string const& why) {
    return Error{Errc::invalid, name + ": " + why};
  };
  if (request.session == storage::journal_session())
    return invalid("it is the store's own, and has no code to begin again");
  if (options.by.empty()) return invalid("say who asks for it");
  if (options.reason.empty()) return invalid("say why");
  if (options.by.size() + options.reason.size() + request.credential.size() > max_fork_reason_bytes)
    return Error{Errc::too_large,
                 name + ": who asks and why together have more than " +
                     std::to_string(max_fork_reason_bytes) + " bytes"};
  if (options.as.empty()) return {};
  auto const target = target_of(request);
  if (!valid(target)) return invalid('"' + options.as + "\" is no name of a session");
  if (target == request.session) return invalid("a session cannot be forked as itself");
  if (options.terminate)
    return invalid("it goes on beside the new session: nothing is to be terminated");
  return {};
}

/// One fork or restart in the making.
class Plan {
 public:
  Plan(storage::EventLog const& log,
       ForkRequest const& request,
       ForkSurroundings const& surroundings)
      : log_(log), request_(request), surroundings_(surroundings), info_(log.info()) {}

  Result<ForkPlan> make() {
    TRY_VOID(check_form(request_));
    TRY_VOID(read_heads());
    TRY_VOID(end_open_run());
    TRY(source_, run_to_begin_with());
    auto const at_once = request_.at == 0 ? begin_again() : copy();
    TRY_VOID(at_once);
    auto first = std::move(steps_.front());
    first.then.assign(std::make_move_iterator(steps_.begin() + 1),
                      std::make_move_iterator(steps_.end()));
    fork_.session = target_of(request_);
    fork_.run = surroundings_.run;
    fork_.from = source_;
    return ForkPlan{std::move(first), std::move(fork_)};
  }

 private:
  [[nodiscard]] Error error(Errc code, std::string const& what) const {
    return {code, name_of(request_.session) + ": " + what};
  }

  Result<> read_heads() {
    auto const& session = request_.session;
    TRY(auto head, log_.head(session));
    if (!head) return Error{Errc::not_found, "there is no " + name_of(session)};
    head_ = std::move(*head);
    auto secret = log_.secret(session);
    if (!secret && secret.error().code == Errc::not_found)
      return error(Errc::undecidable, "it was erased; what it had cannot be taken up again");
    if (!secret) return secret.error();
    secret_ = *secret;
    not_before_ = std::max(surroundings_.now, head_.updated_at);
    if (request_.options.as.empty()) {
      follows_ = storage::Predecessor{head_.run, head_.hash};
      return {};
    }
    TRY(auto const there, log_.head(target_of(request_)));
    if (there)
      return Error{Errc::conflict, name_of(target_of(request_)) + " exists: choose another name"};
    return {};
  }

  /// A run of the same session begins where the one before it has ended.
  Result<> end_open_run() {
    bool const open = head_.status == SessionStatus::open || head_.status == SessionStatus::held;
    if (!open || !request_.options.as.empty()) return {};
    if (!request_.options.terminate)
      return error(Errc::conflict,
                   "run " + to_string(head_.run) +
                       " of it has not ended: terminate it first, or fork it as another session");
    TRY(auto state, fold_session(log_, request_.session));
    SessionEnvironment environment;
    environment.load_artifact = [this](storage::Digest const& digest) {
      return log_.artifact(request_.session, digest);
    };
    auto const session = Session::without_code(std::move(state), secret_, std::move(environment));
    static PolicySet const no_policy;  // to end takes no decision
    Ambient const ambient{.now = not_before_, .epoch = info_.epoch, .policy = no_policy};
    TRY(auto asked,
        session->handle(ControlInput{storage::ControlVerb::terminate,
                                     request_.options.by,
                                     request_.credential,
                                     request_.options.reason},
                        ambient));
    if (asked) steps_.push_back(std::move(*asked));
    if (auto const due = session->state().control_due) {
      TRY(auto ended, session->handle(TimerInput{OperationId::none, *due}, ambient));
      if (ended) steps_.push_back(std::move(*ended));
    }
    auto const& ended = session->state();
    if (ended.status == SessionStatus::open || ended.status == SessionStatus::held)
      return error(Errc::conflict, "run " + to_string(head_.run) + " of it could not be ended");
    follows_ = storage::Predecessor{ended.run, ended.hash};
    return {};
  }

  /// The run that was asked for; to begin again, the first of those that continue each other.
  Result<RunId> run_to_begin_with() {
    auto const& session = request_.session;
    if (request_.at > 0) {
      auto const run = request_.options.run.value_or(head_.run);
      TRY(auto const runs, log_.runs(session));
      if (std::ranges::find(runs, run) == runs.end())
        return error(Errc::not_found, "it has no run " + to_string(run));
      return run;
    }
    storage::KeyedDigester const digester(secret_);
    for (auto run = head_.run;;) {
      TRY(auto const started, start_of(log_, session, run));
      bool const of_this = started.fork && started.fork->session == session.name;
      if (of_this) {
        run = started.fork->run;
      } else if (started.follows && next_run(digester, *started.follows) == run) {
        run = *started.follows;
      } else {
        return run;
      }
    }
  }

  // ---- beginning again ----

  Result<> begin_again() {
    std::vector<storage::Event> events;
    TRY_VOID(storage::read_verified(log_,
                                    request_.session,
                                    source_,
                                    1,
                                    storage::Reading::replay,
                                    [&](storage::DecodedStep const& step) {
                                      events = first_events(step.step.events);
                                      return false;
                                    }));
    TRY(auto later,
        read_later(log_, storage::KeyedDigester(secret_), request_.session, source_, 0));
    fork_.effects = std::move(later.effects);
    storage::ForkOrigin const from{request_.session.name, source_, 0};
    auto* const started =
        events.empty() ? nullptr : std::get_if<storage::SessionStarted>(&events.front().body);
    if (started == nullptr) return error(Errc::corrupt, "its first run has no beginning");
    started->rules_version = current_rules_version;
    started->random_seed = surroundings_.random_seed;
    started->follows = follows_->run;
    started->follows_hash = follows_->hash;
    started->origin.reset();
    started->not_before = not_before_ + std::chrono::microseconds(1);
    started->fork = from;
    // The code begins when this timer fires: there is none here.
    auto const begin = *started->not_before;
    events.insert(events.begin() + 1, {0, OperationId::none, forked(from)});
    events.push_back({0, OperationId{1}, storage::TimerStarted{begin}});
    fork_.forked = 2;
    RunWriter writer(request_.session, surroundings_.run, info_.log_id, info_.epoch, follows_);
    TRY(auto step, writer.write(std::move(events), not_before_));
    step.append.timers_set = writer.timers();
    steps_.push_back(std::move(step));
    return {};
  }

  /// What a run began with, without what its code did.
  static std::vector<storage::Event> first_events(std::vector<storage::Event> const& step) {
    std::vector<storage::Event> events;
    for (auto const& event : step) {
      auto const* const signal = std::get_if<storage::InputReceived>(&event.body);
      bool const begins = std::holds_alternative<storage::SessionStarted>(event.body) ||
                          std::holds_alternative<storage::RunCarried>(event.body) ||
                          (signal != nullptr && !signal->update);
      if (begins) events.push_back(event);
    }
    return events;
  }

  // ---- a copy ----

  Result<> copy() {
    auto const& options = request_.options;
    auto const target = target_of(request_);
    bool const elsewhere = !options.as.empty();
    TRY(fork_.at, end_of_step());
    storage::ForkOrigin const from{request_.session.name, source_, fork_.at};
    RunWriter writer(target, surroundings_.run, info_.log_id, info_.epoch, follows_);
    StepCopier copier(
        log_,
        request_.session,
        {target, surroundings_.run, follows_, from},
        elsewhere ? std::optional(CopyKeys{secret_, surroundings_.secret}) : std::nullopt);
    TRY_VOID(copy_steps(copier, writer, elsewhere));
    TRY_VOID(check_point(writer.state()));
    TRY(auto later,
        read_later(log_, storage::KeyedDigester(secret_), request_.session, source_, fork_.at));
    fork_.effects = std::move(later.effects);
    if (options.signals == LaterSignals::left_out) later.signals.clear();
    if (later.signals.size() > max_forked_signals)
      return error(Errc::too_large,
                   std::to_string(later.signals.size()) + " signals came after event " +
                       std::to_string(fork_.at) + ", and at most " +
                       std::to_string(max_forked_signals) + " can come again: leave them out");
    fork_.signals = later.signals.size();
    fork_.forked = writer.state().last_sequence + 1;
    return go_on(copier, writer, from, std::move(later.signals));
  }

  /// The last event of the step that holds the one that was asked for.
  Result<Sequence> end_of_step() {
    Sequence end = 0;
    TRY_VOID(storage::read_verified(log_,
                                    request_.session,
                                    source_,
                                    request_.at,
                                    storage::Reading::show,
                                    [&](storage::DecodedStep const& step) {
                                      end = step.step.events.back().sequence;
                                      return false;
                                    }));
    if (end < request_.at)
      return error(Errc::not_found,
                   "run " + to_string(source_) + " has no event " + std::to_string(request_.at));
    return end;
  }

  Result<> copy_steps(StepCopier& copier, RunWriter& writer, bool elsewhere) {
    Result<> outcome;
    std::size_t bytes = 0;
    std::size_t count = 0;
    TRY_VOID(storage::read_verified(
        log_,
        request_.session,
        source_,
        1,
        storage::Reading::replay,
        [&](storage::DecodedStep const& step) {
          if (step.step.header.first_sequence > fork_.at) return false;
          outcome = copy_step(copier, writer, elsewhere, step.step);
          if (!outcome) return false;
          auto const& append = steps_.back().append;
          bytes += append.step.bytes.size();
          for (auto const& checkpoint : append.checkpoints) bytes += checkpoint.bytes.size();
          for (auto const& artifact : append.artifacts) bytes += artifact.bytes.size();
          if (++count > max_forked_steps || bytes > max_forked_bytes)
            outcome = error(Errc::too_large,
                            "more than " + std::to_string(max_forked_steps) + " steps or " +
                                std::to_string(max_forked_bytes >> 20U) +
                                " MiB up to there: more than can be copied at once");
          return outcome.has_value();
        }));
    return outcome;
  }

  Result<> copy_step(StepCopier& copier,
                     RunWriter& writer,
                     bool elsewhere,
                     storage::Step const& step) {
    TRY(auto copied, copier.copy(step));
    std::vector<storage::ProducerKey> keys;
    if (elsewhere) {
      for (auto const& event : copied.events) {
        auto const* const signal = std::get_if<storage::InputReceived>(&event.body);
        if (signal != nullptr && !signal->producer_key.empty())
          keys.push_back({signal->producer_key, event.sequence});
      }
    }
    TRY(auto written,
        writer.write(std::move(copied.events), step.header.recorded_at, step.header.cause));
    written.events.clear();  // nothing happens here: it has
    auto& append = written.append;
    append.artifacts = std::move(copied.artifacts);
    append.checkpoints = std::move(copied.checkpoints);
    append.producer_keys = std::move(keys);
    if (elsewhere && append.first_sequence == 1) append.secret = surroundings_.secret;
    steps_.push_back(std::move(written));
    return {};
  }

  /// Whether the run can go on from there.
  [[nodiscard]] Result<> check_point(SessionState const& state) const {
    auto const point = "after event " + std::to_string(fork_.at) + " ";
    if (state.status == SessionStatus::held)
      return error(Errc::conflict, point + "it is held: choose an event before");
    if (state.status != SessionStatus::open)
      return error(Errc::conflict, point + "it has ended: choose an event before");
    if (!state.updates.empty())
      return error(Errc::conflict,
                   point + "an update is under way, at " + std::to_string(*state.updates.begin()) +
                       ": choose an event before or after");
    for (auto const& [id, operation] : state.operations) {
      if (operation.kind == storage::OperationKind::promise)
        return error(Errc::conflict,
                     point +
                         "it waits for a promise, whose token is good for the forked run only: "
                         "choose an event before or after");
      if (operation.child && operation.attempt > 0)
        return error(Errc::conflict,
                     point + "it waits for session " + operation.child->session +
                         ": choose an event before or after");
    }
    return {};
  }

  Result<> go_on(StepCopier& copier,
                 RunWriter& writer,
                 storage::ForkOrigin const& from,
                 std::vector<LaterSignal> signals) {
    std::vector<storage::Event> events;
    events.push_back({0, OperationId::none, forked(from)});
    CopiedStep beside;
    std::vector<storage::ProducerKey> keys;
    for (auto& [sequence, signal] : signals) {
      storage::EventBody body = std::move(signal);
      TRY_VOID(copier.rekey(body, beside));
      auto& received = std::get<storage::InputReceived>(body);
      received.carried_from = sequence;
      if (!received.producer_key.empty())
        keys.push_back({received.producer_key, fork_.forked + events.size()});
      events.push_back({0, OperationId::none, std::move(body)});
    }
    TRY(auto step,
        writer.write(std::move(events), std::max(not_before_, writer.state().last_time)));
    step.append.artifacts = std::move(beside.artifacts);
    step.append.producer_keys = std::move(keys);
    step.append.timers_set = writer.timers();
    steps_.push_back(std::move(step));
    return {};
  }

  [[nodiscard]] storage::Forked forked(storage::ForkOrigin const& from) const {
    return {from,
            surroundings_.random_seed,
            request_.options.by,
            request_.credential,
            request_.options.reason,
            fork_.effects.size()};
  }

  storage::EventLog const& log_;
  ForkRequest const& request_;
  ForkSurroundings const& surroundings_;
  storage::StoreInfo info_;
  storage::Head head_;
  storage::SessionSecret secret_;
  std::optional<storage::Predecessor> follows_;
  Time not_before_;  // no step of it is recorded earlier but copies
  RunId source_;
  std::vector<StepResult> steps_;
  Fork fork_;
};

}  // namespace

SessionId target_of(ForkRequest const& request) {
  return request.options.as.empty() ? request.session
                                    : SessionId{request.session.tenant, request.options.as};
}

Result<ForkPlan> plan_fork(storage::EventLog const& log,
                           ForkRequest const& request,
                           ForkSurroundings const& surroundings) {
  return Plan(log, request, surroundings).make();
}

}  // namespace dalsegno::engine
