#include "tools/dalsegno/run.h"

#include "activities/model/recorded.h"
#include "activities/model/transcript.h"
#include "dalsegno/agent.h"
#include "dalsegno/try.h"
#include "engine/replay/open_approvals.h"
#include "tools/dalsegno/config_file.h"
#include "tools/dalsegno/conversations.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/redaction_options.h"
#include "tools/dalsegno/run_counters.h"
#include "tools/dalsegno/talk.h"
#include "tools/dalsegno/work.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace dalsegno::command {
namespace {

struct Options {
  std::string transcript;
  std::string policy;
  std::string config;
  std::string agent;
  std::uint64_t kill_after = 0;
  ConversationOptions conversations;
  TalkOptions talk;
  RedactionOptions redaction;
};

/// Decides where nobody has said how.
constexpr std::string_view permit_all = R"({"dalsegno_policy": 1, "name": "permit all", "rules": [
  {"id": "permit-all", "effect": "permit", "actions": ["model.call", "tool.call"],
   "reason": "no policy was given to dalsegno run"}]})";

/// The policy that was given, else the store's, else one that permits everything.
Result<engine::PolicySet> policy_for(storage::EventLog const& log,
                                     std::optional<engine::PolicySet> given) {
  if (given) return std::move(*given);
  TRY(auto all, engine::PolicySet::parse(permit_all));
  TRY(auto active, active_policy(log));
  if (active && active->digest() != all.digest()) {
    say("no --policy: the store's decides, \"" + active->name() + "\"");
    return std::move(*active);
  }
  say("no --policy: all model and tool calls are permitted");
  return all;
}

/// What a transcript file holds; what is wrong with its other lines has been said.
struct Recordings {
  std::vector<activities::Script> scripts;
  std::vector<std::string> sessions;  // in the order of the file
  std::size_t bad_lines = 0;
};

Result<Recordings> read_recordings(std::string const& file) {
  TRY(auto reader, activities::TranscriptReader::open(file));
  Recordings recordings;
  while (auto transcript = reader.next()) {
    if (!*transcript && transcript->error().code == Errc::io) return transcript->error();
    auto script = *transcript ? activities::make_script(**transcript)
                              : Result<activities::Script>(transcript->error());
    if (script) {
      recordings.sessions.push_back(script->session);
      recordings.scripts.push_back(std::move(*script));
    } else {
      ++recordings.bad_lines;
      say(script.error().detail);
    }
  }
  return recordings;
}

/// How far it is, on one line of a terminal that is written again and again.
class ProgressLine {
 public:
  void show(std::size_t over, std::size_t of, std::uint64_t steps) {
    if (!terminal_) return;
    std::fprintf(stderr,
                 "\r\x1b[K%zu of %zu sessions, %llu steps",
                 over,
                 of,
                 static_cast<unsigned long long>(steps));
    std::fflush(stderr);
    shown_ = true;
  }
  void clear() {
    if (std::exchange(shown_, false)) std::fputs("\r\x1b[K", stderr);
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

struct Totals {
  std::size_t sessions = 0;
  std::size_t completed = 0;
  std::size_t failed = 0;
  std::size_t held = 0;
  std::size_t refused = 0;
  std::size_t resumed = 0;
  std::size_t over_before = 0;
  std::size_t waiting = 0;  // for people to approve something
};

std::string_view name_of(ConversationOutcome::Kind kind) {
  switch (kind) {
    case ConversationOutcome::Kind::completed:
      return "completed";
    case ConversationOutcome::Kind::failed:
      return "failed";
    case ConversationOutcome::Kind::held:
      return "is held";
    case ConversationOutcome::Kind::refused:
      return "did not go on";
  }
  return "";
}

void tell(Totals& totals, ConversationOutcome const& outcome) {
  switch (outcome.kind) {
    case ConversationOutcome::Kind::completed:
      ++totals.completed;
      return;
    case ConversationOutcome::Kind::failed:
      ++totals.failed;
      break;
    case ConversationOutcome::Kind::held:
      ++totals.held;
      break;
    case ConversationOutcome::Kind::refused:
      ++totals.refused;
      break;
  }
  say("session " + outcome.session + " " + std::string(name_of(outcome.kind)) + ": " +
      outcome.what);
}

/// Until all conversations are over or wait for people, or the log takes no more.
std::optional<Error> converse(engine::Engine& engine,
                              Conversations& conversations,
                              RunCounters const& counters,
                              Totals& totals) {
  using namespace std::chrono_literals;
  ProgressLine line;
  for (;;) {
    auto const waiting = counters.waiting();
    auto const progress = conversations.step(200ms, waiting);
    if (!progress.news.empty()) line.clear();
    auto failure = engine.failure();
    for (auto const& outcome : progress.news) {
      bool const echo = failure && outcome.kind == ConversationOutcome::Kind::refused;
      if (!echo) tell(totals, outcome);
    }
    totals.resumed = progress.resumed;
    totals.over_before = progress.over_before;
    totals.waiting = counters.waiting();
    bool const stands = progress.all_begun && totals.waiting > 0 && waiting == totals.waiting &&
                        progress.news.empty() && progress.over + waiting == totals.sessions;
    if (progress.all_over || stands || failure) {
      line.clear();
      return failure;
    }
    line.show(progress.over, totals.sessions, counters.steps);
  }
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
  return std::to_string(number) + " " + std::string(number == 1 ? one : many);
}

void summarize(Globals const& globals,
               Totals const& totals,
               std::size_t bad_lines,
               RunCounters const& counters,
               double seconds) {
  if (globals.json) {
    Json line;
    line.set("sessions", std::uint64_t{totals.sessions})
        .set("completed", std::uint64_t{totals.completed});
    line.set("failed", std::uint64_t{totals.failed}).set("held", std::uint64_t{totals.held});
    line.set("refused", std::uint64_t{totals.refused}).set("bad_lines", std::uint64_t{bad_lines});
    line.set("resumed", std::uint64_t{totals.resumed})
        .set("over_before", std::uint64_t{totals.over_before});
    line.set("waiting", std::uint64_t{totals.waiting});
    line.set("turns", counters.turns.load()).set("answers", counters.answers.load());
    line.set("model_calls", counters.model_calls.load())
        .set("tool_calls", counters.tool_calls.load());
    line.set("denials", counters.denials.load()).set("orphaned", counters.orphans.load());
    line.set("steps", counters.steps.load()).set("seconds", seconds);
    print_json("dalsegno.run", std::move(line));
    return;
  }
  auto text = std::to_string(totals.completed) + " of " +
              counted(totals.sessions, "session", "sessions") + " completed";
  if (totals.failed > 0) text += ", " + std::to_string(totals.failed) + " failed";
  if (totals.held > 0) text += ", " + std::to_string(totals.held) + " held";
  if (totals.refused > 0) text += ", " + std::to_string(totals.refused) + " did not go on";
  if (totals.waiting > 0)
    text += ", " + std::to_string(totals.waiting) + " wait" + (totals.waiting == 1 ? "s" : "") +
            " for approval (dalsegno approvals)";
  if (totals.resumed > 0) text += ", " + std::to_string(totals.resumed) + " resumed";
  if (totals.over_before > 0)
    text += ", " + std::to_string(totals.over_before) + " had ended before";
  if (bad_lines > 0) text += ", " + counted(bad_lines, "line", "lines") + " unreadable";
  text += "; here " + counted(counters.turns, "turn", "turns") + ", " +
          counted(counters.answers, "answer", "answers");
  text += ", " + counted(counters.tool_calls, "tool call", "tool calls");
  text += ", " + counted(counters.denials, "denial", "denials");
  if (counters.orphans > 0)
    text += ", " + counted(counters.orphans, "orphaned attempt", "orphaned attempts");
  char time[32];
  std::snprintf(time, sizeof time, "%.1f", seconds);
  print(text + "; " + time + " s");
}

Result<int> work(Globals const& globals, Options const& options) {
  auto const begun = std::chrono::steady_clock::now();
  std::optional<engine::PolicySet> given;
  if (!options.policy.empty()) {
    TRY(given, read_policy(options.policy));
  }
  TRY(auto recordings, read_recordings(options.transcript));
  TRY(auto const log, open_store_to_work(globals));
  TRY(auto const redaction, open_redaction(globals, *log, options.redaction));
  if (redaction)
    for (auto& script : recordings.scripts) activities::redact(script, redaction->redactor());
  activities::RecordedFarSide const far_side(std::move(recordings.scripts));
  TRY(auto const interrupted, find_interrupted(*log, [&](SessionId const& id) {
        return id.tenant == globals.tenant && far_side.find(id.name) != nullptr;
      }));
  if (!interrupted.empty()) {
    return Error{Errc::conflict,
                 globals.data.string() + ": session " + interrupted + " is under way, and " +
                     options.transcript +
                     " has no transcript for it; finish it with its own file first"};
  }
  TRY(auto policy, policy_for(*log, std::move(given)));

  Registry registry;
  for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
  far_side.serve(registry);
  RunCounters counters(options.kill_after);
  TRY(auto const open, engine::open_approvals(*log));
  for (auto const& pending : open) counters.waits(pending.session, pending.operation);
  auto how = options.conversations;
  how.tenant = globals.tenant;
  std::vector<activities::Script const*> scripts;
  scripts.reserve(recordings.sessions.size());
  for (auto const& session : recordings.sessions) scripts.push_back(far_side.find(session));

  TRY(auto const engine,
      start_engine(
          globals,
          *log,
          registry,
          std::move(policy),
          redaction ? &redaction->intake() : nullptr,
          [&counters](SessionId const& session, auto events) { counters.count(session, events); }));
  Totals totals;
  totals.sessions = scripts.size();
  Conversations conversations(*engine, *log, std::move(scripts), std::move(how));
  auto const failure = converse(*engine, conversations, counters, totals);
  engine->stop();
  std::chrono::duration<double> const took = std::chrono::steady_clock::now() - begun;
  summarize(globals, totals, recordings.bad_lines, counters, took.count());
  if (failure) return exit_code_for(failure->code);  // the engine has said why
  if (recordings.bad_lines > 0) return exit_usage;
  return totals.completed == totals.sessions ? exit_fine : exit_findings;
}

/// The agent of the configuration, and what it is told where the command says something else.
Result<TalkOptions> talk_options_of(Options const& options) {
  auto talk_options = options.talk;
  auto& agent = talk_options.agent;
  auto const system = agent.system;
  if (options.config.empty()) {
    agent.name = options.conversations.model;
    agent.checkpoint_every = options.conversations.checkpoint_every;
    return talk_options;
  }
  TRY(auto const config, read_config(options.config));
  TRY(agent, config::set_up(config, options.agent));
  if (!system.empty()) agent.system = system;
  talk_options.budgets = config.budgets;
  return talk_options;
}

/// Without a transcript: a conversation in the terminal.
Result<int> talk_in_terminal(Globals const& globals, Options const& options) {
  std::optional<engine::PolicySet> given;
  if (!options.policy.empty()) {
    TRY(given, read_policy(options.policy));
  }
  TRY(auto const talk_options, talk_options_of(options));
  return talk(globals, talk_options, options.redaction, [&](storage::EventLog const& log) {
    return policy_for(log, std::move(given));
  });
}

}  // namespace

void add_run(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb = app.add_subcommand("run", "talk to a model, or run recorded conversations");
  verb->add_option("--transcript",
                   options->transcript,
                   "a file with a conversation a line: an object with \"messages\" or \"traj\"");
  verb->add_option(
      "--session", options->talk.session, "of a talk: it goes on if it is there [talk]");
  verb->add_option(
      "--system", options->talk.agent.system, "of a talk: what is said before its first turn");
  verb->add_option(
      "--policy",
      options->policy,
      "a policy document; else the store's, and where there is none everything is permitted");
  auto* const config = verb->add_option("--config", options->config, "of a talk: a dalsegno.toml");
  auto* const agent = verb->add_option("--agent", options->agent, "of a talk: who of that file");
  config->needs(agent);
  agent->needs(config);
  verb->add_option("--parallel", options->conversations.parallel, "sessions under way at once [16]")
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000}));
  verb->add_option(
      "--model", options->conversations.model, "the model's name for policy and log [default]");
  verb->add_option(
      "--checkpoint-every", options->conversations.checkpoint_every, "turns; 0: never [4]");
  verb->add_option(
      "--kill-after", options->kill_after, "SIGKILL to this process after so many durable steps");
  add_redaction_options(*verb, options->redaction);
  verb->footer(
      "Without --transcript each line of stdin is a turn of a conversation with the model that\n"
      "DALSEGNO_MODEL_URL, DALSEGNO_MODEL and DALSEGNO_API_KEY name, or with an agent of "
      "--config.\n"
      "The same command on the same store goes on where an earlier one was ended.\n"
      "Exit codes: 0 all sessions completed; 1 a session failed, is held, waits for approval, or "
      "asked for something "
      "else than was\n"
      "recorded; 2 a line or the policy is unreadable, the store cannot be opened or refused a "
      "write;\n"
      "3 the store is damaged.\n");
  verb->callback([options, &globals] {
    auto const code =
        options->transcript.empty() ? talk_in_terminal(globals, *options) : work(globals, *options);
    globals.exit_code = code ? *code : fail(code.error());
  });
}

}  // namespace dalsegno::command
