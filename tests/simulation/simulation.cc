#include "tests/simulation/simulation.h"

#include "engine/replay/replayer.h"
#include "engine/runtime/engine_steps.h"
#include "storage/vault/intake.h"
#include "storage/vault/vault.h"
#include "tests/engine/replay/program.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/far_side.h"
#include "tests/simulation/outsiders.h"
#include "tests/simulation/simulated_log.h"
#include "tests/simulation/truth.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace dalsegno::simulation {
namespace {

using engine::AttemptEnd;
using engine::Engine;
using engine::EngineSteps;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Time first_moment{std::chrono::hours(1'000)};

/// More than any run without a fault of ours needs after the faults have ended.
constexpr std::uint64_t most_items_in_quiet = 2'000;
constexpr std::uint64_t most_items_for_a_session = 1'000;

/// What one run is like.
struct Character {
  std::size_t sessions = 1;
  unsigned shards = 1;
  std::uint32_t partitions = 1;
  std::size_t max_idle_sessions = 0;
  std::size_t serve_at_most = 1;
  std::size_t commit_at_most = 1;
  std::uint64_t items_with_faults = 0;
  DiskFaults disk;
  // Once in so many; 0: never.
  std::uint64_t crash = 0;
  std::uint64_t paused_owner = 0;  ///< of crashes: the old process goes on beside the new one
  std::uint64_t late_result = 0;
  std::uint64_t result_twice = 0;
  std::uint64_t clock_jump = 0;
  std::uint64_t lazy_commit = 1;   ///< the disk is so slow
  std::uint64_t lazy_workers = 1;  ///< the threads that perform attempts are so busy
  bool cancels = false;
  bool redacts = false;
};

/// Each kind of fault is there in half of the runs.
Character draw(Dice& dice) {
  auto const perhaps = [&](std::uint64_t once_in) { return dice.one_in(2) ? once_in : 0; };
  Character one;
  one.sessions = 1 + dice.below(dice.one_in(8) ? 60 : 12);
  one.shards = static_cast<unsigned>(1 + dice.below(3));
  one.partitions = static_cast<std::uint32_t>(one.shards * (1 + dice.below(4)));
  // Without any each input replays its session from the log.
  one.max_idle_sessions = dice.one_in(8) ? 0 : 1 + dice.below(8);
  one.serve_at_most = 1 + dice.below(8);
  one.commit_at_most = dice.one_in(3) ? 1 : 1 + dice.below(64);
  one.items_with_faults = dice.below(40) * one.sessions;
  one.disk.fail = perhaps(80 + dice.below(400));
  one.disk.write_and_fail = perhaps(80 + dice.below(400));
  one.disk.power_cut_before = perhaps(80 + dice.below(400));
  one.disk.power_cut_after = perhaps(80 + dice.below(400));
  one.crash = perhaps(200 + dice.below(800));
  one.paused_owner = perhaps(2);
  one.late_result = perhaps(5 + dice.below(20));
  one.result_twice = perhaps(5 + dice.below(20));
  one.clock_jump = perhaps(50 + dice.below(200));
  one.lazy_commit = 1 + dice.below(6);
  one.lazy_workers = dice.one_in(4) ? 1 + dice.below(20) : 1;
  one.cancels = dice.one_in(2);
  one.redacts = dice.one_in(8);
  one.disk.fail_read = dice.one_in(3) ? 20 + dice.below(200) : 0;
  return one;
}

/// What redacts in a process. The key for tokens is given, so that equal seeds give equal logs;
/// those of the originals are as they are, and in no step.
struct Redaction {
  Redaction(storage::EventLog& log, storage::SessionSecret const& key)
      : vault(log, vault::MasterKeys::parse(std::string(64, '1')).value()),
        redactor(key),
        intake(redactor, &vault) {}
  Redaction(Redaction const&) = delete;
  Redaction& operator=(Redaction const&) = delete;

  // Each refers to those before it.
  vault::Vault vault;
  vault::Redactor redactor;
  vault::Intake intake;
};

/// A process: an engine over the log as it has it open.
struct Process {
  std::unique_ptr<SimulatedLog> log;
  std::unique_ptr<Redaction> redaction;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<EngineSteps> steps;
};

/// A result on its way from the far side.
struct OnItsWay {
  Time due;
  SessionId session;
  RunId run;
  AttemptEnd end;
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, RunOptions const& options)
      : options_(options),
        dice_(seed),
        one_(draw(dice_)),
        truth_(findings_),
        disk_{storage::make_memory_store(dice_.next(), one_.partitions), nullptr, truth_},
        outsiders_(truth_, findings_, dice_.split()),
        far_side_(truth_, findings_, outsiders_, options.canary),
        clients_(truth_,
                 findings_,
                 dice_.split(),
                 one_.sessions,
                 one_.cancels,
                 one_.redacts ? Clients::Talk::with_secrets : Clients::Talk::plain),
        entropy_(dice_.split()) {
    // A disk that never fails would hide it.
    if (options.canary == Canary::take_a_failed_read_for_nothing) one_.disk.fail_read = 20;
    if (one_.redacts) truth_.hide(engine::test::secrets_have());
    far_side_.register_in(registry_);
    registry_.add(workflow());
    engine::test::readings = 0;
  }

  Report run() {
    while (!findings_.first() && items_ < one_.items_with_faults) {
      ++items_;
      happen();
      if (dice_.one_in(64)) compare_life_with_replay();
    }
    if (!findings_.first()) quiet();
    while (!findings_.first() && !done()) {
      ++items_;
      happen();
      if (items_ >
          one_.items_with_faults + most_items_in_quiet + one_.sessions * most_items_for_a_session)
        findings_.add("liveness", "there is no end of it; open: " + clients_.describe_open());
    }
    if (!findings_.first()) check_at_the_end();
    Report report;
    report.finding = findings_.first();
    report.steps = truth_.steps();
    report.sessions = clients_.sessions();
    report.items = items_;
    report.calls = far_side_.calls();
    report.virtual_us = static_cast<std::uint64_t>((clock_ - first_moment).count());
    report.end = truth_.digest();
    report.situations = std::move(situations_);
    for (auto const& [what, count] : truth_.rare_ends()) report.situations[what] += count;
    for (auto const& [what, count] : outsiders_.did()) report.situations[what] += count;
    if (one_.redacts) ++report.situations["a run that redacts"];
    return report;
  }

 private:
  // ---- what can happen ----

  enum class Item : std::uint8_t {
    client,
    outsider,
    serve,
    commit,
    perform,
    deliver,
    fire,
    wait,
    restart,
    crash,
    jump,
    paused
  };

  /// Chooses one of what can happen now.
  void happen() {
    if (process_.engine == nullptr)
      return dice_.one_in(4) ? wait(milliseconds(dice_.below(2'000))) : restart();
    auto& steps = *process_.steps;
    if (process_.log->power_is_cut()) return crash("the power failed");
    if (process_.engine->failure()) {
      note("the engine gave up");
      return crash("its log refused a write");
    }
    if (with_faults()) {
      if (one_.crash != 0 && dice_.one_in(one_.crash)) return crash("it was killed");
      if (one_.clock_jump != 0 && dice_.one_in(one_.clock_jump)) return jump();
      if (paused_.engine != nullptr && dice_.one_in(8)) return let_paused_go_on();
    }
    std::array<Item, 10> can{};
    std::size_t count = 0;
    auto const also = [&](Item item) { can.at(count++) = item; };
    for (std::size_t shard = 0; shard < steps.shards(); ++shard)
      if (steps.mail(shard) > 0) also(Item::serve);
    if (steps.steps() > 0 && dice_.one_in(one_.lazy_commit)) also(Item::commit);
    if (steps.attempts() > 0 && (!with_faults() || dice_.one_in(one_.lazy_workers)))
      also(Item::perform);
    if (!on_their_way_.empty() && next_result()->due <= clock_) also(Item::deliver);
    auto const due = steps.next_timer();
    if (due && *due <= now()) also(Item::fire);
    if (with_faults() && dice_.one_in(3)) also(Item::client);
    if (dice_.one_in(8)) also(Item::outsider);
    if (count == 0) {
      if (steps.steps() > 0) return commit();
      return nothing_to_do(due);
    }
    switch (can.at(dice_.below(count))) {
      case Item::serve:
        return serve();
      case Item::commit:
        return commit();
      case Item::perform:
        return perform();
      case Item::deliver:
        return deliver();
      case Item::fire:
        return fire();
      case Item::outsider:
        trace("somebody outside acts");
        return outsiders_.act();
      default:
        trace("a client acts");
        return clients_.act();
    }
  }

  void serve() {
    auto& steps = *process_.steps;
    auto shard = dice_.below(steps.shards());
    while (steps.mail(shard) == 0) shard = (shard + 1) % steps.shards();
    trace("shard " + std::to_string(shard) + " takes messages");
    steps.serve(shard, 1 + dice_.below(one_.serve_at_most));
  }

  void commit() {
    trace("the committer writes");
    process_.steps->commit(1 + dice_.below(one_.commit_at_most));
  }

  /// The far side is called; what it says is on its way for a while.
  void perform() {
    auto& steps = *process_.steps;
    auto const attempt = steps.take_attempt(dice_.below(steps.attempts()));
    if (options_.trace)
      trace("attempt " + std::to_string(attempt.attempt) + " of " +
            describe(attempt.session, attempt.operation));
    auto end = steps.perform(attempt);
    if (options_.canary == Canary::lose_results && dice_.one_in(8)) return;
    spoil(attempt, end);
    auto delay = milliseconds(dice_.below(300));
    if (fault(one_.late_result)) {
      delay = milliseconds(dice_.below(10'000));
      note("a late result");
    }
    if (fault(one_.result_twice)) {
      on_their_way_.push_back(
          {clock_ + milliseconds(dice_.below(10'000)), attempt.session, attempt.run, end});
      note("a result twice");
    }
    on_their_way_.push_back({clock_ + delay, attempt.session, attempt.run, std::move(end)});
  }

  /// Planted bugs of whoever hands in results.
  void spoil(engine::StartAttempt const& attempt, AttemptEnd& end) {
    auto* const failure = std::get_if<engine::FailureInput>(&end.input);
    auto* const result = std::get_if<engine::ResultInput>(&end.input);
    if (options_.canary == Canary::retry_hopeless_failures && failure != nullptr)
      failure->retryable = true;
    if (options_.canary == Canary::vouch_for_what_broke_off && failure != nullptr)
      failure->outcome_unknown = false;
    if (result == nullptr) return;
    if (options_.canary == Canary::answer_another_call &&
        attempt.operation > static_cast<OperationId>(1))
      result->operation =
          static_cast<OperationId>(static_cast<std::uint64_t>(attempt.operation) - 1);
    if (options_.canary == Canary::pass_late_results_as_new) ++result->attempt;
  }

  void deliver() {
    auto const next = next_result();
    trace("a result arrives");
    process_.steps->deliver(next->session, next->run, std::move(next->end));
    on_their_way_.erase(next);
  }

  void fire() {
    trace("timers fire");
    process_.steps->fire_timers();
  }

  void jump() {
    auto const ms = static_cast<std::int64_t>(dice_.below(10'000)) - 5'000;
    offset_ = milliseconds(ms);
    wait(microseconds(0));
    trace("the clock is set to be off by " + std::to_string(ms) + " ms");
    note(ms < 0 ? "the clock is set back" : "the clock is set forward");
  }

  void wait(microseconds time) {
    clock_ += time;
    latest_clock_ = std::max(latest_clock_, now());
  }

  /// Until something comes due; then clients may help. When nobody can do anything the run is over.
  void nothing_to_do(std::optional<Time> due_by_its_clock) {
    std::optional<Time> next;
    if (due_by_its_clock) next = *due_by_its_clock - offset_;
    if (!on_their_way_.empty()) next = std::min(next.value_or(Time::max()), next_result()->due);
    if (dice_.one_in(4)) outsiders_.act();
    if (with_faults()) {
      // Others act meanwhile, or do not.
      auto const later = clock_ + milliseconds(1 + dice_.below(3'000));
      trace("time passes");
      return wait(std::min(next.value_or(later), later) - clock_);
    }
    if (dice_.one_in(2) && clients_.help(Clients::Help::where_something_changed))
      return trace("clients help");
    if (next) {
      trace("time passes");
      return wait(std::max(*next - clock_, microseconds(0)));
    }
    if (clients_.help(Clients::Help::everywhere)) return trace("clients help");
    if (!clients_.all_ended())
      findings_.add("liveness", "nothing can happen any more; open: " + clients_.describe_open());
  }

  // ---- processes ----

  void restart() {
    trace("a process starts");
    process_.log = std::make_unique<SimulatedLog>(
        disk_, with_faults() ? one_.disk : no_faults_, options_.canary, dice_.split(), [this] {
          return latest_clock_;
        });
    auto& log = *process_.log;
    if (one_.redacts && options_.canary != Canary::redact_nothing)
      process_.redaction = std::make_unique<Redaction>(log, redaction_key_);
    engine::EngineOptions engine;
    if (process_.redaction) engine.intake = &process_.redaction->intake;
    engine.threads = engine::Threads::none;
    engine.shards = one_.shards;
    engine.max_idle_sessions = one_.max_idle_sessions;
    engine.now = [this] { return now(); };
    engine.entropy = [this](std::span<std::uint8_t> out) {
      auto dice = options_.canary == Canary::repeat_random_bytes ? Dice(1) : entropy_.split();
      for (auto& byte : out) byte = static_cast<std::uint8_t>(dice.next());
    };
    engine.say = [this](SessionId const& session, std::string_view text) {
      if (one_.redacts) truth_.sent("what people are told", text);
      if (options_.trace) trace("  " + to_string(session) + ": " + std::string(text));
    };
    auto const& policy =
        options_.canary == Canary::permit_everything ? permissive() : policy_in_force();
    auto started = Engine::start(log, registry_, policy, std::move(engine));
    if (log.power_is_cut()) note("a crash while it starts");
    if (!started) {
      trace("it does not: " + started.error().detail);
      return end(process_);
    }
    process_.engine = std::move(*started);
    process_.steps = std::make_unique<EngineSteps>(*process_.engine);
    SimulatedLog::Undisturbed const undisturbed(log);
    truth_.compare_heads_with(log);
    clients_.connect(process_.engine.get());
    outsiders_.connect(process_.engine.get());
  }

  void crash(std::string_view why) {
    trace("the process ends: " + std::string(why));
    note("a crash");
    if (process_.steps->steps() > 0) note("a crash with steps that wait for the disk");
    if (process_.steps->attempts() > 0) note("a crash with attempts released and not begun");
    clients_.connect(nullptr);
    outsiders_.connect(nullptr);
    if (process_.log->failed_reads() > 0) note("a read that failed");
    if (with_faults() && paused_.engine == nullptr && !process_.log->power_is_cut() &&
        fault(one_.paused_owner)) {
      paused_ = std::move(process_);
      note("an owner that goes on beside the new one");
    }
    end(process_);
    on_their_way_.clear();
    if (options_.canary == Canary::lose_newest_commit && disk_.before_newest_commit)
      disk_.store = std::exchange(disk_.before_newest_commit, nullptr);
  }

  static void end(Process& process) {
    process.steps.reset();
    process.engine.reset();
    process.redaction.reset();
    process.log.reset();
  }

  /// An owner that does not know yet that there is a newer one.
  void let_paused_go_on() {
    trace("the paused process goes on");
    auto& steps = *paused_.steps;
    for (std::size_t shard = 0; shard < steps.shards(); ++shard)
      steps.serve(shard, one_.serve_at_most);
    if (steps.attempts() > 0 && dice_.one_in(2)) {
      auto const attempt = steps.take_attempt(0);
      auto ended = steps.perform(attempt);
      steps.deliver(attempt.session, attempt.run, std::move(ended));
    }
    steps.fire_timers();
    if (steps.steps() > 0) steps.commit(one_.commit_at_most);
    if (paused_.engine->failure()) {
      note("an old owner is fenced");
      end(paused_);
    }
  }

  /// From here on nothing goes wrong any more.
  void quiet() {
    trace("---- no faults any more ----");
    is_quiet_ = true;
    end(paused_);
    offset_ = {};
    wait(microseconds(0));
    if (process_.engine == nullptr || process_.log->power_is_cut() || process_.engine->failure())
      return;
    // Where it goes on, nothing that went wrong may have left anything behind.
    if (dice_.one_in(2)) return crash("for the quiet");
    process_.log->heal();
    note("a process that goes on into the quiet");
  }

  [[nodiscard]] bool done() {
    return clients_.all_ended() && process_.engine != nullptr && process_.steps->steps() == 0;
  }

  // ---- checks ----

  void check_at_the_end() {
    SimulatedLog::Undisturbed const undisturbed(*process_.log);
    truth_.compare_with(*process_.log);
    clients_.check_ends();
    auto const left = process_.log->timers(Time{}, Time::max(), 1);
    if (!left || !left->empty())
      findings_.add("projection", "a timer is armed, and all sessions have ended");
    for (auto const& [session, truth] : truth_.sessions()) {
      // A replay costs about as much as the life that it repeats.
      if (!dice_.one_in(3)) continue;
      replay(session, truth, {engine::ReplayFrom::Kind::start, 0});
      if (findings_.first()) return;
      for (auto const& [run, steps] : truth.before) {
        replay(session, truth, {engine::ReplayFrom::Kind::start, 0, run});
        if (findings_.first()) return;
      }
      if (dice_.one_in(2)) continue;
      auto const checkpoints = process_.log->checkpoints(session, truth.run);
      for (auto const sequence : checkpoints.value_or(std::vector<Sequence>()))
        replay(session, truth, {engine::ReplayFrom::Kind::checkpoint, sequence});
    }
  }

  /// A session in memory is what its log makes of it.
  void compare_life_with_replay() {
    if (process_.engine == nullptr || truth_.sessions().empty()) return;
    SimulatedLog::Undisturbed const undisturbed(*process_.log);
    auto chosen = truth_.sessions().begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(dice_.below(truth_.sessions().size())));
    auto const& [session, truth] = *chosen;
    auto const* const life = process_.steps->at_rest(session);
    if (life == nullptr || life->state().hash != truth.hash) return;
    note("life compared with replay");
    if (life->state().paused) note("a paused session");
    auto const find = [this](std::string_view name) { return registry_.find_workflow(name); };
    auto const from = dice_.one_in(2) ? engine::ReplayFrom::Kind::start
                                      : engine::ReplayFrom::Kind::newest_checkpoint;
    auto const report = engine::replay_session(*process_.log, find, session, {from, 0});
    if (!report || report->divergence || report->session->fingerprint() != life->fingerprint()) {
      findings_.add("replay_equals_life",
                    to_string(session) + " at event " + std::to_string(truth.last_sequence) +
                        ": another state than in life");
    } else {
      compare_timers(session, *life);
    }
  }

  /// The index of timers has those that the session waits for, and no others.
  void compare_timers(SessionId const& session, engine::Session const& life) {
    std::multiset<Time> wanted;
    for (auto const& [id, operation] : life.state().operations)
      if (operation.timer_due) wanted.insert(*operation.timer_due);
    if (auto const& due = life.state().control_due) wanted.insert(*due);
    auto const all = process_.log->timers(Time{}, Time::max(), 100'000);
    std::multiset<Time> armed;
    for (auto const& timer : all.value_or(std::vector<storage::Timer>()))
      if (timer.session == session) armed.insert(timer.due);
    if (armed != wanted)
      findings_.add("projection",
                    to_string(session) + " waits for " + std::to_string(wanted.size()) +
                        " timers, and " + std::to_string(armed.size()) + " are armed");
  }

  void replay(SessionId const& session, SessionTruth const& truth, engine::ReplayFrom from) {
    auto const find = [this](std::string_view name) { return registry_.find_workflow(name); };
    auto const report = engine::replay_session(*process_.log, find, session, from);
    auto const name = to_string(session) + " from " + std::to_string(from.sequence);
    if (!report) {
      findings_.add("replay_equals_life", name + ": " + report.error().detail);
    } else if (report->divergence) {
      findings_.add("replay_equals_life", name + ": " + engine::describe(*report->divergence));
    } else if (from.run) {  // one that the session went on from
      if (report->session->state().status != storage::SessionStatus::continued)
        findings_.add("replay_equals_life", name + ": a run before the newest has not ended");
    } else if (report->session->state().hash != truth.hash ||
               report->session->state().status != truth.status) {
      findings_.add("replay_equals_life", name + ": another end than in life");
    }
  }

  // ---- the rest ----

  [[nodiscard]] bool with_faults() const { return !is_quiet_; }
  [[nodiscard]] bool fault(std::uint64_t once_in) {
    return with_faults() && once_in != 0 && dice_.one_in(once_in);
  }
  [[nodiscard]] Time now() const { return clock_ + offset_; }

  [[nodiscard]] std::vector<OnItsWay>::iterator next_result() {
    return std::ranges::min_element(on_their_way_, {}, &OnItsWay::due);
  }

  [[nodiscard]] WorkflowDefinition workflow() const {
    if (options_.canary == Canary::read_a_clock_in_the_workflow)
      return engine::test::unsteady_interpreter();
    if (options_.canary == Canary::take_every_update) return engine::test::careless_interpreter();
    return engine::test::interpreter();
  }

  static engine::PolicySet const& policy_in_force() {
    static auto const policy = engine::PolicySet::parse(engine::test::policy_of_programs()).value();
    return policy;
  }
  static engine::PolicySet const& permissive() {
    static auto const policy = engine::PolicySet::parse(
                                   R"({"dalsegno_policy": 1, "name": "any", "rules": [
      {"id": "any", "effect": "permit", "actions": ["*.call", "session.start"]}]})")
                                   .value();
    return policy;
  }

  static std::string describe(SessionId const& session, OperationId operation) {
    return to_string(session) + " operation " +
           std::to_string(static_cast<std::uint64_t>(operation));
  }
  void trace(std::string const& line) {
    if (options_.trace)
      options_.trace(std::to_string(items_) + " " + to_string(clock_) + " " + line);
  }
  void note(std::string_view situation) {
    auto const found = situations_.find(situation);
    if (found == situations_.end())
      situations_.emplace(situation, 1);
    else
      ++found->second;
  }

  // Set in the constructor.
  RunOptions const& options_;
  Dice dice_;
  Character one_;
  DiskFaults no_faults_;
  Findings findings_;
  Truth truth_;
  Disk disk_;
  Outsiders outsiders_;
  FarSide far_side_;
  Clients clients_;
  Dice entropy_;
  Registry registry_;
  storage::SessionSecret redaction_key_{};

  Time clock_ = first_moment;
  Time latest_clock_ = first_moment;
  microseconds offset_{};  // of the clock that processes see
  std::uint64_t items_ = 0;
  bool is_quiet_ = false;
  std::vector<OnItsWay> on_their_way_;
  Situations situations_;
  Process paused_;
  Process process_;
};

}  // namespace

Report run(std::uint64_t seed, RunOptions const& options) {
  return Simulation(seed, options).run();
}

}  // namespace dalsegno::simulation
