#include "tools/dalsegno/forensics/prompt.h"

#include "storage/memory/memory_log.h"
#include "tests/tools/dalsegno/model_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace dalsegno::forensics {
namespace {

using test::message;
using test::ModelScript;
using test::SessionScript;
using testing::ElementsAre;
using testing::HasSubstr;

class PromptTest : public testing::Test {
 protected:
  void expect(Result<> const& outcome) { ASSERT_TRUE(outcome) << outcome.error().detail; }

  Result<RebuiltPrompt> rebuild(Sequence sequence) {
    auto const head = log_->head(session_.id());
    auto const history = read_history(*log_, session_.id(), **head).value();
    EXPECT_FALSE(history.broken) << history.broken->detail;
    return rebuild_prompt(*log_, history, sequence);
  }
  void expect_refused(Sequence sequence, Errc code, std::string const& said) {
    auto const prompt = rebuild(sequence);
    ASSERT_FALSE(prompt) << sequence;
    EXPECT_EQ(prompt.error().code, code);
    EXPECT_THAT(prompt.error().detail, HasSubstr(said));
  }

  /// Two calls of one conversation: events 1 to 6.
  void talk() {
    auto first = model_.ask(1, {message("system", "be brief"), message("user", "hello")});
    first.insert(first.begin(), session_.started());
    expect(session_.step(first));
    auto const answer = model_.answer(1, "hi");
    auto second = model_.ask(2, {message("user", "and now?")});
    second.insert(second.begin(), answer);
    expect(session_.step(second));
  }

  std::unique_ptr<storage::EventLog> log_ = storage::open_memory(storage::make_memory_store(1));
  SessionScript session_{*log_, "talk", "agent"};
  ModelScript model_{session_};
};

constexpr char const* first_two = R"({"content":"be brief","role":"system","tool_calls":[]},)"
                                  R"({"content":"hello","role":"user","tool_calls":[]})";

TEST_F(PromptTest, is_the_same_by_whichever_event_of_the_call_it_is_asked_for) {
  talk();
  for (auto const sequence : {2U, 3U, 4U}) {
    auto const prompt = rebuild(sequence);
    ASSERT_TRUE(prompt) << prompt.error().detail;
    EXPECT_EQ(prompt->requested, 2U);
    EXPECT_EQ(prompt->model, "small");
    EXPECT_EQ(messages_json(prompt->messages), std::string("[") + first_two + "]");
  }
}

TEST_F(PromptTest, goes_on_with_what_the_model_had_answered) {
  talk();
  auto const prompt = rebuild(5);
  ASSERT_TRUE(prompt) << prompt.error().detail;
  EXPECT_EQ(messages_json(prompt->messages),
            std::string("[") + first_two +
                R"(,{"content":"hi","role":"assistant","tool_calls":[]},)"
                R"({"content":"and now?","role":"user","tool_calls":[]}])");
  EXPECT_EQ(prompt->digest.size(), 64U);
}

TEST_F(PromptTest, has_what_a_server_wanted_back_with_its_answer) {
  auto first = model_.ask(1, {message("user", "hello")});
  first.insert(first.begin(), session_.started());
  expect(session_.step(first));
  auto answer = model_.answer(1, "hi");
  std::get<storage::ModelCompleted>(answer.body).result = SessionScript::payload(
      R"({"content":"hi","tool_calls":[],"reasoning_blocks":[{"type":"thinking","a":1}]})");
  auto second = model_.ask(2, {message("user", "and now?")});
  second.insert(second.begin(), answer);
  expect(session_.step(second));
  auto const prompt = rebuild(5);
  ASSERT_TRUE(prompt) << prompt.error().detail;
  EXPECT_THAT(messages_json(prompt->messages),
              HasSubstr(R"({"content":"hi","reasoning_blocks":[{"a":1,"type":"thinking"}],)"
                        R"("role":"assistant","tool_calls":[]})"));
}

TEST_F(PromptTest, of_what_is_no_model_call_there_is_none) {
  talk();
  expect(session_.step({session_.request(3, "search", "{}")}));
  expect_refused(1, Errc::invalid, "event 1 is SessionStarted of no model call");
  expect_refused(1, Errc::invalid, "models were called at 2, 5");
  expect_refused(7, Errc::invalid, "OperationRequested of no model call");
  expect_refused(99, Errc::invalid, "there is no event 99");
  expect_refused(0, Errc::invalid, "there is no event 0");
}

TEST_F(PromptTest, a_request_that_is_none_of_a_conversation_is_what_it_brought) {
  auto const whole = agent::ModelRequest{{.messages = 1, .digest = ""}, {message("user", "a")}};
  expect(session_.step({session_.started(), model_.request_of(1, to_json(whole))}));
  auto const prompt = rebuild(2);
  ASSERT_TRUE(prompt) << prompt.error().detail;
  EXPECT_EQ(prompt->digest, "");
  EXPECT_EQ(messages_json(prompt->messages), R"([{"content":"a","role":"user","tool_calls":[]}])");
  expect(session_.step({model_.request_of(2, R"({"question":"why?"})")}));
  expect_refused(3, Errc::invalid, "no agent::ModelRequest");
}

TEST_F(PromptTest, says_which_message_is_another_than_the_request_means) {
  talk();
  auto const answer = model_.answer(2, "so it is");
  auto forged = model_.request({message("user", "three")});
  forged.append[0].content = "four";
  expect(session_.step({answer, model_.request_of(3, to_json(forged))}));
  expect_refused(8, Errc::corrupt, "message 4 or one after it is another");
  EXPECT_TRUE(rebuild(5)) << "those before are what they were";
}

TEST_F(PromptTest, says_which_message_is_not_there) {
  talk();
  agent::ModelRequest const request{{.messages = 9, .digest = std::string(64, 'a')},
                                    {message("user", "x")}};
  expect(session_.step({model_.answer(2, "so it is"), model_.request_of(3, to_json(request))}));
  expect_refused(8, Errc::corrupt, "message 5 is not there (counting from 0)");
  agent::ModelRequest const too_many{{.messages = 1, .digest = std::string(64, 'a')},
                                     {message("user", "x"), message("user", "y")}};
  expect(session_.step({model_.request_of(4, to_json(too_many))}));
  expect_refused(9, Errc::corrupt, "brings more messages");
}

TEST_F(PromptTest, says_at_which_event_an_artifact_is_missing) {
  auto first = model_.ask(1, {message("user", "hello")});
  first.insert(first.begin(), session_.started());
  expect(session_.step(first));
  auto lost = model_.answer(1, "hi");
  auto& result = std::get<storage::ModelCompleted>(lost.body).result;
  result.bytes.clear();
  result.artifact = storage::ArtifactRef{session_.digest("gone"), 4};
  auto second = model_.ask(2, {message("user", "and now?")});
  second.insert(second.begin(), lost);
  expect(session_.step(second));
  expect_refused(5, Errc::corrupt, "what a model answered at event 4");
  EXPECT_TRUE(rebuild(2)) << "what came later is not needed";
  auto gone = model_.request_of(3, "");
  std::get<storage::OperationRequested>(gone.body).input = result;
  expect(session_.step({gone}));
  expect_refused(7, Errc::corrupt, "the messages it brings");
}

TEST_F(PromptTest, names_the_rules_by_which_the_server_was_given_originals) {
  auto said = model_.ask(1, {message("user", "mail [secret:email:12345678]")});
  storage::PolicyDecided decided;
  decided.attempt = 1;
  decided.effect = storage::DecisionEffect::permit;
  decided.obligations.push_back({"reveal", "mail-desk", R"({"kinds":["email"]})"});
  expect(session_.step({session_.started(), said[0], {1, decided}, said[1]}));
  auto const prompt = rebuild(2);
  ASSERT_TRUE(prompt) << prompt.error().detail;
  EXPECT_THAT(prompt->revealed_by, ElementsAre("mail-desk"));
}

}  // namespace
}  // namespace dalsegno::forensics
