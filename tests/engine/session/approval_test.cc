// Calls that policy permits only with approval, and workflows that ask people.

#include "engine/session/approval.h"

#include "dalsegno/payload.h"
#include "storage/log/chain.h"
#include "storage/rocksdb/session_fold.h"
#include "tests/engine/session/session_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace dalsegno::engine {
namespace {

using namespace std::chrono_literals;
using test::find_body;
using test::names_of;
using test::SessionDriver;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Pays that often, a cent more each time; says how each payment ended.
Workflow<std::string> pay(Context& ctx, int times) {
  std::string ends;
  for (int i = 0; i < times; ++i) {
    try {
      ends += co_await ctx.tool<std::string>("pay", Json().set("cents", i)) + ";";
    } catch (ApprovalDenied const& denied) {
      ends += denied.type() + " by " + denied.rules().front() + ": " + denied.what() + ";";
    } catch (PolicyDenied const& denied) {
      ends += denied.type() + ";";
    } catch (ActivityFailed const& failed) {
      ends += failed.type() + ";";
    }
  }
  co_return ends;
}

SessionDriver payer(std::string_view approval) {
  SessionDriver out(define_workflow("pay", pay));
  out.policy = PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
    {"id": "asked", "effect": "permit", "actions": ["tool.call"], "reason": "money leaves",
     "obligations": {"require_approval": )" +
                                std::string(approval) + "}}]}")
                   .value();
  return out;
}

constexpr std::string_view one_lead = R"({"roles": ["lead"], "count": 1, "within": "1h"})";
constexpr std::string_view two_leads = R"({"roles": ["lead*"], "count": 2, "within": "1h"})";

std::string ended(SessionDriver const& session) {
  return session.end ? session.end->result : "still open";
}

Errc refusal(Result<SessionDriver::Events> const& answered) {
  EXPECT_FALSE(answered);
  return answered ? Errc::undecidable : answered.error().code;
}

/// Plays what happens, and after each step compares the timers that a repair would rebuild from the
/// steps alone.
class Repaired {
 public:
  explicit Repaired(SessionDriver& session) : session_(session) {}

  void operator()(SessionDriver::Events const& events) {
    EXPECT_FALSE(events.empty());
    storage::SessionFold fold(session_.id);
    auto const run = session_.session->state().run;
    auto const read = storage::read_verified(
        *session_.log, session_.id, run, 1, storage::Reading::run, [&](auto const& step) {
          EXPECT_TRUE(fold.add(step));
          return true;
        });
    EXPECT_TRUE(read);
    EXPECT_EQ(fold.timers(), session_.log->timers(Time{}, Time::max(), 10).value())
        << "after " << names_of(events).back();
    EXPECT_EQ(fold.head(), session_.log->head(session_.id).value());
  }

 private:
  SessionDriver& session_;
};

TEST(Approval, timers_can_be_rebuilt_from_the_steps_alone) {
  auto session = payer(R"({"roles": ["lead"], "count": 2, "within": "4h",
                           "escalate_after": "1h", "escalate_to": ["director"]})");
  Repaired then(session);
  then(session.start("2"));
  then(session.take(session.answer_of(1, "ann", {"lead"})));
  then(session.fire_next());
  then(session.fire_next());  // escalates
  then(session.take(session.answer_of(1, "dora", {"director"})));
  then(session.fire_next());  // starts
  then(session.fail(1, 1));
  then(session.fire_next());
  then(session.complete(1, R"("paid")", 2));
  then(session.take(session.answer_of(2, "ann", {"lead"}, false)));
  then(session.fire_next());

  auto ignored = payer(one_lead);
  Repaired and_then(ignored);
  and_then(ignored.start("1"));
  and_then(ignored.fire_next());

  auto forbidden = payer(one_lead);
  Repaired at_last(forbidden);
  at_last(forbidden.start("1"));
  forbidden.policy = PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
      {"id": "closed", "effect": "forbid", "actions": ["*.call"]}]})")
                         .value();
  at_last(forbidden.take(forbidden.answer_of(1, "ann", {"lead"})));
  at_last(forbidden.fire_next());
}

TEST(Approval, a_name_that_was_redacted_does_not_hide_the_requester) {
  auto session = payer(one_lead);
  session.start("1");
  auto answer = session.answer_of(1, "[secret:email:0123456789abcdef]", {"lead"});
  answer.plain_by = "Tester";
  EXPECT_EQ(refusal(session.try_take(answer)), Errc::denied);
  answer.plain_by = "ann";
  EXPECT_TRUE(session.try_take(answer));
}

/// Waits for somebody's signal before it pays.
Workflow<std::string> pay_when_told(Context& ctx, int) {
  co_await ctx.receive<int>("go");
  co_return co_await ctx.tool<std::string>("pay", 0);
}

SessionDriver told_payer() {
  SessionDriver session(define_workflow("pay_when_told", pay_when_told));
  session.policy = payer(two_leads).policy;
  session.start("0");
  session.take(SignalInput{"noise", "1", "", "Ann"});
  session.take(SignalInput{"go", "1", "", "rita"});
  return session;
}

TEST(Approval, is_not_given_by_who_sent_a_signal_that_the_request_may_come_from) {
  auto session = told_payer();
  session.take(SignalInput{"noise", "1", "", "bob"});
  for (auto const* const sender : {"ann", "Rita "})
    EXPECT_EQ(refusal(session.try_take(session.answer_of(2, sender, {"lead"}))), Errc::denied);
  auto redacted = session.answer_of(2, "[secret:email:0123456789abcdef]", {"lead"});
  redacted.plain_by = "rita";
  EXPECT_EQ(refusal(session.try_take(redacted)), Errc::denied);
  EXPECT_TRUE(session.try_take(session.answer_of(2, "bob", {"lead"})))
      << "whose signal came after it";
  session.expect_replays();
}

TEST(Approval, a_senders_answer_counts_for_nothing_whoever_wrote_it_into_the_log) {
  auto session = told_payer();
  auto state = session.session->state();
  auto const& operation = state.operations.at(OperationId{2});
  for (auto const* const by : {"rita", "ann"}) {
    storage::ApprovalGiven given;
    given.granted = true;
    given.by = by;
    given.input_digest = operation.input_digest;
    given.roles = {"lead"};
    apply(state, {state.last_sequence + 1, OperationId{2}, given}, session.now);
  }
  EXPECT_EQ(grants_of(operation.approvals.front()), 0U);
}

TEST(Approval, of_a_session_that_was_recorded_under_older_rules_is_replayed_under_them) {
  auto session = told_payer();
  auto state = SessionState{};
  for (auto event : session.history()) {
    if (auto* const started = std::get_if<storage::SessionStarted>(&event.body))
      started->rules_version = 1;
    apply(state, event, session.now);
  }
  EXPECT_TRUE(state.senders.empty());
}

TEST(Approval, is_refused_where_policy_forbids_who_gives_it) {
  auto session = payer(two_leads);
  session.policy = PolicySet::parse(R"({"dalsegno_policy": 1, "name": "till", "rules": [
    {"id": "asked", "effect": "permit", "actions": ["tool.call"], "reason": "money leaves",
     "obligations": {"require_approval": {"roles": ["lead*"], "count": 2, "within": "1h"}}},
    {"id": "people", "effect": "permit", "actions": ["approval.give"]},
    {"id": "not-eve", "effect": "forbid", "actions": ["approval.give"],
     "resources": ["default/*/pay"], "principals": {"ids": ["eve"]}, "reason": "she is new"}]})")
                       .value();
  session.start("1");
  auto const refused = session.try_take(session.answer_of(1, "eve", {"lead"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::denied);
  EXPECT_EQ(refused.error().detail, "policy \"till\" denies approval.give to eve: she is new");
  EXPECT_TRUE(session.try_take(session.answer_of(1, "ann", {"lead"})));
}

TEST(Approval, a_call_that_needs_one_waits_and_starts_once_it_is_given) {
  auto session = payer(one_lead);
  auto const events = session.start("1");
  EXPECT_THAT(
      names_of(events),
      ElementsAre(
          "SessionStarted", "OperationRequested 1", "PolicyDecided 1", "ApprovalRequested 1"));
  auto const request = find_body<storage::ApprovalRequested>(events).value();
  EXPECT_EQ(request.rule, "asked");
  EXPECT_EQ(request.reason, "money leaves");
  EXPECT_THAT(request.approvers, ElementsAre("lead"));
  EXPECT_EQ(request.expires, session.now + 1h);
  EXPECT_THAT(session.attempts, IsEmpty());

  session.now += 10min;
  EXPECT_THAT(names_of(session.take(session.answer_of(1, "ann", {"lead"}))),
              ElementsAre("ApprovalGiven 1"));
  EXPECT_THAT(session.attempts, IsEmpty()) << "the answer itself runs nothing";
  auto const started = session.fire_next();
  EXPECT_THAT(names_of(started),
              ElementsAre("TimerFired 1", "PolicyDecided 1", "AttemptStarted 1"));
  auto const again = find_body<storage::PolicyDecided>(started).value();
  EXPECT_THAT(again.attributes, testing::Contains(storage::NamedValue{"approval", R"(["ann"])"}));
  ASSERT_EQ(session.attempts.size(), 1U);
  session.complete(1, R"("paid")");
  EXPECT_EQ(ended(session), R"("paid;")");
  session.expect_replays();
}

TEST(Approval, one_who_denies_ends_the_call_and_the_workflow_is_told_who_and_why) {
  auto session = payer(two_leads);
  session.start("1");
  session.take(session.answer_of(1, "ann", {"leads"}));
  session.fire_next();
  session.take(session.answer_of(1, "bob", {"lead"}, false));
  auto const events = session.fire_next();
  EXPECT_THAT(names_of(events),
              ElementsAre("TimerFired 1", "OperationFailed 1", "SessionCompleted"));
  EXPECT_EQ(ended(session), R"("approval_denied by asked: bob denied it: too risky;")");
  EXPECT_THAT(session.attempts, IsEmpty());
  session.expect_replays();
}

TEST(Approval, a_quorum_counts_different_people_and_never_the_requester) {
  auto session = payer(two_leads);
  session.start("1");
  EXPECT_EQ(refusal(session.try_take(session.answer_of(1, "tester", {"lead"}))), Errc::denied);
  EXPECT_EQ(refusal(session.try_take(session.answer_of(1, " Tester", {"lead"}))), Errc::denied);
  EXPECT_EQ(refusal(session.try_take(session.answer_of(1, " ", {"lead"}))), Errc::invalid);
  EXPECT_EQ(refusal(session.try_take(session.answer_of(1, "eve", {"clerk"}))), Errc::denied);
  session.take(session.answer_of(1, "ann", {"lead"}));
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("TimerFired 1"));
  EXPECT_EQ(refusal(session.try_take(session.answer_of(1, "ANN", {"lead"}))), Errc::conflict);
  EXPECT_THAT(session.attempts, IsEmpty());
  session.take(session.answer_of(1, "bob", {"lead"}));
  session.fire_next();
  EXPECT_EQ(session.attempts.size(), 1U);
  session.expect_replays();
}

TEST(Approval, an_answer_to_other_arguments_is_refused) {
  auto session = payer(one_lead);
  session.start("2");
  auto const first = session.answer_of(1, "ann", {"lead"});
  session.take(first);
  session.fire_next();
  session.complete(1, R"("paid")");
  // The second call differs by a cent: what was said of the first does not count for it.
  auto replayed = first;
  replayed.operation = OperationId{2};
  auto const refused = session.try_take(replayed);
  EXPECT_EQ(refusal(refused), Errc::invalid);
  EXPECT_THAT(refused.error().detail, HasSubstr("other arguments"));
  EXPECT_EQ(refusal(session.try_take(first)), Errc::not_found) << "operation 1 is over";
  EXPECT_THAT(session.attempts.size(), 1U);
}

TEST(Approval, what_is_not_given_in_time_fails_and_no_clock_revives_it) {
  auto session = payer(one_lead);
  session.start("1");
  auto const late = session.answer_of(1, "ann", {"lead"});
  session.now += 1h;
  EXPECT_EQ(refusal(session.try_take(late)), Errc::ended);
  session.fire_next();
  EXPECT_THAT(ended(session), HasSubstr("approval_expired by asked"));
  session.now -= 30min;
  EXPECT_EQ(refusal(session.try_take(late)), Errc::ended);
  EXPECT_THAT(session.attempts, IsEmpty());
  session.expect_replays();
}

TEST(Approval, a_clock_that_was_set_back_does_not_lengthen_a_request) {
  auto session = payer(two_leads);
  session.start("1");
  session.now += 59min;
  session.take(session.answer_of(1, "ann", {"lead"}));
  session.now -= 50min;
  auto const events = session.take(session.answer_of(1, "bob", {"lead"}));
  EXPECT_GE(session.last_recorded_at, test::first_moment + 59min) << "log time stays";
  session.now += 2h;
  session.fire_next();
  // Given in time, but too late to be of use: asked again.
  EXPECT_THAT(session.attempts, IsEmpty());
  EXPECT_TRUE(waits_for_approval(session.session->state().operations.at(OperationId{1})));
  session.expect_replays();
}

TEST(Approval, a_retry_needs_no_new_one_until_the_first_has_lapsed) {
  auto session = payer(one_lead);
  session.start("1");
  session.take(session.answer_of(1, "ann", {"lead"}));
  session.fire_next();
  session.fail(1, 1);
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "PolicyDecided 1", "AttemptStarted 1"));
  session.now += 1h;
  session.fail(1, 2);
  auto const events = session.fire_next();
  EXPECT_THAT(names_of(events),
              ElementsAre("TimerFired 1", "PolicyDecided 1", "ApprovalRequested 1"));
  EXPECT_EQ(find_body<storage::ApprovalRequested>(events)->attempt, 3U);
  EXPECT_THAT(find_body<storage::PolicyDecided>(events)->attributes,
              ElementsAre(storage::NamedValue{"taint", "[]"}))
      << "nobody's approval is of use any more";
  session.take(session.answer_of(1, "ann", {"lead"}));
  session.fire_next();
  session.complete(1, R"("paid")", 3);
  EXPECT_EQ(ended(session), R"("paid;")");
  session.expect_replays();
}

TEST(Approval, escalation_asks_more_people_and_keeps_what_was_said) {
  auto session = payer(R"({"roles": ["lead"], "count": 2, "within": "4h",
                           "escalate_after": "1h", "escalate_to": ["director"]})");
  session.start("1");
  session.take(session.answer_of(1, "ann", {"lead"}));
  session.fire_next();
  EXPECT_EQ(refusal(session.try_take(session.answer_of(1, "dora", {"director"}))), Errc::denied);
  auto const events = session.fire_next();
  EXPECT_EQ(session.now, test::first_moment + 1h);
  EXPECT_THAT(names_of(events), ElementsAre("TimerFired 1", "ApprovalRequested 1"));
  EXPECT_THAT(find_body<storage::ApprovalRequested>(events)->approvers,
              ElementsAre("lead", "director"));
  session.restart();
  session.take(session.answer_of(1, "dora", {"director"}));
  session.fire_next();
  EXPECT_EQ(session.attempts.size(), 1U);
  session.expect_replays();
}

TEST(Approval, policy_decides_anew_once_it_is_given) {
  auto session = payer(one_lead);
  session.start("1");
  session.policy = PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
      {"id": "closed", "effect": "forbid", "actions": ["*.call"]}]})")
                       .value();
  session.take(session.answer_of(1, "ann", {"lead"}));
  session.fire_next();
  EXPECT_EQ(ended(session), R"("policy_denied;")");
  EXPECT_THAT(session.attempts, IsEmpty());
  session.expect_replays();
}

TEST(Approval, on_harder_terms_than_it_was_given_is_asked_for_again) {
  auto session = payer(one_lead);
  session.start("1");
  session.policy = payer(two_leads).policy;
  session.take(session.answer_of(1, "ann", {"lead"}));
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "PolicyDecided 1", "ApprovalRequested 1"));
  session.take(session.answer_of(1, "ann", {"lead"}));
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("TimerFired 1"));
  session.take(session.answer_of(1, "bob", {"lead"}));
  session.fire_next();
  EXPECT_EQ(session.attempts.size(), 1U);
  session.expect_replays();
}

TEST(Approval, of_two_rules_both_are_needed) {
  auto session = payer(one_lead);
  session.policy = PolicySet::parse(R"({"dalsegno_policy": 1, "rules": [
    {"id": "desk", "effect": "permit", "actions": ["tool.call"],
     "obligations": {"require_approval": {"roles": ["lead"], "count": 1, "within": "1h"}}},
    {"id": "risk", "effect": "permit", "actions": ["tool.call"],
     "obligations": {"require_approval": {"ids": ["rita"], "count": 1, "within": "2h"}}}]})")
                       .value();
  session.start("1");
  session.take(session.answer_of(1, "ann", {"lead"}));
  EXPECT_THAT(names_of(session.fire_next()), ElementsAre("TimerFired 1"));
  session.take(session.answer_of(1, "rita", {}));
  session.fire_next();
  EXPECT_EQ(session.attempts.size(), 1U);
  session.expect_replays();
}

TEST(Approval, an_answer_can_be_recorded_where_the_workflow_is_not) {
  auto session = payer(two_leads);
  session.start("1");
  ASSERT_TRUE(session.try_answer_outside(session.answer_of(1, "ann", {"lead"})));
  EXPECT_EQ(refusal(session.try_answer_outside(session.answer_of(1, "ann", {"lead"}))),
            Errc::conflict);
  ASSERT_TRUE(session.try_answer_outside(session.answer_of(1, "bob", {"lead"})));
  session.fire_next();
  EXPECT_EQ(session.attempts.size(), 1U);
  EXPECT_EQ(session.now, test::first_moment) << "due at once";
  session.complete(1, R"("paid")");
  EXPECT_EQ(ended(session), R"("paid;")");
  EXPECT_TRUE(session.log->timers(Time{}, Time::max(), 1).value().empty());
  session.expect_replays();
}

TEST(Approval, that_is_waited_for_ends_with_a_cancelled_session) {
  auto session = payer(one_lead);
  session.start("1");
  session.take(CancelInput{"bob", "enough"});
  EXPECT_EQ(session.end->status, storage::SessionStatus::cancelled);
  EXPECT_TRUE(session.log->timers(Time{}, Time::max(), 1).value().empty());
  EXPECT_EQ(refusal(session.try_take(session.answer_of(1, "ann", {"lead"}))), Errc::ended);
}

// ---- asked by the workflow ----

Workflow<std::string> ask(Context& ctx, std::string what) {
  auto const answer = co_await ctx.approval({.what = what,
                                             .why = "more than 100",
                                             .risk = Risk::money,
                                             .approvers = {"lead", "id:rita"},
                                             .expires = 1h,
                                             .escalate_after = 30min,
                                             .escalate_to = {"director"}},
                                            Json().set("order", "A-7"));
  co_return to_json(answer);
}

TEST(Approval, a_workflow_asks_and_gets_the_answer) {
  SessionDriver session(define_workflow("ask", ask));
  auto const events = session.start(R"("refund")");
  EXPECT_THAT(names_of(events),
              ElementsAre("SessionStarted", "OperationRequested 1", "ApprovalRequested 1"));
  auto const requested = find_body<storage::OperationRequested>(events).value();
  EXPECT_EQ(requested.kind, storage::OperationKind::approval);
  EXPECT_EQ(requested.name, "refund");
  EXPECT_EQ(requested.input.bytes, R"({"order":"A-7"})");
  session.take(session.answer_of(1, "rita", {}));
  EXPECT_THAT(names_of(session.fire_next()),
              ElementsAre("TimerFired 1", "OperationCompleted 1", "SessionCompleted"));
  EXPECT_EQ(from_json<std::string>(ended(session)),
            R"({"by":["rita"],"outcome":"granted","reason":"looks right"})");
  session.expect_replays();
}

TEST(Approval, a_workflow_is_told_that_it_was_denied_or_that_nobody_answered) {
  SessionDriver denied(define_workflow("ask", ask));
  denied.start(R"("refund")");
  denied.take(denied.answer_of(1, "ann", {"lead"}, false));
  denied.fire_next();
  EXPECT_EQ(from_json<std::string>(ended(denied)),
            R"({"by":["ann"],"outcome":"denied","reason":"too risky"})");
  denied.expect_replays();

  SessionDriver ignored(define_workflow("ask", ask));
  ignored.start(R"("refund")");
  EXPECT_THAT(names_of(ignored.fire_next()), ElementsAre("TimerFired 1", "ApprovalRequested 1"));
  ignored.fire_next();
  EXPECT_EQ(ignored.now, test::first_moment + 1h);
  EXPECT_EQ(from_json<std::string>(ended(ignored)), R"({"by":[],"outcome":"expired","reason":""})");
  ignored.expect_replays();
}

Workflow<std::string> ask_over_checkpoints(Context& ctx, int round) {
  co_await ctx.checkpoint(round);
  auto asked =
      ctx.approval({.what = "go", .approvers = {"lead"}, .quorum = 2, .expires = 24h}).named("go");
  asked.begin();
  co_await ctx.sleep(1min);
  if (round < 2) {
    ++round;
    co_await ctx.checkpoint(round);
  }
  auto const answer = co_await std::move(asked);
  co_return answer.by.back();
}

Workflow<std::string> ask_when_told(Context& ctx, int round) {
  co_await ctx.checkpoint(round);
  if (round == 0) co_await ctx.receive<int>("go");
  auto asked = ctx.approval({.what = "go", .approvers = {"lead"}, .expires = 24h}).named("go");
  asked.begin();
  if (round == 0) co_await ctx.checkpoint(1);
  auto const answer = co_await std::move(asked);
  co_return answer.by.back();
}

TEST(Approval, who_sent_a_signal_before_the_request_is_known_after_a_checkpoint) {
  SessionDriver session(define_workflow("ask", ask_when_told));
  session.start("0");
  session.signal("go", "1");
  ASSERT_GE(session.checkpoints().size(), 1U);
  session.restart({ReplayFrom::Kind::newest_checkpoint, 0});
  ASSERT_FALSE(session.session->state().senders.empty());
  EXPECT_EQ(refusal(session.try_take(session.answer_of(2, "sender", {"lead"}))), Errc::denied);
  session.take(session.answer_of(2, "ann", {"lead"}));
  session.fire_next();
  EXPECT_EQ(ended(session), R"("ann")");
  session.expect_replays();
}

TEST(Approval, a_request_and_its_answers_last_over_checkpoints) {
  SessionDriver session(define_workflow("ask", ask_over_checkpoints));
  session.start("0");
  session.take(session.answer_of(1, "ann", {"lead"}));
  session.fire_next();  // its own: nothing
  session.fire_next();
  session.fire_next();
  ASSERT_EQ(session.checkpoints().size(), 2U);
  session.restart();
  EXPECT_EQ(refusal(session.try_take(session.answer_of(1, "ann", {"lead"}))), Errc::conflict);
  session.take(session.answer_of(1, "bob", {"lead"}));
  while (!session.end) session.fire_next();
  EXPECT_EQ(ended(session), R"("bob")");
  session.expect_replays();
}

// ---- what was written by somebody else ----

TEST(Approval, an_answer_that_may_not_be_given_counts_for_nothing_wherever_it_comes_from) {
  auto session = payer(one_lead);
  session.start("1");
  auto const& state = session.session->state();
  auto const& operation = state.operations.at(OperationId{1});
  auto const counts = [&](storage::ApprovalGiven const& forged, Time at) {
    auto copy = operation;
    note_answer(state, copy, forged, at);
    return !copy.approvals.front().given.empty();
  };
  storage::ApprovalGiven const fine{
      true, "ann", "", "", operation.input_digest, std::vector<std::string>{"lead"}};
  EXPECT_TRUE(counts(fine, session.now));
  EXPECT_FALSE(counts(fine, session.now + 1h));
  auto forged = fine;
  forged.input_digest.bytes[0] ^= 1U;
  EXPECT_FALSE(counts(forged, session.now));
  forged = fine;
  forged.by = "tester";
  EXPECT_FALSE(counts(forged, session.now));
  forged = fine;
  forged.roles = {"clerk"};
  EXPECT_FALSE(counts(forged, session.now));
}

}  // namespace
}  // namespace dalsegno::engine
