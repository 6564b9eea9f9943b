// `dalsegno reveal` as two people use it, and as nobody may.

#include "tests/e2e/govern_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <sys/stat.h>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Reveal : public Govern {
 protected:
  void SetUp() override {
    Govern::SetUp();
    record();
    auto const hash =
        dalsegno({"hash", "-", "--data", path("store"), "--master-key-file", path("master")},
                 secret_ + "\n");
    ASSERT_EQ(hash.code, 0) << hash.err;
    digits_ = without_line_end(hash.out);
  }
  [[nodiscard]] std::vector<std::string> verb(std::string const& token, std::string const& key) {
    return {"reveal", "one", token, "--reason", "a claim", "--master-key-file", path(key)};
  }
  [[nodiscard]] Ran reveal(std::string const& token = {}, std::string const& second = {}) {
    return run(verb(digits_, "master"), token, second);
  }

  std::string const secret_ = "tr0ub4dor&3x";
  std::string digits_;
};

TEST_F(Reveal, shows_two_people_an_original_and_leaves_it_in_no_file) {
  appoint_two();
  auto const shown = reveal(ann_, bob_);
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_EQ(shown.out, secret_ + "\n");
  EXPECT_THAT(shown.err, HasSubstr("that is recorded"));
  auto const token = "[secret:password:" + digits_ + "]";
  EXPECT_EQ(run(verb(token, "master"), bob_, ann_).out, secret_ + "\n");
  auto json = verb(digits_, "master");
  json.emplace_back("--json");
  EXPECT_THAT(run(json, ann_, bob_).out, HasSubstr(R"("original":"tr0ub4dor&3x")"));
  EXPECT_THAT(run({"show", "_store/operator"}).out,
              HasSubstr("operator.reveal default/one by ann, with bob: a claim"));
  EXPECT_THAT(run({"why", "one"}).out, HasSubstr("operator.reveal default/one by ann, with bob"));
  EXPECT_FALSE(store_holds(secret_));
  EXPECT_THAT(said_, Not(HasSubstr(secret_)));
  expect_verified();
}

TEST_F(Reveal, shows_nothing_to_anybody_else) {
  appoint_two();
  auto const runtime = create({"--kind", "rt", "--owner", "worker", "--scope", "*"}, ann_);
  auto const auditor = create({"--kind", "aud", "--owner", "eve", "--scope", "session.read"}, ann_);
  auto const narrow = create({"--owner", "cid", "--scope", "operator.erase"}, ann_, bob_);
  auto const elsewhere =
      create({"--owner", "dan", "--scope", "*", "--for-tenant", "acme"}, ann_, bob_);
  auto const unknown = std::string("dsg_op_") + std::string(36, '0');
  for (auto const& wrong : {runtime, auditor, narrow, elsewhere}) {
    for (auto const& ran : {reveal(wrong, bob_), reveal(ann_, wrong)}) {
      EXPECT_EQ(ran.code, 5) << ran.err;
      EXPECT_EQ(ran.out, "");
    }
  }
  for (auto const& ran : {reveal(ann_), reveal(ann_, ann_), reveal(unknown, bob_), reveal()}) {
    EXPECT_NE(ran.code, 0);
    EXPECT_EQ(ran.out, "");
  }
  EXPECT_THAT(run({"show", "_store/operator"}).out, HasSubstr("operator.reveal default/one"));
  expect_verified();
}

TEST_F(Reveal, needs_the_master_key_and_a_token_that_there_is) {
  appoint_two();
  write_file(path("other"), std::string(64, '2') + "\n");
  chmod(path("other").c_str(), 0600);
  for (auto const& wrong : {verb(digits_, "other"),
                            verb(digits_, "nowhere"),
                            verb("0123456789abcdef", "master"),
                            verb(secret_, "master")}) {
    auto const ran = run(wrong, ann_, bob_);
    EXPECT_NE(ran.code, 0) << wrong[2];
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, Not(HasSubstr(secret_)));
  }
  EXPECT_THAT(run({"show", "_store/operator"}).out, Not(HasSubstr("operator.reveal")))
      << "what could only fail is not asked about";
}

TEST_F(Reveal, shows_nothing_when_the_action_cannot_be_recorded) {
  appoint_two();
  auto arguments = verb(digits_, "master");
  arguments.insert(arguments.end(),
                   {"--data", path("store"), "--as", kept(ann_), "--second", kept(bob_)});
  auto const refused = dalsegno_with_file_limit(arguments, 1);
  EXPECT_TRUE(refused.code != 0 || refused.signal != 0);
  EXPECT_EQ(refused.out, "");
}

TEST_F(Reveal, in_an_emergency_is_marked_where_the_session_is_explained) {
  appoint_two();
  auto const glass = create({"--owner", "ann", "--break-glass", "--reason", "a leak"}, ann_);
  auto const shown = reveal(glass);
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.err, HasSubstr("(break-glass)"));
  EXPECT_THAT(run({"why", "one"}).out,
              HasSubstr("operator.reveal default/one by ann, BREAK-GLASS"));
  EXPECT_THAT(run({"why", "one", "--json"}).out, HasSubstr(R"("break_glass":true)"));
  EXPECT_NE(reveal(glass).code, 0) << "it was for one action";
}

TEST_F(Reveal, is_denied_where_the_active_policy_forbids_it) {
  write_file(path("closed.json"), R"({"dalsegno_policy": 1, "name": "closed", "rules": [
    {"id": "calls", "effect": "permit", "actions": ["*.call"]},
    {"id": "people", "effect": "permit", "actions": ["operator.*"]},
    {"id": "no-reveal", "effect": "forbid", "actions": ["operator.reveal"],
     "resources": ["default/*"], "reason": "not of this tenant"}]})");
  EXPECT_EQ(run({"policy", "activate", path("closed.json"), "--reason", "go"}).code, 0);
  appoint_two();
  auto const ran = reveal(ann_, bob_);
  EXPECT_EQ(ran.code, 5);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("not of this tenant"));
}

}  // namespace
}  // namespace dalsegno::test
