#include "engine/runtime/shard.h"

#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "engine/replay/fold_session.h"
#include "engine/replay/replayer.h"
#include "engine/runtime/entropy.h"
#include "engine/runtime/run_lookup.h"
#include "engine/runtime/system_clock.h"
#include "engine/runtime/thread_name.h"
#include "engine/session/control_step.h"
#include "engine/session/next_run.h"
#include "engine/session/overloaded.h"
#include "storage/event/codec.h"
#include "storage/log/crash_point.h"
#include "storage/vault/intake.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <type_traits>
#include <utility>

namespace dalsegno::engine {

namespace {

std::string report(std::string_view what) {
  Json json;
  json.set("reason", what);
  return to_string(json);
}

/// Without the originals: nobody needs them to see what went wrong.
std::string redacted_report(vault::Intake const& intake,
                            SessionId const& session,
                            std::string const& text) {
  auto taken = intake.json(session, text);
  return taken ? std::move(taken->text) : report(intake.message(text));
}

bool is_blamed_on_the_workflow(Error const& error) {
  return error.code == Errc::held || error.code == Errc::too_large || error.code == Errc::invalid;
}

/// What is not owed any more once an input means nothing: the end of a session that nobody waits
/// for, or its start.
std::vector<storage::Errand> told_by(InputMessage const& message) {
  auto const* const ended = std::get_if<ChildEndInput>(&message.input);
  if (ended == nullptr) return {};
  using storage::ErrandKind;
  return {{ErrandKind::start, message.session, message.run, ended->operation},
          {ErrandKind::tell, message.session, message.run, ended->operation},
          {ErrandKind::report,
           {message.session.tenant, ended->session},
           ended->run,
           OperationId::none}};
}

/// A session that cannot be kept in step with the log is read back so often before it is left
/// alone until its next input.
constexpr unsigned most_read_back_in_a_row = 3;

/// Whether the session has ended and the request may begin another run of it.
bool may_begin_again(StartRequest const& request, storage::Head const& head) {
  using storage::SessionStatus;
  switch (head.status) {
    case SessionStatus::completed:
      return request.reuse == storage::Reuse::allow;
    case SessionStatus::failed:
    case SessionStatus::cancelled:
      return request.reuse != storage::Reuse::reject;
    case SessionStatus::open:
    case SessionStatus::held:
    case SessionStatus::continued:
      break;
  }
  return false;
}

/// A run that begins and ends at once so often in a row goes on for ever.
constexpr unsigned most_continued_in_a_row = 1'000;

/// Where the first step of a session has the signal that it was started with.
Sequence first_signal_of(StepResult const& step) {
  for (auto const& event : step.events) {
    auto const* const signal = std::get_if<storage::InputReceived>(&event.body);
    if (signal != nullptr && signal->carried_from == 0) return event.sequence;
  }
  return 0;
}

/// A refusal that rests on steps which are not durable yet: told once they are.
std::function<void(Result<>)> refuse(OnReceipt done, Error error) {
  return [done = std::move(done), error = std::move(error)](Result<> durable) {
    done(durable ? error : durable.error());
  };
}

}  // namespace

Shard::Shard(ShardServices services, Marker marker)
    : services_(std::move(services)),
      info_(services_.log.info()),
      marker_(marker),
      counters_(services_.counters == nullptr
                    ? nullptr
                    : std::make_unique<ShardCounters>(*services_.counters)) {
  if (services_.threads == Threads::own) thread_ = std::jthread([this] { work(); });
}

Shard::~Shard() { stop(); }

// ---- the mailbox ----

void Shard::post(Message message) {
  bool wake = false;
  {
    std::lock_guard const lock(mutex_);
    wake = mailbox_.empty();
    mailbox_.push_back(std::move(message));
    mail_ = true;
  }
  if (wake) ready_.notify_one();
}

Result<> Shard::offer(Message& message) {
  bool wake = false;
  {
    std::lock_guard const lock(mutex_);
    // Its thread may be gone already: nobody would ever answer.
    if (stopping_) return Error{Errc::unavailable, "the runtime is stopping"};
    if (mailbox_.size() >= max_mailbox) {
      return Error{Errc::overloaded,
                   std::to_string(max_mailbox) + " messages wait already; try again"};
    }
    wake = mailbox_.empty();
    mailbox_.push_back(std::move(message));
    mail_ = true;
  }
  if (wake) ready_.notify_one();
  return {};
}

void Shard::post(std::vector<Message> messages) {
  bool wake = false;
  {
    std::lock_guard const lock(mutex_);
    wake = mailbox_.empty();
    std::ranges::move(messages, std::back_inserter(mailbox_));
    mail_ = true;
  }
  if (wake) ready_.notify_one();
}

void Shard::stop() {
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_one();
  if (thread_.joinable()) thread_.join();
}

/// Something is under way, but in so few sessions that none of them waits long for another.
bool Shard::hurries() const {
  auto const busy = sessions_.size() - idle_.size();
  return busy > 0 && busy <= services_.hurry_up_to;
}

/// Takes what is in the mailbox, in exchange for `messages`; false: the shard stops.
bool Shard::wait_for_messages(std::vector<Message>& messages) {
  // To wake a thread takes about as long as a short call: its result is waited for awake.
  constexpr std::chrono::microseconds awake{50};
  if (hurries()) {
    auto const until = steady_now() + awake;
    while (!mail_ && steady_now() < until) std::this_thread::yield();
  }
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [this] { return stopping_ || !mailbox_.empty(); });
  messages.swap(mailbox_);
  mail_ = false;
  return !messages.empty();
}

void Shard::work() {
  name_this_thread("ds-shard");
  for (std::vector<Message> messages; wait_for_messages(messages); messages.clear())
    serve(messages);
  for (auto& [session, entry] : sessions_) {
    refuse_waiting(entry, {Errc::unavailable, "the runtime is stopping"});
  }
}

void Shard::serve(std::vector<Message>& messages) {
  for (auto& message : messages) {
    std::visit([this](auto& one) { take(std::move(one)); }, message);
    // The committer begins its next write with what is there: it should not wait for the whole
    // mailbox.
    constexpr std::size_t enough = 64;
    if (outgoing_.size() >= enough) services_.committer.submit(std::exchange(outgoing_, {}));
  }
  if (!outgoing_.empty()) {
    bool const idle = hurries() && !mail_;
    services_.committer.submit(std::exchange(outgoing_, {}),
                               idle ? Submitter::idle : Submitter::busy);
  }
  evict();
}

std::size_t Shard::waiting() const {
  std::lock_guard const lock(mutex_);
  return mailbox_.size();
}

void Shard::serve_waiting(std::size_t most) {
  std::vector<Message> messages;
  {
    std::lock_guard const lock(mutex_);
    auto const end =
        mailbox_.begin() + static_cast<std::ptrdiff_t>(std::min(most, mailbox_.size()));
    messages.assign(std::make_move_iterator(mailbox_.begin()), std::make_move_iterator(end));
    mailbox_.erase(mailbox_.begin(), end);
    mail_ = !mailbox_.empty();
  }
  if (!messages.empty()) serve(messages);
}

Session const* Shard::at_rest(SessionId const& session) const {
  auto const found = sessions_.find(session);
  return found == sessions_.end() || found->second.in_flight > 0 ? nullptr
                                                                 : found->second.session.get();
}

/// For the next input of this session.
Ambient Shard::ambient(SessionId const& session) {
  auto const now = services_.now();
  auto* const counters = counters_.get();
  if (counters != nullptr) counters->about(session, now);
  auto newest = services_.newest.load();
  while (newest < now && !services_.newest.compare_exchange_weak(newest, now)) {
  }
  return {.now = now,
          .epoch = info_.epoch,
          .policy = services_.policy,
          .policy_not_before = newest,
          .shadow_policies = services_.shadow_policies,
          .surroundings = counters,
          .reservations = counters,
          .registry = &services_.registry,
          .intake = services_.intake,
          .attempts = services_.attempts ? services_.attempts() : nullptr};
}

// ---- messages ----

void Shard::take(StartMessage message) {
  auto const& request = message.request;
  auto const* const workflow = services_.registry.find_workflow(request.workflow);
  if (workflow == nullptr) {
    message.done(
        Error{Errc::unknown_workflow, "this program has no workflow \"" + request.workflow + "\""});
    return;
  }
  auto const known = sessions_.find(request.session);
  if (known != sessions_.end() && may_begin_again(request, known->second.head)) {
    // Its end is on its way to the disk: look again once it is there.
    auto const session = request.session;
    acknowledge_in_order(session, [this, message = std::move(message)](Result<> ready) {
      if (!ready) return message.done(ready.error());
      post(Message(message));
    });
    return;
  }
  if (known != sessions_.end() && request.first)
    return send_to_existing(std::move(message), known->second.head);
  if (known != sessions_.end()) {
    // Its first step may still be on its way to the disk: compare once everything before this is
    // durable.
    auto const head = known->second.head;
    acknowledge_in_order(
        request.session,
        [this, head, request = message.request, done = message.done](Result<> ready) {
          done(ready ? same_start(request, head) : Result<Receipt>(ready.error()));
        });
    return;
  }
  auto head = services_.log.head(request.session);
  if (!head) {
    message.done(head.error());
    return;
  }
  if (!*head) return begin(std::move(message), *workflow, std::nullopt);
  if (request.first) {
    // What it is to begin with may have come before it ended.
    if (auto taken = taken_before(request.session, request.first->producer_key))
      return message.done(*taken);
  }
  if (!may_begin_again(request, **head)) {
    if (request.first) return send_to_existing(std::move(message), **head);
    return message.done(same_start(request, **head));
  }
  if (request.origin) {
    // It may be the one that it began already, and that has ended since.
    auto const run = run_asked_by(services_.log, request.session, *request.origin);
    if (!run) return message.done(run.error());
    if (*run) return message.done(Receipt{**run, 1, true});
  }
  begin(std::move(message), *workflow, *head);
}

/// What a session that is there was to begin with is sent to it.
void Shard::send_to_existing(StartMessage message, storage::Head const& head) {
  auto& request = message.request;
  if (request.workflow != head.workflow) {
    message.done(Error{Errc::conflict,
                       "session " + to_string(request.session) + " exists with workflow " +
                           head.workflow + ": choose another name"});
    return;
  }
  take(SignalMessage{std::move(request.session),
                     std::move(*request.first),
                     std::move(message.vault),
                     std::move(message.done)});
}

/// The update that a session begins with: refused, nothing of the session is recorded.
Result<> Shard::add_first_update(SessionId const& id,
                                 std::unique_ptr<Session>& session,
                                 SignalInput const& update,
                                 StepResult& step,
                                 Ambient const& surroundings) {
  TRY(auto taken, session->handle(update, surroundings));
  TRY_VOID(continue_run(id, session, *taken, surroundings));
  auto then = std::exchange(taken->then, {});
  step.then.push_back(std::move(*taken));
  std::ranges::move(then, std::back_inserter(step.then));
  return {};
}

SessionEnvironment Shard::environment_of(SessionId const& session) const {
  SessionEnvironment environment;
  environment.load_artifact = [&log = services_.log, session](storage::Digest const& digest) {
    return log.artifact(session, digest);
  };
  environment.log = services_.say;
  return environment;
}

/// `before`: the session's head, where it has had a run.
Result<SessionStart> Shard::make_start(StartMessage& message,
                                       std::optional<storage::Head> const& before) {
  TRY_VOID(services_.log.room_for_new_sessions());
  auto& request = message.request;
  SessionStart start;
  start.session = request.session;
  start.run = fresh_run_id(services_.entropy);
  start.log_id = info_.log_id;
  start.input = std::move(request.input);
  start.principal = std::move(request.principal);
  start.random_seed = fresh_seed(services_.entropy);
  if (services_.intake != nullptr) start.redaction = storage::sha256({services_.intake->version()});
  start.origin = std::move(request.origin);
  start.carried = std::move(request.carried);
  start.not_before = request.not_before;
  if (request.first && !request.first->update) start.first_signal = std::move(request.first);
  if (!before) {
    start.secret = fresh_secret(services_.entropy);
    return start;
  }
  auto secret = services_.log.secret(request.session);
  if (!secret)
    return Error{secret.error().code == Errc::not_found ? Errc::conflict : secret.error().code,
                 "session " + to_string(request.session) + " was erased: choose another name; " +
                     secret.error().detail};
  start.secret = *secret;
  start.follows = storage::Predecessor{before->run, before->hash};
  start.not_earlier = before->updated_at;
  return start;
}

void Shard::begin(StartMessage message,
                  WorkflowDefinition const& workflow,
                  std::optional<storage::Head> const& before) {
  auto const id = message.request.session;
  auto start = make_start(message, before);
  if (!start) return message.done(start.error());
  auto const surroundings = ambient(id);
  if (auto const delay = message.request.delay; delay > std::chrono::microseconds(0)) {
    constexpr Time last = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);
    start->not_before = delay < last - surroundings.now ? surroundings.now + delay : last;
  }
  auto session = std::make_unique<Session>(workflow, *start, environment_of(id));
  Marker::Scope const running(marker_, start->run, id, 0);
  auto step = session->start(surroundings);
  if (step) {
    if (auto continued = continue_run(id, session, *step, surroundings); !continued)
      step = continued.error();
  }
  Receipt receipt{start->run, 1, false};
  if (step && start->first_signal) receipt.sequence = first_signal_of(*step);
  if (auto const& first = message.request.first; step && first && first->update) {
    receipt.run = session->state().run;
    receipt.sequence = session->state().last_sequence + 1;
    if (auto taken = add_first_update(id, session, *first, *step, surroundings); !taken)
      step = taken.error();
  }
  if (!step) {
    if (counters_) counters_->give_back();
    message.done(step.error());
    return;
  }
  std::ranges::move(message.vault, std::back_inserter(step->append.vault));
  auto& entry = sessions_[id];
  entry.session = std::move(session);
  submit(id, entry, std::move(*step), [receipt, done = std::move(message.done)](Result<> durable) {
    done(durable ? Result<Receipt>(receipt) : Result<Receipt>(durable.error()));
  });
  settle(id, entry);
}

/// A start of a session that exists: the same request gets the same answer, any other is a
/// conflict.
Result<Receipt> Shard::same_start(StartRequest const& request, storage::Head const& head) const {
  if (request.origin) {
    TRY(auto const run, run_asked_by(services_.log, request.session, *request.origin));
    if (run) return Receipt{*run, 1, true};
    return Error{Errc::conflict,
                 "session " + to_string(request.session) +
                     " exists and was not started for this: choose another name"};
  }
  auto secret = services_.log.secret(request.session);
  std::optional<storage::SessionStarted> started;
  auto run = head.run;
  for (;;) {
    TRY(started, start_of_run(services_.log, request.session, run));
    if (started && started->fork && started->fork->session == request.session.name) {
      run = started->fork->run;  // what that one was started with
      continue;
    }
    bool const continues = secret && started && started->follows &&
                           next_run(storage::KeyedDigester(*secret), *started->follows) == run;
    if (!continues) break;
    run = *started->follows;  // a run that continues another one was not started by anybody
  }
  bool const same = started && secret && started->workflow == request.workflow &&
                    started->input_digest == storage::KeyedDigester(*secret).digest(request.input);
  if (!same) {
    return Error{Errc::conflict,
                 "session " + to_string(request.session) +
                     " exists with another workflow or input: choose another name"};
  }
  return Receipt{run, 1, true};
}

/// The receipt of a signal that a session took before it ended or was held: that stays true.
std::optional<Result<Receipt>> Shard::taken_before(SessionId const& session,
                                                   std::string_view key) const {
  if (key.empty()) return std::nullopt;
  auto const head = services_.log.head(session);
  if (!head || !*head) return std::nullopt;
  auto const first = services_.log.find_producer_key(session, key);
  if (!first || !*first) return std::nullopt;
  return first_recorded(session, key, **first, (*head)->run);
}

void Shard::take(SignalMessage message) {
  auto const& key = message.input.producer_key;
  auto found = live(message.session);
  if (!found) {
    message.done(taken_before(message.session, key).value_or(found.error()));
    return;
  }
  auto& entry = **found;
  if (entry.read_back) {
    entry.waiting.emplace_back(std::move(message));
    return;
  }
  if (!key.empty()) {
    auto const pending = entry.keys.find(key);
    if (pending != entry.keys.end()) {
      auto receipt = pending->second;
      receipt.repeated = true;
      acknowledge_in_order(
          message.session,
          [this, session = message.session, key, receipt, done = message.done](Result<> ready) {
            done(ready ? confirm(session, key, receipt) : Result<Receipt>(ready.error()));
          });
      return;
    }
    auto const first = services_.log.find_producer_key(message.session, key);
    if (!first) {
      message.done(first.error());
      return;
    }
    if (*first) {
      message.done(first_recorded(message.session, key, **first, entry.head.run));
      return;
    }
  }
  if (entry.session == nullptr) {
    Error held{Errc::held, "session " + to_string(message.session) + " is held"};
    acknowledge_in_order(message.session, refuse(std::move(message.done), std::move(held)));
    return;
  }
  Marker::Scope const running(marker_, entry.head.run, message.session, entry.head.last_sequence);
  if (!fire_due_timers(message.session, entry, services_.now())) {
    Error refused{Errc::unavailable,
                  "session " + to_string(message.session) +
                      " could not take a timer that came due before the signal: send it again"};
    acknowledge_in_order(message.session, refuse(std::move(message.done), std::move(refused)));
    return;
  }
  Receipt const receipt{entry.head.run, entry.head.last_sequence + 1, false};
  auto step = handle(message.session, entry, message.input, ambient(message.session));
  if (!step) {
    give_up(message.session, entry, step.error(), refuse(std::move(message.done), step.error()));
    return;
  }
  std::ranges::move(message.vault, std::back_inserter((*step)->append.vault));
  if (!key.empty()) entry.keys.emplace(key, receipt);
  submit(message.session,
         entry,
         std::move(**step),
         [receipt, done = std::move(message.done)](Result<> durable) {
           done(durable ? Result<Receipt>(receipt) : Result<Receipt>(durable.error()));
         });
  settle(message.session, entry);
}

/// Where a signal was recorded first: perhaps in a run before the newest.
Result<Receipt> Shard::first_recorded(SessionId const& session,
                                      std::string_view key,
                                      Sequence sequence,
                                      RunId const& newest) const {
  TRY(auto const place, place_of_signal(services_.log, session, key, {newest, sequence}));
  return Receipt{place.run, place.sequence, true};
}

/// A repeated signal whose first one was on its way to the disk: did it arrive?
Result<Receipt> Shard::confirm(SessionId const& session,
                               std::string_view key,
                               Receipt const& receipt) const {
  TRY(auto const first, services_.log.find_producer_key(session, key));
  if (first == receipt.sequence) return receipt;
  return Error{Errc::stale,
               "session " + to_string(session) + ": the signal was not recorded; send it again"};
}

/// What somebody asks of a session that is there.
template <class FromOutside>
void Shard::take_request(FromOutside message) {
  auto found = live(message.session);
  if (!found) {
    message.done(found.error());
    return;
  }
  auto& entry = **found;
  if (entry.read_back) {
    entry.waiting.emplace_back(std::move(message));
    return;
  }
  if (entry.session == nullptr) {
    Error held{Errc::held, "session " + to_string(message.session) + " is held"};
    acknowledge_in_order(message.session, refuse(std::move(message.done), std::move(held)));
    return;
  }
  Marker::Scope const running(marker_, entry.head.run, message.session, entry.head.last_sequence);
  if constexpr (std::is_same_v<FromOutside, OutsideMessage>) {
    // What came due before it counts first, as before every result.
    if (!fire_due_timers(message.session, entry, services_.now())) {
      Error refused{Errc::unavailable,
                    "session " + to_string(message.session) +
                        " could not take a timer that came due before: try again"};
      acknowledge_in_order(message.session, refuse(std::move(message.done), std::move(refused)));
      return;
    }
  }
  auto step = handle(message.session, entry, message.input, ambient(message.session));
  if (!step) {
    give_up(message.session, entry, step.error(), refuse(std::move(message.done), step.error()));
    return;
  }
  bool const first = step->has_value();
  if constexpr (requires { message.vault; }) {
    if (first) std::ranges::move(message.vault, std::back_inserter((*step)->append.vault));
  }
  Receipt const receipt{
      entry.head.run, first ? entry.head.last_sequence + 1 : entry.head.last_sequence, !first};
  auto acknowledge = [receipt, done = std::move(message.done)](Result<> durable) {
    done(durable ? Result<Receipt>(receipt) : Result<Receipt>(durable.error()));
  };
  if (first) {
    submit(message.session, entry, std::move(**step), std::move(acknowledge));
  } else {
    acknowledge_in_order(message.session, std::move(acknowledge));
  }
  settle(message.session, entry);
}

/// The answer may rest on steps that are on their way to the disk: it is given once they are there.
void Shard::take(QueryMessage message) {
  auto found = live(message.session);
  if (!found) {
    message.done(found.error());
    return;
  }
  auto& entry = **found;
  if (entry.read_back) {
    entry.waiting.emplace_back(std::move(message));
    return;
  }
  Result<std::string> answer =
      Error{Errc::held, "session " + to_string(message.session) + " is held"};
  if (entry.session != nullptr) {
    Marker::Scope const running(marker_, entry.head.run, message.session, entry.head.last_sequence);
    answer = entry.session->query(message.name, message.arguments);
  }
  acknowledge_in_order(
      message.session,
      [answer = std::move(answer), done = std::move(message.done)](Result<> const& durable) {
        done(durable ? answer : Result<std::string>(durable.error()));
      });
  settle(message.session, entry);
}

void Shard::take(CancelMessage message) { take_request(std::move(message)); }

void Shard::take(ControlMessage message) {
  auto const session = message.session;
  if (message.input.verb == storage::ControlVerb::terminate) {
    auto const found = live(session);
    bool const held = found ? (*found)->session == nullptr && !(*found)->read_back
                            : found.error().code == Errc::held;
    if (held) return end_held(session, &message);
  }
  take_request(std::move(message));
  auto const found = sessions_.find(session);
  if (found == sessions_.end() || found->second.session == nullptr) return;
  // What is asked is done at once, also where the clock was set back since the newest event.
  auto const now = std::max(services_.now(), found->second.session->state().last_time);
  if (fire_due_timers(session, found->second, now)) settle(session, found->second);
}

/// Ends a session whose code cannot run, from what its events tell: somebody asked for that, now or
/// before.
void Shard::end_held(SessionId const& session, ControlMessage* asked) {
  if (auto const known = sessions_.find(session);
      known != sessions_.end() && known->second.in_flight > 0) {
    // Its Held is on its way to the disk.
    if (asked != nullptr) {
      acknowledge_in_order(session, [this, message = std::move(*asked)](Result<> const& durable) {
        if (!durable) return message.done(durable.error());
        post(Message(message));
      });
    }
    return;
  }
  auto const refused = [&](Error const& error) {
    if (asked != nullptr) return asked->done(error);
    not_taken(session, error);
  };
  auto state = fold_session(services_.log, session);
  if (!state) return refused(state.error());
  auto const secret = services_.log.secret(session);
  if (!secret) return refused(secret.error());
  auto const now = services_.now();
  auto codeless = Session::without_code(std::move(*state), *secret, environment_of(session));
  auto& entry = sessions_[session];
  entry.head = head_of(codeless->state());
  entry.session = std::move(codeless);
  if (asked != nullptr) {
    take_request(std::move(*asked));
    auto const found = sessions_.find(session);
    if (found == sessions_.end() || found->second.session == nullptr) return;
  }
  auto& here = sessions_.at(session);
  if (auto const due = here.session->state().control_due) {
    auto surroundings = ambient(session);
    surroundings.now = std::max(now, *due);
    auto step = handle(session, here, TimerInput{OperationId::none, *due}, surroundings);
    if (!step) return give_up(session, here, step.error());
    if (*step) submit(session, here, std::move(**step), {});
  }
  settle(session, here);
}

void Shard::take(ApprovalMessage message) { take_request(std::move(message)); }

void Shard::take(ResolveMessage message) { take_request(std::move(message)); }

void Shard::take(OutsideMessage message) {
  auto const found = live(message.session);
  if (found && (*found)->head.run != message.run) {
    Error spent{
        Errc::ended,
        "session " + to_string(message.session) + " has another run by now: the token is spent"};
    acknowledge_in_order(message.session, refuse(std::move(message.done), std::move(spent)));
    return;
  }
  take_request(std::move(message));
}

void Shard::take(InputMessage message) {
  auto found = live(message.session);
  if (!found) {
    auto const code = found.error().code;
    if (code == Errc::ended) settled(nullptr, told_by(message));
    auto const* const timer = std::get_if<TimerInput>(&message.input);
    if (code == Errc::held && timer != nullptr && timer->operation == OperationId::none)
      return end_held(message.session, nullptr);
    if (code != Errc::ended && code != Errc::held && code != Errc::not_found)
      not_taken(message.session, found.error());
    return;
  }
  auto& entry = **found;
  if (entry.head.run != message.run) return settled(&entry, told_by(message));
  if (entry.read_back) {
    entry.waiting.emplace_back(std::move(message));
    return;
  }
  if (entry.session == nullptr) return;
  Marker::Scope const running(marker_, entry.head.run, message.session, entry.head.last_sequence);
  auto surroundings = ambient(message.session);
  if (auto const* const timer = std::get_if<TimerInput>(&message.input)) {
    // Who fired it has seen that time: a clock that was set back since must not lose the timer.
    surroundings.now = std::max(surroundings.now, timer->due);
  }
  if (!fire_due_timers(message.session, entry, surroundings.now)) return;
  if (entry.head.run != message.run) {  // it went on in another run, to which this means nothing
    settled(&entry, told_by(message));
    settle(message.session, entry);
    return;
  }
  auto step = handle(message.session, entry, message.input, surroundings);
  if (!step) {
    give_up(message.session, entry, step.error());
    return;
  }
  if (*step) {
    std::ranges::move(message.vault, std::back_inserter((*step)->append.vault));
    submit(message.session, entry, std::move(**step), {});
  } else {
    settled(&entry, told_by(message));
  }
  settle(message.session, entry);
}

void Shard::take(ParentMessage message) {
  auto const& parent = message.input.parent;
  std::vector<storage::Errand> const errand{{storage::ErrandKind::tell,
                                             {message.session.tenant, parent.session},
                                             parent.run,
                                             parent.operation}};
  auto found = live(message.session);
  if (!found) {
    auto const code = found.error().code;
    if (code == Errc::ended) {
      settled(nullptr, errand);
    } else if (code != Errc::held) {
      not_taken(message.session, found.error());
    }
    return;
  }
  auto& entry = **found;
  if (entry.read_back) {
    entry.waiting.emplace_back(std::move(message));
    return;
  }
  if (entry.session == nullptr) return;
  Marker::Scope const running(marker_, entry.head.run, message.session, entry.head.last_sequence);
  auto step = handle(message.session, entry, message.input, ambient(message.session));
  if (!step) {
    if (step.error().code == Errc::ended) settled(&entry, errand);
    give_up(message.session, entry, step.error());
    return;
  }
  if (*step) {
    submit(message.session, entry, std::move(**step), {});
  } else {
    settled(&entry, errand);
  }
  settle(message.session, entry);
}

/// Errands that nobody needs any more, as far as durable steps say so: the next step that is
/// written takes them away.
void Shard::settled(Live const* entry, std::vector<storage::Errand> errands) {
  if (entry != nullptr && entry->in_flight > 0) return;
  std::ranges::move(errands, std::back_inserter(settled_));
}

/// Lets the session take an input. The runs that it continues as begin with it.
Result<std::optional<StepResult>> Shard::handle(SessionId const& session,
                                                Live& entry,
                                                Input const& input,
                                                Ambient const& surroundings) {
  marker_.next_step();
  auto step = entry.session->handle(input, surroundings);
  if (!step || !*step) return step;
  TRY_VOID(continue_run(session, entry.session, **step, surroundings));
  return step;
}

Result<> Shard::continue_run(SessionId const& session,
                             std::unique_ptr<Session>& run,
                             StepResult& step,
                             Ambient const& surroundings) {
  auto continuation = std::exchange(step.continuation, std::nullopt);
  if (!continuation) return {};
  auto const name = step.append.head.workflow;
  auto const* const workflow = services_.registry.find_workflow(name);
  if (workflow == nullptr)
    return Error{Errc::unknown_workflow, "this program has no workflow \"" + name + "\""};
  auto const secret = run->secret();
  std::unique_ptr<Session> next;
  for (unsigned in_a_row = 0; continuation; ++in_a_row) {
    if (in_a_row == most_continued_in_a_row)
      return Error{Errc::held,
                   "workflow " + name + " continued as new " + std::to_string(in_a_row) +
                       " times without waiting for anything"};
    SessionStart start;
    start.session = session;
    start.run = continuation->run;
    start.log_id = info_.log_id;
    start.input = std::move(continuation->input);
    start.principal = std::move(continuation->principal);
    start.random_seed = continuation->random_seed;
    start.secret = secret;
    if (services_.intake != nullptr)
      start.redaction = storage::sha256({services_.intake->version()});
    start.follows = continuation->follows;
    start.origin = std::move(continuation->parent);
    start.continues = true;
    start.not_earlier = step.recorded_at;
    start.carried = std::move(continuation->carried);
    marker_.next_step();
    next = std::make_unique<Session>(*workflow, start, environment_of(session));
    TRY(auto first, next->start(surroundings));
    continuation = std::exchange(first.continuation, std::nullopt);
    step.then.push_back(std::move(first));
  }
  run = std::move(next);
  return {};
}

/// What came due before an input fires before it, in (due, operation) order, however late the timer
/// service is. False: a timer's step could not be made, and `entry` may be gone.
bool Shard::fire_due_timers(SessionId const& session, Live& entry, Time now) {
  auto surroundings = ambient(session);
  surroundings.now = now;
  while (auto const timer = entry.session->due_timer(now)) {
    auto step = handle(session, entry, *timer, surroundings);
    if (!step) {
      give_up(session, entry, step.error());
      return false;
    }
    if (!*step) break;
    submit(session, entry, std::move(**step), {});
  }
  return true;
}

void Shard::take(LoadMessage const& message) {
  auto found = live(message.session);
  if (!found) not_taken(message.session, found.error());
}

/// What came from inside was dropped, and nobody sends it again. Where the disk refused a read, it
/// is still in the log, or is found there to be missing: by the process that comes after this one.
void Shard::not_taken(SessionId const& session, Error const& error) {
  services_.say(session, error.detail);
  if (error.code == Errc::io && services_.fail) services_.fail(error);
}

void Shard::take(ReleaseMessage message) {
  // Its Held may be on its way to the disk still.
  std::optional<storage::Head> head;
  if (auto const known = sessions_.find(message.session); known != sessions_.end()) {
    head = known->second.head;
  } else if (auto stored = services_.log.head(message.session)) {
    head = std::move(*stored);
  } else {
    message.done(stored.error());
    return;
  }
  if (!head || head->status != storage::SessionStatus::held) {
    auto const name = "session " + to_string(message.session);
    message.done(head ? Error{Errc::conflict, name + " is not held"}
                      : Error{Errc::not_found, "there is no " + name});
    return;
  }
  auto step = make_control_step(message.session,
                                info_.log_id,
                                *head,
                                storage::Released{message.by, message.reason},
                                services_.now(),
                                info_.epoch);
  if (!step) {
    message.done(step.error());
    return;
  }
  auto& entry = sessions_[message.session];
  entry.read_back = true;
  Receipt const receipt{head->run, step->append.first_sequence, false};
  submit(message.session,
         entry,
         std::move(*step),
         [receipt, done = std::move(message.done)](Result<> durable) {
           done(durable ? Result<Receipt>(receipt) : Result<Receipt>(durable.error()));
         });
}

/// Made from what is durable. Who had the session in memory reads it back then: as the new run.
void Shard::take(ForkMessage message) {
  auto const target = target_of(message.request);
  auto const known = sessions_.find(target);
  if (known != sessions_.end() && known->second.in_flight > 0) {
    if (known->second.read_back) {
      known->second.waiting.emplace_back(std::move(message));
      return;
    }
    acknowledge_in_order(target, [this, message = std::move(message)](Result<> const& durable) {
      if (!durable) return message.done(durable.error());
      post(Message(message));
    });
    return;
  }
  if (auto const room = services_.log.room_for_new_sessions(); !room)
    return message.done(room.error());
  auto plan = plan_fork(services_.log,
                        message.request,
                        {services_.now(),
                         fresh_run_id(services_.entropy),
                         fresh_seed(services_.entropy),
                         fresh_secret(services_.entropy)});
  if (!plan) return message.done(plan.error());
  auto& entry = sessions_[target];
  entry.session.reset();
  entry.read_back = true;
  submit(target,
         entry,
         std::move(plan->step),
         [fork = std::move(plan->fork), done = std::move(message.done)](Result<> durable) {
           done(durable ? Result<Fork>(fork) : Result<Fork>(durable.error()));
         });
}

void Shard::take(CommittedMessage const& message) {
  auto const found = sessions_.find(message.session);
  if (found == sessions_.end()) return;
  auto& entry = found->second;
  --entry.in_flight;
  if (!message.result) {
    services_.say(message.session, message.result.error().detail);
    entry.session.reset();
    entry.keys.clear();
    // What is true is read back from the log, unless the log takes nothing any more.
    entry.read_back = message.result.error().code == Errc::stale;
    if (!entry.read_back) refuse_waiting(entry, message.result.error());
  } else {
    if (entry.session != nullptr) {
      if (entry.session->state().run == message.run)
        entry.session->durable_up_to(message.last_sequence);
      entry.read_back_in_a_row = 0;
    }
    std::erase_if(entry.keys, [&](auto const& key) {
      return entry.in_flight == 0 ||
             (key.second.run == message.run && key.second.sequence <= message.last_sequence);
    });
  }
  if (entry.read_back && entry.in_flight == 0) {
    read_back(message.session);
  } else {
    settle(message.session, entry);
  }
}

/// Brings a session back from the log that a refused step, or a hold, had put out of memory. Timers
/// that came due meanwhile were fired in vain: they are looked for again.
void Shard::read_back(SessionId const& session) {
  auto& before = sessions_.at(session);
  auto const waiting = std::exchange(before.waiting, {});
  auto const in_a_row = before.read_back_in_a_row + 1;
  not_idle(before);
  sessions_.erase(session);
  if (in_a_row > most_read_back_in_a_row) {
    services_.say(session, "left alone until its next input: the log refuses its steps");
  } else if (auto const found = live(session); !found) {
    not_taken(session, found.error());
  } else {
    (*found)->read_back_in_a_row = in_a_row;
    if ((*found)->session != nullptr) {
      for (auto const& [id, operation] : (*found)->session->state().operations) {
        if (operation.timer_due) services_.look_at(*operation.timer_due);
      }
    }
  }
  for (auto message : waiting) {
    std::visit([this](auto& one) { take(std::move(one)); }, message);
  }
  if (services_.run_errands) services_.run_errands();
}

void Shard::refuse_waiting(Live& entry, Error const& error) {
  for (auto& message : std::exchange(entry.waiting, {})) {
    std::visit(
        [&](auto const& one) {
          if constexpr (requires { one.done(error); }) one.done(error);
        },
        message);
  }
}

// ---- sessions in memory ----

Result<Shard::Live*> Shard::live(SessionId const& session) {
  if (auto const found = sessions_.find(session); found != sessions_.end()) return &found->second;
  TRY(auto head, services_.log.head(session));
  if (!head) return Error{Errc::not_found, "there is no session " + to_string(session)};
  if (head->status == storage::SessionStatus::held) {
    return Error{
        Errc::held,
        "session " + to_string(session) + " is held: it takes no input until it is released"};
  }
  if (head->status != storage::SessionStatus::open) {
    return Error{Errc::ended, "session " + to_string(session) + " has ended and takes no input"};
  }
  return revive(session, *head);
}

/// Rebuilds a session from its log. An attempt that the log knows as open is not under way in this
/// process: it is orphaned.
Result<Shard::Live*> Shard::revive(SessionId const& session, storage::Head const& head) {
  Marker::Scope const running(marker_, head.run, session, head.last_sequence);
  auto const find = [this](std::string_view name) {
    return services_.registry.find_workflow(name);
  };
  storage::crash_point("session.before_revival");
  TRY(auto replayed, replay_session(services_.log, find, session, {}, services_.say, [this] {
        marker_.next_step();
      }));
  storage::crash_point("session.after_revival");
  auto& entry = sessions_[session];
  entry.head = head;
  if (replayed.divergence) {
    hold(session, entry, "divergence", report_of(*replayed.divergence));
    return &entry;
  }
  entry.session = std::move(replayed.session);
  for (auto const& orphan : entry.session->open_attempts("the process that made it ended")) {
    if (entry.session->state().run != head.run) break;  // it goes on in another one
    auto step = handle(session, entry, orphan, ambient(session));
    if (!step && counters_) counters_->give_back();
    if (!step && is_blamed_on_the_workflow(step.error())) {
      hold(session, entry, "workflow_bug", report(step.error().detail));
      return &entry;
    }
    if (!step) {
      entry.session.reset();
      if (entry.in_flight == 0) sessions_.erase(session);
      return step.error();
    }
    if (*step) submit(session, entry, std::move(**step), {});
  }
  settle(session, entry);
  return &entry;
}

/// What to do after `handle` refused an input. A session that refused before anything changed goes
/// on; any other is of no use: it is held if its code or its size is to blame, else read back.
void Shard::give_up(SessionId const& session,
                    Live& entry,
                    Error const& error,
                    std::function<void(Result<>)> acknowledge) {
  if (counters_) counters_->give_back();
  bool const untouched = entry.session->state().last_sequence == entry.head.last_sequence;
  if (!untouched && is_blamed_on_the_workflow(error)) {
    hold(session, entry, "workflow_bug", report(error.detail), std::move(acknowledge));
    return;
  }
  if (acknowledge) {
    acknowledge_in_order(session, std::move(acknowledge));
  } else {
    services_.say(session, error.detail);
  }
  if (!untouched) {
    entry.session.reset();
    entry.read_back = true;
    if (entry.in_flight == 0) return read_back(session);
  }
  settle(session, entry);
}

void Shard::hold(SessionId const& session,
                 Live& entry,
                 std::string kind,
                 std::string text,
                 std::function<void(Result<>)> acknowledge) {
  entry.session.reset();
  if (services_.intake != nullptr) text = redacted_report(*services_.intake, session, text);
  services_.say(session, "held (" + kind + "): " + text);
  constexpr std::size_t longest_report = 64 * 1024;
  if (text.size() > longest_report)
    text = report("the report is longer than " + std::to_string(longest_report) + " bytes");
  auto step = make_control_step(session,
                                info_.log_id,
                                entry.head,
                                storage::Held{std::move(kind), std::move(text)},
                                services_.now(),
                                info_.epoch);
  if (step) {
    submit(session, entry, std::move(*step), std::move(acknowledge));
  } else if (acknowledge) {
    acknowledge(step.error());
  }
}

void Shard::submit(SessionId const& session,
                   Live& entry,
                   StepResult step,
                   std::function<void(Result<>)> acknowledge) {
  if (counters_) counters_->keep();
  entry.head = step.then.empty() ? step.append.head : step.then.back().append.head;
  std::ranges::move(settled_, std::back_inserter(step.append.errands_done));
  settled_.clear();
  ++entry.in_flight;
  not_idle(entry);
  outgoing_.push_back({session, std::move(step), std::move(acknowledge)});
}

void Shard::acknowledge_in_order(SessionId const& session,
                                 std::function<void(Result<>)> acknowledge) {
  outgoing_.push_back({session, std::nullopt, std::move(acknowledge)});
}

/// Decides whether the session may leave memory: at once when it has ended or is held, later when
/// it only waits.
void Shard::settle(SessionId const& session, Live& entry) {
  bool const quiet = entry.in_flight == 0;
  bool const over =
      entry.session == nullptr || entry.session->state().status != storage::SessionStatus::open;
  if (quiet && over) {
    not_idle(entry);
    sessions_.erase(session);
    return;
  }
  bool const idle = quiet && !entry.session->has_open_attempt();
  if (idle) {
    if (entry.is_idle) {
      idle_.splice(idle_.end(), idle_, entry.idle);
    } else {
      entry.idle = idle_.insert(idle_.end(), session);
      entry.is_idle = true;
    }
  } else {
    not_idle(entry);
  }
}

void Shard::not_idle(Live& entry) {
  if (!std::exchange(entry.is_idle, false)) return;
  idle_.erase(entry.idle);
}

/// Passivation: what only waits leaves memory, oldest first; its timer and its log remain.
void Shard::evict() {
  while (idle_.size() > services_.max_idle_sessions) {
    sessions_.erase(idle_.front());
    idle_.pop_front();
    ++evicted_;
  }
  // glibc keeps what many sessions gave back in pieces; what nobody needs goes back to the machine.
  constexpr std::size_t trim_after = 16'384;
  if (evicted_ >= trim_after) {
    evicted_ = 0;
    malloc_trim(0);
  }
}

}  // namespace dalsegno::engine
