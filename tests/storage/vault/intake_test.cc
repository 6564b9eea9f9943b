#include "storage/vault/intake.h"

#include "storage/memory/memory_log.h"
#include "tests/storage/vault/samples.h"
#include "tests/support/append_script.h"

#include <gtest/gtest.h>

namespace dalsegno::vault {
namespace {

class IntakeTest : public testing::Test {
 protected:
  SessionId const session_{"default", "a"};
  std::unique_ptr<storage::EventLog> log_ = storage::open_memory(storage::make_memory_store(1));
  Vault vault_{*log_, MasterKeys::parse(std::string(64, '1')).value()};
  Redactor redactor_{vault_.redaction_key().value()};
};

TEST_F(IntakeTest, leaves_payloads_without_secrets_byte_for_byte) {
  Intake const intake(redactor_, &vault_);
  auto const taken = intake.json(session_, R"({ "b":1.0, "a":[ ] })").value();
  EXPECT_EQ(taken.text, R"({ "b":1.0, "a":[ ] })");
  EXPECT_TRUE(taken.records.empty());
}

TEST_F(IntakeTest, gives_back_the_payload_from_the_log_and_the_vault_alone) {
  Intake const intake(redactor_, &vault_);
  auto const payload = R"({"note":"use )" + test::github_pat() + R"(","password":"x\"y"})";
  auto const taken = intake.json(session_, payload).value();
  EXPECT_EQ(taken.replaced, 2U);
  EXPECT_FALSE(taken.text.contains(test::github_pat()));
  storage::test::AppendScript script(*log_, session_);
  auto append = script.next({storage::test::input(taken.text)});
  append.vault = taken.records;
  ASSERT_TRUE(log_->append({&append, 1})->each.front());
  EXPECT_EQ(intake.reveal(session_, taken.text, [](auto) { return true; }).value(), payload);
}

TEST_F(IntakeTest, commits_to_what_it_cannot_redact) {
  Redactor const small(vault_.redaction_key().value(), {.spared = {}, .max_bytes = 10});
  Intake const intake(small, &vault_);
  auto const taken = intake.json(session_, R"(["more than ten bytes"])").value();
  EXPECT_TRUE(taken.text.starts_with("\"[secret:unredacted:"));
  EXPECT_TRUE(taken.records.empty());
  EXPECT_EQ(intake.json(session_, "{").error().code, Errc::invalid);
}

TEST_F(IntakeTest, records_nothing_for_a_session_that_was_erased) {
  ASSERT_TRUE(vault_.erase(session_, {"jane", "asked to", Time()}));
  Intake const intake(redactor_, &vault_);
  EXPECT_EQ(intake.json(session_, R"({"password":"x"})").error().code, Errc::undecidable);
  EXPECT_EQ(intake.message("token=" + test::github_pat()),
            "token=" + redactor_.text(test::github_pat()).value);
}

}  // namespace
}  // namespace dalsegno::vault
