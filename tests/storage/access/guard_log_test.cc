#include "storage/access/guard_log.h"

#include "storage/memory/memory_log.h"
#include "tests/storage/log/event_log_suite.h"
#include "tests/support/event_gen.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace dalsegno::storage::test {
namespace {

using access::guard_log;

/// A runtime's view of a store keeps the contract of a log.
class GuardedForRuntimes final : public StoreUnderTest {
 public:
  EventLog& log() override { return *guard_; }
  void reopen() override {
    log_ = open_memory(store_);
    guard_ = guard_log(*log_, TokenKind::runtimes);
  }

 private:
  std::shared_ptr<MemoryStore> store_ = make_memory_store(1);  // shared: it outlives each log
  std::unique_ptr<EventLog> log_ = open_memory(store_);
  std::unique_ptr<EventLog> guard_ = guard_log(*log_, TokenKind::runtimes);
};

INSTANTIATE_TEST_SUITE_P(Guarded,
                         EventLogSuite,
                         testing::Values(Backend{
                             .name = "runtime",
                             .make_empty_store =
                                 [] { return std::make_unique<GuardedForRuntimes>(); },
                             .for_runtimes = true}),
                         testing::PrintToStringParamName());

class GuardLog : public testing::Test {
 protected:
  void SetUp() override {
    auto const first = script_.next({input("1")});
    ASSERT_TRUE(log_->append({&first, 1})->each.front());
  }
  EventLog& as(TokenKind kind) { return *guards_[static_cast<std::size_t>(kind)]; }

  static Errc code_of(EventLog& log, Append const& append) {
    auto const before = log.info().last_commit;
    auto const receipt = log.append({&append, 1}).value();
    EXPECT_FALSE(receipt.each.front());
    EXPECT_EQ(log.info().last_commit, before);
    return receipt.each.front() ? Errc{} : receipt.each.front().error().code;
  }
  Errc refused(TokenKind kind, EventBody body) {
    return code_of(as(kind), script_.peek({std::move(body)}));
  }
  bool taken(TokenKind kind, EventBody body) {
    auto const append = script_.next({std::move(body)});
    return as(kind).append({&append, 1}).value().each.front().has_value();
  }

  std::unique_ptr<EventLog> log_ = open_memory(make_memory_store(1));
  std::array<std::unique_ptr<EventLog>, 3> guards_ = {guard_log(*log_, TokenKind::operators),
                                                      guard_log(*log_, TokenKind::runtimes),
                                                      guard_log(*log_, TokenKind::auditors)};
  AppendScript script_{*log_, {"default", "a"}};
};

TEST_F(GuardLog, refuses_an_operator_what_a_workflow_a_model_or_a_tool_says) {
  for (EventBody const& body : std::vector<EventBody>{InputReceived{},
                                                      OperationRequested{},
                                                      PolicyDecided{},
                                                      AttemptStarted{1, {}},
                                                      OperationCompleted{1, {}},
                                                      ModelCompleted{},
                                                      ToolCompleted{},
                                                      AttemptFailed{},
                                                      AttemptOrphaned{},
                                                      TimerFired{},
                                                      ValueRecorded{},
                                                      AnswerGiven{},
                                                      AttributeSet{},
                                                      SessionCompleted{},
                                                      SessionFailed{},
                                                      PolicyActivated{},
                                                      TokenCreated{}})
    EXPECT_EQ(refused(TokenKind::operators, body), Errc::denied) << name_of(body);
}

TEST_F(GuardLog, lets_an_operator_hold_release_cancel_and_approve) {
  EXPECT_TRUE(taken(TokenKind::operators, Held{"operator", "{}"}));
  EXPECT_TRUE(taken(TokenKind::operators, Released{"ann", "fine"}));
  EXPECT_TRUE(taken(TokenKind::operators, ApprovalGiven{}));
  EXPECT_TRUE(taken(TokenKind::operators, ControlAsked{ControlVerb::pause, "ann", {}, "enough"}));
}

TEST_F(GuardLog, refuses_an_operator_what_lies_beside_a_step) {
  auto const clean = script_.peek({Released{"ann", ""}});
  auto with = [&](auto change) {
    auto append = clean;
    change(append);
    return code_of(as(TokenKind::operators), append);
  };
  EXPECT_EQ(with([](Append& it) { it.checkpoints = {{1, "state"}}; }), Errc::denied);
  EXPECT_EQ(with([](Append& it) { it.artifacts = {{Digest{}, "x"}}; }), Errc::denied);
  EXPECT_EQ(with([](Append& it) { it.timers_set = {{at(1), it.session, it.run, OperationId{1}}}; }),
            Errc::denied);
  EXPECT_EQ(with([](Append& it) { it.producer_keys = {{"k", 1}}; }), Errc::denied);
  EXPECT_EQ(with([](Append& it) { it.secret = SessionSecret{}; }), Errc::denied);
  EXPECT_EQ(with([](Append& it) { it.vault = {{"key", "mine"}}; }), Errc::denied);
  EXPECT_EQ(with([](Append& it) { it.head.checkpoint = 1; }), Errc::denied);
  EXPECT_EQ(with([](Append& it) { it.head.workflow = "other"; }), Errc::denied);
  EXPECT_TRUE(as(TokenKind::operators).append({&clean, 1}).value().each.front());
}

TEST_F(GuardLog, lets_an_operators_answer_make_one_timer_due_and_no_more) {
  ApprovalGiven answer;
  answer.by = "ann";
  auto given = script_.peek({answer});
  storage::Timer const timer{at(1), given.session, given.run, OperationId{1}};
  given.timers_set = {timer, timer};
  EXPECT_EQ(code_of(as(TokenKind::operators), given), Errc::denied);
  given.timers_set = {timer};
  EXPECT_TRUE(as(TokenKind::operators).append({&given, 1}).value().each.front());
}

TEST_F(GuardLog, refuses_a_runtime_all_of_the_operators_session_and_their_events_elsewhere) {
  for (EventBody const& body : std::vector<EventBody>{
           PolicyActivated{}, TokenCreated{}, TokenRevoked{}, OperatorActed{}, LossAccepted{}}) {
    EXPECT_EQ(refused(TokenKind::runtimes, body), Errc::denied) << name_of(body);
    auto const here = append_to_journal(as(TokenKind::runtimes), {body}, at(1));
    ASSERT_FALSE(here) << name_of(body);
    EXPECT_EQ(here.error().code, Errc::denied);
    EXPECT_TRUE(append_to_journal(as(TokenKind::operators), {body}, at(1))) << name_of(body);
  }
  auto const decided = append_to_journal(as(TokenKind::runtimes), {PolicyDecided{}}, at(1));
  EXPECT_EQ(decided.error().code, Errc::denied);
}

TEST_F(GuardLog, refuses_an_operators_event_that_hides_among_a_runtimes) {
  EXPECT_EQ(code_of(as(TokenKind::runtimes),
                    script_.peek({input("2"), OperationRequested{}, PolicyActivated{}})),
            Errc::denied);
}

TEST_F(GuardLog, refuses_a_step_that_names_another_session_than_its_append) {
  AppendScript other(*log_, journal_session());
  auto disguised = other.peek({input("1")});
  disguised.session = {"default", "b"};
  EXPECT_EQ(code_of(as(TokenKind::runtimes), disguised), Errc::invalid);
}

TEST_F(GuardLog, refuses_bytes_that_are_no_step) {
  auto broken = script_.peek({input("2")});
  broken.step.bytes.resize(broken.step.bytes.size() / 2);
  EXPECT_EQ(code_of(as(TokenKind::runtimes), broken), Errc::invalid);
}

TEST_F(GuardLog, refuses_an_auditor_every_write) {
  auto& log = as(TokenKind::auditors);
  std::vector<VaultRecord> const record{{"hold", "x"}};
  EXPECT_EQ(refused(TokenKind::auditors, input("2")), Errc::denied);
  EXPECT_EQ(refused(TokenKind::auditors, Released{}), Errc::denied);
  EXPECT_EQ(append_to_journal(log, {OperatorActed{}}, at(1)).error().code, Errc::denied);
  EXPECT_EQ(log.put_vault(script_.session(), record).error().code, Errc::denied);
  EXPECT_EQ(log.destroy_vault(script_.session(), {}).error().code, Errc::denied);
  EXPECT_EQ(log.put_meta("a", "b").error().code, Errc::denied);
  EXPECT_EQ(log.compact().error().code, Errc::denied);
  EXPECT_EQ(log.head(script_.session()).value(), script_.head());  // reading goes on
}

TEST_F(GuardLog, keeps_keys_and_secrets_from_the_wrong_hands) {
  auto& runtime = as(TokenKind::runtimes);
  auto& operators = as(TokenKind::operators);
  auto put = [](EventLog& log, SessionId const& session, std::string name) {
    std::vector<VaultRecord> const record{{std::move(name), "x"}};
    auto const outcome = log.put_vault(session, record);
    return outcome ? std::string("taken") : std::string(name_of(outcome.error().code));
  };
  EXPECT_EQ(runtime.destroy_vault(script_.session(), {}).error().code, Errc::denied);
  EXPECT_EQ(put(runtime, script_.session(), "original/1"), "taken");
  EXPECT_EQ(put(operators, script_.session(), "original/1"), "denied");
  EXPECT_EQ(put(operators, script_.session(), "hold"), "taken");
  EXPECT_EQ(operators.put_meta("guilty/1", "{}").error().code, Errc::denied);
  // The key of the store's tokens is made by the first runtime that redacts, and then stays.
  EXPECT_EQ(put(runtime, journal_session(), "redaction"), "taken");
  EXPECT_EQ(put(runtime, journal_session(), "redaction"), "denied");
  EXPECT_EQ(put(runtime, journal_session(), "key"), "denied");
  EXPECT_EQ(put(operators, journal_session(), "redaction"), "taken");  // rotated
}

TEST_F(GuardLog, takes_the_allowed_of_a_batch_and_leaves_the_others) {
  AppendScript b(*log_, {"default", "b"});
  AppendScript c(*log_, {"default", "c"});
  std::vector const batch{
      b.next({input("1")}), script_.peek({OperatorActed{}}), c.next({input("1")})};
  auto const receipt = as(TokenKind::runtimes).append(batch).value();
  ASSERT_EQ(receipt.each.size(), 3U);
  EXPECT_TRUE(receipt.each[0]);
  EXPECT_EQ(receipt.each[1].error().code, Errc::denied);
  EXPECT_TRUE(receipt.each[2]);
  EXPECT_EQ(receipt.number, log_->info().last_commit);
  EXPECT_EQ(log_->head(script_.session()).value(), script_.head());
}

TEST_F(GuardLog, says_who_may_not_write_what_and_where) {
  auto const append = script_.peek({ToolCompleted{}});
  auto const receipt = as(TokenKind::operators).append({&append, 1}).value();
  EXPECT_EQ(receipt.each.front().error().detail,
            "default/a: an operator's credential does not allow to append ToolCompleted events");
}

RC_GTEST_PROP(GuardedLog, gives_each_kind_of_event_to_one_kind_of_credential_or_says_why, ()) {
  auto const log = open_memory(make_memory_store(1));
  auto const guard = guard_log(*log, TokenKind::runtimes);
  AppendScript script(*log, {"default", "a"});
  auto const body = *any_body();
  auto const append = script.peek({body});
  bool const operators =
      std::holds_alternative<PolicyActivated>(body) || std::holds_alternative<TokenCreated>(body) ||
      std::holds_alternative<TokenRevoked>(body) || std::holds_alternative<OperatorActed>(body) ||
      std::holds_alternative<LossAccepted>(body);
  auto const outcome = guard->append({&append, 1}).value().each.front();
  RC_ASSERT(outcome.has_value() == !operators);
}

}  // namespace
}  // namespace dalsegno::storage::test
