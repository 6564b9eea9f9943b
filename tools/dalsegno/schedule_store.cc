#include "tools/dalsegno/schedule_store.h"

#include "dalsegno/schedule.h"
#include "dalsegno/try.h"
#include "engine/govern/store_policy.h"
#include "engine/schedule/terminable.h"
#include "storage/access/guard_log.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/work.h"

#include <optional>
#include <utility>

namespace dalsegno::command {
namespace {

/// An open session of another workflow of which a call is under way: an engine takes it up when it
/// begins, and the calls that it makes anew would end with this program.
Result<> refuse_interrupted(Globals const& globals, storage::EventLog const& log) {
  std::string found;
  TRY_VOID(log.scan_heads([&](SessionId const& id, storage::Head const& head) {
    if (head.status == storage::SessionStatus::open && head.open_attempts > 0 &&
        head.workflow != detail::schedule_workflow && head.workflow != engine::terminable_workflow)
      found = to_string(id);
    return found.empty();
  }));
  if (found.empty()) return {};
  return Error{Errc::conflict,
               globals.data.string() + ": a call of session " + found +
                   " was interrupted; let its runtime go on first"};
}

}  // namespace

void add_schedule_store_options(CLI::App& verb, ScheduleStoreOptions& options) {
  verb.add_option("--policy", options.policy, "a policy document [the one that was active last]");
  add_redaction_options(verb, options.redaction);
}

Result<std::unique_ptr<ScheduleStore>> ScheduleStore::open(Globals const& globals,
                                                           ScheduleStoreOptions const& options) {
  std::unique_ptr<ScheduleStore> made(new ScheduleStore);
  auto& self = *made;
  add_schedules(self.registry_);
  TRY(self.log_, open_store_to_work(globals));
  TRY_VOID(refuse_interrupted(globals, *self.log_));
  TRY(auto active, active_policy(*self.log_));
  auto policy = std::move(active).value_or(engine::PolicySet());
  if (!options.policy.empty()) {
    TRY(policy, read_policy(options.policy));
  }
  if (policy.name().empty())
    say("no policy is active in this store: what this begins is denied (--policy names one)");
  TRY(self.redaction_, open_redaction(globals, *self.log_, options.redaction));
  TRY_VOID(engine::activate_at_start(*self.log_, policy, globals.now));
  TRY(auto policies, engine::read_store_policies(*self.log_));
  self.errandless_ = std::make_unique<ErrandlessLog>(*self.log_);
  self.guarded_ = access::guard_log(*self.errandless_, access::TokenKind::runtimes);
  engine::EngineOptions engine_options;
  engine_options.threads = engine::Threads::none;
  engine_options.intake = self.redaction_ ? &self.redaction_->intake() : nullptr;
  engine_options.shadow_policies = std::move(policies.shadows);
  engine_options.say = [](SessionId const& session, std::string_view text) {
    say(session.name.empty() ? std::string(text) : session.name + ": " + std::string(text));
  };
  TRY(self.engine_,
      engine::Engine::start(
          *self.guarded_, self.registry_, std::move(policy), std::move(engine_options)));
  self.steps_ = std::make_unique<engine::EngineSteps>(*self.engine_);
  return made;
}

Result<Acknowledgement> ScheduleStore::ask(
    std::function<void(engine::Engine&, engine::OnReceipt)> const& begin) {
  auto const answer =
      std::make_shared<std::optional<Result<engine::Receipt>>>();  // shared: the engine keeps it
  begin(*engine_, [answer](Result<engine::Receipt> receipt) {
    if (!*answer) *answer = std::move(receipt);
  });
  while (!*answer) {
    if (steps_->steps() > 0) {
      steps_->commit(1);
    } else if (steps_->mail(0) > 0) {
      steps_->serve(0, 1);
    } else {
      return Error{Errc::unavailable, "the engine gave no answer"};
    }
  }
  if (!**answer) return (*answer)->error();
  auto const& receipt = ***answer;
  return Acknowledgement{receipt.run, receipt.sequence, receipt.repeated};
}

Result<Acknowledgement> ScheduleStore::start_with_json(SessionId const& session,
                                                       std::string workflow,
                                                       std::string input,
                                                       StartOptions options) {
  engine::StartRequest request{
      session, std::move(workflow), std::move(input), std::move(options.principal)};
  request.reuse = static_cast<storage::Reuse>(options.reuse);
  return ask([&](engine::Engine& engine, engine::OnReceipt done) {
    engine.start_session(request, std::move(done));
  });
}

Result<Acknowledgement> ScheduleStore::signal_with_json(SessionId const& session,
                                                        std::string name,
                                                        std::string payload,
                                                        std::string key,
                                                        std::string principal) {
  engine::SignalInput const input{
      std::move(name), std::move(payload), std::move(key), std::move(principal)};
  return ask([&](engine::Engine& engine, engine::OnReceipt done) {
    engine.signal(session, input, std::move(done));
  });
}

Result<FoundSession> find_schedule(storage::EventLog const& log,
                                   Globals const& globals,
                                   std::string const& text) {
  TRY(auto found, find_session(log, globals.tenant, text));
  if (found.head.workflow != detail::schedule_workflow)
    return Error{Errc::invalid,
                 to_string(found.id) + " is no schedule: it runs " + found.head.workflow};
  return found;
}

void show_told(Globals const& globals,
               SessionId const& schedule,
               std::string_view verb,
               Acknowledgement const& done) {
  if (globals.json) {
    Json line;
    line.set("tenant", schedule.tenant).set("schedule", schedule.name).set("verb", verb);
    line.set("run", to_string(done.run)).set("sequence", done.sequence);
    if (done.repeated) line.set("repeated", true);
    print_json("dalsegno.schedule_told", std::move(line));
  } else {
    print(printable(to_string(schedule)) + ": " + std::string(verb) + ", at sequence " +
          std::to_string(done.sequence) + (done.repeated ? ", as before" : ""));
  }
}

}  // namespace dalsegno::command
