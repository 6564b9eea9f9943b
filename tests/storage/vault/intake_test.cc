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

TEST_F(IntakeTest, leaves_addresses_and_nothing_else_in_what_it_takes_about_contacts) {
  Intake const intake(redactor_, &vault_);
  for (auto const* const text :
       {"93.184.215.14",
        "10.0.0.1",
        "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
        "fe80::1",
        "::ffff:c000:201",
        "http://[2001:db8::1]:8080/v1/items?redacted",
        "api.example.com",
        "a.test is denied: it resolves to 169.254.169.254 (metadata)",
        "adc4072dab51dc058e2095df15356aa0130ac4f6dc2410328fd5aa2640fb20e7"})
    EXPECT_EQ(intake.contact_text(text), text);
  EXPECT_NE(intake.message("10.0.0.1"), "10.0.0.1") << "elsewhere they are replaced";
  auto const url = intake.contact_text("http://10.0.0.1/bot/" + test::github_pat() + "/x");
  EXPECT_TRUE(url.starts_with("http://10.0.0.1/bot/[secret:github_")) << url;
  EXPECT_TRUE(url.ends_with("]/x")) << url;
  ASSERT_TRUE(redactor_.add_known("desk", "hunter22"));
  EXPECT_FALSE(intake.contact_text("no connection to 10.0.0.1: hunter22").contains("hunter22"));
}

}  // namespace
}  // namespace dalsegno::vault
