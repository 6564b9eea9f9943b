// Schedules with the real engine, skipped time, and a crash after each step and each effect.

#include "dalsegno/dalsegno.h"
#include "dalsegno/testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dalsegno {
namespace {

using namespace std::chrono_literals;

SessionId const nightly{.name = "nightly"};
Time const begin = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);
ScheduleSpec const hourly{.cron = {"@hourly"}};

constexpr Activity<std::string, void> note{"note"};

/// What the actions did outside, by idempotency key.
using Ledger = std::map<std::string, std::string>;

/// Runs for so many minutes.
Workflow<std::string> stay(Context& ctx, std::int64_t minutes) {
  co_await ctx.call(note, "begin " + ctx.session().name);
  try {
    co_await ctx.sleep(std::chrono::minutes(minutes));
  } catch (Cancelled const&) {
    co_return "asked to end";
  }
  co_return "stayed";
}

Workflow<std::string> fail_at_once(Context& ctx, std::string type) {
  co_await ctx.sleep(1s);
  throw Failure(type, "as it was told to");
}

Registry registry_of(std::shared_ptr<Ledger> const& ledger) {
  Registry registry;
  add_schedules(registry);
  registry.add(define_workflow("stay", stay)).add(define_workflow("fail_at_once", fail_at_once));
  registry.add(note, [ledger](ActivityContext const& context, std::string const& what) {
    (*ledger)[context.idempotency_key] = what;
  });
  return registry;
}

TestRuntime runtime_of(TestOptions options = {}) {
  options.start = begin;
  return TestRuntime(registry_of(std::make_shared<Ledger>()), std::move(options));
}

ScheduleAction staying(std::int64_t minutes) { return action_of("stay", minutes); }

ScheduleDescription told(TestRuntime& runtime) {
  auto described = describe_schedule(runtime, nightly);
  EXPECT_TRUE(described) << described.error().detail;
  return described ? std::move(*described) : ScheduleDescription();
}

/// "03:00 completed" …: the minutes, and how it ended.
std::string recent(ScheduleDescription const& description) {
  std::string out;
  for (auto const& run : description.recent) {
    if (!out.empty()) out += ", ";
    out += to_string(run.occurrence.time()).substr(11, 5) + " " + run.outcome;
  }
  return out;
}
std::string running(ScheduleDescription const& description) {
  std::string out;
  for (auto const& run : description.running)
    out += (out.empty() ? "" : ", ") + to_string(run.occurrence.time()).substr(11, 5);
  return out;
}
std::string say(Result<std::string> const& result) {
  return result ? *result : std::string(name_of(result.error().code));
}

// ---- occurrences ----

TEST(Schedule, starts_a_session_at_each_occurrence_under_the_name_of_its_time) {
  auto runtime = runtime_of();
  auto const made = create_schedule(runtime, nightly, hourly, staying(5));
  ASSERT_TRUE(made) << made.error().detail;
  runtime.advance(59min);
  EXPECT_EQ(told(runtime).counts.started, 0U);
  runtime.advance(3h);
  auto const description = told(runtime);
  EXPECT_EQ(recent(description), "01:00 completed, 02:00 completed, 03:00 completed");
  EXPECT_EQ(description.next.size(), 10U);
  EXPECT_EQ(description.next.front().time(), begin + 4h);
  EXPECT_EQ(description.zone_data, zone_data_version());
  EXPECT_EQ(say(runtime.result_as_json({.name = "nightly-2026-11-23T02:00:00Z"})), "\"stayed\"");
}

TEST(Schedule, follows_the_clocks_of_its_zone) {
  TestRuntime runtime(registry_of(std::make_shared<Ledger>()),
                      {.start = std::chrono::sys_days(std::chrono::year(2026) / 3 / 28)});
  ASSERT_TRUE(create_schedule(
      runtime, nightly, {.cron = {"30 2 * * *"}, .zone = "Europe/Berlin"}, staying(1)));
  runtime.advance(72h);
  EXPECT_EQ(recent(told(runtime)), "01:30 completed, 01:00 completed, 00:30 completed");
}

TEST(Schedule, records_what_it_computed_from_zone_files) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(
      runtime, nightly, {.cron = {"30 2 * * *"}, .zone = "Europe/Berlin"}, staying(1)));
  auto const history = runtime.history(nightly);
  EXPECT_TRUE(std::ranges::any_of(history, [](std::string const& line) {
    return line.contains("ValueRecorded") && line.contains("\"plan\"") &&
           line.contains("zone_data") && line.contains(zone_data_version()) &&
           line.contains(std::to_string((begin + 90min).time_since_epoch().count()));
  })) << history.back();
}

TEST(Schedule, begins_an_occurrence_later_by_its_jitter) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(
      runtime, nightly, {.cron = {"@hourly"}, .jitter = std::chrono::minutes(30)}, staying(1)));
  runtime.advance(10h);
  auto const description = told(runtime);
  ASSERT_GE(description.recent.size(), 9U);
  for (auto const& run : description.recent) {
    EXPECT_GT(run.started, run.occurrence);
    EXPECT_LT(run.started.time(), run.occurrence.time() + 31min);
  }
}

TEST(Schedule, that_is_created_again_is_the_same_and_one_that_differs_is_a_conflict) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(runtime, nightly, hourly, staying(5)));
  EXPECT_TRUE(create_schedule(runtime, nightly, hourly, staying(5))->repeated);
  EXPECT_EQ(create_schedule(runtime, nightly, hourly, staying(6)).error().code, Errc::conflict);
  EXPECT_EQ(
      create_schedule(runtime, {.name = std::string(151, 'x')}, hourly, staying(6)).error().code,
      Errc::invalid);
  EXPECT_EQ(create_schedule(runtime, {.name = "b"}, {}, staying(6)).error().code, Errc::invalid);
  EXPECT_EQ(create_schedule(runtime, {.name = "b"}, hourly, {}).error().code, Errc::invalid);
  EXPECT_EQ(
      create_schedule(runtime, {.name = "b"}, hourly, staying(6), {.catch_up = 9s}).error().code,
      Errc::invalid);
  EXPECT_EQ(
      create_schedule(runtime, {.name = "b"}, hourly, staying(6), {.max_buffered = 0}).error().code,
      Errc::invalid);
}

TEST(Schedule, that_was_started_with_nonsense_fails) {
  auto runtime = runtime_of();
  ScheduleDefinition definition{hourly, staying(1)};
  auto input = *detail::schedule_input(nightly, definition);
  input.replace(input.find("@hourly"), 7, "@never!");
  ASSERT_TRUE(runtime.start_with_json(nightly, "schedule", input));
  EXPECT_EQ(runtime.result_as_json(nightly).error().code, Errc::ended);
}

TEST(Schedule, ends_with_its_remaining_occurrences_but_can_be_triggered) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(runtime, nightly, hourly, staying(5), {.remaining = 2}));
  runtime.advance(10h);
  auto description = told(runtime);
  EXPECT_EQ(recent(description), "01:00 completed, 02:00 completed");
  EXPECT_TRUE(description.next.empty());
  ASSERT_TRUE(trigger_schedule(runtime, nightly));
  runtime.advance(1h);
  EXPECT_EQ(told(runtime).counts.completed, 3U);
}

TEST(Schedule, notes_what_failed_was_denied_or_had_started_before) {
  TestRuntime runtime(registry_of(std::make_shared<Ledger>()),
                      {.policy = R"({"dalsegno_policy": 1, "rules": [
    {"id": "stay", "effect": "permit", "actions": ["session.start"], "resources": ["stay"]},
    {"id": "calls", "effect": "permit", "actions": ["activity.call"]}]})",
                       .start = begin});
  ASSERT_TRUE(create_schedule(runtime, nightly, hourly, staying(1)));
  ASSERT_TRUE(
      runtime.start_session({.name = "nightly-2026-11-23T01:00:00Z"}, "stay", std::int64_t{1}));
  runtime.advance(90min);
  EXPECT_EQ(recent(told(runtime)), "01:00 already_started");
  ASSERT_TRUE(
      update_schedule(runtime, nightly, hourly, action_of("fail_at_once", std::string("busy"))));
  runtime.advance(1h);
  auto const description = told(runtime);
  EXPECT_EQ(recent(description), "01:00 already_started, 02:00 denied");
  EXPECT_EQ(description.counts.failed, 2U);
}

TEST(Schedule, pauses_itself_when_an_action_fails_if_told_to) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(runtime,
                              nightly,
                              hourly,
                              action_of("fail_at_once", std::string("busy")),
                              {.pause_on_failure = true}));
  runtime.advance(5h);
  auto const description = told(runtime);
  EXPECT_EQ(recent(description), "01:00 busy");
  EXPECT_TRUE(description.paused);
  EXPECT_TRUE(description.note.contains("busy")) << description.note;
}

// ---- overlap ----

ScheduleDescription after_four_hours(TestRuntime& runtime, Overlap overlap) {
  EXPECT_TRUE(create_schedule(runtime, nightly, hourly, staying(150), {.overlap = overlap}));
  runtime.advance(4h + 1min);
  return told(runtime);
}

TEST(ScheduleOverlap, skip_leaves_out_what_comes_while_one_runs) {
  auto runtime = runtime_of();
  auto const description = after_four_hours(runtime, Overlap::skip);
  EXPECT_EQ(recent(description), "01:00 completed");
  EXPECT_EQ(running(description), "04:00");
  EXPECT_EQ(description.counts.skipped, 2U);
}

TEST(ScheduleOverlap, buffer_one_keeps_one_waiting) {
  auto runtime = runtime_of();
  auto const description = after_four_hours(runtime, Overlap::buffer_one);
  EXPECT_EQ(recent(description), "01:00 completed");
  EXPECT_EQ(running(description), "02:00");
  EXPECT_EQ(description.waiting.size(), 1U);
  EXPECT_EQ(description.counts.skipped, 1U);  // 03:00
}

TEST(ScheduleOverlap, buffer_all_keeps_all_waiting) {
  auto runtime = runtime_of();
  auto const description = after_four_hours(runtime, Overlap::buffer_all);
  EXPECT_EQ(running(description), "02:00");
  EXPECT_EQ(description.waiting.size(), 2U);
  EXPECT_EQ(description.counts.skipped, 0U);
}

TEST(ScheduleOverlap, allow_all_runs_them_side_by_side) {
  auto runtime = runtime_of();
  auto const description = after_four_hours(runtime, Overlap::allow_all);
  EXPECT_EQ(running(description), "02:00, 03:00, 04:00");
  EXPECT_EQ(recent(description), "01:00 completed");
}

TEST(ScheduleOverlap, cancel_other_asks_what_runs_to_end_and_waits_for_it) {
  auto runtime = runtime_of();
  auto const description = after_four_hours(runtime, Overlap::cancel_other);
  EXPECT_EQ(running(description), "04:00");
  EXPECT_EQ(recent(description), "01:00 completed, 02:00 completed, 03:00 completed");
  EXPECT_EQ(say(runtime.result_as_json({.name = "nightly-2026-11-23T02:00:00Z"})),
            "\"asked to end\"");
}

TEST(ScheduleOverlap, terminate_other_ends_what_runs_without_asking_it) {
  auto runtime = runtime_of();
  auto const description = after_four_hours(runtime, Overlap::terminate_other);
  EXPECT_EQ(running(description), "04:00");
  EXPECT_EQ(recent(description), "01:00 cancelled, 02:00 cancelled, 03:00 cancelled");
  EXPECT_EQ(say(runtime.result_as_json({.name = "nightly-2026-11-23T02:00:00Z"})), "ended");
  runtime.advance(30min);
  ASSERT_TRUE(pause_schedule(runtime, nightly, "enough"));
  runtime.advance(5h);
  EXPECT_EQ(told(runtime).counts.completed, 1U);  // the last one, through its holder
}

// ---- downtime ----

TEST(ScheduleCatchUp, makes_up_for_what_was_missed_within_the_window) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(
      runtime, nightly, hourly, staying(5), {.overlap = Overlap::buffer_all, .catch_up = 3h}));
  // No process runs for ten hours and a half.
  runtime.crash(10h + 30min);
  EXPECT_EQ(told(runtime).counts.missed, 7U);
  runtime.advance(20min);
  EXPECT_EQ(recent(told(runtime)), "08:00 completed, 09:00 completed, 10:00 completed");
}

TEST(ScheduleCatchUp, of_very_many_goes_step_by_step) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(runtime,
                              nightly,
                              {.intervals = {{1min}}},
                              staying(0),
                              {.overlap = Overlap::allow_all, .catch_up = 24h}));
  runtime.crash(5h);
  runtime.advance(1s);
  EXPECT_EQ(told(runtime).counts.completed, 300U);
}

// ---- control ----

TEST(ScheduleControl, pauses_with_a_note_and_does_not_make_up_for_the_pause) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(runtime, nightly, hourly, staying(5), {.paused = "not yet"}));
  runtime.advance(2h);
  EXPECT_EQ(told(runtime).note, "not yet");
  EXPECT_TRUE(told(runtime).next.empty());
  ASSERT_TRUE(resume_schedule(runtime, nightly, "now"));
  runtime.advance(1h + 10min);
  EXPECT_EQ(recent(told(runtime)), "03:00 completed");
  ASSERT_TRUE(pause_schedule(runtime, nightly, "audit"));
  runtime.advance(3h);
  auto const description = told(runtime);
  EXPECT_TRUE(description.paused);
  EXPECT_EQ(description.note, "audit");
  EXPECT_EQ(description.counts.started, 1U);
}

TEST(ScheduleControl, triggers_also_while_paused_and_once_for_each_key) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(runtime, nightly, hourly, staying(5), {.paused = ""}));
  ASSERT_TRUE(trigger_schedule(runtime, nightly, std::nullopt, "k1"));
  ASSERT_TRUE(trigger_schedule(runtime, nightly, std::nullopt, "k1"));
  auto const description = told(runtime);
  ASSERT_EQ(description.running.size(), 1U);
  EXPECT_EQ(description.running.front().session, "nightly-trigger-1-2026-11-23T00:00:00.000000Z");
  ASSERT_TRUE(trigger_schedule(runtime, nightly));  // one runs: skipped
  ASSERT_TRUE(trigger_schedule(runtime, nightly, Overlap::allow_all));
  EXPECT_EQ(told(runtime).running.size(), 2U);
  EXPECT_EQ(told(runtime).counts.skipped, 1U);
}

TEST(ScheduleControl, backfills_a_range_once) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(runtime, nightly, hourly, staying(1)));
  runtime.advance(90min);
  ASSERT_TRUE(backfill_schedule(runtime, nightly, begin - 2h, begin + 5h));
  runtime.advance(20min);
  EXPECT_EQ(recent(told(runtime)),
            "01:00 completed, 22:00 completed, 23:00 completed, 00:00 completed, "
            "01:00 already_started");
  ASSERT_TRUE(backfill_schedule(runtime, nightly, begin - 2h, begin - 1h, Overlap::allow_all));
  EXPECT_EQ(told(runtime).counts.completed, 4U);
  EXPECT_EQ(told(runtime).backfills, 0U);
  EXPECT_EQ(backfill_schedule(runtime, nightly, begin, begin - 1h).error().code, Errc::invalid);
}

TEST(ScheduleControl, backfills_more_than_may_wait_without_losing_any) {
  auto runtime = runtime_of();
  ASSERT_TRUE(
      create_schedule(runtime, nightly, {.cron = {"@daily"}}, staying(1), {.max_buffered = 3}));
  ASSERT_TRUE(backfill_schedule(runtime, nightly, begin - std::chrono::days(40), begin));
  EXPECT_EQ(told(runtime).backfills, 1U);
  runtime.advance(2h);
  auto const description = told(runtime);
  EXPECT_EQ(description.counts.completed, 41U);
  EXPECT_EQ(description.counts.skipped, 0U);
}

TEST(ScheduleControl, updates_what_it_is) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(runtime, nightly, hourly, staying(5)));
  runtime.advance(90min);
  EXPECT_EQ(update_schedule(runtime, nightly, {.cron = {"x"}}, staying(5)).error().code,
            Errc::invalid);
  ASSERT_TRUE(update_schedule(runtime, nightly, {.cron = {"*/20 * * * *"}}, staying(1)));
  runtime.advance(40min);
  auto const description = told(runtime);
  EXPECT_EQ(recent(description), "01:00 completed, 01:40 completed, 02:00 completed");
  EXPECT_EQ(description.definition.spec.cron.front(), "*/20 * * * *");
}

TEST(ScheduleControl, deletes_and_leaves_what_runs) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(runtime, nightly, hourly, staying(30)));
  runtime.advance(61min);
  ASSERT_TRUE(delete_schedule(runtime, nightly));
  EXPECT_TRUE(runtime.has_ended(nightly));
  EXPECT_EQ(pause_schedule(runtime, nightly, "").error().code, Errc::ended);
  EXPECT_EQ(say(runtime.result_as_json({.name = "nightly-2026-11-23T01:00:00Z"})), "\"stayed\"");
  // Its name is free, and what it has run is not run again.
  ASSERT_TRUE(create_schedule(runtime, nightly, hourly, staying(1)));
  ASSERT_TRUE(backfill_schedule(runtime, nightly, begin, begin + 1h));
  runtime.advance(10min);
  EXPECT_EQ(recent(told(runtime)), "00:00 completed, 01:00 already_started");
}

TEST(ScheduleControl, by_a_cancel_of_its_session_asks_what_runs_to_end) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(runtime, nightly, hourly, staying(30)));
  runtime.advance(61min);
  ASSERT_TRUE(runtime.cancel(nightly, "test", "enough"));
  EXPECT_TRUE(runtime.has_ended(nightly));
  EXPECT_EQ(say(runtime.result_as_json({.name = "nightly-2026-11-23T01:00:00Z"})),
            "\"asked to end\"");
}

TEST(ScheduleControl, is_not_moved_by_nonsense) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(runtime, nightly, hourly, staying(5)));
  for (auto const* const nonsense :
       {"null",
        "[]",
        "{}",
        R"({"verb":"explode","note":""})",
        R"({"verb":"update","note":""})",
        R"({"verb":"backfill","note":"","from":{"microseconds":9223372036854775807}})",
        "7"})
    ASSERT_TRUE(runtime.signal_with_json(nightly, "schedule", nonsense));
  ASSERT_TRUE(runtime.signal(nightly, "anything", std::string("at all")));
  EXPECT_EQ(told(runtime).counts.refused, 8U);
  runtime.advance(2h + 10min);
  EXPECT_EQ(told(runtime).counts.completed, 2U);
}

TEST(ScheduleControl, takes_a_flood_of_signals) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(runtime, nightly, hourly, staying(5)));
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(trigger_schedule(runtime, nightly));
  runtime.advance(1min);
  auto const description = told(runtime);
  EXPECT_EQ(description.counts.started, 1U);
  EXPECT_EQ(description.counts.skipped, 499U);
}

// ---- living long ----

TEST(Schedule, keeps_its_actions_over_checkpoints_and_goes_on_in_new_runs) {
  auto runtime = runtime_of();
  ASSERT_TRUE(create_schedule(
      runtime, nightly, {.intervals = {{1min}}}, staying(0), {.overlap = Overlap::allow_all}));
  runtime.advance(1h);
  ASSERT_TRUE(update_schedule(
      runtime, nightly, {.intervals = {{1min}}}, staying(30), {.overlap = Overlap::allow_all}));
  runtime.advance(20h);  // one ends each minute, and thirty run
  auto description = told(runtime);
  EXPECT_EQ(description.running.size(), 30U);
  EXPECT_EQ(description.counts.completed + 30, description.counts.started);
  runtime.crash();
  ASSERT_TRUE(update_schedule(
      runtime, nightly, {.intervals = {{1min}}}, staying(0), {.overlap = Overlap::allow_all}));
  runtime.advance(12h);
  description = told(runtime);
  EXPECT_EQ(description.counts.completed, description.counts.started);
  EXPECT_GE(description.counts.started, 33U * 60U - 2U);
  EXPECT_EQ(description.counts.failed, 0U);
  EXPECT_GT(runtime.runs(nightly), 1U);
  EXPECT_LT(runtime.history(nightly).size(), 10'000U);
}

// ---- crashes ----

void expect_same_everywhere(Scenario const& scenario) {
  std::shared_ptr<Ledger> ledger;  // shared: the activities of one run keep it
  auto const report = crash_everywhere(
      [&] {
        ledger = std::make_shared<Ledger>();
        return registry_of(ledger);
      },
      [&](TestRuntime& runtime) {
        auto outcome = scenario(runtime) + ';';
        for (auto const& [key, what] : *ledger) outcome += ' ' + what;
        return outcome;
      },
      {.runtime = {.start = begin}, .max_runs = 400});
  EXPECT_TRUE(report) << report.difference->what << ": " << report.difference->outcome
                      << "\nexpected: " << report.difference->expected;
  EXPECT_TRUE(report.complete);
  EXPECT_GT(report.crashes, 10U);
}

std::string end_of(TestRuntime& runtime) {
  auto const description = told(runtime);
  return recent(description) + " running " + running(description) + " skipped " +
         std::to_string(description.counts.skipped);
}

TEST(ScheduleCrash, anywhere_starts_each_occurrence_once) {
  expect_same_everywhere([](TestRuntime& runtime) {
    EXPECT_TRUE(create_schedule(runtime, nightly, hourly, staying(5)));
    runtime.advance(1h + 10min);
    EXPECT_TRUE(trigger_schedule(runtime, nightly));
    EXPECT_TRUE(pause_schedule(runtime, nightly, "enough"));
    runtime.advance(1h);
    return end_of(runtime);
  });
}

TEST(ScheduleCrash, anywhere_cancels_and_terminates_once) {
  for (auto const overlap : {Overlap::cancel_other, Overlap::terminate_other}) {
    expect_same_everywhere([overlap](TestRuntime& runtime) {
      EXPECT_TRUE(create_schedule(runtime, nightly, hourly, staying(90), {.overlap = overlap}));
      runtime.advance(2h + 10min);
      return end_of(runtime);
    });
  }
}

TEST(ScheduleCrash, anywhere_backfills_once) {
  expect_same_everywhere([](TestRuntime& runtime) {
    EXPECT_TRUE(create_schedule(runtime, nightly, hourly, staying(1)));
    EXPECT_TRUE(backfill_schedule(runtime, nightly, begin - 2h, begin - 1h));
    runtime.advance(10min);
    return end_of(runtime);
  });
}

}  // namespace
}  // namespace dalsegno
