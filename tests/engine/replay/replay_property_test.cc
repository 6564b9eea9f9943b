// Random workflows, random order of what happens to them, a crash after each durable step: replay
// equals life, and nothing that was recorded is done again.

#include "engine/fork/fork.h"
#include "engine/session/doubt.h"
#include "tests/engine/replay/program.h"
#include "tests/engine/session/session_driver.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::engine::test {
namespace {

using Events = SessionDriver::Events;

std::uint64_t seed_of_run() {
  auto const* const given = std::getenv("DALSEGNO_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

std::uint64_t seeds_in(std::uint64_t usual) {
  auto const* const given = std::getenv("DALSEGNO_SEEDS");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : usual;
}

/// The world around one session: performs its attempts, sends its signals, moves its clock; in any
/// order.
class World {
 public:
  World(Program const& program, std::uint64_t seed)
      : program_(program), driver_(interpreter()), random_(seed) {
    driver_.policy = PolicySet::parse(policy_of_programs()).value();
    driver_.seed = seed;
  }

  void start() { note(driver_.start(to_json(program_))); }

  /// Until the session ends, or it has made so many steps.
  void run(std::size_t steps) {
    for (int idle = 0; !driver_.end && driver_.steps < steps && !testing::Test::HasFailure();) {
      auto const before = driver_.steps;
      happen();
      idle = driver_.steps == before ? idle + 1 : 0;
      ASSERT_LT(idle, 2'000) << "nothing moves it any more: " << driver_.session->fingerprint();
    }
  }

  /// The process ends; an effect that was under way may have happened or not.
  void crash() {
    for (auto const& attempt : driver_.attempts) {
      if (one_in(2)) static_cast<void>(perform(attempt));
    }
    late_.clear();
    auto const life = driver_.session->fingerprint();
    driver_.restart(one_in(2) ? ReplayFrom{} : ReplayFrom{ReplayFrom::Kind::start});
    ASSERT_FALSE(testing::Test::HasFatalFailure());
    EXPECT_EQ(driver_.session->fingerprint(), life);
    auto const run = driver_.session->state().run;
    for (auto const& orphan : driver_.session->open_attempts("the process ended"))
      if (driver_.session->state().run == run) take(orphan);
  }

  /// Somebody forks some run of the session after some event of it, whatever is under way; false:
  /// it cannot go on from there.
  bool fork() {
    auto const all = runs();
    auto const run = all[random_() % all.size()];
    ForkRequest request{driver_.id, 1 + random_() % driver_.history(run).size(), {"ann", "why"}};
    request.options.run = run;
    request.options.terminate = true;
    request.options.signals = one_in(2) ? LaterSignals::again : LaterSignals::left_out;
    RunId fresh;
    for (auto& byte : fresh.bytes) byte = static_cast<std::uint8_t>(random_());
    auto plan = plan_fork(*driver_.log, request, {driver_.now, fresh, random_(), {}});
    if (!plan) {
      EXPECT_EQ(plan.error().code, Errc::conflict) << plan.error().detail;
      return false;
    }
    std::vector<storage::Append> batch{std::move(plan->step.append)};
    for (auto& next : plan->step.then) batch.push_back(std::move(next.append));
    auto const receipt = driver_.log->append(batch);
    EXPECT_TRUE(receipt);
    for (auto const& one : receipt->each) EXPECT_TRUE(one) << one.error().detail;
    driver_.end.reset();
    late_.clear();
    ended_operations_.clear();
    driver_.restart(one_in(2) ? ReplayFrom{} : ReplayFrom{ReplayFrom::Kind::start});
    note(driver_.history());
    for (auto const& orphan : driver_.session->open_attempts("it was under way there"))
      take(orphan);
    // What comes before all other timers, as for a shard.
    auto const due = driver_.session->state().control_due;
    EXPECT_TRUE(due);
    driver_.now = std::max(driver_.now, due.value_or(driver_.now));
    if (due) take(TimerInput{OperationId::none, *due});
    return true;
  }

  void cancel() { take(CancelInput{"world", "enough"}); }

  /// What must be true of the log as a whole.
  void check_log() const {
    driver_.expect_replays();
    check_attempts();
    static_cast<void>(check_approvals());
    std::map<std::string, unsigned> started;
    for (auto const& run : runs()) {
      for (auto const& event : driver_.history(run)) {
        if (std::holds_alternative<storage::AttemptStarted>(event.body))
          ++started[key_of(run, event.operation)];
      }
    }
    for (auto const& [key, count] : effects_)
      EXPECT_LE(count, started[key]) << "effects of operation " << key;
  }

  /// One attempt of an operation at a time; only the open one is applied; no more fail than may;
  /// what is made at most once is not made again while nobody knows whether it was made.
  void check_attempts() const {
    for (auto const& run : runs()) check_attempts(run);
  }
  void check_attempts(RunId const& run) const {
    std::map<OperationId, std::uint32_t> open;
    std::map<OperationId, unsigned> failed;
    std::map<OperationId, storage::EffectClass> effect_of;
    std::map<OperationId, unsigned> retries;  // that a person asked for
    std::set<OperationId> unsure;
    std::set<OperationId> resolved;
    for (auto const& [sequence, operation, body] : driver_.history(run)) {
      if (auto const* const requested = std::get_if<storage::OperationRequested>(&body)) {
        effect_of[operation] = requested->terms.effect;
      } else if (auto const* const started = std::get_if<storage::AttemptStarted>(&body)) {
        if (effect_of[operation] == storage::EffectClass::at_most_once) {
          EXPECT_FALSE(unsure.contains(operation)) << "event " << sequence;
        }
        EXPECT_TRUE(open.emplace(operation, started->attempt).second) << "event " << sequence;
      } else if (auto const* const completed = std::get_if<storage::OperationCompleted>(&body)) {
        if (!resolved.contains(operation))
          EXPECT_EQ(open[operation], completed->attempt) << "event " << sequence;
        open.erase(operation);
      } else if (auto const* const failure = std::get_if<storage::AttemptFailed>(&body)) {
        EXPECT_EQ(open[operation], failure->attempt) << "event " << sequence;
        EXPECT_LE(++failed[operation], 4U + retries[operation]) << "event " << sequence;
        if (failure->outcome_unknown) unsure.insert(operation);
        open.erase(operation);
      } else if (auto const* const orphaned = std::get_if<storage::AttemptOrphaned>(&body)) {
        if (!open.contains(operation) || open[operation] != orphaned->attempt) continue;
        open.erase(operation);
        unsure.insert(operation);
      } else if (std::holds_alternative<storage::OperationInDoubt>(body)) {
        EXPECT_TRUE(unsure.contains(operation)) << "event " << sequence;
        EXPECT_NE(effect_of[operation], storage::EffectClass::idempotent);
      } else if (auto const* const said = std::get_if<storage::DoubtResolved>(&body)) {
        resolved.insert(operation);
        if (said->resolution != storage::DoubtResolution::retry) continue;
        unsure.erase(operation);
        resolved.erase(operation);
        ++retries[operation];
      }
    }
  }

  /// Before each attempt of what needs two approvals, two people gave theirs.
  std::size_t check_approvals() const {
    std::size_t approved = 0;
    for (auto const& run : runs()) approved += check_approvals(run);
    return approved;
  }
  std::size_t check_approvals(RunId const& run) const {
    std::size_t approved = 0;
    std::set<OperationId> needing;
    std::map<OperationId, std::set<std::string>> given;
    for (auto const& [sequence, operation, body] : driver_.history(run)) {
      if (auto const* const requested = std::get_if<storage::OperationRequested>(&body)) {
        if (requested->name == "approved") needing.insert(operation);
      } else if (auto const* const answer = std::get_if<storage::ApprovalGiven>(&body)) {
        if (answer->granted) given[operation].insert(answer->by);
      } else if (std::holds_alternative<storage::AttemptStarted>(body)) {
        if (!needing.contains(operation)) continue;
        EXPECT_GE(given[operation].size(), 2U) << "event " << sequence;
        ++approved;
      }
    }
    return approved;
  }

  [[nodiscard]] SessionDriver& driver() { return driver_; }
  [[nodiscard]] bool ended() const { return driver_.end.has_value(); }

 private:
  static std::string key_of(RunId const& run, OperationId operation) {
    return to_string(run) + '/' + std::to_string(static_cast<std::uint64_t>(operation));
  }
  [[nodiscard]] std::vector<RunId> runs() const { return driver_.log->runs(driver_.id).value(); }
  bool one_in(std::uint64_t n) { return random_() % n == 0; }

  void take(Input const& input) { note(driver_.take(input)); }

  void note(Events const& events) {
    for (auto const& event : events) {
      if (std::holds_alternative<storage::SessionStarted>(event.body)) {
        // Another run: nothing that was under way before is of use there.
        ended_operations_.clear();
        late_.clear();
        std::erase_if(driver_.attempts, [this](StartAttempt const& attempt) {
          return attempt.run != driver_.session->state().run;
        });
      }
      bool const ends = std::holds_alternative<storage::OperationCompleted>(event.body) ||
                        std::holds_alternative<storage::OperationFailed>(event.body) ||
                        std::holds_alternative<storage::OperationCancelled>(event.body);
      if (ends) ended_operations_.insert(event.operation);
      EXPECT_FALSE(std::holds_alternative<storage::AttemptStarted>(event.body) &&
                   ended_operations_.contains(event.operation))
          << "operation " << static_cast<std::uint64_t>(event.operation)
          << " had ended and was begun again";
    }
  }

  Input perform(StartAttempt const& attempt) {
    EXPECT_TRUE(attempt.permit.covers(
        attempt.run, attempt.operation, attempt.attempt, attempt.input_digest));
    if (attempt.asks_first) {
      ResultInput known;
      known.operation = attempt.operation;
      known.attempt = attempt.attempt;
      known.payload = R"("did it")";
      known.reconciled = true;
      if (effects_[key_of(attempt.run, attempt.operation)] > 0) return known;
    }
    if (breaks_off(attempt.name) && one_in(8)) return broken_off(attempt);
    auto const performed = ++effects_[key_of(attempt.run, attempt.operation)];
    std::vector<Contact> contacts(performed % 3, Contact{.method = "GET", .host = attempt.name});
    if (auto answer = far_side(attempt.name, *attempt.input, performed)) {
      ResultInput result;
      result.contacts = std::move(contacts);
      result.operation = attempt.operation;
      result.attempt = attempt.attempt;
      result.payload = std::move(*answer);
      return result;
    }
    bool const hopeless = attempt.name == "broken";
    return FailureInput{attempt.operation,
                        attempt.attempt,
                        hopeless ? "no_way" : "busy",
                        "it failed",
                        !hopeless,
                        std::move(contacts)};
  }

  /// Calls whose results the model does not predict.
  static bool breaks_off(std::string const& name) {
    return name == "once" || name == "asked" || name == "queued" || name == "alive";
  }
  /// Nobody knows whether it had its effect.
  Input broken_off(StartAttempt const& attempt) {
    if (one_in(2)) ++effects_[key_of(attempt.run, attempt.operation)];
    FailureInput failure{attempt.operation, attempt.attempt, "exception", "connection reset"};
    failure.outcome_unknown = true;
    failure.heartbeat = R"("nearly done")";
    // Beyond these, attempts would be made until they have used up what the policy allows.
    failure.retryable = attempt.attempt < 3;
    return failure;
  }

  void happen() {
    switch (random_() % 10) {
      case 0:
      case 1:
      case 2:
        return attempt_ends();
      case 3:
      case 4:
        return timer_fires();
      case 5:
        return signal_comes();
      case 6:
        return late_result_comes();
      case 7:
        return somebody_answers();
      case 8:
        return somebody_resolves();
      default:
        return nonsense_comes();
    }
  }

  void attempt_ends() {
    auto& attempts = driver_.attempts;
    if (attempts.empty()) return;
    auto const chosen = attempts.begin() + static_cast<std::ptrdiff_t>(random_() % attempts.size());
    auto const attempt = std::move(*chosen);
    attempts.erase(chosen);
    auto const outcome = perform(attempt);
    if (one_in(20)) {
      late_.push_back(outcome);  // is on its way for long
      if (attempt.name != "slow")
        take(OrphanInput{attempt.operation, attempt.attempt, "nobody waits for it"});
    } else {
      take(outcome);
      bool const again = one_in(10);  // and once more
      if (again && attempt.run == driver_.session->state().run) late_.push_back(outcome);
    }
  }

  void timer_fires() {
    auto const timers = driver_.log->timers(Time{}, Time::max(), 3).value();
    if (timers.empty()) return;
    driver_.now = std::max(driver_.now, timers.front().due);
    if (one_in(5)) driver_.now += std::chrono::milliseconds(random_() % 3'000);
    for (auto const& timer : timers) {
      bool const of_this_run = timer.run == driver_.session->state().run;
      if (timer.due <= driver_.now && !driver_.end && of_this_run)
        take(TimerInput{timer.operation, timer.due});
    }
  }

  void signal_comes() {
    constexpr std::array names{"main", "beside", "other"};
    std::string const name = names[random_() % names.size()];
    auto const& inbox = driver_.session->state().inbox;
    if (std::ranges::count(inbox, name, &InboxEntry::signal) > 3) return;
    auto const number = sent_[name]++;
    take(SignalInput{name, std::to_string(number), name + std::to_string(number), "world"});
  }

  /// One of those who are asked, or somebody else; to a running engine, or by a control step.
  void somebody_answers() {
    std::vector<OperationId> waiting;
    for (auto const& [id, operation] : driver_.session->state().operations) {
      if (waits_for_approval(operation)) waiting.push_back(id);
    }
    if (waiting.empty()) return;
    constexpr std::array people{"ann", "bob", "cid", "tester"};
    constexpr std::array roles{"lead", "lead", "lead", "director", "clerk"};
    auto const operation = static_cast<std::uint64_t>(waiting[random_() % waiting.size()]);
    auto const answer = driver_.answer_of(operation,
                                          people[random_() % people.size()],
                                          {roles[random_() % roles.size()]},
                                          !one_in(8));
    bool const outside = !driver_.session->has_open_attempt() && one_in(3);
    auto const events = outside ? driver_.try_answer_outside(answer) : driver_.try_take(answer);
    if (events) note(*events);
    if (answer.by == "tester" || answer.roles.front() == "clerk") EXPECT_FALSE(events);
  }

  /// A person who looked into the far side's books, or wants it made again.
  void somebody_resolves() {
    for (auto const& [id, operation] : driver_.session->state().operations) {
      if (!is_in_doubt(operation)) continue;
      ResolveInput input{id, {}, R"("did it, says ann")", "ann", "", "I looked"};
      input.resolution = static_cast<storage::DoubtResolution>(random_() % 3);
      bool const outside = !driver_.session->has_open_attempt() && one_in(3);
      auto const events = outside ? driver_.try_resolve_outside(input) : driver_.try_take(input);
      ASSERT_TRUE(events) << events.error().detail;
      note(*events);
      EXPECT_FALSE(driver_.try_take(input)) << "a second time";
      return;
    }
  }

  void late_result_comes() {
    if (late_.empty()) return;
    auto const input = std::move(late_.back());
    late_.pop_back();
    take(input);
  }

  void nonsense_comes() {
    auto const operation = static_cast<OperationId>(random_() % 20);
    auto const before = driver_.session->fingerprint();
    if (one_in(2)) {
      take(TimerInput{operation, driver_.now + std::chrono::hours(1'000)});
    } else {
      take(OrphanInput{operation, 1'000, "there was no such attempt"});
    }
    EXPECT_EQ(driver_.session->fingerprint(), before);
  }

  Program const& program_;
  SessionDriver driver_;
  std::mt19937_64 random_;
  std::map<std::string, unsigned> effects_;  // at the far side: by run and operation
  std::map<std::string, std::int64_t> sent_;
  std::vector<Input> late_;
  std::set<OperationId> ended_operations_;
};

constexpr std::size_t to_the_end = 1'000'000;

struct Case {
  std::uint64_t seed;
  Program program;
  explicit Case(std::uint64_t its_seed) : seed(its_seed) {
    std::mt19937_64 random(seed);
    program = random_program_of_runs(random);
  }
  [[nodiscard]] std::string describe() const {
    return "DALSEGNO_SEED=" + std::to_string(seed) + " DALSEGNO_SEEDS=1, program " +
           to_json(program);
  }
  void expect_predicted(World& world) const {
    if (!world.ended()) return;
    if (auto const predicted = predict(program, seed))
      EXPECT_EQ(world.driver().end->result, *predicted);
  }
};

template <class Body>
void for_each_case(std::uint64_t usual, Body body) {
  auto const first = seed_of_run();
  auto const count = seeds_in(usual);
  std::cout << "seeds " << first << " to " << first + count - 1 << "\n";
  for (auto seed = first; seed < first + count; ++seed) {
    Case const one(seed);
    SCOPED_TRACE(one.describe());
    body(one);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Replay, of_a_random_workflow_equals_life_from_the_start_and_from_every_checkpoint) {
  std::uint64_t predicted = 0;
  std::uint64_t checkpoints = 0;
  std::size_t approved = 0;
  std::size_t runs = 0;
  for_each_case(1'500, [&](Case const& one) {
    World world(one.program, one.seed);
    world.start();
    for (std::size_t steps = 1; !world.ended() && !testing::Test::HasFailure(); steps += 5) {
      world.run(steps);
      world.check_log();
    }
    one.expect_predicted(world);
    predicted += predict(one.program, one.seed) ? 1 : 0;
    checkpoints += world.driver().checkpoints().size();
    approved += world.check_approvals();
    runs += world.driver().log->runs(world.driver().id).value().size();
  });
  std::cout << predicted << " results predicted, " << checkpoints << " checkpoints, " << approved
            << " approved attempts, " << runs << " runs\n";
}

TEST(Recovery, after_any_durable_step_goes_on_to_the_same_end_and_repeats_nothing_recorded) {
  std::size_t crashes = 0;
  for_each_case(250, [&](Case const& one) {
    for (std::size_t step = 1; !testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE("crash after step " + std::to_string(step));
      World world(one.program, one.seed);
      world.start();
      world.run(step);
      if (world.ended()) break;  // ran to the end: every step has had its turn
      world.crash();
      world.run(step + 3);
      if (!world.ended()) world.crash();
      world.run(to_the_end);
      world.check_log();
      one.expect_predicted(world);
      ++crashes;
    }
  });
  std::cout << crashes << " crashes\n";
}

TEST(Fork, after_any_event_of_a_random_workflow_goes_on_to_an_end_and_replays_as_it_lived) {
  std::size_t forked = 0;
  std::size_t impossible = 0;
  for_each_case(150, [&](Case const& one) {
    for (std::size_t step = 1; !testing::Test::HasFailure(); step += 3) {
      SCOPED_TRACE("forked after step " + std::to_string(step));
      World world(one.program, one.seed + step);
      world.start();
      world.run(step);
      bool const ended = world.ended();
      for (int again = 0; again < 2; ++again) {
        ++(world.fork() ? forked : impossible);
        world.run(world.driver().steps + 3);
        if (again == 0 && !world.ended()) world.crash();
      }
      world.run(to_the_end);
      world.check_log();
      if (ended) break;
    }
  });
  std::cout << forked << " forked, " << impossible << " points where none can go on\n";
}

TEST(Cancellation, after_any_durable_step_ends_a_random_workflow_and_all_that_it_waits_for) {
  std::size_t cancelled = 0;
  for_each_case(100, [&](Case const& one) {
    for (std::size_t step = 1; !testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE("cancelled after step " + std::to_string(step));
      World world(one.program, one.seed);
      world.start();
      world.run(step);
      if (world.ended()) break;
      if (step % 2 == 0) world.crash();
      if (world.ended()) continue;
      world.cancel();
      ASSERT_TRUE(world.ended());
      auto& driver = world.driver();
      EXPECT_EQ(driver.end->status, storage::SessionStatus::cancelled);
      EXPECT_EQ(driver.end->message, "enough");
      EXPECT_TRUE(driver.session->state().operations.empty());
      EXPECT_TRUE(driver.log->timers(Time{}, Time::max(), 1).value().empty());
      world.check_log();
      ++cancelled;
    }
  });
  std::cout << cancelled << " cancelled\n";
}

}  // namespace
}  // namespace dalsegno::engine::test
