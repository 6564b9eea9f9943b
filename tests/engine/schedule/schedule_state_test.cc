#include "engine/schedule/schedule_state.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dalsegno::engine {
namespace {

using namespace std::chrono_literals;

WaitingAction action(std::string name, Overlap overlap) {
  return {std::move(name), {}, ScheduleCause::occurrence, overlap};
}

ScheduleState busy() {
  ScheduleState state;
  state.running.push_back({});
  return state;
}

std::string waiting(ScheduleState const& state) {
  std::string names;
  for (auto const& one : state.waiting) names += one.session;
  return names;
}

TEST(ScheduleState, begins_an_action_at_once_where_nothing_runs) {
  for (auto const overlap : {Overlap::skip,
                             Overlap::buffer_one,
                             Overlap::buffer_all,
                             Overlap::cancel_other,
                             Overlap::terminate_other,
                             Overlap::allow_all}) {
    ScheduleState state;
    EXPECT_EQ(admit(state, action("a", overlap)), Admission::begins);
  }
}

TEST(ScheduleState, does_with_an_overlap_what_the_policy_says) {
  auto state = busy();
  EXPECT_EQ(admit(state, action("a", Overlap::allow_all)), Admission::begins);
  EXPECT_EQ(admit(state, action("b", Overlap::skip)), Admission::skipped);
  EXPECT_EQ(admit(state, action("c", Overlap::buffer_one)), Admission::waits);
  EXPECT_EQ(admit(state, action("d", Overlap::buffer_one)), Admission::skipped);
  state.definition.policies.max_buffered = 2;
  EXPECT_EQ(admit(state, action("e", Overlap::buffer_all)), Admission::waits);
  EXPECT_EQ(admit(state, action("f", Overlap::buffer_all)), Admission::skipped);
  EXPECT_EQ(waiting(state), "ce");
  EXPECT_EQ(state.counts.skipped, 3U);
  EXPECT_EQ(admit(state, action("g", Overlap::cancel_other)), Admission::displaces);
  EXPECT_EQ(waiting(state), "g");
  EXPECT_EQ(state.counts.skipped, 5U);
  EXPECT_FALSE(take_ready(state));
  state.running.clear();
  EXPECT_EQ(take_ready(state)->session, "g");
  EXPECT_FALSE(take_ready(state));
}

TEST(ScheduleState, leaves_its_occurrences_waiting_while_it_is_paused_but_no_triggers) {
  auto state = busy();
  EXPECT_EQ(admit(state, action("a", Overlap::buffer_all)), Admission::waits);
  auto trigger = action("t", Overlap::buffer_all);
  trigger.cause = ScheduleCause::trigger;
  EXPECT_EQ(admit(state, trigger), Admission::waits);
  state.paused = true;
  state.running.clear();
  EXPECT_EQ(take_ready(state)->session, "t");
  EXPECT_FALSE(take_ready(state));
  state.paused = false;
  EXPECT_EQ(take_ready(state)->session, "a");
}

TEST(ScheduleState, bounds_what_runs_side_by_side) {
  ScheduleState state;
  state.running.resize(999);
  EXPECT_EQ(admit(state, action("a", Overlap::allow_all)), Admission::begins);
  state.running.resize(1'000);
  EXPECT_EQ(admit(state, action("b", Overlap::allow_all)), Admission::skipped);
}

TEST(ScheduleState, drops_occurrences_that_wait_when_none_remains) {
  auto state = busy();
  EXPECT_EQ(admit(state, action("a", Overlap::buffer_all)), Admission::waits);
  state.definition.policies.remaining = 0;
  state.running.clear();
  EXPECT_FALSE(take_ready(state));
  EXPECT_TRUE(state.waiting.empty());
  EXPECT_EQ(state.counts.skipped, 1U);
}

TEST(ScheduleState, keeps_the_last_actions_and_whole_characters_of_their_messages) {
  ScheduleState state;
  for (int i = 0; i < 12; ++i) {
    ScheduledRun run;
    run.session = std::to_string(i);
    note_end(
        state, run, i == 11 ? "busy" : "completed", i == 11 ? "x" + std::string(600, '\xC3') : "");
  }
  EXPECT_EQ(state.recent.size(), 10U);
  EXPECT_EQ(state.recent.front().session, "2");
  EXPECT_EQ(state.counts.completed, 11U);
  EXPECT_EQ(state.counts.failed, 1U);
  std::string message = "x";
  for (int i = 0; i < 300; ++i) message += "ü";
  note_end(state, {}, "busy", message);
  EXPECT_EQ(state.recent.back().message.size(), 499U);
}

TEST(ScheduleState, pauses_itself_after_a_failure_if_told_to) {
  ScheduleState state;
  note_end(state, {}, "busy", "");
  EXPECT_FALSE(state.paused);
  state.definition.policies.pause_on_failure = true;
  note_end(state, {}, "cancelled", "");
  note_end(state, {}, "already_started", "");
  EXPECT_FALSE(state.paused);
  note_end(state, {}, "busy", "");
  EXPECT_TRUE(state.paused);
}

TEST(ScheduleState, refuses_what_makes_no_sense) {
  using Verb = ScheduleControl::Verb;
  ScheduleState state;
  Time const now(1h);
  EXPECT_NE(obey(state, {.verb = Verb::backfill}, "", now), "");
  EXPECT_NE(obey(state, {.verb = Verb::backfill, .from = Time(2h), .to = Time(3h)}, "", now), "");
  EXPECT_NE(obey(state, {.verb = Verb::backfill, .from = Time(-2h), .to = Time(1h)}, "", now), "");
  EXPECT_NE(obey(state, {.verb = Verb::update}, "", now), "");
  ScheduleControl update{.verb = Verb::update};
  update.definition.emplace();
  EXPECT_EQ(obey(state, update, "wrong", now), "wrong");
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(obey(state, {.verb = Verb::backfill, .from = Time(0h), .to = Time(1h)}, "", now), "");
  EXPECT_NE(obey(state, {.verb = Verb::backfill, .from = Time(0h), .to = Time(1h)}, "", now), "");
}

TEST(ScheduleState, names_an_occurrence_by_its_time) {
  EXPECT_EQ(session_of("nightly", Time(90s)), "nightly-1970-01-01T00:01:30Z");
}

}  // namespace
}  // namespace dalsegno::engine
