#include "tools/dalsegno/forensics/verify.h"

#include "storage/memory/memory_log.h"
#include "tests/tools/dalsegno/session_script.h"
#include "tests/tools/dalsegno/tampered_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

namespace dalsegno::forensics {
namespace {

using storage::Append;
using storage::Step;
using test::Said;
using test::SessionScript;
using test::TamperedLog;

std::string listed(VerifyReport const& report) {
  std::string text;
  for (auto const& finding : report.findings.list())
    text += std::string(name_of(finding.severity)) + " " + finding.check + " @" +
            std::to_string(finding.sequence) + " commit " + std::to_string(finding.commit) + ": " +
            finding.detail + "\n";
  return text;
}

template <class Body>
Body& body_of(Step& step, std::size_t index) {
  return std::get<Body>(step.events.at(index).body);
}

class VerifyTest : public testing::Test {
 protected:
  /// A policy is active and, as it was opened again after that, there is a watermark.
  static std::unique_ptr<storage::EventLog> open_with_policy(
      std::shared_ptr<storage::MemoryStore> const& store) {
    EXPECT_TRUE(test::activate_policy(*storage::open_memory(store)));
    return storage::open_memory(store);
  }

  void expect(Result<> const& outcome) { ASSERT_TRUE(outcome) << outcome.error().detail; }

  /// SessionStarted, then a tool's request, decision and attempt: sequences 1 to 4.
  void begin(SessionScript& session,
             SessionScript::SpoilStep const& spoil = {},
             SessionScript::SpoilAppend const& spoil_append = {}) {
    expect(session.step({session.started(),
                         session.request(1, "search", "1"),
                         session.decide(1, "search", "1"),
                         session.start(1, "1")},
                        spoil,
                        spoil_append));
  }

  VerifyReport verify(storage::EventLog const& which) {
    auto report = verify_store(which);
    EXPECT_TRUE(report) << report.error().detail;
    return report ? std::move(*report) : VerifyReport{};
  }

  void expect_clean() {
    auto const report = verify(*log);
    EXPECT_EQ(report.findings.count(), 0U) << listed(report);
  }

  void expect_found(VerifyReport const& report, std::string const& check, Sequence sequence = 0) {
    EXPECT_FALSE(report.passed());
    auto const& list = report.findings.list();
    auto const found = std::ranges::any_of(list, [&](Finding const& finding) {
      return finding.check == check && finding.severity == Severity::failure &&
             finding.sequence == sequence;
    });
    EXPECT_TRUE(found) << "no " << check << " at " << sequence << " among\n" << listed(report);
  }
  void expect_found(std::string const& check, Sequence sequence = 0) {
    expect_found(verify(*log), check, sequence);
  }

  std::shared_ptr<storage::MemoryStore> store = storage::make_memory_store(7);
  std::unique_ptr<storage::EventLog> log = open_with_policy(store);
  SessionScript script{*log, "s"};
};

TEST_F(VerifyTest, finds_nothing_in_a_session_with_a_retry_an_orphan_a_sleep_and_an_answer) {
  SessionScript good(*log, "good");
  begin(good);
  expect(good.step({{1, storage::AttemptOrphaned{1, "the process ended", test::at(1)}},
                    good.decide(1, "search", "1", 2),
                    good.start(1, "1", 2)}));
  expect(good.step({{1, storage::AttemptFailed{2, "busy", "later", true, test::at(500)}}}));
  expect(good.step({{1, storage::TimerFired{test::at(500)}},
                    good.decide(1, "search", "1", 3),
                    good.start(1, "1", 3)}));
  expect(good.step({SessionScript::result(1, "\"x\"", 3), good.receive(2)}));
  expect(good.step({good.signal("\"hi\""),
                    SessionScript::answer(good.last() + 1, 1, "\"x\""),
                    {3, storage::TimerStarted{test::at(900)}}}));
  expect_clean();
  auto const report = verify(*log);
  EXPECT_EQ(report.sessions, 2U);
  EXPECT_EQ(report.commits, log->info().last_commit);
}

TEST_F(VerifyTest, finds_an_attempt_without_a_decision) {
  expect(script.step({script.started(), script.request(1, "search", "1"), script.start(1, "1")}));
  expect_found("permit", 3);
}

TEST_F(VerifyTest, finds_an_attempt_that_policy_denied) {
  expect(script.step({script.started(),
                      script.request(1, "refund", "1"),
                      script.decide(1, "refund", "1"),
                      script.start(1, "1")}));
  expect_found("permit", 4);
}

TEST_F(VerifyTest, finds_a_permit_for_another_input) {
  begin(script, [&](Step& step) {
    body_of<storage::AttemptStarted>(step, 3).input_digest = script.digest("2");
  });
  expect_found("permit", 4);
}

TEST_F(VerifyTest, finds_a_decision_that_its_own_policy_does_not_make) {
  expect(script.step({script.started(),
                      script.request(1, "refund", "1"),
                      script.decide(1, "refund", "1"),
                      script.start(1, "1")},
                     [](Step& step) {
                       body_of<storage::PolicyDecided>(step, 2).effect =
                           storage::DecisionEffect::permit;
                     }));
  expect_found("decision", 3);
}

TEST_F(VerifyTest, finds_an_attempt_after_its_completion) {
  begin(script);
  expect(script.step({SessionScript::result(1, "1"),
                      script.decide(1, "search", "1", 2),
                      script.start(1, "1", 2)}));
  expect_found("attempt", 7);
}

TEST_F(VerifyTest, finds_an_attempt_with_a_number_left_out) {
  begin(script, [](Step& step) {
    body_of<storage::PolicyDecided>(step, 2).attempt = 2;
    body_of<storage::AttemptStarted>(step, 3).attempt = 2;
  });
  expect_found("attempt", 4);
}

TEST_F(VerifyTest, finds_a_second_result) {
  begin(script);
  expect(script.step({SessionScript::result(1, "1")}));
  expect(script.step({SessionScript::result(1, "2")}));
  expect_found("attempt", 6);
}

TEST_F(VerifyTest, finds_a_payload_that_does_not_have_its_digest) {
  begin(script, [&](Step& step) {
    body_of<storage::SessionStarted>(step, 0).input.bytes = R"({"other":1})";
  });
  expect_found("digest", 1);
}

TEST_F(VerifyTest, says_that_digests_are_undecidable_when_the_key_is_gone) {
  script.forget_secret();
  begin(script);
  auto const report = verify(*log);
  EXPECT_TRUE(report.passed()) << listed(report);
  EXPECT_EQ(report.findings.undecidable(), 1U);
}

TEST_F(VerifyTest, finds_a_gap_between_sequences) {
  begin(script);
  expect(script.step({SessionScript::result(1, "1")}, [](Step& step) {
    ++step.header.first_sequence;
    ++step.events.front().sequence;
  }));
  expect_found("sequence", 6);
}

TEST_F(VerifyTest, finds_a_step_that_does_not_follow_the_one_before) {
  begin(script);
  expect(
      script.step({SessionScript::result(1, "1")}, [](Step& step) { step.header.previous = {}; }));
  expect_found("chain", 5);
}

TEST_F(VerifyTest, finds_a_wrong_cause) {
  begin(script);
  expect(script.step({SessionScript::result(1, "1")}, [](Step& step) { step.header.cause = 2; }));
  expect_found("cause", 5);
}

TEST_F(VerifyTest, finds_an_input_in_the_middle_of_a_step) {
  begin(script);
  expect(script.step({SessionScript::result(1, "1"), script.signal("1")}));
  expect_found("step", 6);
}

TEST_F(VerifyTest, finds_events_after_the_end) {
  expect(script.step(
      {script.started(), {0, storage::SessionCompleted{SessionScript::payload("1"), 0}}}));
  expect(script.step({script.signal("1")}));
  expect_found("end", 3);
}

TEST_F(VerifyTest, finds_an_operation_whose_number_was_left_out) {
  expect(script.step({script.started(),
                      script.request(2, "search", "1"),
                      script.decide(2, "search", "1"),
                      script.start(2, "1")}));
  expect_found("operation", 2);
}

TEST_F(VerifyTest, finds_an_answer_to_nothing) {
  expect(script.step({script.started(), SessionScript::answer(1, 0, "1")}));
  expect_found("answer", 2);
}

TEST_F(VerifyTest, finds_a_head_that_its_steps_do_not_tell) {
  begin(script, {}, [](Append& append) { append.head.status = storage::SessionStatus::completed; });
  expect_found("head", 4);
}

TEST_F(VerifyTest, finds_an_artifact_that_is_missing_or_changed) {
  auto const big = [&](std::string const& stored) {
    return [&, stored](Append& append) {
      if (!stored.empty()) append.artifacts.push_back({script.digest("large"), stored});
    };
  };
  auto const refer = [&](Step& step) {
    auto& input = body_of<storage::SessionStarted>(step, 0);
    input.input = {};
    input.input.artifact = storage::ArtifactRef{script.digest("large"), 5};
    input.input_digest = script.digest("large");
  };
  begin(script, refer, big("large"));
  expect_clean();
  SessionScript missing(*log, "missing");
  begin(missing, refer, big(""));
  expect_found("artifact", 1);
  auto const other_store = storage::make_memory_store(8);
  auto const other = open_with_policy(other_store);
  SessionScript changed(*other, "changed");
  begin(changed, refer, big("lurge"));
  expect_found(verify(*other), "artifact", 1);
}

TEST_F(VerifyTest, finds_a_checkpoint_that_was_changed) {
  auto const take = [](std::string const& stored) {
    return [stored](Append& append) { append.checkpoints.push_back({2, stored}); };
  };
  Said const taken{0, storage::CheckpointTaken{storage::sha256({"state"}), 5}};
  expect(script.step({script.started(), taken}, {}, take("state")));
  expect_clean();
  SessionScript changed(*log, "changed");
  expect(changed.step({changed.started(), taken}, {}, take("stote")));
  expect_found("checkpoint", 2);
}

TEST_F(VerifyTest, finds_a_timer_that_is_not_armed) {
  expect(script.step({script.started(), {1, storage::TimerStarted{test::at(60)}}}));
  expect_clean();
  SessionScript sleeper(*log, "sleeper");
  expect(sleeper.step({sleeper.started(), {1, storage::TimerStarted{test::at(60)}}},
                      {},
                      [](Append& append) { append.timers_set.clear(); }));
  expect_found("timer", 2);
}

TEST_F(VerifyTest, finds_a_policy_document_under_another_digest) {
  storage::PolicyActivated activated;
  activated.digest = storage::sha256({"something else"});
  activated.document.bytes = test::policy().document();
  expect(storage::append_to_journal(*log, {activated}, test::at(1)));
  expect_found("digest", 2);
}

TEST_F(VerifyTest, finds_every_bit_that_flips_in_a_step) {
  begin(script);
  std::size_t size = 0;
  ASSERT_TRUE(log->read_steps(script.id(), script.run(), 1, [&](std::string_view bytes) {
    size = bytes.size();
    return true;
  }));
  for (std::size_t i = 0; i < size; ++i) {
    TamperedLog tampered(*log);
    tampered.change_step = [i, size](std::string& bytes) {
      if (bytes.size() == size) bytes[i] = static_cast<char>(bytes[i] ^ 1);
    };
    EXPECT_FALSE(verify(tampered).passed()) << "byte " << i;
  }
}

TEST_F(VerifyTest, finds_commits_that_are_missing_changed_or_twice) {
  begin(script);
  expect(script.step({SessionScript::result(1, "1")}));
  auto const last = log->info().last_commit;
  auto const expect_commit = [&](auto change, std::uint64_t commit) {
    TamperedLog tampered(*log);
    tampered.change_commit = change;
    auto const report = verify(tampered);
    auto const found = std::ranges::any_of(report.findings.list(), [&](Finding const& finding) {
      return finding.check == "commit" && finding.commit == commit &&
             finding.severity == Severity::failure;
    });
    EXPECT_TRUE(found) << listed(report);
  };
  using storage::CommitRecord;
  using storage::Digest;
  auto const from = [last](auto change) {
    return [last, change](CommitRecord& record, Digest& digest) {
      if (record.number == last) change(record, digest);
    };
  };
  expect_commit(from([](CommitRecord& record, Digest&) { ++record.number; }), last + 1);
  expect_commit(from([](CommitRecord& record, Digest&) { record.previous = {}; }), last);
  expect_commit(from([](CommitRecord& record, Digest&) { record.steps.clear(); }), 0);
  expect_commit(
      from([](CommitRecord& record, Digest&) { record.steps.push_back(record.steps.front()); }),
      last);
  expect_commit(from([](CommitRecord& record, Digest&) { ++record.steps.front().last_sequence; }),
                last);
  expect_commit(from([](CommitRecord&, Digest& digest) { digest = {}; }), last);
}

TEST_F(VerifyTest, finds_that_the_store_ends_before_its_watermark) {
  TamperedLog tampered(*log);
  tampered.change_info = [](storage::StoreInfo& info) {
    info.watermark_commit = info.last_commit + 1;
  };
  expect_found(verify(tampered), "watermark");
  tampered.change_info = [](storage::StoreInfo& info) { info.watermark_commit = 0; };
  auto const report = verify(tampered);
  EXPECT_TRUE(report.passed());
  EXPECT_EQ(report.findings.warnings(), 1U);
}

TEST_F(VerifyTest, looks_at_the_named_sessions_only) {
  begin(script);
  SessionScript bad(*log, "bad");
  expect(bad.step({bad.started(), bad.request(1, "search", "1"), bad.start(1, "1")}));
  EXPECT_TRUE(verify_store(*log, {{script.id()}})->passed());
  EXPECT_FALSE(verify_store(*log, {{bad.id()}})->passed());
  EXPECT_EQ(verify_store(*log, {{{"default", "nobody"}}}).error().code, Errc::not_found);
}

}  // namespace
}  // namespace dalsegno::forensics
