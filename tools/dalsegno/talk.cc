#include "tools/dalsegno/talk.h"

#include "activities/model/budget/spending.h"
#include "activities/model/client/model_activity.h"
#include "activities/model/client/routed_model.h"
#include "dalsegno/agent.h"
#include "dalsegno/http_tools.h"
#include "dalsegno/model.h"
#include "dalsegno/tools.h"
#include "dalsegno/try.h"
#include "storage/log/chain.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/talk_screen.h"
#include "tools/dalsegno/work.h"

#include <cstdio>
#include <iostream>
#include <memory>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include <unistd.h>

namespace dalsegno::command {
namespace {

/// How far the session has come.
struct Progress {
  std::uint64_t turns = 0;
  bool is_answered = true;  // the last of them
};

Result<Progress> progress_of(storage::EventLog const& log, SessionId const& session) {
  Progress progress;
  TRY(auto const head, log.head(session));
  if (!head) return progress;
  std::set<Sequence> open;
  TRY_VOID(storage::read_verified(
      log, session, head->run, 1, storage::Reading::show, [&](storage::DecodedStep const& step) {
        for (auto const& event : step.step.events) {
          auto const* const input = std::get_if<storage::InputReceived>(&event.body);
          auto const* const answer = std::get_if<storage::AnswerGiven>(&event.body);
          if (input != nullptr && input->signal == "turn") {
            ++progress.turns;
            open.insert(event.sequence);
          }
          if (answer != nullptr) open.erase(answer->turn);
        }
        return true;
      }));
  progress.is_answered = open.empty();
  return progress;
}

/// Everything that talks, in the order in which it goes.
class Conversation {
 public:
  Conversation(engine::Engine& engine, SessionId session, TalkScreen& screen)
      : engine_(engine), session_(std::move(session)), screen_(screen) {}

  /// Sends turn number `turn`, or waits for the answer to one that was sent before.
  Result<> take(std::uint64_t turn, std::string text) {
    TRY(auto const json,
        engine_.ask(session_,
                    {"turn",
                     to_json(agent::Turn{.content = std::move(text)}),
                     "talk-" + std::to_string(turn),
                     ""}));
    TRY(auto const answer, from_json<std::string>(json));
    screen_.finish(turn, answer);
    return {};
  }

 private:
  engine::Engine& engine_;
  SessionId session_;
  TalkScreen& screen_;
};

Result<> start_agent(engine::Engine& engine,
                     storage::EventLog const& log,
                     SessionId const& session,
                     TalkOptions const& options) {
  TRY(auto const head, log.head(session));
  if (head) return {};  // it goes on as it was begun
  agent::AgentState state;
  state.model = options.agent.name;
  if (!options.agent.system.empty()) state.system = options.agent.system;
  state.checkpoint_every = options.agent.checkpoint_every;
  if (options.agent.context) state.context.emplace().options = *options.agent.context;
  TRY(auto const receipt, engine.start_session({session, "agent", to_json(state), ""}));
  static_cast<void>(receipt);
  return {};
}

/// The agent's models and tools, as the registry serves them.
class Served {
 public:
  /// Of an agent without a model: that which the environment names.
  [[nodiscard]] static Result<Served> make(config::AgentSetup agent) {
    if (agent.models.empty()) {
      TRY(agent.models[agent.name], model::options_from_environment());
    }
    return Served(std::move(agent));
  }

  void hide_secrets(vault::Redactor& redactor) const {
    each_model([&](model::Options const& options) {
      for (auto const& [kind, value] : model::known_secrets(options))
        redactor.add_known(kind, value);
    });
    for (auto const& server : agent_.tools)
      for (auto const& [kind, value] : tools::known_secrets(server))
        redactor.add_known(kind, value);
    for (auto const& service : agent_.services)
      for (auto const& [kind, value] : tools::known_secrets(service))
        redactor.add_known(kind, value);
  }

  /// Asks the servers for their tools, and tells the models of them.
  [[nodiscard]] Result<> add_tools(Registry& registry) {
    auto limits = agent_.tool_limits.begin();
    for (auto const& options : agent_.tools) {
      TRY(auto const server, tools::add_mcp_server(registry, options));
      for (auto const& refused : server.refused)
        say("the MCP server \"" + options.name + "\": left out: " + refused);
      offer(tools::for_model(server.tools), limits++);
    }
    limits = agent_.service_limits.begin();
    for (auto const& options : agent_.services) {
      TRY(auto const offered, tools::add_http_tools(registry, options));
      offer(offered, limits++);
    }
    return {};
  }
  /// Of the tools that have limits. After `add_tools`.
  [[nodiscard]] std::vector<QueueOptions> const& queues() const { return queues_; }

  [[nodiscard]] Result<> add_models(Registry& registry,
                                    storage::EventLog const& log,
                                    activities::BudgetLimits const& budgets,
                                    vault::Redactor const* redactor,
                                    TalkScreen& screen) {
    std::shared_ptr<activities::Spending> spending;
    if (!budgets.by_kind.empty()) {
      TRY(spending, activities::Spending::open(log, budgets));
    }
    each_model([&](model::Options& options) { options.spending = spending; });
    for (auto& [name, options] : agent_.models)
      options.on_delta = [&screen](model::Delta const& delta) { screen.take(delta); };
    if (agent_.summarizer)
      TRY_VOID(activities::add_model(registry, log, *agent_.summarizer, redactor));
    if (agent_.route)
      return activities::add_routed_model(
          registry, log, {*agent_.route, agent_.models, agent_.risk}, redactor);
    auto& only = agent_.models.begin()->second;
    only.name = "*";  // a conversation that began with another name goes on, too
    return activities::add_model(registry, log, only, redactor);
  }

 private:
  explicit Served(config::AgentSetup agent) : agent_(std::move(agent)) {}

  void offer(std::vector<model::Tool> const& tools,
             std::vector<config::ToolLimits>::const_iterator limits) {
    if (auto queue = config::queue_of(*limits, tools)) queues_.push_back(std::move(*queue));
    each_model([&](model::Options& model) {
      model.tools.insert(model.tools.end(), tools.begin(), tools.end());
    });
  }
  template <class Do>
  void each_model(Do const& act) {
    for (auto& [name, options] : agent_.models) act(options);
    if (agent_.summarizer) act(*agent_.summarizer);
  }
  template <class Do>
  void each_model(Do const& act) const {
    for (auto const& [name, options] : agent_.models) act(options);
    if (agent_.summarizer) act(*agent_.summarizer);
  }

  config::AgentSetup agent_;
  std::vector<QueueOptions> queues_;
};

}  // namespace

Result<int> talk(
    Globals const& globals,
    TalkOptions const& options,
    RedactionOptions const& redaction_options,
    std::function<Result<engine::PolicySet>(storage::EventLog const&)> const& policy_for) {
  TRY(auto served, Served::make(options.agent));
  TRY(auto const log, open_store_to_work(globals));
  TRY(auto const redaction, open_redaction(globals, *log, redaction_options));
  if (redaction) served.hide_secrets(redaction->redactor());
  TRY(auto policy, policy_for(*log));
  SessionId const session{globals.tenant, options.session};
  TRY(auto const interrupted,
      find_interrupted(*log, [&](SessionId const& id) { return id == session; }));
  if (!interrupted.empty())
    return Error{Errc::conflict,
                 globals.data.string() + ": session " + interrupted +
                     " is under way, and this conversation is not its; finish it first"};
  TRY(auto progress, progress_of(*log, session));
  TalkScreen screen(globals, !progress.is_answered);
  Registry registry;
  for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
  TRY_VOID(served.add_tools(registry));
  TRY_VOID(served.add_models(
      registry, *log, options.budgets, redaction ? &redaction->redactor() : nullptr, screen));
  TRY(auto const engine,
      start_engine(
          globals,
          *log,
          registry,
          std::move(policy),
          redaction ? &redaction->intake() : nullptr,
          [&](SessionId const& id, auto events) {
            if (id == session) screen.tell(events);
          },
          served.queues()));
  TRY_VOID(start_agent(*engine, *log, session, options));
  if (progress.turns > 0)
    say("session " + options.session + " goes on after " + std::to_string(progress.turns) +
        (progress.turns == 1 ? " turn" : " turns"));
  Conversation conversation(*engine, session, screen);
  Result<> outcome;
  if (!progress.is_answered) outcome = conversation.take(progress.turns, "");
  bool const prompts = isatty(STDIN_FILENO) == 1 && globals.terminal;
  for (std::string line; outcome;) {
    if (prompts) {
      std::fputs("> ", stdout);
      std::fflush(stdout);
    }
    if (!std::getline(std::cin, line)) break;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    outcome = conversation.take(++progress.turns, line);
  }
  engine->stop();
  if (!outcome) return outcome.error();
  return exit_fine;
}

}  // namespace dalsegno::command
