#include "dalsegno/runtime.h"

#include "dalsegno/try.h"
#include "engine/govern/store_policy.h"
#include "engine/replay/open_approvals.h"
#include "engine/replay/open_doubts.h"
#include "engine/runtime/build_id.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/system_clock.h"
#include "storage/access/guard_log.h"
#include "storage/log/journal.h"
#include "storage/vault/redaction.h"

#include <utility>

namespace dalsegno {

/// What a Runtime owns, in the order in which it must go.
class Runtime::Parts {
 public:
  Parts(Store the_store, Registry the_registry)
      : store(std::move(the_store)), registry(std::move(the_registry)) {}

  Store store;
  Registry registry;
  std::unique_ptr<vault::Redaction> redaction;
  std::unique_ptr<storage::EventLog> log;  // the store's, as a runtime may write it
  std::unique_ptr<engine::Engine> engine;
};

namespace {

Result<Acknowledgement> acknowledge(Result<engine::Receipt> const& receipt) {
  if (!receipt) return receipt.error();
  return Acknowledgement{receipt->run, receipt->sequence, receipt->repeated};
}

}  // namespace

namespace {

Result<vault::MasterKeys> keys_for(RedactionOptions const& options, Store const& store) {
  if (!options.master_key_command.empty() && !options.master_key_file.empty())
    return Error{Errc::invalid, "name a file or a command for the master key, not both"};
  if (!options.master_key_command.empty())
    return vault::MasterKeys::run_command(options.master_key_command);
  if (!options.master_key_file.empty())
    return vault::MasterKeys::read_file(options.master_key_file);
  if (store.folder().empty()) return vault::MasterKeys::random();
  return vault::read_or_create_master_keys(vault::default_master_key_file(store.folder()));
}

Result<std::unique_ptr<vault::Redaction>> open_redaction(RedactionOptions const& options,
                                                         Store const& store) {
  if (!options.enabled) return std::unique_ptr<vault::Redaction>();
  TRY(auto keys, keys_for(options, store));
  vault::RedactorOptions redactor;
  redactor.spared.insert(options.spared.begin(), options.spared.end());
  TRY(auto redaction, vault::Redaction::open(store.log(), std::move(keys), std::move(redactor)));
  for (auto const& [kind, value] : options.known) {
    if (!redaction->redactor().add_known(kind, value))
      return Error{Errc::invalid,
                   "the known secret of kind \"" + kind + "\" has fewer than " +
                       std::to_string(vault::shortest_known_value) +
                       " bytes: it would be found in everything"};
  }
  return redaction;
}

}  // namespace

namespace {

/// What writes from here on is in the log before it writes.
Result<> record_start(storage::EventLog& log, std::string build) {
  constexpr std::size_t longest_build = 200;
  if (build.size() > longest_build)
    return Error{Errc::invalid,
                 "the name of the build has " + std::to_string(build.size()) + " bytes; at most " +
                     std::to_string(longest_build) + " are allowed"};
  if (build.empty()) build = engine::build_id();
  return storage::append_to_journal(
      log, {storage::EngineStarted{log.info().epoch, std::move(build)}}, engine::system_now());
}

}  // namespace

Runtime::Runtime(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Runtime::~Runtime() = default;

Result<std::unique_ptr<Runtime>> Runtime::start(Store store,
                                                Registry registry,
                                                RuntimeOptions options) {
  TRY(auto policies, engine::read_store_policies(store.log()));
  auto policy = std::move(policies.active).value_or(engine::PolicySet());
  if (!options.policy.empty()) {
    TRY(policy, engine::PolicySet::parse(options.policy, options.policy_name));
  }
  TRY_VOID(engine::activate_at_start(store.log(), policy, engine::system_now()));
  TRY_VOID(record_start(store.log(), options.build));
  auto parts = std::make_unique<Parts>(std::move(store), std::move(registry));
  engine::EngineOptions engine_options;
  engine_options.shards = options.shards;
  engine_options.activity_threads = options.activity_threads;
  engine_options.queues = std::move(options.queues);
  engine_options.max_waiting_calls = options.max_waiting_calls;
  engine_options.max_idle_sessions = options.max_idle_sessions;
  engine_options.shadow_policies = std::move(policies.shadows);
  engine_options.say = std::move(options.log);
  TRY(parts->redaction, open_redaction(options.redaction, parts->store));
  if (parts->redaction) engine_options.intake = &parts->redaction->intake();
  if (!parts->store.folder().empty())
    engine_options.marker_file = parts->store.folder() / "MARKERS";
  engine_options.step_limit = options.step_limit;
  parts->log = access::guard_log(parts->store.log(), access::TokenKind::runtimes);
  TRY(parts->engine,
      engine::Engine::start(
          *parts->log, parts->registry, std::move(policy), std::move(engine_options)));
  return std::unique_ptr<Runtime>(new Runtime(std::move(parts)));
}

std::vector<QueueStatus> Runtime::queues() const { return parts_->engine->queues(); }

void Runtime::stop() { parts_->engine->stop(); }

Result<Acknowledgement> Runtime::start_with_json(SessionId const& session,
                                                 std::string workflow,
                                                 std::string input,
                                                 std::string principal) {
  return acknowledge(parts_->engine->start_session(
      {session, std::move(workflow), std::move(input), std::move(principal)}));
}

namespace {

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

engine::SignalInput signal_input(Message message, bool update) {
  return {std::move(message.name),
          std::move(message.payload),
          std::move(message.key),
          std::move(message.principal),
          update};
}

}  // namespace

Result<Acknowledgement> Runtime::start_with_json(SessionId const& session,
                                                 std::string workflow,
                                                 std::string input,
                                                 StartOptions options) {
  return acknowledge(parts_->engine->start_session(
      start_request(session, std::move(workflow), std::move(input), std::move(options))));
}

Result<Acknowledgement> Runtime::start_with_signal(SessionId const& session,
                                                   std::string workflow,
                                                   std::string input,
                                                   Message signal,
                                                   StartOptions options) {
  auto request = start_request(session, std::move(workflow), std::move(input), std::move(options));
  request.first = signal_input(std::move(signal), false);
  return acknowledge(parts_->engine->start_session(std::move(request)));
}

Result<std::string> Runtime::start_with_update(SessionId const& session,
                                               std::string workflow,
                                               std::string input,
                                               Message update,
                                               StartOptions options) {
  if (options.delay > std::chrono::microseconds(0))
    return Error{Errc::invalid,
                 "session " + to_string(session) +
                     ": an update goes to the session's code, which does not begin at once"};
  auto request = start_request(session, std::move(workflow), std::move(input), std::move(options));
  request.first = signal_input(std::move(update), true);
  return parts_->engine->ask_first(std::move(request));
}

Result<std::string> Runtime::update_with_json(SessionId const& session, Message update) {
  return parts_->engine->ask(session, signal_input(std::move(update), true));
}

Result<Acknowledgement> Runtime::pause(SessionId const& session,
                                       std::string by,
                                       std::string reason) {
  return acknowledge(parts_->engine->control(
      session, {storage::ControlVerb::pause, std::move(by), {}, std::move(reason)}));
}

Result<Acknowledgement> Runtime::resume(SessionId const& session,
                                        std::string by,
                                        std::string reason) {
  return acknowledge(parts_->engine->control(
      session, {storage::ControlVerb::resume, std::move(by), {}, std::move(reason)}));
}

Result<Acknowledgement> Runtime::terminate(SessionId const& session,
                                           std::string by,
                                           std::string reason) {
  return acknowledge(parts_->engine->control(
      session, {storage::ControlVerb::terminate, std::move(by), {}, std::move(reason)}));
}

Result<Fork> Runtime::fork(SessionId const& session, Sequence at, ForkOptions options) {
  if (at == 0)
    return Error{Errc::invalid,
                 "session " + to_string(session) +
                     ": events count from 1; to let it begin again, restart it"};
  return parts_->engine->fork({session, at, std::move(options)});
}

Result<Fork> Runtime::restart(SessionId const& session, RestartOptions options) {
  ForkOptions fork{std::move(options.by), std::move(options.reason)};
  fork.terminate = true;
  return parts_->engine->fork({session, 0, std::move(fork)});
}

Result<Acknowledgement> Runtime::signal_with_json(SessionId const& session,
                                                  std::string name,
                                                  std::string payload,
                                                  std::string key,
                                                  std::string principal) {
  return acknowledge(parts_->engine->signal(
      session, {std::move(name), std::move(payload), std::move(key), std::move(principal)}));
}

Result<std::string> Runtime::ask_with_json(SessionId const& session,
                                           std::string name,
                                           std::string payload,
                                           std::string key,
                                           std::string principal) {
  return parts_->engine->ask(
      session, {std::move(name), std::move(payload), std::move(key), std::move(principal)});
}

Result<std::string> Runtime::query_with_json(SessionId const& session,
                                             std::string name,
                                             std::string arguments) {
  return parts_->engine->query(session, std::move(name), std::move(arguments));
}

Result<Acknowledgement> Runtime::cancel(SessionId const& session,
                                        std::string by,
                                        std::string reason) {
  return acknowledge(parts_->engine->cancel(session, {std::move(by), std::move(reason)}));
}

Result<std::vector<PendingApproval>> Runtime::approvals() const {
  return engine::open_approvals(parts_->store.log());
}

Result<Acknowledgement> Runtime::answer_approval(std::string const& id,
                                                 ApprovalDecision decision,
                                                 Approver approver) {
  TRY(auto const open, approvals());
  TRY(auto const pending, engine::find_approval(open, id));
  return acknowledge(parts_->engine->answer_approval(
      pending.session, engine::to_input(pending, decision, std::move(approver))));
}

Result<Acknowledgement> Runtime::complete_activity_with_json(std::string const& token,
                                                             std::string result) {
  return acknowledge(
      parts_->engine->end_from_outside(token, engine::completed_outside(std::move(result))));
}

Result<Acknowledgement> Runtime::fail_activity(std::string const& token,
                                               ActivityError const& error) {
  return acknowledge(parts_->engine->end_from_outside(token, engine::failed_outside(error)));
}

Result<Acknowledgement> Runtime::heartbeat_activity_with_json(std::string const& token,
                                                              std::string details) {
  return acknowledge(
      parts_->engine->end_from_outside(token, engine::OutsideInput::Alive{std::move(details)}));
}

Result<std::vector<CallInDoubt>> Runtime::in_doubt() const {
  return engine::open_doubts(parts_->store.log());
}

Result<Acknowledgement> Runtime::resolve(SessionId const& session,
                                         OperationId operation,
                                         Resolve resolution,
                                         Resolver resolver,
                                         std::string result) {
  return acknowledge(parts_->engine->resolve(
      session, engine::to_input(operation, resolution, std::move(resolver), std::move(result))));
}

Result<std::string> Runtime::result_as_json(SessionId const& session) {
  TRY(auto end, parts_->engine->wait_for_end(session));
  if (end.status == storage::SessionStatus::completed) return std::move(end.result);
  return Error{Errc::ended, end.type + ": " + end.message};
}

}  // namespace dalsegno
