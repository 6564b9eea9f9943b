#include "engine/runtime/engine.h"

#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "engine/govern/store_policy.h"
#include "engine/policy/rate.h"
#include "engine/replay/fold_session.h"
#include "engine/runtime/activity_pool.h"
#include "engine/runtime/attempt_scope.h"
#include "engine/runtime/counters.h"
#include "engine/runtime/errands.h"
#include "engine/runtime/system_clock.h"
#include "engine/runtime/timer_service.h"
#include "engine/runtime/watchdog.h"
#include "engine/session/call_policy.h"
#include "engine/session/completion_token.h"
#include "engine/session/control_step.h"
#include "engine/session/next_run.h"
#include "engine/session/overloaded.h"
#include "storage/access/recorded_time.h"
#include "storage/log/step_key.h"
#include "storage/vault/intake.h"

#include <algorithm>
#include <future>
#include <map>
#include <utility>

namespace dalsegno::engine {

namespace {

/// A run that was found guilty of killing its process so often, without a durable step in between,
/// is held.
constexpr std::uint64_t guilty_at_most = 3;

}  // namespace

Engine::Engine(storage::EventLog& log,
               Registry const& registry,
               PolicySet policy,
               EngineOptions options)
    : log_(log), registry_(registry), policy_(std::move(policy)), options_(std::move(options)) {
  if (!options_.now) options_.now = system_now;
  if (!options_.entropy) options_.entropy = system_entropy;
  if (!options_.say) options_.say = [](SessionId const&, std::string_view) {};
  if (auto const* const intake = options_.intake) {
    options_.say = [say = std::move(options_.say), intake](SessionId const& session,
                                                           std::string_view text) {
      say(session, intake->message(text));
    };
  }
  options_.shards = std::max(options_.shards, 1U);
  options_.activity_threads =
      options_.threads == Threads::own ? std::max(options_.activity_threads, 1U) : 0;
  if (options_.threads == Threads::none) options_.hurry_up_to = 0;
}

Result<std::unique_ptr<Engine>> Engine::start(storage::EventLog& log,
                                              Registry const& registry,
                                              PolicySet policy,
                                              EngineOptions options) {
  TRY_VOID(CallQueues::check(options.queues));
  std::unique_ptr<Engine> engine(new Engine(log, registry, std::move(policy), std::move(options)));
  TRY_VOID(engine->activate_policy());
  TRY_VOID(engine->count_calls());
  TRY(engine->newest_, access::not_before_recorded(log, engine->options_.now()));
  if (!engine->options_.marker_file.empty()) {
    TRY(engine->markers_, MarkerFile::open(engine->options_.marker_file));
    TRY_VOID(engine->hold_poisoned());
  }
  auto& self = *engine;
  self.errands_ = std::make_unique<Errands>(
      log,
      [&self](SessionId const& to, Message message) { self.shard_of(to).post(std::move(message)); },
      self.options_.say,
      [&self](Error const& error) { self.fail(error); });
  self.committer_ = std::make_unique<Committer>(
      log,
      [&self](std::span<PendingStep> steps, std::span<Result<> const> results, bool fatal) {
        self.release_effects(steps, results, fatal);
      },
      self.options_.threads);
  for (unsigned i = 0; i < self.options_.shards; ++i) {
    ShardServices services{log,
                           registry,
                           self.policy_,
                           self.options_.shadow_policies,
                           *self.committer_,
                           self.options_.intake,
                           self.counters_.get(),
                           self.options_.now,
                           self.options_.entropy,
                           self.newest_,
                           self.options_.say,
                           [&self](Time due) { self.timers_->armed(due); },
                           self.options_.max_idle_sessions / self.options_.shards,
                           self.options_.hurry_up_to,
                           self.options_.threads,
                           [&self] { return self.pool_.get(); },
                           [&self] { self.run_errands(); },
                           [&self](Error const& error) { self.fail(error); }};
    self.shards_.push_back(std::make_unique<Shard>(
        std::move(services), self.markers_ ? self.markers_->marker(i) : Marker()));
  }
  self.pool_ = std::make_unique<ActivityPool>(
      registry,
      self.policy_,
      self.options_.now,
      self.options_.intake,
      self.options_.queues,
      self.options_.activity_threads,
      [&self](SessionId const& session, RunId const& run, AttemptEnd ended) {
        self.deliver(session, run, std::move(ended));
      },
      [&self](StartAttempt const& attempt) { return self.token_of(attempt); });
  self.timers_ = std::make_unique<TimerService>(
      log,
      self.options_.now,
      [&self](std::vector<storage::Timer> const& due) {
        for (auto const& timer : due) {
          self.shard_of(timer.session)
              .post(InputMessage{timer.session, timer.run, TimerInput{timer.operation, timer.due}});
        }
      },
      [&self](Error const& error) { self.fail(error); },
      self.options_.threads);
  if (self.markers_ && self.options_.step_limit > std::chrono::milliseconds(0) &&
      self.options_.threads == Threads::own)
    self.watchdog_ = std::make_unique<Watchdog>(
        *self.markers_, self.shards_.size(), self.options_.step_limit, self.options_.say);
  TRY_VOID(self.recover());
  self.timers_->start();
  return engine;
}

Engine::~Engine() { stop(); }

std::vector<QueueStatus> Engine::queues() const { return pool_->queues(); }

void Engine::stop() {
  if (std::exchange(stopped_, true)) return;
  stopping_ = true;
  if (timers_) timers_->stop();
  if (pool_) pool_->stop();
  for (auto& shard : shards_) shard->stop();
  watchdog_.reset();
  if (committer_) committer_->stop();
  waiters_.fail_all({Errc::unavailable, "the runtime has stopped"});
}

// ---- beginning ----

/// The document that decides is in the log before its first decision.
Result<> Engine::activate_policy() { return activate_at_start(log_, policy_, options_.now()); }

/// Counters that the policy asks for are kept from here on, beginning with what the log has.
Result<> Engine::count_calls() {
  auto const asked = counters_asked(policy_, options_.shadow_policies);
  if (!asked.any()) return {};
  counters_ = std::make_unique<CallCounters>(asked);
  return counters_->read(log_, options_.now());
}

/// Gives back the calls of a step that was not recorded: they did not start.
void Engine::uncount(StepResult const& step) {
  if (counters_ == nullptr) return;
  for (auto const& next : step.then) uncount(next);
  for (auto const& effect : step.effects) {
    if (auto const* const child = std::get_if<StartChild>(&effect))
      counters_->take_back(
          step.append.session,
          action_of(child->ask == storage::SessionAsk::start ? storage::OperationKind::child
                                                             : storage::OperationKind::message),
          child->ask == storage::SessionAsk::start ? child->workflow : child->session.name,
          step.recorded_at);
    auto const* const call = std::get_if<StartAttempt>(&effect);
    if (call == nullptr || call->attempt != 1) continue;
    counters_->take_back(call->session, action_of(call->kind), call->name, step.recorded_at);
    for (auto const& event : step.events) {
      auto const* const decided = std::get_if<storage::PolicyDecided>(&event.body);
      if (decided == nullptr || event.operation != call->operation) continue;
      for (auto const& rule : rated_rules(*decided))
        counters_->rates().give_back(call->session.tenant, rule, step.recorded_at);
    }
  }
}

/// Whether a step since `sequence` came from the workflow. What the recovery from a crash writes
/// itself (the orphan, its next attempt) is no progress: else an endless loop of crashes would look
/// like a busy session.
Result<bool> Engine::workflow_moved(SessionId const& session,
                                    storage::Head const& head,
                                    Sequence sequence) const {
  bool moved = false;
  Result<> readable;
  if (sequence >= head.last_sequence) return false;
  TRY_VOID(log_.read_steps(session, head.run, sequence + 1, [&](std::string_view bytes) {
    auto const step = storage::decode(bytes, storage::Reading::show);
    if (!step) {
      readable = step.error();
      return false;
    }
    for (auto const& event : step->step.events) {
      moved = moved || !(std::holds_alternative<storage::AttemptOrphaned>(event.body) ||
                         std::holds_alternative<storage::OperationInDoubt>(event.body) ||
                         std::holds_alternative<storage::HeartbeatRecorded>(event.body) ||
                         std::holds_alternative<storage::TimerFired>(event.body) ||
                         std::holds_alternative<storage::PolicyDecided>(event.body) ||
                         std::holds_alternative<storage::AttemptStarted>(event.body));
    }
    return !moved;
  }));
  TRY_VOID(readable);
  return moved;
}

Result<> Engine::hold_poisoned() {
  for (auto const& guilty : markers_->guilty()) {
    TRY(auto head, log_.head(guilty.session));
    if (!head || head->run != guilty.run || head->status != storage::SessionStatus::open) continue;
    auto const key = "guilty/" + to_string(guilty.run);
    TRY(auto stored, log_.get_meta(key));
    // {"count", "sequence"}: a step of the workflow since then begins the count anew.
    std::int64_t count = 0;
    if (stored) {
      auto const json = parse_json(*stored);
      auto const* const sequence = json ? json->find("sequence") : nullptr;
      auto const* const known = json ? json->find("count") : nullptr;
      if (sequence != nullptr && sequence->as_integer() != nullptr && known != nullptr &&
          known->as_integer() != nullptr) {
        TRY(auto const moved,
            workflow_moved(guilty.session, *head, static_cast<Sequence>(*sequence->as_integer())));
        if (!moved) count = *known->as_integer();
      }
    }
    ++count;
    if (count < static_cast<std::int64_t>(guilty_at_most)) {
      Json json;
      json.set("count", Json(count)).set("sequence", Json(head->last_sequence));
      TRY_VOID(log_.put_meta(key, to_string(json)));
      continue;
    }
    Json json;
    json.set("reason",
             "its code ended the process by a fault " + std::to_string(count) +
                 " times without a durable step in between");
    TRY(auto step,
        make_control_step(guilty.session,
                          log_.info().log_id,
                          *head,
                          storage::Held{"poisoned", to_string(json)},
                          options_.now(),
                          log_.info().epoch));
    std::vector<storage::Append> batch;
    batch.push_back(std::move(step.append));
    TRY(auto receipt, log_.append(batch));
    if (!receipt.each.front()) return receipt.each.front().error();
    TRY_VOID(log_.put_meta(key, R"({"count":0,"sequence":0})"));
    options_.say(guilty.session, "held (poisoned): " + to_string(json));
  }
  return {};
}

/// Sessions with attempts that a former process left open are brought into memory; all others wait
/// for their input. What sessions owed each other is done.
Result<> Engine::recover() {
  TRY_VOID(log_.scan_heads([this](SessionId const& session, storage::Head const& head) {
    if (head.status == storage::SessionStatus::open && head.open_attempts > 0)
      shard_of(session).post(LoadMessage{session});
    return true;
  }));
  return errands_->run_all();
}

void Engine::run_errands() {
  if (auto const done = errands_->run_all(); !done) fail(done.error());
}

// ---- after each write ----

void Engine::deliver(SessionId const& session, RunId const& run, AttemptEnd ended) {
  shard_of(session).post(
      InputMessage{session, run, std::move(ended.input), std::move(ended.vault)});
}

namespace {

/// The step, and those that stand or fall with it.
template <class Step, class Use>
void for_each_step(Step& step, Use use) {
  use(step);
  for (auto& next : step.then) use(next);
}

}  // namespace

void Engine::release_effects(std::span<PendingStep> steps,
                             std::span<Result<> const> results,
                             bool fatal) {
  std::vector<StartAttempt> attempts;
  std::vector<std::vector<Message>> committed(shards_.size());
  std::optional<Time> first_due;
  auto const release = [&](SessionId const& session, StepResult& step) {
    if (options_.on_durable && !step.events.empty()) options_.on_durable(session, step.events);
    for (auto const& timer : step.append.timers_set)
      first_due = first_due ? std::min(*first_due, timer.due) : timer.due;
    for (auto& effect : step.effects) {
      if (auto* const attempt = std::get_if<StartAttempt>(&effect))
        attempts.push_back(std::move(*attempt));
    }
  };
  for (std::size_t i = 0; i < steps.size(); ++i) {
    auto& pending = steps[i];
    if (!pending.step) continue;
    auto const& newest =
        pending.step->then.empty() ? pending.step->append : pending.step->then.back().append;
    committed[shard_index(pending.session)].emplace_back(
        CommittedMessage{pending.session, newest.run, newest.head.last_sequence, results[i]});
    if (!results[i]) {
      uncount(*pending.step);
      continue;
    }
    for_each_step(*pending.step, [&](StepResult& step) { release(pending.session, step); });
  }
  if (!attempts.empty()) pool_->submit(std::move(attempts));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    bool const done = steps[i].step && results[i];
    // First: who has the acknowledgement of a cancellation knows that its calls were told.
    if (done)
      for_each_step(*steps[i].step, [&](StepResult const& step) { abandon_attempts(step); });
    if (steps[i].acknowledge) steps[i].acknowledge(results[i]);
    if (done)
      for_each_step(*steps[i].step,
                    [&](StepResult const& step) { announce(steps[i].session, step); });
  }
  if (first_due) timers_->armed(*first_due);
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    if (!committed[i].empty()) shards_[i]->post(std::move(committed[i]));
  }
  // A newer writer has the store, or the log takes nothing any more: both end this runtime.
  for (auto const& result : results) {
    if (!result && (fatal || result.error().code == Errc::fenced)) return fail(result.error());
  }
}

/// Tells attempts that nobody waits for any more: their operation was cancelled, or they took too
/// long.
void Engine::abandon_attempts(StepResult const& step) {
  auto const& run = step.append.run;
  for (auto const& event : step.events) {
    auto const id = event.operation;
    std::visit(overloaded{[&](storage::OperationCancelled const& cancelled) {
                            if (!cancelled.abandoned) pool_->abandon(run, id);
                            pool_->forget(run, id);
                          },
                          [&](storage::CancellationAsked const&) { pool_->abandon(run, id); },
                          [&](storage::AttemptFailed const& failed) {
                            pool_->abandon(run, id, failed.attempt);
                            pool_->forget(run, id, failed.attempt);
                          },
                          [&](storage::AttemptOrphaned const& orphaned) {
                            pool_->forget(run, id, orphaned.attempt);
                          },
                          [&](storage::AttemptDeferred const& deferred) {
                            pool_->forget(run, id, deferred.attempt);
                          },
                          [&](storage::OperationCompleted const&) { pool_->forget(run, id); },
                          [&](storage::ModelCompleted const&) { pool_->forget(run, id); },
                          [&](storage::ToolCompleted const&) { pool_->forget(run, id); },
                          [](auto const&) {}},
               event.body);
  }
}

/// From the session's secret: the token is kept nowhere.
Result<std::string> Engine::token_of(StartAttempt const& attempt) const {
  TRY(auto const secret, log_.secret(attempt.session));
  storage::KeyedDigester const digester(secret);
  return to_text(
      CompletionToken{attempt.session,
                      attempt.run,
                      attempt.operation,
                      attempt.attempt,
                      proof_of(digester, attempt.run, attempt.operation, attempt.attempt)});
}

namespace {

/// Where the signals stand in a run that the run before it had not received.
std::map<Sequence, Sequence> carried_signals(StepResult const& first) {
  std::map<Sequence, Sequence> carried;
  for (auto const& event : first.events) {
    auto const* const signal = std::get_if<storage::InputReceived>(&event.body);
    if (signal != nullptr && signal->carried_from > 0)
      carried.emplace(signal->carried_from, event.sequence);
  }
  return carried;
}

}  // namespace

namespace {

Result<std::string> result_of(SessionId const& session, EndUpdate const& end) {
  if (end.type.empty()) return end.result;
  return Error{Errc::failed,
               "session " + to_string(session) + ", update at " + std::to_string(end.update) +
                   ": " + end.type + ": " + end.message};
}

}  // namespace

/// Whether it is the first step of a run that goes on where another one stopped; not of one that
/// was started after that had ended.
bool Engine::continues(SessionId const& session, StepResult const& step) const {
  if (!step.append.follows) return false;
  auto const secret = log_.secret(session);
  return secret && next_run(storage::KeyedDigester(*secret), step.append.follows->run) ==
                       step.append.head.run;
}

/// Answers and ends, to those who wait for them; what sessions say to each other.
void Engine::announce(SessionId const& session, StepResult const& step) {
  if (continues(session, step)) waiters_.continued(session, carried_signals(step));
  for (auto const& effect : step.effects) {
    std::visit(overloaded{[](StartAttempt const&) {},
                          [&](GiveAnswer const& given) {
                            waiters_.answer(session, given.turn, given.answer);
                          },
                          [&](EndUpdate const& end) {
                            waiters_.answer(session, end.update, result_of(session, end));
                          },
                          [&](AnnounceEnd const& end) {
                            waiters_.end(session, end);
                            errands_->report(session, end);
                          },
                          [&](StartChild const& child) { errands_->start(child); },
                          [&](TellChild const& told) { errands_->tell(told); }},
               effect);
  }
  if (step.append.head.status == storage::SessionStatus::held) {
    waiters_.fail(session, {Errc::held, "session " + to_string(session) + " is held"});
  }
}

void Engine::fail(Error const& error) {
  {
    std::lock_guard const lock(failure_mutex_);
    if (failure_) return;
    failure_ = error;
  }
  options_.say({}, "the log failed; nothing is acknowledged any more: " + error.detail);
  waiters_.fail_all(error);
}

std::optional<Error> Engine::failure() const {
  std::lock_guard const lock(failure_mutex_);
  return failure_;
}

std::optional<Error> Engine::refusal() const {
  if (stopping_) return Error{Errc::unavailable, "the runtime is stopping"};
  return failure();
}

// ---- what others ask ----

std::size_t Engine::shard_index(SessionId const& session) const {
  return shards_.size() == 1
             ? 0
             : storage::partition_of(session, log_.info().partitions) % shards_.size();
}

Shard& Engine::shard_of(SessionId const& session) const { return *shards_[shard_index(session)]; }

/// Checks a payload and redacts it; the records that its step has to carry.
Result<VaultRecords> Engine::take_in(SessionId const& session,
                                     std::string_view what,
                                     std::string& payload) const {
  auto const not_json = [&](Error const& error) {
    return Error{Errc::invalid, std::string(what) + " is not JSON: " + error.detail};
  };
  if (options_.intake == nullptr) {
    if (auto const json = parse_json(payload); !json) return not_json(json.error());
    return VaultRecords();
  }
  auto taken = options_.intake->json(session, payload);
  if (!taken) return taken.error().code == Errc::invalid ? not_json(taken.error()) : taken.error();
  payload = std::move(taken->text);
  return std::move(taken->records);
}

void Engine::redact(std::string& text) const {
  if (options_.intake != nullptr && !text.empty()) text = options_.intake->message(text);
}

Result<VaultRecords> Engine::take_in_signal(SessionId const& session, SignalInput& input) const {
  TRY(auto records,
      take_in(session,
              input.update ? "what the update is given" : "the signal's payload",
              input.payload));
  redact(input.signal);
  redact(input.producer_key);
  redact(input.principal);
  return records;
}

void Engine::start_session(StartRequest request, OnReceipt done) {
  if (auto error = refusal()) return done(std::move(*error));
  if (!valid(request.session)) {
    return done(Error{
        Errc::invalid,
        "\"" + to_string(request.session) +
            "\" is no valid session: tenant 1 to 64 bytes, name 1 to 200 bytes, UTF-8 without "
            "control characters"});
  }
  if (pool_->waiting() >= options_.max_waiting_calls) {
    return done(Error{Errc::overloaded,
                      std::to_string(options_.max_waiting_calls) +
                          " calls wait to be performed: session " + to_string(request.session) +
                          " is not started; try again when they are fewer"});
  }
  auto taken_in = take_in(request.session, "the input", request.input);
  if (!taken_in) return done(taken_in.error());
  redact(request.principal);
  if (auto& first = request.first) {
    auto also = take_in_signal(request.session, *first);
    if (!also) return done(also.error());
    std::ranges::move(*also, std::back_inserter(*taken_in));
  }
  auto& shard = shard_of(request.session);
  Message message = StartMessage{std::move(request), std::move(*taken_in), std::move(done)};
  auto const taken = shard.offer(message);
  if (!taken) std::get<StartMessage>(message).done(taken.error());
}

void Engine::signal(SessionId session, SignalInput input, OnReceipt done) {
  if (auto error = refusal()) return done(std::move(*error));
  auto taken_in = take_in_signal(session, input);
  if (!taken_in) return done(taken_in.error());
  auto& shard = shard_of(session);
  Message message =
      SignalMessage{std::move(session), std::move(input), std::move(*taken_in), std::move(done)};
  auto const taken = shard.offer(message);
  if (!taken) std::get<SignalMessage>(message).done(taken.error());
}

void Engine::query(SessionId session,
                   std::string name,
                   std::string arguments,
                   std::function<void(Result<std::string>)> done) {
  if (auto error = refusal()) return done(std::move(*error));
  auto& shard = shard_of(session);
  Message message =
      QueryMessage{std::move(session), std::move(name), std::move(arguments), std::move(done)};
  auto const taken = shard.offer(message);
  if (!taken) std::get<QueryMessage>(message).done(taken.error());
}

void Engine::ask(SessionId const& session,
                 SignalInput input,
                 OnReceipt recorded,
                 Waiters::OnAnswer done) {
  signal(session, std::move(input), and_wait(session, std::move(recorded), std::move(done)));
}

void Engine::ask_first(StartRequest request, OnReceipt recorded, Waiters::OnAnswer done) {
  auto const session = request.session;
  start_session(std::move(request), and_wait(session, std::move(recorded), std::move(done)));
}

/// Waits for the answer to what has been recorded.
OnReceipt Engine::and_wait(SessionId const& session, OnReceipt recorded, Waiters::OnAnswer done) {
  return [this, session, recorded = std::move(recorded), done = std::move(done)](
             Result<Receipt> receipt) {
    if (receipt) {
      waiters_.wait_for_answer(session, receipt->sequence, done);
      if (receipt->repeated) find_answer(session, receipt->run, receipt->sequence);
      if (auto error = failure()) waiters_.fail(session, *error);
    }
    if (recorded) recorded(receipt);
    if (!receipt) done(receipt.error());
  };
}

/// A turn that came before may have its answer in the log already.
void Engine::find_answer(SessionId const& session, RunId const& run, Sequence turn) {
  std::optional<Result<std::string>> answer;
  bool ended = false;
  std::string type;
  std::string message;
  auto const read = log_.read_steps(session, run, turn, [&](std::string_view bytes) {
    auto const step = storage::decode(bytes, storage::Reading::show);
    if (!step) return false;
    for (auto const& event : step->step.events) {
      ended = ended || std::holds_alternative<storage::SessionCompleted>(event.body) ||
              std::holds_alternative<storage::SessionFailed>(event.body) ||
              std::holds_alternative<storage::SessionCancelled>(event.body) ||
              std::holds_alternative<storage::ContinuedAsNew>(event.body);
      if (auto const* const failed = std::get_if<storage::SessionFailed>(&event.body)) {
        type = failed->type;
        message = failed->message;
      }
      if (auto const* const given = std::get_if<storage::AnswerGiven>(&event.body);
          given != nullptr && given->turn == turn)
        answer = text_of(log_, session, given->answer);
      if (auto const* const end = std::get_if<storage::UpdateEnded>(&event.body);
          end != nullptr && end->update == turn)
        answer = end->type.empty() ? text_of(log_, session, end->result)
                                   : result_of(session, {end->update, {}, end->type, end->message});
    }
    return !answer;
  });
  if (!read) {
    waiters_.fail(session, read.error());
  } else if (answer) {
    waiters_.answer(session, turn, *answer);
  } else if (ended) {
    waiters_.fail(session, unanswered(session, type, message));
  }
}

void Engine::wait_for_end(SessionId const& session, Waiters::OnEnd done) {
  auto once =
      std::make_shared<std::atomic<bool>>(false);  // shared: it may have ended just before we asked
  auto const call = [once, done = std::move(done)](Result<AnnounceEnd> end) {
    if (!once->exchange(true)) done(std::move(end));
  };
  if (auto error = refusal()) return call(std::move(*error));
  waiters_.wait_for_end(session, call);
  // Those who waited may have been told of the end of all just before.
  if (auto error = refusal()) return call(std::move(*error));
  auto const head = log_.head(session);
  if (!head) return call(head.error());
  if (!*head) return;  // its start may be on its way
  if ((*head)->status == storage::SessionStatus::held) {
    return call(Error{Errc::held, "session " + to_string(session) + " is held"});
  }
  if ((*head)->status != storage::SessionStatus::open) call(read_end(session, **head));
}

Result<AnnounceEnd> Engine::read_end(SessionId const& session, storage::Head const& head) const {
  std::optional<Result<AnnounceEnd>> end;
  TRY_VOID(log_.read_steps(session, head.run, head.last_sequence, [&](std::string_view bytes) {
    auto const step = storage::decode(bytes, storage::Reading::show);
    if (!step) {
      end = step.error();
      return false;
    }
    for (auto const& event : step->step.events) {
      if (auto const* const completed = std::get_if<storage::SessionCompleted>(&event.body)) {
        AnnounceEnd announcement;
        announcement.result = completed->result.bytes;
        if (completed->result.artifact) {
          auto loaded = log_.artifact(session, completed->result.artifact->digest);
          if (!loaded) {
            end = loaded.error();
            return false;
          }
          announcement.result = std::move(*loaded);
        }
        end = announcement;
      } else if (auto const* const failed = std::get_if<storage::SessionFailed>(&event.body)) {
        end = AnnounceEnd{storage::SessionStatus::failed, {}, failed->type, failed->message};
      } else if (auto const* const cancelled =
                     std::get_if<storage::SessionCancelled>(&event.body)) {
        end = AnnounceEnd{storage::SessionStatus::cancelled, {}, "cancelled", cancelled->reason};
      }
    }
    return true;
  }));
  if (!end)
    return Error{
        Errc::corrupt,
        "session " + to_string(session) + " has ended, but its last step does not say how"};
  return *end;
}

void Engine::cancel(SessionId session, CancelInput input, OnReceipt done) {
  if (auto error = refusal()) return done(std::move(*error));
  redact(input.by);
  redact(input.reason);
  auto& shard = shard_of(session);
  Message message = CancelMessage{std::move(session), std::move(input), std::move(done)};
  auto const taken = shard.offer(message);
  if (!taken) std::get<CancelMessage>(message).done(taken.error());
}

void Engine::control(SessionId session, ControlInput input, OnReceipt done) {
  if (auto error = refusal()) return done(std::move(*error));
  redact(input.by);
  redact(input.reason);
  auto& shard = shard_of(session);
  Message message = ControlMessage{std::move(session), std::move(input), std::move(done)};
  auto const taken = shard.offer(message);
  if (!taken) std::get<ControlMessage>(message).done(taken.error());
}

void Engine::answer_approval(SessionId session, ApprovalInput input, OnReceipt done) {
  if (auto error = refusal()) return done(std::move(*error));
  input.plain_by = input.by;
  redact(input.by);
  redact(input.reason);
  auto& shard = shard_of(session);
  Message message = ApprovalMessage{std::move(session), std::move(input), std::move(done)};
  auto const taken = shard.offer(message);
  if (!taken) std::get<ApprovalMessage>(message).done(taken.error());
}

void Engine::release(SessionId session, std::string by, std::string reason, OnReceipt done) {
  if (auto error = refusal()) return done(std::move(*error));
  redact(by);
  redact(reason);
  auto& shard = shard_of(session);
  Message message =
      ReleaseMessage{std::move(session), std::move(by), std::move(reason), std::move(done)};
  auto const taken = shard.offer(message);
  if (!taken) std::get<ReleaseMessage>(message).done(taken.error());
}

void Engine::fork(ForkRequest request, std::function<void(Result<Fork>)> done) {
  if (auto error = refusal()) return done(std::move(*error));
  redact(request.options.by);
  redact(request.options.reason);
  auto& shard = shard_of(target_of(request));
  Message message = ForkMessage{std::move(request), std::move(done)};
  auto const taken = shard.offer(message);
  if (!taken) std::get<ForkMessage>(message).done(taken.error());
}

void Engine::end_from_outside(std::string const& token,
                              decltype(OutsideInput::what) what,
                              OnReceipt done) {
  if (auto error = refusal()) return done(std::move(*error));
  auto const meant = parse_completion_token(token);
  if (!meant) return done(meant.error());
  VaultRecords vault;
  auto const take_in_json = [&](std::string_view of, std::string& json) -> Result<> {
    TRY(vault, take_in(meant->session, of, json));
    return {};
  };
  auto const taken_in = std::visit(
      overloaded{[&](ResultInput& result) { return take_in_json("the result", result.payload); },
                 [&](FailureInput& failure) -> Result<> {
                   redact(failure.type);
                   redact(failure.message);
                   return {};
                 },
                 [&](OutsideInput::Alive& alive) -> Result<> {
                   if (alive.details.empty()) return {};
                   TRY_VOID(take_in_json("what the heartbeat says", alive.details));
                   if (alive.details.size() > max_heartbeat_bytes)
                     return Error{Errc::too_large,
                                  "what the heartbeat says has " +
                                      std::to_string(alive.details.size()) + " bytes; at most " +
                                      std::to_string(max_heartbeat_bytes) + " are allowed"};
                   return {};
                 }},
      what);
  if (!taken_in) return done(taken_in.error());
  OutsideInput input{meant->operation, meant->attempt, meant->proof, std::move(what)};
  auto& shard = shard_of(meant->session);
  Message message = OutsideMessage{
      meant->session, meant->run, std::move(input), std::move(vault), std::move(done)};
  auto const taken = shard.offer(message);
  if (!taken) std::get<OutsideMessage>(message).done(taken.error());
}

void Engine::resolve(SessionId session, ResolveInput input, OnReceipt done) {
  if (auto error = refusal()) return done(std::move(*error));
  VaultRecords vault;
  if (input.resolution == storage::DoubtResolution::completed) {
    auto taken_in = take_in(session, "the result", input.result);
    if (!taken_in) return done(taken_in.error());
    vault = std::move(*taken_in);
  }
  redact(input.by);
  redact(input.reason);
  auto& shard = shard_of(session);
  Message message =
      ResolveMessage{std::move(session), std::move(input), std::move(vault), std::move(done)};
  auto const taken = shard.offer(message);
  if (!taken) std::get<ResolveMessage>(message).done(taken.error());
}

namespace {

/// Calls `begin` with a callback and waits until it has been called.
template <class T, class Begin>
Result<T> wait_for(Begin begin) {
  auto promise = std::make_shared<std::promise<Result<T>>>();  // shared: the callback may outlive
                                                               // an early return
  auto future = promise->get_future();
  begin([promise](Result<T> result) { promise->set_value(std::move(result)); });
  return future.get();
}

}  // namespace

Result<Receipt> Engine::start_session(StartRequest request) {
  return wait_for<Receipt>(
      [&](OnReceipt done) { start_session(std::move(request), std::move(done)); });
}

Result<Receipt> Engine::signal(SessionId session, SignalInput input) {
  return wait_for<Receipt>(
      [&](OnReceipt done) { signal(std::move(session), std::move(input), std::move(done)); });
}

Result<std::string> Engine::ask(SessionId session, SignalInput input) {
  return wait_for<std::string>(
      [&](Waiters::OnAnswer done) { ask(session, std::move(input), {}, std::move(done)); });
}

Result<std::string> Engine::ask_first(StartRequest request) {
  return wait_for<std::string>(
      [&](Waiters::OnAnswer done) { ask_first(std::move(request), {}, std::move(done)); });
}

Result<Receipt> Engine::control(SessionId session, ControlInput input) {
  return wait_for<Receipt>(
      [&](OnReceipt done) { control(std::move(session), std::move(input), std::move(done)); });
}

Result<std::string> Engine::query(SessionId session, std::string name, std::string arguments) {
  return wait_for<std::string>([&](std::function<void(Result<std::string>)> done) {
    query(std::move(session), std::move(name), std::move(arguments), std::move(done));
  });
}

Result<AnnounceEnd> Engine::wait_for_end(SessionId const& session) {
  return wait_for<AnnounceEnd>(
      [&](Waiters::OnEnd done) { wait_for_end(session, std::move(done)); });
}

Result<Receipt> Engine::cancel(SessionId session, CancelInput input) {
  return wait_for<Receipt>(
      [&](OnReceipt done) { cancel(std::move(session), std::move(input), std::move(done)); });
}

Result<Receipt> Engine::answer_approval(SessionId session, ApprovalInput input) {
  return wait_for<Receipt>([&](OnReceipt done) {
    answer_approval(std::move(session), std::move(input), std::move(done));
  });
}

Result<Receipt> Engine::release(SessionId session, std::string by, std::string reason) {
  return wait_for<Receipt>([&](OnReceipt done) {
    release(std::move(session), std::move(by), std::move(reason), std::move(done));
  });
}

Result<Fork> Engine::fork(ForkRequest request) {
  return wait_for<Fork>(
      [&](std::function<void(Result<Fork>)> done) { fork(std::move(request), std::move(done)); });
}

Result<Receipt> Engine::end_from_outside(std::string const& token,
                                         decltype(OutsideInput::what) what) {
  return wait_for<Receipt>(
      [&](OnReceipt done) { end_from_outside(token, std::move(what), std::move(done)); });
}

Result<Receipt> Engine::resolve(SessionId session, ResolveInput input) {
  return wait_for<Receipt>(
      [&](OnReceipt done) { resolve(std::move(session), std::move(input), std::move(done)); });
}

}  // namespace dalsegno::engine
