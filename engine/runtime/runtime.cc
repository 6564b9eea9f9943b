#include "dalsegno/runtime.h"

#include "dalsegno/try.h"
#include "engine/runtime/engine.h"

#include <utility>

namespace dalsegno {

/// What a Runtime owns, in the order in which it must go.
class Runtime::Parts {
 public:
  Parts(Store the_store, Registry the_registry)
      : store(std::move(the_store)), registry(std::move(the_registry)) {}

  Store store;
  Registry registry;
  std::unique_ptr<engine::Engine> engine;
};

namespace {

Result<Acknowledgement> acknowledge(Result<engine::Receipt> const& receipt) {
  if (!receipt) return receipt.error();
  return Acknowledgement{receipt->run, receipt->sequence, receipt->repeated};
}

}  // namespace

Runtime::Runtime(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Runtime::~Runtime() = default;

Result<std::unique_ptr<Runtime>> Runtime::start(Store store,
                                                Registry registry,
                                                RuntimeOptions options) {
  engine::PolicySet policy;
  if (!options.policy.empty()) {
    TRY(policy, engine::PolicySet::parse(options.policy, options.policy_name));
  }
  auto parts = std::make_unique<Parts>(std::move(store), std::move(registry));
  engine::EngineOptions engine_options;
  engine_options.shards = options.shards;
  engine_options.activity_threads = options.activity_threads;
  engine_options.max_idle_sessions = options.max_idle_sessions;
  engine_options.say = std::move(options.log);
  if (!parts->store.folder().empty())
    engine_options.marker_file = parts->store.folder() / "MARKERS";
  TRY(parts->engine,
      engine::Engine::start(
          parts->store.log(), parts->registry, std::move(policy), std::move(engine_options)));
  return std::unique_ptr<Runtime>(new Runtime(std::move(parts)));
}

void Runtime::stop() { parts_->engine->stop(); }

Result<Acknowledgement> Runtime::start_with_json(SessionId const& session,
                                                 std::string workflow,
                                                 std::string input,
                                                 std::string principal) {
  return acknowledge(parts_->engine->start_session(
      {session, std::move(workflow), std::move(input), std::move(principal)}));
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

Result<Acknowledgement> Runtime::cancel(SessionId const& session,
                                        std::string by,
                                        std::string reason) {
  return acknowledge(parts_->engine->cancel(session, {std::move(by), std::move(reason)}));
}

Result<std::string> Runtime::result_as_json(SessionId const& session) {
  TRY(auto end, parts_->engine->wait_for_end(session));
  if (end.status == storage::SessionStatus::completed) return std::move(end.result);
  return Error{Errc::ended, end.type + ": " + end.message};
}

}  // namespace dalsegno
