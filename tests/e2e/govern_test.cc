// Operators at work with the real command: tokens, policies, erasure, holds, keys.

#include "tests/e2e/govern_fixture.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include <sys/stat.h>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST_F(Govern, a_token_is_printed_once_and_is_nowhere_else) {
  appoint_two();
  EXPECT_TRUE(std::regex_match(ann_, std::regex("dsg_op_[0-9A-Za-z]{36}")));
  auto const list = run({"token", "list"});
  EXPECT_EQ(list.code, 0);
  EXPECT_THAT(list.out, HasSubstr("\toperator\tann\tvalid\t"));
  EXPECT_THAT(list.out, Not(HasSubstr(ann_)));
  auto const json = run({"token", "list", "--json"});
  EXPECT_THAT(json.out, HasSubstr(R"("schema":"dalsegno.token")"));
  for (auto const& token : {ann_, bob_}) {
    EXPECT_THAT(said_, Not(HasSubstr(token)));
    EXPECT_FALSE(store_holds(token));
    EXPECT_FALSE(store_holds(token.substr(7, 30)));
  }
  expect_verified();
}

TEST_F(Govern, a_mistyped_token_is_told_from_an_unknown_one_and_not_repeated) {
  appoint_two();
  auto mistyped = ann_;
  mistyped.back() = mistyped.back() == 'a' ? 'b' : 'a';
  auto const wrong = run({"token", "create", "--owner", "x", "--scope", "*"}, mistyped);
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("mistyped"));
  EXPECT_THAT(wrong.err, Not(HasSubstr(mistyped)));
  auto const unknown = run({"token", "create", "--owner", "x", "--scope", "*"},
                           "dsg_op_0000000000000000000000000000001XpTcP");
  EXPECT_NE(unknown.code, 0);
  auto const none = run({"token", "create", "--owner", "x", "--scope", "*", "--by", "ann"});
  EXPECT_EQ(none.code, 5) << none.err;
  EXPECT_THAT(none.err, HasSubstr("takes the token"));
}

TEST_F(Govern, a_token_file_that_others_may_read_is_refused) {
  appoint_two();
  auto const file = path("open");
  write_file(file, ann_);
  chmod(file.c_str(), 0644);
  auto const ran = run({"token", "create", "--owner", "x", "--as", "file:" + file});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("chmod 600"));
}

TEST_F(Govern, a_policy_takes_two_people_and_decides_from_the_next_start) {
  appoint_two();
  auto const alone = run({"policy", "activate", path("calls.json"), "--reason", "go"}, ann_);
  EXPECT_EQ(alone.code, 5);
  EXPECT_THAT(alone.err, HasSubstr("second person"));
  auto const both = run({"policy", "activate", path("calls.json"), "--reason", "go"}, ann_, bob_);
  EXPECT_EQ(both.code, 0) << both.err;
  record();
  EXPECT_THAT(said_, HasSubstr("the store's decides, \"calls\""));
  write_file(path("other.json"), R"({"dalsegno_policy": 1, "rules": []})");
  auto const own = run({"run",
                        "--transcript",
                        path("talk.jsonl"),
                        "--policy",
                        path("other.json"),
                        "--master-key-file",
                        path("master")});
  EXPECT_EQ(own.code, 5) << own.err;
  EXPECT_THAT(own.err, HasSubstr("this store's operators activate its policies"));
  auto const shown = run({"show", "_store/operator"});
  EXPECT_THAT(shown.out, HasSubstr("operator.policy calls by ann, with bob: go"));
  EXPECT_THAT(shown.out, HasSubstr("REFUSED: operator.policy takes the token of a second"));
  expect_verified();
}

TEST_F(Govern, a_policy_of_almost_the_largest_event_can_be_activated_and_verified) {
  for (std::size_t const bytes : {260'000U, 262'144U, 1'000'000U}) {
    std::string large = R"({"dalsegno_policy": 1, "name": "large", "rules": [)";
    for (int i = 0; large.size() < bytes; ++i)
      large += (i == 0 ? "" : ",") + std::string(R"({"id": "r)") + std::to_string(i) +
               R"(", "effect": "permit", "actions": ["*.call"], "reason": ")" +
               std::string(800, 'x') + R"("})";
    write_file(path("large.json"), large + "]}");
    auto const ran = run({"policy", "activate", path("large.json"), "--reason", "go"});
    EXPECT_EQ(ran.code, 0) << ran.err;
  }
  record();
  expect_verified();
  auto const replay = run({"policy", "replay"});
  EXPECT_EQ(replay.code, 0) << replay.out << replay.err;
}

TEST_F(Govern, a_policy_that_locks_its_author_out_is_refused_unless_wanted) {
  write_file(path("locked.json"), R"({"dalsegno_policy": 1, "name": "locked", "rules": [
    {"id": "calls", "effect": "permit", "actions": ["*.call"]},
    {"id": "none", "effect": "forbid", "actions": ["operator.erase"]}]})");
  auto const ran = run({"policy", "activate", path("locked.json"), "--reason", "go"});
  EXPECT_EQ(ran.code, 5);
  EXPECT_THAT(ran.err, HasSubstr("could not activate another one"));
  EXPECT_EQ(run({"policy", "activate", path("locked.json"), "--reason", "go", "--lock-out"}).code,
            0);
}

TEST_F(Govern, a_shadow_policy_is_asked_beside_the_active_one) {
  write_file(path("strict.json"), R"({"dalsegno_policy": 1, "name": "strict", "rules": [
    {"id": "none", "effect": "forbid", "actions": ["*.call"], "reason": "not at all"}]})");
  EXPECT_EQ(run({"policy", "shadow", path("strict.json"), "--reason", "try"}).code, 0);
  record();
  auto const denials = run({"denials"});
  EXPECT_THAT(denials.out, HasSubstr("shadow"));
  EXPECT_THAT(denials.out, HasSubstr("not at all"));
  EXPECT_EQ(run({"policy", "shadow", "--none", "--reason", "enough"}).code, 0);
  expect_verified();
}

TEST_F(Govern, grep_and_hash_find_where_a_secret_went_without_showing_it) {
  record();
  auto const hash =
      dalsegno({"hash", "-", "--data", path("store"), "--master-key-file", path("master")},
               "tr0ub4dor&3x\n");
  ASSERT_EQ(hash.code, 0) << hash.err;
  auto const digits = without_line_end(hash.out);
  auto const found = run({"grep", "-F", digits});
  EXPECT_EQ(found.code, 0) << found.err;
  EXPECT_THAT(found.out, HasSubstr("default/one"));
  EXPECT_EQ(run({"grep", "-F", "tr0ub4dor"}).code, 1);
  EXPECT_EQ(run({"grep", "("}).code, 2);
  auto const pattern = run({"grep", "-i", "NOTED|nowhere", "--json"});
  EXPECT_EQ(pattern.code, 0);
  EXPECT_THAT(pattern.out, HasSubstr(R"("schema":"dalsegno.match")"));
  EXPECT_FALSE(store_holds("tr0ub4dor"));
}

TEST_F(Govern, erase_takes_yes_two_people_and_no_legal_hold) {
  record();
  appoint_two();
  auto const erase = std::vector<std::string>{"erase", "one", "--reason", "asked to", "--yes"};
  EXPECT_EQ(run({"erase", "one", "--reason", "asked to"}, ann_, bob_).code, 2) << "without --yes";
  EXPECT_EQ(run(erase, ann_).code, 5) << "alone";
  EXPECT_EQ(run(erase, ann_, ann_).code, 5) << "with oneself";
  auto const held = run({"legal-hold", "one", "--reason", "a claim"}, ann_);
  EXPECT_EQ(held.code, 0) << held.err;
  auto const kept_back = run(erase, ann_, bob_);
  EXPECT_EQ(kept_back.code, 1);
  EXPECT_THAT(kept_back.err, HasSubstr("legal hold of ann: a claim"));
  EXPECT_EQ(run({"legal-hold", "one", "--lift", "--reason", "settled"}, bob_).code, 0);
  auto const erased = run(erase, ann_, bob_);
  EXPECT_EQ(erased.code, 0) << erased.err;
  EXPECT_THAT(erased.out, HasSubstr("the data key"));
  EXPECT_EQ(run(erase, ann_, bob_).code, 125) << "there is nothing left";
  auto const verified = run({"verify"});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("undecidable"));
}

TEST_F(Govern, nothing_is_erased_when_the_action_cannot_be_recorded) {
  record();
  appoint_two();
  std::vector<std::string> const erase{"erase",
                                       "one",
                                       "--reason",
                                       "asked to",
                                       "--yes",
                                       "--json",
                                       "--data",
                                       path("store"),
                                       "--as",
                                       kept(ann_),
                                       "--second",
                                       kept(bob_)};
  auto const refused = dalsegno_with_file_limit(erase, 1);
  EXPECT_TRUE(refused.code != 0 || refused.signal != 0) << refused.out;
  auto const after = run({"verify", "--json"});
  EXPECT_EQ(after.code, 0) << after.out;
  EXPECT_THAT(after.out, HasSubstr(R"("undecidable":0)"));
}

TEST_F(Govern, a_token_of_another_kind_is_good_for_no_verb) {
  record();
  appoint_two();
  auto const runtime = create({"--kind", "rt", "--owner", "worker", "--scope", "*"}, ann_);
  auto const auditor = create({"--kind", "aud", "--owner", "eve", "--scope", "session.read"}, ann_);
  EXPECT_THAT(runtime, HasSubstr("dsg_rt_"));
  EXPECT_THAT(auditor, HasSubstr("dsg_aud_"));
  std::vector<std::vector<std::string>> const verbs{
      {"erase", "one", "--yes", "--reason", "x"},
      {"legal-hold", "one", "--reason", "x"},
      {"policy", "activate", path("calls.json"), "--reason", "x"},
      {"policy", "shadow", path("calls.json"), "--reason", "x"},
      {"token", "create", "--owner", "worker"},
      {"token", "revoke", id_of("ann"), "--reason", "x"},
      {"token", "rotate", id_of("ann")},
      {"rotate-master-key", "--master-key-file", path("master"), "--reason", "x"}};
  for (auto const& verb : verbs) {
    for (auto const& token : {runtime, auditor}) {
      auto const ran = run(verb, token, bob_);
      EXPECT_EQ(ran.code, 5) << verb[0] << " " << verb[1] << ": " << ran.err;
      EXPECT_THAT(ran.err, HasSubstr("of kind")) << verb[0];
    }
  }
  expect_verified();
}

TEST_F(Govern, rotating_leaves_both_tokens_valid_and_revoking_ends_one) {
  appoint_two();
  auto const old_id = id_of("ann");
  auto const rotated = run({"token", "rotate", old_id, "--overlap", "1h"}, ann_);
  ASSERT_EQ(rotated.code, 0) << rotated.err;
  auto const next = without_line_end(rotated.out);
  EXPECT_EQ(run({"policy", "shadow", "--none", "--reason", "old"}, ann_).code, 0);
  EXPECT_EQ(run({"policy", "shadow", "--none", "--reason", "new"}, next).code, 0);
  EXPECT_EQ(run({"token", "rotate", old_id}, ann_).code, 2) << "two at once, no more";
  EXPECT_EQ(run({"token", "revoke", old_id, "--reason", "done"}, next).code, 0);
  EXPECT_EQ(run({"policy", "shadow", "--none", "--reason", "old"}, ann_).code, 5);
  EXPECT_EQ(run({"policy", "shadow", "--none", "--reason", "new"}, next).code, 0);
  expect_verified();
}

TEST_F(Govern, a_break_glass_token_does_one_thing_and_all_of_it_is_marked) {
  record();
  appoint_two();
  EXPECT_EQ(run({"token", "create", "--owner", "ann", "--break-glass"}, ann_).code, 2)
      << "it takes a reason";
  EXPECT_EQ(run({"token",
                 "create",
                 "--owner",
                 "ann",
                 "--break-glass",
                 "--reason",
                 "fire",
                 "--expires",
                 "2h"},
                ann_)
                .code,
            2);
  auto const glass =
      create({"--owner", "ann", "--break-glass", "--reason", "nobody else is awake"}, ann_);
  auto const used = run({"erase", "one", "--reason", "leak", "--yes", "--json"}, glass);
  EXPECT_EQ(used.code, 0) << used.err;
  EXPECT_THAT(used.out, HasSubstr(R"("break_glass":true)"));
  auto const again = run({"legal-hold", "one", "--reason", "more"}, glass);
  EXPECT_EQ(again.code, 5);
  EXPECT_THAT(again.err, HasSubstr("has had it"));
  EXPECT_THAT(run({"show", "_store/operator"}).out, HasSubstr("BREAK-GLASS: leak"));
  EXPECT_THAT(run({"token", "list", "--all"}).out, HasSubstr("break-glass"));
}

TEST_F(Govern, the_master_key_is_rotated_by_two_people_and_the_old_one_is_not_needed) {
  record();
  appoint_two();
  write_file(path("both"), std::string(64, '2') + "\n" + std::string(64, '1') + "\n");
  write_file(path("new"), std::string(64, '2') + "\n");
  for (auto const* const name : {"both", "new"}) chmod(path(name).c_str(), 0600);
  std::vector<std::string> const rotate{
      "rotate-master-key", "--master-key-file", path("both"), "--reason", "yearly"};
  EXPECT_EQ(run(rotate, ann_).code, 5);
  auto const rotated = run(rotate, ann_, bob_);
  EXPECT_EQ(rotated.code, 0) << rotated.err;
  EXPECT_THAT(rotated.out, HasSubstr("no older one is needed"));
  EXPECT_EQ(run({"hash", "x", "--master-key-file", path("new")}).code, 0);
  EXPECT_EQ(run({"hash", "x", "--master-key-file", path("master")}).code, 5);
}

TEST_F(Govern, an_approval_takes_a_token_with_that_scope_and_records_which) {
  write_file(path("asks.json"), R"({"dalsegno_policy": 1, "name": "asks", "rules": [
    {"id": "calls", "effect": "permit", "actions": ["*.call"],
     "obligations": {"require_approval": {"roles": ["lead"], "count": 1, "within": "1h"}}}]})");
  EXPECT_EQ(run({"policy", "activate", path("asks.json"), "--reason", "go"}).code, 0);
  record();  // its first call waits
  ann_ = create({"--owner", "ann", "--scope", "*", "--role", "lead"});
  auto const narrow = create({"--owner", "eve", "--scope", "operator.*", "--role", "lead"}, ann_);
  auto const approve =
      std::vector<std::string>{"approve", "one@2", "--reason", "fine", "--no-redaction"};
  auto named = approve;
  named.insert(named.end(), {"--as", "ann"});
  EXPECT_NE(run(named).code, 0);
  EXPECT_EQ(run(approve).code, 5);
  EXPECT_EQ(run(approve, narrow).code, 5);
  EXPECT_THAT(said_, HasSubstr("has no scope for approval.give"));
  auto const given = run(approve, ann_);
  EXPECT_EQ(given.code, 0) << given.err;
  EXPECT_THAT(run({"log", "one"}).out, HasSubstr(id_of("ann")));
  expect_verified();
}

TEST_F(Govern, a_secret_in_a_reason_is_not_recorded) {
  record();
  appoint_two();
  auto const planted = std::string("gh") + "p_x7Kq2mV9sLw4Tz8Rb3Nf6Yc1Hd5Gj0Pa2QeU";
  auto const ran = run({"legal-hold", "one", "--reason", "see " + planted + " and " + bob_}, ann_);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_FALSE(store_holds(planted));
  EXPECT_FALSE(store_holds(bob_));
  EXPECT_THAT(run({"show", "_store/operator"}).out, HasSubstr("see [secret:"));
}

TEST_F(Govern, a_planted_secret_is_in_no_file_and_no_output) {
  auto const planted = std::string("gh") + "p_x7Kq2mV9sLw4Tz8Rb3Nf6Yc1Hd5Gj0Pa2QeU";
  write_file(
      path("talk.jsonl"),
      R"({"id":"one","messages":[{"role":"system","content":"Key SECRET."},)"
      R"({"role":"user","content":"Use SECRET."},{"role":"assistant","content":"With SECRET?",)"
      R"("tool_calls":[{"id":"c1","type":"function","function":{"name":"pay","arguments":)"
      R"("{\"key\":\"SECRET\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"used SECRET"},)"
      R"({"role":"assistant","content":"I used SECRET."},{"role":"user","content":"Bye SECRET."}]})"
      "\n");
  auto text = read_bytes(path("talk.jsonl"));
  for (auto at = text.find("SECRET"); at != std::string::npos; at = text.find("SECRET"))
    text.replace(at, 6, planted);
  write_file(path("talk.jsonl"), text);
  auto const ran = run({"run",
                        "--transcript",
                        path("talk.jsonl"),
                        "--policy",
                        path("calls.json"),
                        "--master-key-file",
                        path("master")});
  auto told = ran.out + ran.err;
  for (std::vector<std::string> verb :
       std::vector<std::vector<std::string>>{{"ls"},
                                             {"show", "one"},
                                             {"log", "one"},
                                             {"why", "one"},
                                             {"grep", "."},
                                             {"stats"},
                                             {"denials"},
                                             {"approvals"},
                                             {"egress"},
                                             {"verify"},
                                             {"replay", "one"},
                                             {"policy", "replay"}}) {
    for (bool const json : {false, true}) {
      if (json) verb.emplace_back("--json");
      auto const looked = run(verb);
      told += looked.out + looked.err;
    }
  }
  EXPECT_THAT(told, HasSubstr("[secret:github_pat:")) << "it was recorded, as a token";
  std::string hex;
  for (char const c : planted) {
    constexpr std::string_view digits = "0123456789abcdef";
    hex += digits[static_cast<unsigned char>(c) >> 4U];
    hex += digits[static_cast<unsigned char>(c) & 15U];
  }
  // The last is base64 of the planted text.
  for (auto const& form : {planted, hex, std::string("Z2hwX3g3S3EybVY5c0x3NFR6OFJiM05mNlljMUhk")}) {
    EXPECT_THAT(told, Not(HasSubstr(form)));
    EXPECT_FALSE(store_holds(form));
  }
}

TEST_F(Govern, no_program_that_is_started_may_dump_its_memory) {
  record();
  auto const ran = run({"hash",
                        "x",
                        "--master-key-command",
                        "ulimit -c >" + path("limit") + "; cat " + path("master")});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(read_bytes(path("limit")), "0\n");
}

TEST_F(Govern, a_policy_may_forbid_that_somebody_approves_and_both_is_recorded) {
  write_file(path("asks.json"), R"({"dalsegno_policy": 1, "name": "asks", "rules": [
    {"id": "calls", "effect": "permit", "actions": ["*.call"],
     "obligations": {"require_approval": {"roles": ["lead"], "count": 1, "within": "1h"}}},
    {"id": "leads", "effect": "permit", "actions": ["approval.give"],
     "principals": {"roles": ["lead"]}},
    {"id": "not-eve", "effect": "forbid", "actions": ["approval.give"],
     "resources": ["default/*"], "principals": {"ids": ["eve"]}, "reason": "she is new"}]})");
  EXPECT_EQ(run({"policy", "activate", path("asks.json"), "--reason", "go"}).code, 0);
  record();  // its first call waits
  ann_ = create({"--owner", "ann", "--scope", "*", "--role", "lead"});
  auto const eve = create({"--owner", "eve", "--scope", "approval.give", "--role", "lead"}, ann_);
  auto const runtime = create({"--kind", "rt", "--owner", "worker", "--scope", "*"}, ann_);
  auto const approve =
      std::vector<std::string>{"approve", "one@2", "--reason", "fine", "--no-redaction"};
  auto const refused = run(approve, eve);
  EXPECT_EQ(refused.code, 5);
  EXPECT_THAT(refused.err, HasSubstr("policy \"asks\" denies approval.give to eve: she is new"));
  EXPECT_EQ(run(approve, runtime).code, 5);
  auto const given = run(approve, ann_);
  EXPECT_EQ(given.code, 0) << given.err;
  auto const shown = run({"show", "_store/operator"}).out;
  EXPECT_THAT(shown, HasSubstr("REFUSED: policy \"asks\" denies approval.give to eve"));
  EXPECT_THAT(shown, HasSubstr("approval.give default/one/"));
  expect_verified();
}

TEST_F(Govern, a_name_is_enough_while_there_are_no_operators) {
  record();
  EXPECT_EQ(run({"legal-hold", "one", "--by", "ann", "--reason", "a claim"}).code, 0);
  auto const list = run({"token", "list"});
  EXPECT_THAT(list.err, HasSubstr("no operators' tokens"));
  expect_verified();
}

}  // namespace
}  // namespace dalsegno::test
