// The demonstration's agent sessions with a crash after each step, and after each call that was
// made and not recorded.

#include "activities/model/recorded.h"
#include "activities/model/script.h"
#include "activities/model/transcript.h"
#include "dalsegno/testing.h"
#include "tests/support/temporary_folder.h"
#include "tools/dalsegno/demo_transcripts.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::command {
namespace {

std::vector<activities::Script> scripts() {
  test::TemporaryFolder const folder;
  auto const file = folder.path() / "demo.jsonl";
  std::ofstream(file) << demo_short_sessions() << demo_long_session() << demo_paid_session();
  auto const read = activities::read_transcripts(file, {});
  EXPECT_TRUE(read) << read.error().detail;
  std::vector<activities::Script> made;
  for (auto const& transcript : read->transcripts) {
    auto script = activities::make_script(transcript);
    EXPECT_TRUE(script) << script.error().detail;
    made.push_back(std::move(*script));
  }
  return made;
}

/// The demonstration's, without what needs redaction: a TestRuntime has none.
std::string policy() {
  auto document = demo_policy();
  std::string const reveal = R"(,
                   "reveal": ["*card*"])";
  auto const place = document.find(reveal);
  EXPECT_NE(place, std::string::npos);
  return document.erase(place, reveal.size());
}

/// All sessions of the demonstration, with the person who approves; what they came to, and how
/// often each tool had its effect.
std::string play(TestRuntime& runtime,
                 std::vector<activities::Script> const& sessions,
                 std::map<std::string, int> const& effects) {
  for (auto const& script : sessions) {
    SessionId const session{.name = script.session};
    agent::AgentState state;
    state.model = "desk-1";
    state.system = script.system;
    state.checkpoint_every = 2;
    EXPECT_TRUE(runtime.start_session(session, "agent", state, "client"));
    for (auto const& turn : script.turns) EXPECT_TRUE(runtime.signal(session, "turn", turn));
  }
  for (auto const& pending : runtime.approvals().value_or(std::vector<PendingApproval>()))
    EXPECT_TRUE(runtime.answer_approval(
        pending.id, ApprovalDecision::grant, {.by = "Mara Lind", .roles = {"supervisor"}}));
  std::string outcome;
  for (auto const& script : sessions) {
    auto const result = runtime.result_as_json({.name = script.session});
    outcome += script.session + ": " + (result ? *result : result.error().detail) + "\n";
  }
  return outcome + std::to_string(effects.size()) + " effects";
}

TEST(Demo, comes_to_the_same_end_wherever_its_process_ends) {
  auto const sessions = scripts();
  activities::RecordedFarSide const far_side{scripts()};
  std::map<std::string, int> effects;
  auto const make = [&] {
    effects.clear();
    Registry registry;
    for (auto& workflow : agent::builtin_workflows()) registry.add(std::move(workflow));
    registry.add_model("*", [&](ActivityContext const& context, std::string_view input) {
      return far_side.model(context, input);
    });
    registry.add_tool("*", [&](ActivityContext const& context, std::string_view input) {
      ++effects[context.idempotency_key];
      return far_side.tool(context, input);
    });
    return registry;
  };
  auto const begun = std::chrono::steady_clock::now();
  auto const report =
      crash_everywhere(make,
                       [&](TestRuntime& runtime) { return play(runtime, sessions, effects); },
                       {.runtime = {.policy = policy()}, .max_runs = 2'000});
  std::chrono::duration<double> const took = std::chrono::steady_clock::now() - begun;
  EXPECT_TRUE(report) << report.difference->what << "\n" << report.difference->outcome;
  EXPECT_GT(report.crashes, 50U);
  std::cout << report.crashes << " crashes, " << report.duplicates << " duplicates, "
            << report.orders << " orders in " << took.count() << " s\n"
            << report.outcome << "\n";
}

}  // namespace
}  // namespace dalsegno::command
