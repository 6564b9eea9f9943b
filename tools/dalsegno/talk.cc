#include "tools/dalsegno/talk.h"

#include "activities/model/client/model_activity.h"
#include "dalsegno/agent.h"
#include "dalsegno/model.h"
#include "dalsegno/try.h"
#include "storage/log/chain.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/work.h"

#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <utility>
#include <variant>

#include <unistd.h>

namespace dalsegno::command {
namespace {

/// What is shown of answers while they come. Thread: any.
class Screen {
 public:
  explicit Screen(Globals const& globals) : globals_(globals) {}

  void take(model::Delta const& delta) {
    if (globals_.json || delta.kind != model::Delta::Kind::text) return;
    std::lock_guard const lock(mutex_);
    // Another attempt says it anew.
    if (!shown_.empty() && (delta.operation != operation_ || delta.attempt != attempt_))
      break_off();
    operation_ = delta.operation;
    attempt_ = delta.attempt;
    shown_ += delta.text;
    auto const text = printable(delta.text, Lines::keep);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  /// Calls, denials and failures as they are recorded.
  void tell(std::span<storage::Event const> events) {
    std::lock_guard const lock(mutex_);
    for (auto const& event : events) {
      if (auto const* const asked = std::get_if<storage::OperationRequested>(&event.body)) {
        if (asked->kind == storage::OperationKind::tool) note("tool " + asked->name);
      } else if (auto const* const decided = std::get_if<storage::PolicyDecided>(&event.body)) {
        if (decided->effect == storage::DecisionEffect::deny)
          note("denied: " + decided->resource + ": " + decided->reason);
      } else if (auto const* const failed = std::get_if<storage::AttemptFailed>(&event.body)) {
        note(failed->type + ": " + failed->message +
             (failed->retry_at ? "; it is tried again" : ""));
      }
    }
  }

  /// The answer as it was recorded; what was shown of it is not shown again.
  void finish(std::uint64_t turn, std::string const& answer) {
    std::lock_guard const lock(mutex_);
    if (globals_.json) {
      Json line;
      line.set("turn", turn).set("answer", answer);
      print_json("dalsegno.answer", std::move(line));
      return;
    }
    if (shown_ == answer) {
      print("");
    } else {
      if (!shown_.empty()) break_off();
      print(printable(answer, Lines::keep));
    }
    shown_.clear();
  }

 private:
  void break_off() {
    print("");
    shown_.clear();
  }
  void note(std::string const& text) {
    if (!shown_.empty()) break_off();
    say(printable(text));
  }

  Globals const& globals_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::string shown_;  // of the answer that is coming
  OperationId operation_ = OperationId::none;
  std::uint32_t attempt_ = 0;
};

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
  Conversation(engine::Engine& engine, SessionId session, Screen& screen)
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
  Screen& screen_;
};

Result<> start_agent(engine::Engine& engine,
                     storage::EventLog const& log,
                     SessionId const& session,
                     TalkOptions const& options) {
  TRY(auto const head, log.head(session));
  if (head) return {};  // it goes on as it was begun
  agent::AgentState state;
  state.model = options.model;
  if (!options.system.empty()) state.system = options.system;
  state.checkpoint_every = options.checkpoint_every;
  TRY(auto const receipt, engine.start_session({session, "agent", to_json(state), ""}));
  static_cast<void>(receipt);
  return {};
}

}  // namespace

Result<int> talk(
    Globals const& globals,
    TalkOptions const& options,
    RedactionOptions const& redaction_options,
    std::function<Result<engine::PolicySet>(storage::EventLog const&)> const& policy_for) {
  model::Options settings;
  if (options.settings) {
    settings = *options.settings;
  } else {
    TRY(settings, model::options_from_environment());
  }
  TRY(auto const log, open_store_to_work(globals));
  TRY(auto const redaction, open_redaction(globals, *log, redaction_options));
  if (redaction)
    for (auto const& [kind, value] : model::known_secrets(settings))
      redaction->redactor().add_known(kind, value);
  TRY(auto policy, policy_for(*log));
  SessionId const session{globals.tenant, options.session};
  TRY(auto const interrupted,
      find_interrupted(*log, [&](SessionId const& id) { return id == session; }));
  if (!interrupted.empty())
    return Error{Errc::conflict,
                 globals.data.string() + ": session " + interrupted +
                     " is under way, and this conversation is not its; finish it first"};
  Screen screen(globals);
  settings.on_delta = [&screen](model::Delta const& delta) { screen.take(delta); };
  Registry registry;
  for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
  TRY_VOID(activities::add_model(
      registry, *log, settings, redaction ? &redaction->redactor() : nullptr));
  TRY(auto progress, progress_of(*log, session));
  TRY(auto const engine,
      start_engine(globals,
                   *log,
                   registry,
                   std::move(policy),
                   redaction ? &redaction->intake() : nullptr,
                   [&](SessionId const& id, auto events) {
                     if (id == session) screen.tell(events);
                   }));
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
