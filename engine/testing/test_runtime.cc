#include "dalsegno/json.h"
#include "dalsegno/testing.h"
#include "dalsegno/try.h"
#include "engine/replay/open_approvals.h"
#include "engine/replay/open_doubts.h"
#include "engine/runtime/engine_steps.h"
#include "engine/session/random.h"
#include "engine/testing/plan.h"
#include "storage/event/event_json.h"
#include "storage/memory/memory_log.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <stdexcept>

namespace dalsegno {

namespace {

constexpr char const* permit_all = R"({"dalsegno_policy": 1, "name": "tests", "rules": [
  {"id": "all", "effect": "permit", "actions": ["*.call", "session.start", "session.signal"]}]})";

/// A workflow that goes on for so long without time going by will go on for ever.
constexpr std::uint64_t most_at_one_moment = 1'000'000;

engine::PolicySet policy_of(TestOptions const& options) {
  auto policy =
      engine::PolicySet::parse(options.policy.empty() ? permit_all : options.policy, "policy");
  if (!policy) throw std::invalid_argument(policy.error().detail);
  return std::move(*policy);
}

Result<Acknowledgement> acknowledge(Result<engine::Receipt> const& receipt) {
  if (!receipt) return receipt.error();
  return Acknowledgement{receipt->run, receipt->sequence, receipt->repeated};
}

}  // namespace

class TestRuntime::Parts {
 public:
  Parts(Registry the_registry, TestOptions options)
      : registry_(std::move(the_registry)),
        options_(std::move(options)),
        policy_(policy_of(options_)),
        clock_(options_.start),
        store_(storage::make_memory_store(options_.seed)) {
    begin();
  }

  /// A process begins over the store.
  void begin() {
    end();
    log_ = storage::open_memory(store_);
    engine::EngineOptions options;
    options.threads = engine::Threads::none;
    options.now = [this] { return clock_; };
    options.entropy = [this](std::span<std::uint8_t> out) {
      for (auto& byte : out)
        byte = static_cast<std::uint8_t>(engine::mix(options_.seed, ++random_bytes_));
    };
    options.say = options_.log;
    options.on_durable = [this](SessionId const& session, std::span<storage::Event const> events) {
      ++steps_;
      newest_ = "step " + std::to_string(steps_) + " of " + session.name + " (" +
                std::string(storage::name_of(events.front().body)) + ")";
    };
    auto started = engine::Engine::start(*log_, registry_, policy_, std::move(options));
    if (!started) throw std::runtime_error(started.error().detail);
    engine_ = std::move(*started);
    parts_ = std::make_unique<engine::EngineSteps>(*engine_);
    ++process_;
  }

  /// Whatever can happen now happens.
  void go_on() {
    for (std::uint64_t done = 0; do_one(); ++done) {
      if (done > most_at_one_moment)
        throw std::runtime_error(
            "a workflow goes on for ever without time going by: its newest step is " + newest_);
    }
  }

  /// Asks the engine for something until an engine has answered.
  template <class Begin>
  Result<engine::Receipt> ask(Begin const& begin_request) {
    for (;;) {
      auto const process = process_;
      auto answer =
          std::make_shared<std::optional<Result<engine::Receipt>>>();  // shared: an engine
                                                                       // may keep it
      begin_request(*engine_, [answer](Result<engine::Receipt> receipt) {
        if (!*answer) *answer = std::move(receipt);
      });
      go_on();
      if (*answer && (process == process_ || (*answer)->has_value())) return **answer;
      if (process == process_) return Error{Errc::unavailable, "the engine gave no answer"};
    }
  }

  Result<Acknowledgement> control(SessionId const& session, engine::ControlInput const& input) {
    return acknowledge(ask([&](engine::Engine& engine, engine::OnReceipt done) {
      engine.control(session, input, std::move(done));
    }));
  }

  /// The same for what is answered later than it is recorded: skips time meanwhile.
  template <class Begin>
  Result<std::string> ask_and_wait(Begin const& begin_request) {
    for (;;) {
      auto const process = process_;
      auto answer = std::make_shared<std::optional<Result<std::string>>>();  // shared: as above
      begin_request(
          *engine_,
          [answer](Result<engine::Receipt> receipt) {
            if (!receipt && !*answer) *answer = receipt.error();
          },
          [answer](Result<std::string> given) {
            if (!*answer) *answer = std::move(given);
          });
      do {
        go_on();
      } while (!*answer && process == process_ && skip(Time::max()));
      if (*answer && (process == process_ || (*answer)->has_value())) return **answer;
      if (process == process_)
        return Error{Errc::unavailable, "it waits for what does not come by itself"};
    }
  }

  /// Skips time until the next thing that is due, if that is not after `latest`.
  bool skip(Time latest) {
    auto const due = parts_->next_timer();
    if (!due || *due > latest) return false;
    clock_ = std::max(clock_, *due);
    return true;
  }

  void set_clock(Time time) { clock_ = std::max(clock_, time); }
  [[nodiscard]] Time clock() const { return clock_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] storage::EventLog const& log() const { return *log_; }
  [[nodiscard]] engine::Engine& engine() { return *engine_; }
  [[nodiscard]] std::string next_key() { return "test-" + std::to_string(++keys_); }
  void follow(detail::TestPlan& plan) { plan_ = &plan; }

 private:
  struct Arrived {
    SessionId session;
    RunId run;
    engine::AttemptEnd end;
  };

  void end() {
    arrived_.clear();
    parts_.reset();
    engine_.reset();
    log_.reset();
  }

  bool do_one() {
    for (std::size_t shard = 0; shard < parts_->shards(); ++shard) {
      if (parts_->mail(shard) == 0) continue;
      parts_->serve(shard, std::numeric_limits<std::size_t>::max());
      return true;
    }
    if (parts_->steps() > 0) {
      parts_->commit(1);
      come_by(newest_);
      return true;
    }
    if (parts_->attempts() > 0) {
      perform();
      return true;
    }
    bool const fires = parts_->next_timer() && *parts_->next_timer() <= clock_;
    auto const offered = arrived_.size() + (fires ? 1 : 0);
    if (offered == 0) return false;
    auto const choice = choose(offered);
    if (choice < arrived_.size()) {
      deliver(choice);
    } else {
      parts_->fire_timers();
    }
    return true;
  }

  void perform() {
    auto const attempt = parts_->take_attempt(0);
    arrived_.push_back({attempt.session, attempt.run, parts_->perform(attempt)});
    come_by("attempt " + std::to_string(attempt.attempt) + " of " + attempt.name + " in " +
            attempt.session.name + ", before its result was recorded");
  }

  void deliver(std::size_t choice) {
    auto const chosen = arrived_.begin() + static_cast<std::ptrdiff_t>(choice);
    auto arrived = std::move(*chosen);
    arrived_.erase(chosen);
    bool const twice = plan_ != nullptr && plan_->twice == ++plan_->results;
    if (twice) parts_->deliver(arrived.session, arrived.run, arrived.end);
    parts_->deliver(arrived.session, arrived.run, std::move(arrived.end));
  }

  std::size_t choose(std::size_t offered) {
    if (plan_ == nullptr || offered == 1) return 0;
    auto const index = plan_->offered.size();
    plan_->offered.push_back(offered);
    return index < plan_->choices.size() ? std::min(plan_->choices[index], offered - 1) : 0;
  }

  void come_by(std::string place) {
    if (plan_ == nullptr) return;
    plan_->places.push_back(std::move(place));
    if (plan_->crash_at == plan_->places.size()) begin();
  }

  // Set in the constructor.
  Registry registry_;
  TestOptions options_;
  engine::PolicySet policy_;
  Time clock_;
  std::shared_ptr<storage::MemoryStore> store_;  // shared: as `open_memory` wants it

  detail::TestPlan* plan_ = nullptr;  // null: nothing is different
  std::uint64_t random_bytes_ = 0;
  std::uint64_t keys_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t process_ = 0;
  std::string newest_;  // step

  // The process.
  std::unique_ptr<storage::EventLog> log_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::EngineSteps> parts_;
  std::vector<Arrived> arrived_;
};

void detail::TestPlan::follow(TestRuntime& runtime, TestPlan& plan) {
  runtime.parts_->follow(plan);
}

TestRuntime::TestRuntime(Registry registry, TestOptions options)
    : parts_(std::make_unique<Parts>(std::move(registry), std::move(options))) {}
TestRuntime::TestRuntime(TestRuntime&&) noexcept = default;
TestRuntime& TestRuntime::operator=(TestRuntime&&) noexcept = default;
TestRuntime::~TestRuntime() = default;

namespace {

engine::SignalInput signal_input(Message const& message, bool update) {
  return {message.name, message.payload, message.key, message.principal, update};
}

engine::StartRequest start_request(SessionId const& session,
                                   std::string workflow,
                                   std::string input,
                                   StartOptions options) {
  engine::StartRequest request{
      session, std::move(workflow), std::move(input), std::move(options.principal)};
  request.reuse = static_cast<storage::Reuse>(options.reuse);
  request.delay = options.delay;
  return request;
}

}  // namespace

Result<Acknowledgement> TestRuntime::start_with_json(SessionId const& session,
                                                     std::string workflow,
                                                     std::string input,
                                                     std::string principal) {
  engine::StartRequest const request{
      session, std::move(workflow), std::move(input), std::move(principal)};
  return acknowledge(parts_->ask([&](engine::Engine& engine, engine::OnReceipt done) {
    engine.start_session(request, std::move(done));
  }));
}

Result<Acknowledgement> TestRuntime::start_with_json(SessionId const& session,
                                                     std::string workflow,
                                                     std::string input,
                                                     StartOptions options) {
  auto const request =
      start_request(session, std::move(workflow), std::move(input), std::move(options));
  return acknowledge(parts_->ask([&](engine::Engine& engine, engine::OnReceipt done) {
    engine.start_session(request, std::move(done));
  }));
}

Result<Acknowledgement> TestRuntime::signal_with_json(SessionId const& session,
                                                      std::string name,
                                                      std::string payload,
                                                      std::string key,
                                                      std::string principal) {
  if (key.empty()) key = parts_->next_key();
  engine::SignalInput const input{
      std::move(name), std::move(payload), std::move(key), std::move(principal)};
  return acknowledge(parts_->ask([&](engine::Engine& engine, engine::OnReceipt done) {
    engine.signal(session, input, std::move(done));
  }));
}

Result<Acknowledgement> TestRuntime::cancel(SessionId const& session,
                                            std::string by,
                                            std::string reason) {
  engine::CancelInput const input{std::move(by), std::move(reason)};
  return acknowledge(parts_->ask([&](engine::Engine& engine, engine::OnReceipt done) {
    engine.cancel(session, input, std::move(done));
  }));
}

Result<std::vector<PendingApproval>> TestRuntime::approvals() {
  parts_->go_on();
  return engine::open_approvals(parts_->log());
}

Result<Acknowledgement> TestRuntime::answer_approval(std::string const& id,
                                                     ApprovalDecision decision,
                                                     Approver approver) {
  TRY(auto const open, approvals());
  TRY(auto const pending, engine::find_approval(open, id));
  auto const input = engine::to_input(pending, decision, std::move(approver));
  return acknowledge(parts_->ask([&](engine::Engine& engine, engine::OnReceipt done) {
    engine.answer_approval(pending.session, input, std::move(done));
  }));
}

Result<Acknowledgement> TestRuntime::complete_activity_with_json(std::string const& token,
                                                                 std::string result) {
  auto const what = engine::completed_outside(std::move(result));
  return acknowledge(parts_->ask([&](engine::Engine& engine, engine::OnReceipt done) {
    engine.end_from_outside(token, what, std::move(done));
  }));
}

Result<Acknowledgement> TestRuntime::fail_activity(std::string const& token,
                                                   ActivityError const& error) {
  auto const what = engine::failed_outside(error);
  return acknowledge(parts_->ask([&](engine::Engine& engine, engine::OnReceipt done) {
    engine.end_from_outside(token, what, std::move(done));
  }));
}

Result<Acknowledgement> TestRuntime::heartbeat_activity_with_json(std::string const& token,
                                                                  std::string details) {
  engine::OutsideInput::Alive const alive{std::move(details)};
  return acknowledge(parts_->ask([&](engine::Engine& engine, engine::OnReceipt done) {
    engine.end_from_outside(token, alive, std::move(done));
  }));
}

Result<std::vector<CallInDoubt>> TestRuntime::in_doubt() {
  parts_->go_on();
  return engine::open_doubts(parts_->log());
}

Result<Acknowledgement> TestRuntime::resolve(SessionId const& session,
                                             OperationId operation,
                                             Resolve resolution,
                                             Resolver resolver,
                                             std::string result) {
  auto const input =
      engine::to_input(operation, resolution, std::move(resolver), std::move(result));
  return acknowledge(parts_->ask([&](engine::Engine& engine, engine::OnReceipt done) {
    engine.resolve(session, input, std::move(done));
  }));
}

Result<Acknowledgement> TestRuntime::pause(SessionId const& session,
                                           std::string by,
                                           std::string reason) {
  return parts_->control(session,
                         {storage::ControlVerb::pause, std::move(by), {}, std::move(reason)});
}

Result<Acknowledgement> TestRuntime::resume(SessionId const& session,
                                            std::string by,
                                            std::string reason) {
  return parts_->control(session,
                         {storage::ControlVerb::resume, std::move(by), {}, std::move(reason)});
}

Result<Acknowledgement> TestRuntime::terminate(SessionId const& session,
                                               std::string by,
                                               std::string reason) {
  return parts_->control(session,
                         {storage::ControlVerb::terminate, std::move(by), {}, std::move(reason)});
}

Result<std::string> TestRuntime::update_with_json(SessionId const& session, Message update) {
  if (update.key.empty()) update.key = parts_->next_key();
  return parts_->ask_and_wait([&](engine::Engine& engine, auto recorded, auto answered) {
    engine.ask(session, signal_input(update, true), std::move(recorded), std::move(answered));
  });
}

Result<Acknowledgement> TestRuntime::start_with_signal(SessionId const& session,
                                                       std::string workflow,
                                                       std::string input,
                                                       Message signal,
                                                       StartOptions options) {
  if (signal.key.empty()) signal.key = parts_->next_key();
  auto request = start_request(session, std::move(workflow), std::move(input), std::move(options));
  request.first = signal_input(signal, false);
  return acknowledge(parts_->ask([&](engine::Engine& engine, engine::OnReceipt done) {
    engine.start_session(request, std::move(done));
  }));
}

Result<std::string> TestRuntime::start_with_update(SessionId const& session,
                                                   std::string workflow,
                                                   std::string input,
                                                   Message update,
                                                   StartOptions options) {
  if (update.key.empty()) update.key = parts_->next_key();
  auto request = start_request(session, std::move(workflow), std::move(input), std::move(options));
  request.first = signal_input(update, true);
  return parts_->ask_and_wait([&](engine::Engine& engine, auto recorded, auto answered) {
    engine.ask_first(request, std::move(recorded), std::move(answered));
  });
}

Result<std::string> TestRuntime::query_with_json(SessionId const& session,
                                                 std::string name,
                                                 std::string arguments) {
  auto const answer =
      std::make_shared<std::optional<Result<std::string>>>();  // shared: an engine may keep it
  parts_->engine().query(
      session, std::move(name), std::move(arguments), [answer](Result<std::string> given) {
        *answer = std::move(given);
      });
  parts_->go_on();
  if (!*answer) return Error{Errc::unavailable, "the engine gave no answer"};
  return std::move(**answer);
}

Result<std::string> TestRuntime::result_as_json(SessionId const& session) {
  for (;;) {
    parts_->go_on();
    TRY(auto const head, parts_->log().head(session));
    if (!head) return Error{Errc::not_found, "there is no session " + to_string(session)};
    if (head->status != storage::SessionStatus::open) break;
    if (!parts_->skip(Time::max()))
      return Error{
          Errc::unavailable,
          "session " + to_string(session) +
              " waits for what does not come by itself: a signal, an approval, the end of an "
              "attempt from outside, or a person's word about a call in doubt"};
  }
  std::optional<Result<engine::AnnounceEnd>> end;
  parts_->engine().wait_for_end(
      session, [&end](Result<engine::AnnounceEnd> given) { end = std::move(given); });
  if (!end) return Error{Errc::unavailable, "the engine does not tell the end"};
  if (!*end) return end->error();
  if ((*end)->status == storage::SessionStatus::completed) return std::move((*end)->result);
  return Error{Errc::ended, (*end)->type + ": " + (*end)->message};
}

Time TestRuntime::now() const { return parts_->clock(); }

void TestRuntime::advance(std::chrono::microseconds time) {
  auto const until = parts_->clock() + time;
  do {
    parts_->go_on();
  } while (parts_->skip(until));
  parts_->set_clock(until);
  parts_->go_on();
}

void TestRuntime::crash(std::chrono::microseconds down) {
  parts_->set_clock(parts_->clock() + down);
  parts_->begin();
  parts_->go_on();
}

bool TestRuntime::has_ended(SessionId const& session) {
  parts_->go_on();
  auto const head = parts_->log().head(session);
  return head && *head && (*head)->status != storage::SessionStatus::open &&
         (*head)->status != storage::SessionStatus::held;
}

std::vector<std::string> TestRuntime::history(SessionId const& session) const {
  std::vector<std::string> lines;
  auto const head = parts_->log().head(session);
  if (!head || !*head) return lines;
  auto const read =
      parts_->log().read_steps(session, (*head)->run, 1, [&lines](std::string_view bytes) {
        auto const step = storage::decode(bytes, storage::Reading::show);
        if (!step) return false;
        for (auto const& event : step->step.events)
          lines.push_back(to_string(storage::to_json_value(event)));
        return true;
      });
  if (!read) throw std::runtime_error(read.error().detail);
  return lines;
}

std::size_t TestRuntime::runs(SessionId const& session) const {
  auto const runs = parts_->log().runs(session);
  if (!runs) throw std::runtime_error(runs.error().detail);
  return runs->size();
}

std::uint64_t TestRuntime::steps() const { return parts_->steps(); }

}  // namespace dalsegno
