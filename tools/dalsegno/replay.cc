#include "dalsegno/agent.h"
#include "dalsegno/registry.h"
#include "dalsegno/schedule.h"
#include "dalsegno/try.h"
#include "engine/replay/replayer.h"
#include "engine/session/divergence.h"
#include "storage/event/event_json.h"
#include "tools/dalsegno/output.h"
#include "tools/dalsegno/printable.h"
#include "tools/dalsegno/store.h"
#include "tools/dalsegno/verbs.h"

#include <CLI/App.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::command {

namespace {

struct Options {
  std::vector<std::string> sessions;
  bool equivalence = false;
  bool open = false;  ///< those that a runtime would take up, before a deploy
};

/// What came of one session.
struct Outcome {
  SessionId session;
  std::string workflow;
  std::uint64_t steps = 0;
  std::uint64_t events = 0;
  std::uint64_t checkpoints = 0;  ///< from which it was replayed as well
  std::optional<engine::Divergence> divergence;
  Sequence from = 0;   ///< the checkpoint at which the replay that differed began
  std::string parted;  ///< the state at the end differs from that of the whole replay
  std::optional<Error> error;
};

class Replay {
 public:
  explicit Replay(storage::EventLog const& log) : log_(log) {
    for (auto& workflow : agent::builtin_workflows()) registry_.add(std::move(workflow));
    add_schedules(registry_);
  }

  [[nodiscard]] bool knows(std::string const& workflow) const {
    return registry_.find_workflow(workflow) != nullptr;
  }

  Outcome run(FoundSession const& session, bool equivalence) const {
    Outcome outcome;
    outcome.session = session.id;
    outcome.workflow = session.head.workflow;
    auto const done = equivalence ? compare(session, outcome) : whole(session, outcome);
    if (!done) outcome.error = done.error();
    return outcome;
  }

 private:
  Result<engine::ReplayReport> from(SessionId const& session, engine::ReplayFrom where) const {
    auto const find = [this](std::string_view name) { return registry_.find_workflow(name); };
    return engine::replay_session(log_, find, session, where);
  }

  Result<std::string> whole(FoundSession const& session, Outcome& outcome) const {
    TRY(auto const report, from(session.id, {engine::ReplayFrom::Kind::start, 0}));
    outcome.steps = report.steps;
    outcome.events = report.events;
    outcome.divergence = report.divergence;
    return report.divergence ? std::string() : report.session->fingerprint();
  }

  /// The whole run, and what follows each of its checkpoints, must come to the same.
  Result<std::string> compare(FoundSession const& session, Outcome& outcome) const {
    TRY(auto expected, whole(session, outcome));
    if (outcome.divergence) return expected;
    TRY(auto const checkpoints, log_.checkpoints(session.id, session.head.run));
    for (auto const checkpoint : checkpoints) {
      TRY(auto const report, from(session.id, {engine::ReplayFrom::Kind::checkpoint, checkpoint}));
      ++outcome.checkpoints;
      outcome.from = checkpoint;
      if (report.divergence) {
        outcome.divergence = report.divergence;
        return expected;
      }
      if (report.session->fingerprint() != expected) {
        outcome.parted = "from the checkpoint at " + std::to_string(checkpoint) +
                         " the session ends in another state than from its beginning";
        return expected;
      }
    }
    outcome.from = 0;
    return expected;
  }

  storage::EventLog const& log_;
  Registry registry_;
};

std::string_view result_of(Outcome const& outcome) {
  if (outcome.error) return name_of(outcome.error->code);
  if (outcome.divergence) return "diverged";
  return outcome.parted.empty() ? "same" : "parted";
}

Json event_json(std::optional<storage::Event> const& event) {
  return event ? storage::to_json_value(*event) : Json();
}

Json as_json(Outcome const& outcome) {
  Json line;
  line.set("tenant", outcome.session.tenant).set("session", outcome.session.name);
  line.set("workflow", outcome.workflow).set("result", result_of(outcome));
  line.set("steps", outcome.steps)
      .set("events", outcome.events)
      .set("checkpoints", outcome.checkpoints);
  if (outcome.from != 0) line.set("from", outcome.from);
  if (outcome.error) line.set("detail", outcome.error->detail);
  if (!outcome.parted.empty()) line.set("detail", outcome.parted);
  if (auto const& divergence = outcome.divergence) {
    Json::Array fields;
    for (auto const& field : divergence->fields) fields.emplace_back(field);
    line.set("sequence", divergence->sequence);
    line.set("operation", static_cast<std::uint64_t>(divergence->operation));
    line.set("recorded", event_json(divergence->recorded))
        .set("produced", event_json(divergence->produced));
    line.set("fields", std::move(fields)).set("hint", divergence->hint);
  }
  return line;
}

void print_side(std::string_view name, std::optional<storage::Event> const& event) {
  constexpr std::size_t enough = 1'000;
  print("    " + std::string(name) + ": " +
        (event ? shortened(json_line(storage::to_json_value(*event)), enough)
               : std::string("nothing")));
}

void print_outcome(Globals const& globals, Outcome const& outcome) {
  bool const same = result_of(outcome) == "same";
  auto line = printable(to_string(outcome.session)) + ": " + std::string(result_of(outcome));
  if (same)
    line += ", " + std::to_string(outcome.steps) + " steps, " + std::to_string(outcome.events) +
            " events";
  if (same && outcome.checkpoints > 0)
    line += ", also from " + std::to_string(outcome.checkpoints) +
            (outcome.checkpoints == 1 ? " checkpoint" : " checkpoints");
  if (outcome.error) line += ": " + printable(outcome.error->detail);
  if (!outcome.parted.empty()) line += ": " + outcome.parted;
  print(styled(globals, same ? Style::plain : Style::bad, line));
  if (auto const& divergence = outcome.divergence) {
    if (outcome.from != 0)
      print("    replayed from the checkpoint at " + std::to_string(outcome.from));
    print("    " + printable(engine::describe(*divergence)));
    print_side("recorded", divergence->recorded);
    print_side("produced", divergence->produced);
    if (!divergence->hint.empty()) print("    " + printable(divergence->hint));
  }
}

/// The graver outcome decides: integrity, then undecidable, then a difference.
int graver(int a, int b) {
  auto const weight = [](int code) {
    switch (code) {
      case exit_fine:
        return 0;
      case exit_findings:
        return 1;
      case exit_undecidable:
        return 2;
      case exit_integrity:
        return 4;
      default:
        return 3;
    }
  };
  return weight(a) >= weight(b) ? a : b;
}

int exit_code_of(Outcome const& outcome) {
  if (outcome.error) return exit_code_for(outcome.error->code);
  return outcome.divergence || !outcome.parted.empty() ? exit_findings : exit_fine;
}

bool is_open(FoundSession const& session) {
  return session.head.status == storage::SessionStatus::open ||
         session.head.status == storage::SessionStatus::held;
}

Result<int> replay(Globals const& globals, Options const& options) {
  TRY(auto const store, open_store(globals));
  TRY(auto const sessions, find_sessions(store, globals, options.sessions));
  Replay const replay(*store.log);
  std::uint64_t skipped = 0;
  std::uint64_t steps = 0;
  std::uint64_t replayed = 0;
  std::uint64_t wrong = 0;
  int code = exit_fine;
  for (auto const& session : sessions) {
    if (options.open && !is_open(session)) continue;
    if (options.sessions.empty() && !options.open && !replay.knows(session.head.workflow)) {
      ++skipped;
      continue;
    }
    auto const outcome = replay.run(session, options.equivalence);
    ++replayed;
    steps += outcome.steps;
    auto const findings = exit_code_of(outcome);
    if (findings != exit_fine) ++wrong;
    // Before a deploy a workflow that is gone is a finding like any other.
    bool const gone =
        options.open && outcome.error && outcome.error->code == Errc::unknown_workflow;
    code = graver(code, gone ? static_cast<int>(exit_findings) : findings);
    if (globals.json) {
      print_json("dalsegno.replay", as_json(outcome));
    } else {
      print_outcome(globals, outcome);
    }
  }
  say(options.open ? std::to_string(replayed) + " open and held sessions replayed, " +
                         std::to_string(wrong) + " could not go on in this program"
                   : std::to_string(replayed) + " sessions replayed, " + std::to_string(skipped) +
                         " skipped, whose workflows this program does not have");
  if (code == exit_fine || code == exit_findings || !store.loss.empty())
    return graver(say_verified(store, steps), code);
  say_not_verified("see above");
  return code;
}

}  // namespace

void add_replay(CLI::App& app, Globals& globals) {
  auto const options = std::make_shared<Options>();
  auto* const verb =
      app.add_subcommand("replay", "run the built-in workflows against what was recorded");
  verb->add_option("SESSION", options->sessions, "only these [all]");
  verb->add_flag("--equivalence",
                 options->equivalence,
                 "from every checkpoint as well, and compare where they end");
  verb->add_flag("--open",
                 options->open,
                 "only those that are open or held: which could not go on in this program?");
  verb->callback([options, &globals] { globals.exit_code = ended(replay(globals, *options)); });
}

}  // namespace dalsegno::command
