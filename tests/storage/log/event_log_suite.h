#pragma once

// What every backend of EventLog must do. A backend's own test includes this and instantiates it:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, EventLogSuite, testing::Values(Backend{"memory",
//   make_memory}));
//
// Included in one source of a test program.

#include "storage/log/chain.h"
#include "storage/log/event_log.h"
#include "storage/log/journal.h"
#include "storage/log/records.h"
#include "storage/log/step_key.h"
#include "tests/storage/log/event_log_model.h"
#include "tests/support/append_script.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace dalsegno::storage::test {

/// A store and the log that is open on it.
class StoreUnderTest {
 public:
  StoreUnderTest() = default;
  StoreUnderTest(StoreUnderTest const&) = delete;
  StoreUnderTest& operator=(StoreUnderTest const&) = delete;
  virtual ~StoreUnderTest() = default;

  [[nodiscard]] virtual EventLog& log() = 0;
  /// Closes the log and opens the store again.
  virtual void reopen() = 0;
};

struct Backend {
  std::string name;
  std::function<std::unique_ptr<StoreUnderTest>()> make_empty_store;
  int random_histories = 100;  ///< fewer where a store is dear to make
  bool for_runtimes = false;   ///< guarded: it takes what a runtime may write and no more
};

inline void PrintTo(Backend const& backend, std::ostream* out) { *out << backend.name; }

class EventLogSuite : public testing::TestWithParam<Backend> {
 protected:
  EventLog& log() { return store_->log(); }
  void reopen() { store_->reopen(); }

  /// Appends all of them, in one batch.
  void append(std::vector<Append> const& batch) {
    auto const receipt = log().append(batch);
    ASSERT_TRUE(receipt.has_value()) << receipt.error().detail;
    ASSERT_EQ(receipt->each.size(), batch.size());
    for (auto const& one : receipt->each) ASSERT_TRUE(one.has_value()) << one.error().detail;
  }

  /// Appends one, which must be refused with this code and change nothing.
  void expect_refused(Append const& refused, Errc code) {
    auto const before = log().info();
    auto const head = log().head(refused.session).value();
    auto const receipt = log().append({&refused, 1});
    ASSERT_TRUE(receipt.has_value()) << receipt.error().detail;
    ASSERT_EQ(receipt->each.size(), 1U);
    ASSERT_FALSE(receipt->each.front().has_value());
    EXPECT_EQ(name_of(receipt->each.front().error().code), name_of(code));
    EXPECT_EQ(receipt->number, 0U);
    EXPECT_EQ(log().info().last_commit, before.last_commit);
    EXPECT_EQ(log().head(refused.session).value(), head);
  }

  std::vector<std::string> steps(AppendScript const& script, Sequence from = 1) {
    return steps(script.session(), script.run(), from);
  }

  std::vector<std::string> steps(SessionId const& session, RunId const& run, Sequence from = 1) {
    std::vector<std::string> found;
    auto const read = log().read_steps(session, run, from, [&](std::string_view bytes) {
      found.emplace_back(bytes);
      return true;
    });
    EXPECT_TRUE(read.has_value());
    return found;
  }

  std::vector<Timer> timers(Time from = at(0),
                            Time until = at(1'000'000),
                            std::size_t limit = 1000) {
    return log().timers(from, until, limit).value();
  }

 private:
  std::unique_ptr<StoreUnderTest> store_ = GetParam().make_empty_store();
};

TEST_P(EventLogSuite, begins_empty) {
  auto const info = log().info();
  EXPECT_NE(info.log_id, RunId{});
  EXPECT_EQ(info.format, current_format);
  EXPECT_GE(info.partitions, 1U);
  EXPECT_EQ(info.epoch, 1U);
  EXPECT_EQ(info.generation, 1U);
  EXPECT_EQ(info.last_commit, 0U);
  EXPECT_EQ(info.last_commit_digest, Digest{});
  EXPECT_FALSE(log().head({"default", "a"})->has_value());
  EXPECT_TRUE(steps({"default", "a"}, run_id(1)).empty());
  EXPECT_TRUE(log().runs({"default", "a"})->empty());
  EXPECT_TRUE(timers().empty());
  EXPECT_TRUE(log().room_for_new_sessions().has_value());
}

TEST_P(EventLogSuite, reads_what_was_appended) {
  AppendScript script(log(), {"default", "a"});
  std::vector<std::string> written;
  for (auto const* text : {"1", "2", "3"}) {
    auto const one = script.next({input(text), TimerStarted{at(5)}});
    append({one});
    written.push_back(one.step.bytes);
    EXPECT_EQ(log().head(script.session()).value(), script.head());
  }
  EXPECT_EQ(steps(script), written);
  EXPECT_EQ(log().runs(script.session()).value(), std::vector{script.run()});
  EXPECT_TRUE(steps({"default", "b"}, script.run()).empty());
  EXPECT_TRUE(steps({"other", "a"}, script.run()).empty());
  EXPECT_TRUE(steps(script.session(), run_id(2)).empty());
}

TEST_P(EventLogSuite, reads_from_the_step_that_contains_a_sequence) {
  AppendScript script(log(), {"default", "a"});
  std::vector<Append> batch;
  batch.push_back(script.next({input("1"), input("2"), input("3")}));  // 1 to 3
  batch.push_back(script.next({input("4")}));                          // 4
  batch.push_back(script.next({input("5"), input("6")}));              // 5 to 6
  append(batch);
  AppendScript neighbour(log(), {"default", "a "});
  append({neighbour.next({input("x")})});
  for (Sequence const from : {0U, 1U, 2U, 3U}) EXPECT_EQ(steps(script, from).size(), 3U) << from;
  EXPECT_EQ(steps(script, 4).size(), 2U);
  EXPECT_EQ(steps(script, 5), std::vector{batch[2].step.bytes});
  EXPECT_EQ(steps(script, 6), std::vector{batch[2].step.bytes});
  EXPECT_TRUE(steps(script, 7).empty());
  EXPECT_TRUE(steps(script, ~Sequence{0}).empty());
}

TEST_P(EventLogSuite, reads_a_long_history) {
  AppendScript script(log(), {"default", "a"});
  std::vector<std::string> written;
  std::vector<Append> batch;
  for (int i = 1; i <= 200; ++i) {
    batch.push_back(script.next({input(std::to_string(i))}));
    written.push_back(batch.back().step.bytes);
  }
  append(batch);
  AppendScript neighbour(log(), {"default", "a "});
  append({neighbour.next({input("x")})});
  EXPECT_EQ(steps(script), written);
  EXPECT_EQ(steps(script, 2).size(), 199U);
  for (int const stop : {1, 63, 64, 65, 66, 199}) {
    int seen = 0;
    ASSERT_TRUE(log().read_steps(
        script.session(), script.run(), 1, [&](auto const&) { return ++seen < stop; }));
    EXPECT_EQ(seen, stop);
  }
}

TEST_P(EventLogSuite, stops_reading_when_told_to) {
  AppendScript script(log(), {"default", "a"});
  append({script.next({input("1")}), script.next({input("2")})});
  int seen = 0;
  auto const visit_one = [&](auto const&...) { return ++seen, false; };
  ASSERT_TRUE(log().read_steps(script.session(), script.run(), 1, visit_one));
  EXPECT_EQ(seen, 1);
  AppendScript other(log(), {"default", "b"});
  append({other.next({input("1")})});
  ASSERT_TRUE(log().scan_heads(visit_one));
  EXPECT_EQ(seen, 2);
  ASSERT_TRUE(log().read_commits(1, visit_one));
  EXPECT_EQ(seen, 3);
}

TEST_P(EventLogSuite, may_be_asked_from_within_a_visit) {
  AppendScript script(log(), {"default", "a"});
  append({script.next({input("1")})});
  int seen = 0;
  auto const ask = [&](auto const&...) {
    return ++seen, log().head(script.session())->has_value();
  };
  ASSERT_TRUE(log().read_steps(script.session(), script.run(), 1, ask));
  ASSERT_TRUE(log().scan_heads(ask));
  ASSERT_TRUE(log().read_commits(1, ask));
  EXPECT_EQ(seen, 3);
}

TEST_P(EventLogSuite, refuses_an_append_that_does_not_continue_the_head) {
  AppendScript script(log(), {"default", "a"});
  AppendScript ahead = script;
  ahead.next({input("1")});
  expect_refused(ahead.peek({input("2")}), Errc::stale);  // there is no such session yet
  auto const first = script.next({input("1")});
  append({first});
  AppendScript behind = script;
  append({script.next({input("2")})});
  expect_refused(behind.peek({input("2")}), Errc::stale);
  ahead = script;
  ahead.next({input("3")});
  expect_refused(ahead.peek({input("4")}), Errc::stale);
  auto other_run = script.peek({input("3")});
  other_run.run = other_run.head.run = run_id(2);
  expect_refused(other_run, Errc::stale);
}

TEST_P(EventLogSuite, refuses_a_session_that_exists) {
  AppendScript script(log(), {"default", "a"});
  append({script.next({input("1")})});
  AppendScript again(log(), {"default", "a"}, run_id(2));
  expect_refused(again.next({input("1")}), Errc::conflict);
}

TEST_P(EventLogSuite, begins_a_run_that_follows_the_end_of_the_one_before) {
  AppendScript script(log(), {"default", "a"}, run_id(7));
  append({script.next({script.started(), input("1")})});
  script.set_status(SessionStatus::completed);
  append({script.next({input("2")})});
  auto const first = script.head();
  script.begin_run(run_id(2));
  auto const next = script.next({script.started(), input("3")});
  append({next});
  append({script.next({input("4")})});
  EXPECT_EQ(log().head(script.session()).value(), script.head());
  EXPECT_EQ(log().runs(script.session()).value(), (std::vector{run_id(2), run_id(7)}));
  EXPECT_EQ(steps(script).front(), next.step.bytes);
  EXPECT_EQ(steps(script.session(), first.run).size(), 2U);
  for (auto const& run : {first.run, script.run()}) {
    auto const verified = read_verified(
        log(), script.session(), run, 1, Reading::run, [](auto const&) { return true; });
    EXPECT_TRUE(verified) << verified.error().detail;
  }
}

TEST_P(EventLogSuite, refuses_a_run_that_follows_no_end_of_its_session) {
  AppendScript script(log(), {"default", "a"});
  auto lost = script;
  lost.begin_run(run_id(2));
  expect_refused(lost.peek({lost.started()}), Errc::stale);  // there is no such session
  append({script.next({script.started()})});
  auto early = script;
  early.begin_run(run_id(2));
  expect_refused(early.peek({early.started()}), Errc::conflict);  // it has not ended
  script.set_status(SessionStatus::held);
  append({script.next({input("1")})});
  auto held = script;
  held.begin_run(run_id(2));
  expect_refused(held.peek({held.started()}), Errc::conflict);
  script.set_status(SessionStatus::failed);
  append({script.next({input("2")})});
  expect_refused(early.peek({early.started()}), Errc::stale);  // that was not its last step
  auto itself = script;
  itself.begin_run(script.run());
  expect_refused(itself.peek({itself.started()}), Errc::invalid);
  auto late = script.peek({input("3")});
  late.follows = Predecessor{run_id(2), {}};
  expect_refused(late, Errc::invalid);  // no first step
  auto good = script;
  good.begin_run(run_id(2));
  append({good.next({good.started()})});
  expect_refused(script.peek({input("4")}), Errc::stale);  // of the run before
  auto twice = script;
  twice.begin_run(run_id(3));
  expect_refused(twice.peek({twice.started()}), Errc::stale);
}

TEST_P(EventLogSuite, ends_a_run_and_begins_the_next_in_one_batch) {
  AppendScript script(log(), {"default", "a"});
  append({script.next({script.started()})});
  auto const before = log().info().last_commit;
  auto stale = script;
  stale.next({input("lost")});
  script.set_status(SessionStatus::continued);
  std::vector<Append> batch;
  batch.push_back(script.next({ContinuedAsNew{run_id(2), {}, {}, 0}}));
  script.begin_run(run_id(2));
  batch.push_back(script.next({script.started(), input("1")}));
  append(batch);
  EXPECT_EQ(log().info().last_commit, before + 1);
  EXPECT_EQ(log().head(script.session()).value(), script.head());
  // Where the end does not fit, the beginning does not either.
  stale.set_status(SessionStatus::continued);
  batch.clear();
  batch.push_back(stale.next({ContinuedAsNew{run_id(3), {}, {}, 0}}));
  stale.begin_run(run_id(3));
  batch.push_back(stale.next({stale.started()}));
  auto const receipt = log().append(batch).value();
  for (auto const& one : receipt.each) {
    ASSERT_FALSE(one);
    EXPECT_EQ(one.error().code, Errc::stale);
  }
  EXPECT_EQ(log().head(script.session()).value(), script.head());
}

TEST_P(EventLogSuite, keeps_errands_until_they_are_done) {
  auto const errands = [this] {
    std::set<Errand> found;
    EXPECT_TRUE(
        log().scan_errands([&](Errand const& errand) { return found.insert(errand).second; }));
    return found;
  };
  EXPECT_TRUE(errands().empty());
  AppendScript parent(log(), {"default", "parent"});
  AppendScript child(log(), {"default", "child"}, run_id(2));
  Errand const start{ErrandKind::start, parent.session(), parent.run(), OperationId{3}};
  Errand const other{ErrandKind::tell, parent.session(), parent.run(), OperationId{3}};
  Errand const report{ErrandKind::report, child.session(), child.run(), OperationId::none};
  auto first = parent.next({input("1")});
  first.errands_set = {start, other};
  append({first});
  EXPECT_EQ(errands(), (std::set{start, other}));
  auto second = child.next({input("1")});
  second.errands_set = {report, other};
  second.errands_done = {start, other};
  append({second});
  EXPECT_EQ(errands(), std::set{report});
  auto refused = parent.peek({input("2")});
  refused.errands_done = {report};
  refused.epoch = refused.head.epoch = 0;
  expect_refused(refused, Errc::fenced);
  EXPECT_EQ(errands(), std::set{report});
  reopen();
  EXPECT_EQ(errands(), std::set{report});
  std::size_t seen = 0;
  EXPECT_TRUE(log().scan_errands([&](Errand const&) {
    ++seen;
    return false;
  }));
  EXPECT_EQ(seen, 1U);
}

TEST_P(EventLogSuite, keeps_every_status_of_a_head) {
  std::uint8_t number = 0;
  for (auto const status : {SessionStatus::open,
                            SessionStatus::completed,
                            SessionStatus::failed,
                            SessionStatus::held,
                            SessionStatus::cancelled,
                            SessionStatus::continued}) {
    AppendScript script(log(), {"default", std::to_string(++number)});
    script.set_status(status);
    append({script.next({input("1")})});
  }
  reopen();
  for (std::uint8_t status = 0; status < number; ++status) {
    auto const head = log().head({"default", std::to_string(status + 1)});
    ASSERT_TRUE(head) << head.error().detail;
    EXPECT_EQ(static_cast<std::uint8_t>((*head)->status), status);
  }
}

TEST_P(EventLogSuite, refuses_an_older_epoch) {
  AppendScript script(log(), {"default", "a"});
  append({script.next({input("1")})});
  reopen();
  expect_refused(script.peek({input("2")}), Errc::fenced);
  AppendScript fresh(log(), {"default", "b"});
  fresh.set_epoch(log().info().epoch - 1);
  expect_refused(fresh.peek({input("1")}), Errc::fenced);
  script.set_epoch(log().info().epoch);
  append({script.next({input("2")})});
}

TEST_P(EventLogSuite, refuses_what_contradicts_itself_or_is_too_large) {
  AppendScript script(log(), {"default", "a"});
  auto wrong = script.peek({input("1")});
  wrong.first_sequence = 2;
  expect_refused(wrong, Errc::invalid);
  wrong = script.peek({input("1")});
  wrong.head.hash = Digest{};
  expect_refused(wrong, Errc::invalid);
  wrong = script.peek({input("1")});
  wrong.head.run = run_id(9);
  expect_refused(wrong, Errc::invalid);
  wrong = script.peek({input("1")});
  wrong.session.name.clear();
  expect_refused(wrong, Errc::invalid);
  wrong = script.peek({input("1")});
  wrong.artifacts.push_back({Digest{}, std::string(max_artifact_bytes + 1, 'x')});
  expect_refused(wrong, Errc::too_large);
}

TEST_P(EventLogSuite, takes_the_good_of_a_batch_and_leaves_the_bad) {
  AppendScript a(log(), {"default", "a"});
  AppendScript b(log(), {"default", "b"});
  AppendScript c(log(), {"default", "c"});
  append({b.next({input("1")})});
  auto const stale = b.peek({input("2")});
  append({b.next({input("2")})});
  auto timer_of_stale = stale;
  timer_of_stale.timers_set = {{at(7), b.session(), b.run(), OperationId{1}}};
  timer_of_stale.producer_keys = {{"k", 2}};

  std::vector const batch{a.next({input("1")}), timer_of_stale, c.next({input("1")})};
  auto const receipt = log().append(batch).value();
  EXPECT_EQ(receipt.number, log().info().last_commit);
  ASSERT_EQ(receipt.each.size(), 3U);
  EXPECT_TRUE(receipt.each[0].has_value());
  EXPECT_EQ(receipt.each[1].error().code, Errc::stale);
  EXPECT_TRUE(receipt.each[2].has_value());
  EXPECT_EQ(log().head(a.session()).value(), a.head());
  EXPECT_EQ(log().head(b.session()).value(), b.head());
  EXPECT_EQ(log().head(c.session()).value(), c.head());
  EXPECT_EQ(steps(b).size(), 2U);
  EXPECT_TRUE(timers().empty());
  EXPECT_FALSE(log().find_producer_key(b.session(), "k")->has_value());
}

TEST_P(EventLogSuite, takes_several_steps_of_one_session_in_one_batch) {
  AppendScript script(log(), {"default", "a"});
  std::vector<Append> batch;
  for (auto const* text : {"1", "2", "3"}) batch.push_back(script.next({input(text)}));
  append(batch);
  EXPECT_EQ(steps(script).size(), 3U);
  EXPECT_EQ(log().head(script.session()).value(), script.head());
  EXPECT_EQ(log().info().last_commit, 1U);

  // The second is refused, so the third does not continue the head either.
  auto const fourth = script.next({input("4")});
  auto fifth = script.next({input("5")});
  fifth.epoch = fifth.head.epoch = 0;
  auto const sixth = script.next({input("6")});
  auto const receipt = log().append(std::vector{fourth, fifth, sixth}).value();
  EXPECT_TRUE(receipt.each[0].has_value());
  EXPECT_EQ(receipt.each[1].error().code, Errc::fenced);
  EXPECT_EQ(receipt.each[2].error().code, Errc::stale);
  EXPECT_EQ(log().head(script.session()).value(), fourth.head);
}

TEST_P(EventLogSuite, does_nothing_for_an_empty_batch) {
  auto const receipt = log().append({}).value();
  EXPECT_EQ(receipt.number, 0U);
  EXPECT_TRUE(receipt.each.empty());
  EXPECT_EQ(log().info().last_commit, 0U);
}

TEST_P(EventLogSuite, scans_heads_in_order) {
  std::vector<SessionId> const sessions{
      {"b", "a"}, {"a", "b"}, {"a", "a/1"}, {"a", "a"}, {"default", "ä"}, {"a", "z"}};
  std::vector<std::pair<std::uint32_t, SessionId>> expected;
  for (auto const& session : sessions) {
    AppendScript script(log(), session);
    append({script.next({input("1")})});
    expected.emplace_back(partition_of(session, log().info().partitions), session);
  }
  std::ranges::sort(expected);
  std::vector<std::pair<std::uint32_t, SessionId>> found;
  ASSERT_TRUE(log().scan_heads([&](SessionId const& session, Head const& head) {
    EXPECT_EQ(head, log().head(session).value());
    found.emplace_back(partition_of(session, log().info().partitions), session);
    return true;
  }));
  EXPECT_EQ(found, expected);
}

TEST_P(EventLogSuite, keeps_every_field_of_a_head) {
  AppendScript script(log(), {"default", "a"});
  auto one = script.next({input("1")});
  one.head.workflow = "refund \xC3\xA4";
  one.head.status = SessionStatus::held;
  one.head.started_at = at(1'795'000'000'000'000);
  one.head.updated_at = at(1'795'000'000'000'007);
  one.head.checkpoint = 1;
  one.head.open_attempts = 3;
  append({one});
  EXPECT_EQ(log().head(script.session()).value(), one.head);
  reopen();
  EXPECT_EQ(log().head(script.session()).value(), one.head);
}

TEST_P(EventLogSuite, arms_timers_in_order_and_clears_them) {
  AppendScript a(log(), {"default", "a"});
  AppendScript b(log(), {"default", "b"});
  Timer const first{at(10), a.session(), a.run(), OperationId{1}};
  Timer const second{at(10), a.session(), a.run(), OperationId{300}};
  Timer const third{at(10), b.session(), b.run(), OperationId{1}};
  Timer const last{at(300), a.session(), a.run(), OperationId{2}};
  auto one = a.next({input("1")});
  one.timers_set = {last, second, first};
  auto other = b.next({input("1")});
  other.timers_set = {third};
  append({other, one});
  EXPECT_EQ(timers(), (std::vector{first, second, third, last}));
  EXPECT_EQ(timers(at(10), at(10)), (std::vector{first, second, third}));
  EXPECT_EQ(timers(at(11), at(299)), std::vector<Timer>{});
  EXPECT_EQ(timers(at(11), at(300)), std::vector{last});
  EXPECT_EQ(timers(at(0), at(9)), std::vector<Timer>{});
  EXPECT_EQ(timers(at(0), at(1000), 2), (std::vector{first, second}));
  EXPECT_TRUE(timers(at(0), at(1000), 0).empty());
  auto clears = a.next({input("2")});
  clears.timers_cleared = {first, last};
  append({clears});
  reopen();
  EXPECT_EQ(timers(), (std::vector{second, third}));
}

TEST_P(EventLogSuite, does_not_arm_a_timer_that_the_same_step_clears) {
  AppendScript script(log(), {"default", "a"});
  Timer const timer{at(10), script.session(), script.run(), OperationId{1}};
  auto both = script.next({input("1")});
  both.timers_set = {timer};
  both.timers_cleared = {timer};
  append({both});
  EXPECT_TRUE(timers().empty());
  auto sets = script.next({input("2")});
  sets.timers_set = {timer};
  auto clears = script.next({input("3")});
  clears.timers_cleared = {timer};
  auto sets_again = script.next({input("4")});
  sets_again.timers_set = {timer};
  append({sets, clears, sets_again});  // in order
  EXPECT_EQ(timers(), std::vector{timer});
}

TEST_P(EventLogSuite, finds_producer_keys_of_their_session) {
  AppendScript script(log(), {"default", "a"});
  auto one = script.next({input("1")});
  one.producer_keys = {{"key-1", 1}};
  auto two = script.next({input("2"), input("3")});
  two.producer_keys = {{std::string("key\0-2", 6), 2}, {std::string(300, 'k'), 3}};
  append({one, two});
  reopen();
  EXPECT_EQ(log().find_producer_key(script.session(), "key-1").value(), Sequence{1});
  EXPECT_EQ(log().find_producer_key(script.session(), std::string("key\0-2", 6)).value(),
            Sequence{2});
  EXPECT_EQ(log().find_producer_key(script.session(), std::string(300, 'k')).value(), Sequence{3});
  EXPECT_FALSE(log().find_producer_key(script.session(), "key")->has_value());
  EXPECT_FALSE(log().find_producer_key(script.session(), "key-11")->has_value());
  EXPECT_FALSE(log().find_producer_key({"default", "b"}, "key-1")->has_value());
}

TEST_P(EventLogSuite, finds_the_newest_checkpoint) {
  AppendScript script(log(), {"default", "a"});
  auto one = script.next({input("1"), CheckpointTaken{}});
  one.checkpoints = {{2, "state at 2"}};
  auto two = script.next({input("3"), CheckpointTaken{}});
  two.checkpoints = {{4, std::string(100'000, 's')}};
  append({one, two});
  reopen();
  auto const newest = [&](Sequence at_most) {
    return log().newest_checkpoint(script.session(), script.run(), at_most).value();
  };
  EXPECT_FALSE(newest(1).has_value());
  EXPECT_EQ(newest(2)->bytes, "state at 2");
  EXPECT_EQ(newest(3)->sequence, 2U);
  EXPECT_EQ(newest(4)->bytes, std::string(100'000, 's'));
  EXPECT_EQ(newest(~Sequence{0})->sequence, 4U);
  EXPECT_EQ(log().checkpoints(script.session(), script.run()).value(),
            (std::vector<Sequence>{2, 4}));
  EXPECT_FALSE(log().newest_checkpoint(script.session(), run_id(0), 9)->has_value());
  EXPECT_FALSE(log().newest_checkpoint(script.session(), run_id(2), 9)->has_value());
  EXPECT_TRUE(log().checkpoints({"default", "b"}, script.run())->empty());
}

TEST_P(EventLogSuite, keeps_artifacts_and_secrets_of_their_session) {
  AppendScript script(log(), {"default", "a"});
  SessionSecret secret;
  secret.bytes.fill(0x5A);
  auto const large = sha256({"large"});
  auto one = script.next({input("1")});
  one.secret = secret;
  one.artifacts = {{sha256({"small"}), std::string("a\0b", 3)},
                   {large, std::string(1'000'000, 'x')}};
  append({one});
  AppendScript without(log(), {"default", "b"});
  append({without.next({input("1")})});
  reopen();
  EXPECT_EQ(log().artifact(script.session(), sha256({"small"})).value(), std::string("a\0b", 3));
  EXPECT_EQ(log().artifact(script.session(), large).value().size(), 1'000'000U);
  EXPECT_EQ(log().secret(script.session()).value(), secret);
  EXPECT_EQ(log().artifact(script.session(), sha256({"none"})).error().code, Errc::not_found);
  EXPECT_EQ(log().artifact(without.session(), large).error().code, Errc::not_found);
  EXPECT_EQ(log().secret(without.session()).error().code, Errc::not_found);
  EXPECT_EQ(log().secret({"default", "c"}).error().code, Errc::not_found);
}

TEST_P(EventLogSuite, keeps_a_vault_for_each_session_apart_from_its_secret) {
  AppendScript a(log(), {"default", "a"});
  AppendScript ab(log(), {"default", "ab"});
  auto one = a.next({input("1")});
  one.secret = SessionSecret{};
  one.vault = {{"original/1", "x"}, {"key", std::string("k\0", 2)}};
  auto other = ab.next({input("1")});
  other.vault = {{"key", "other"}};
  append({one, other});
  auto two = a.next({input("2")});
  two.vault = {{"original/2", "y"}};
  append({two});
  ASSERT_TRUE(log().put_vault(a.session(), std::vector<VaultRecord>{{"key", "new"}}));
  reopen();
  EXPECT_EQ(log().vault_record(a.session(), "key").value(), "new");
  EXPECT_EQ(log().vault_record(a.session(), "original").value(), std::nullopt);
  EXPECT_EQ(log().vault_record({"default", "c"}, "key").value(), std::nullopt);
  std::vector<VaultRecord> records;
  ASSERT_TRUE(log().scan_vault(a.session(), [&](VaultRecord const& record) {
    records.push_back(record);
    return records.size() < 2;
  }));
  EXPECT_EQ(records, (std::vector<VaultRecord>{{"key", "new"}, {"original/1", "x"}}));
  EXPECT_EQ(log().put_vault(a.session(), std::vector<VaultRecord>{{"Key", ""}}).error().code,
            Errc::invalid);
  a.set_epoch(log().info().epoch);
  auto bad = a.next({input("3")});
  bad.vault = {{"", "x"}};
  EXPECT_EQ(log().append({&bad, 1})->each.front().error().code, Errc::invalid);
}

TEST_P(EventLogSuite, destroys_a_vault_with_the_secret_and_nothing_else) {
  if (GetParam().for_runtimes) GTEST_SKIP() << "an operator does this";
  AppendScript a(log(), {"default", "a"});
  AppendScript b(log(), {"default", "b"});
  auto one = a.next({input("1")});
  one.secret = SessionSecret{};
  one.vault = {{"key", "x"}, {"original/1", "y"}};
  auto other = b.next({input("1")});
  other.secret = SessionSecret{};
  other.vault = {{"key", "z"}};
  append({one, other});
  ASSERT_TRUE(log().destroy_vault(a.session(), std::vector<VaultRecord>{{"erased", "when"}}));
  reopen();
  EXPECT_EQ(log().secret(a.session()).error().code, Errc::not_found);
  EXPECT_EQ(log().vault_record(a.session(), "key").value(), std::nullopt);
  EXPECT_EQ(log().vault_record(a.session(), "original/1").value(), std::nullopt);
  EXPECT_EQ(log().vault_record(a.session(), "erased").value(), "when");
  EXPECT_TRUE(log().secret(b.session()));
  EXPECT_EQ(log().vault_record(b.session(), "key").value(), "z");
  EXPECT_EQ(log().head(a.session()).value()->last_sequence, 1U);
  a.set_epoch(log().info().epoch);
  append({a.next({input("2")})});
}

TEST_P(EventLogSuite, writes_one_commit_record_for_each_batch) {
  AppendScript a(log(), {"default", "a"});
  AppendScript b(log(), {"default", "b"});
  std::vector const batches{
      std::vector{a.next({input("1")})},
      std::vector{b.next({input("1"), input("2")}), a.next({input("2")}), a.next({input("3")})},
      std::vector{b.next({input("3")})}};
  for (auto const& batch : batches) append(batch);
  reopen();

  std::size_t index = 0;
  Digest previous;
  ASSERT_TRUE(log().read_commits(1, [&](CommitRecord const& record, Digest const& digest) {
    auto const& batch = batches.at(index++);
    EXPECT_EQ(record.generation, 1U);
    EXPECT_EQ(record.number, index);
    EXPECT_EQ(record.previous, previous);
    EXPECT_EQ(record.steps.size(), batch.size());
    std::vector<Digest> hashes;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      auto const& one = batch[i];
      auto const partition = partition_of(one.session, log().info().partitions);
      EXPECT_EQ(record.steps.at(i).key,
                step_key(partition, one.session, one.run, one.first_sequence));
      EXPECT_EQ(record.steps.at(i).last_sequence, one.head.last_sequence);
      EXPECT_EQ(log().step_at(record.steps.at(i).key).value(), one.step.bytes);
      hashes.push_back(one.step.hash);
    }
    auto const stored = encode_commit(record);
    EXPECT_EQ(digest, commit_digest(stored.key, stored.value, hashes));
    previous = digest;
    return true;
  }));
  EXPECT_EQ(index, batches.size());
  EXPECT_EQ(log().info().last_commit, 3U);
  EXPECT_EQ(log().info().last_commit_digest, previous);
  EXPECT_EQ(log().info().watermark_commit, 3U);

  std::vector<std::uint64_t> numbers;
  ASSERT_TRUE(log().read_commits(2, [&](CommitRecord const& record, Digest const&) {
    numbers.push_back(record.number);
    return true;
  }));
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(log().step_at("no such key").error().code, Errc::not_found);
}

TEST_P(EventLogSuite, keeps_meta) {
  EXPECT_FALSE(log().get_meta("mark")->has_value());
  ASSERT_TRUE(log().put_meta("mark", "1"));
  ASSERT_TRUE(log().put_meta("mark", std::string_view("2\0", 2)));
  ASSERT_TRUE(log().put_meta("other", ""));
  reopen();
  EXPECT_EQ(log().get_meta("mark").value(), std::string("2\0", 2));
  EXPECT_EQ(log().get_meta("other").value(), "");
  EXPECT_FALSE(log().get_meta("mar")->has_value());
}

TEST_P(EventLogSuite, takes_a_new_epoch_and_keeps_everything_when_reopened) {
  AppendScript script(log(), {"default", "a"});
  append({script.next({input("1")})});
  auto const before = log().info();
  for (std::uint64_t times = 1; times <= 3; ++times) {
    reopen();
    auto const after = log().info();
    EXPECT_EQ(after.epoch, before.epoch + times);
    EXPECT_EQ(after.log_id, before.log_id);
    EXPECT_EQ(after.partitions, before.partitions);
    EXPECT_EQ(after.last_commit, before.last_commit);
    EXPECT_EQ(after.last_commit_digest, before.last_commit_digest);
    EXPECT_EQ(log().head(script.session()).value(), script.head());
    EXPECT_EQ(steps(script).size(), 1U);
  }
  script.set_epoch(log().info().epoch);
  append({script.next({input("2")})});
  EXPECT_EQ(log().info().last_commit, 2U);
}

TEST_P(EventLogSuite, keeps_everything_when_compacted) {
  AppendScript script(log(), {"default", "a"});
  for (int i = 0; i < 20; ++i) append({script.next({input(std::string(2000, 'x'))})});
  ASSERT_TRUE(log().compact());
  EXPECT_EQ(steps(script).size(), 20U);
  append({script.next({input("more")})});
  EXPECT_EQ(steps(script).size(), 21U);
}

TEST_P(EventLogSuite, reads_a_chain_that_verifies) {
  AppendScript script(log(), {"default", "a"});
  for (int i = 0; i < 5; ++i) append({script.next({input("x"), input("y")})});
  for (Sequence const from : {0U, 1U, 4U, 10U}) {
    std::size_t count = 0;
    auto const read = read_verified(
        log(), script.session(), script.run(), from, Reading::run, [&](auto const& step) {
          count += step.step.events.size();
          return true;
        });
    EXPECT_TRUE(read.has_value()) << read.error().detail;
    EXPECT_EQ(count, from == 4 ? 8U : from == 10 ? 2U : 10U);
  }
}

TEST_P(EventLogSuite, keeps_a_journal) {
  if (GetParam().for_runtimes) GTEST_SKIP() << "an operator does this";
  EXPECT_TRUE(read_journal(log())->empty());
  ASSERT_TRUE(append_to_journal(log(), {OperatorActed{"ann", "hold", "incident"}}, at(5)));
  reopen();
  ASSERT_TRUE(append_to_journal(
      log(), {Released{"bob", "over"}, OperatorActed{"bob", "release", ""}}, at(3)));
  auto const events = read_journal(log()).value();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0], (Event{1, OperationId::none, OperatorActed{"ann", "hold", "incident"}}));
  EXPECT_EQ(events[1], (Event{2, OperationId::none, Released{"bob", "over"}}));
  EXPECT_EQ(log().head(journal_session()).value()->updated_at, at(5));
}

TEST_P(EventLogSuite, may_be_read_while_it_is_written) {
  AppendScript script(log(), {"default", "a"});
  append({script.next({input("1")})});
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      auto const read = read_verified(
          log(), script.session(), run_id(1), 1, Reading::run, [](auto const&) { return true; });
      EXPECT_TRUE(read.has_value()) << read.error().detail;
      EXPECT_GE(log().head({"default", "a"}).value()->last_sequence, 1U);
      EXPECT_TRUE(log().timers(at(0), at(100), 10).has_value());
    }
  });
  for (int i = 0; i < 50; ++i) append({script.next({input("x")})});
  done = true;
  reader.join();
}

TEST_P(EventLogSuite, behaves_as_a_naive_model_does) {
  auto params = rc::detail::configuration().testParams;
  params.maxSuccess = GetParam().random_histories;
  rc::detail::TestMetadata metadata;
  metadata.id = metadata.description = "EventLogSuite/model/" + GetParam().name;
  auto const outcome = rc::detail::checkTestable(
      [] {
        auto const store = GetParam().make_empty_store();
        follow_model([&]() -> EventLog& { return store->log(); }, [&] { store->reopen(); });
      },
      metadata,
      params);
  std::ostringstream report;
  rc::detail::printResultMessage(outcome, report);
  EXPECT_TRUE(outcome.is<rc::detail::SuccessResult>()) << report.str();
}

}  // namespace dalsegno::storage::test
