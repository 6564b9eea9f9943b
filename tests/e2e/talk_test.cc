// `dalsegno run` without a transcript: a conversation in the terminal with a model server.

#include "dalsegno/json.h"
#include "tests/e2e/command.h"
#include "tests/support/model_server/model_server.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace dalsegno::test {
namespace {

using testing::HasSubstr;

class Talk : public testing::Test {
 protected:
  Talk() {
    ::setenv("DALSEGNO_MODEL_URL", server_.url().c_str(), 1);
    ::setenv("DALSEGNO_MODEL", "small", 1);
    ::setenv("DALSEGNO_API_KEY", "sk-test-0123456789abcdef", 1);
  }
  ~Talk() override {
    for (auto const* const name : {"DALSEGNO_MODEL_URL", "DALSEGNO_MODEL", "DALSEGNO_API_KEY"})
      ::unsetenv(name);
  }

  [[nodiscard]] Ran run(std::string const& in, std::vector<std::string> const& more = {}) const {
    std::vector<std::string> arguments = {
        "run", "--data", (folder_.path() / "data").string(), "--system", "be brief"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return dalsegno(arguments, in);
  }

  ModelServer server_;
  TemporaryFolder folder_;
};

TEST_F(Talk, answers_each_line_and_goes_on_another_day) {
  auto const first = run("hello\n\nhow are you?\n");
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(first.out, "2 messages, the last one: hello\n4 messages, the last one: how are you?\n");
  auto const second = run("still there?\n", {"--json"});
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("session talk goes on after 2 turns"));
  auto const line = parse_json(second.out);
  ASSERT_TRUE(line) << second.out;
  EXPECT_EQ(line->text("schema"), "dalsegno.answer");
  EXPECT_EQ(line->text("answer"), "6 messages, the last one: still there?");
  EXPECT_EQ(server_.requests().size(), 3U);
}

TEST_F(Talk, tells_of_failures_and_tool_calls_on_the_way) {
  server_.script(R"([{"fault":"status","status":"429 Too Many Requests",
      "headers":"Retry-After-Ms: 1\r\n"}])");
  auto const ran = run("call nothing\n");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("rate_limited: endpoint-1: status 429"));
  EXPECT_THAT(ran.err, HasSubstr("tool nothing"));
  EXPECT_THAT(ran.out, HasSubstr("the tools said: "));
}

TEST_F(Talk, a_session_that_has_failed_says_so_and_leaves_others_alone) {
  server_.script(R"([{"fault":"status","status":"401 Unauthorized"}])");
  auto const refused = run("hello\n");
  EXPECT_NE(refused.code, 0) << "the session has failed";
  EXPECT_THAT(refused.err, HasSubstr("unauthorized"));
  auto const after = run("again\n");
  EXPECT_NE(after.code, 0) << "and stays so";
  EXPECT_EQ(run("hello\n", {"--session", "other"}).code, 0);
}

TEST_F(Talk, takes_an_agent_from_a_configuration) {
  ::setenv("DALSEGNO_MODEL_URL", "http://127.0.0.1:1/v1", 1);  // is not asked
  auto const file = (folder_.path() / "dalsegno.toml").string();
  std::ofstream(file) << "[endpoints.here]\nurl = \"" << server_.url()
                      << "\"\nmodel = \"small\"\napi_key = \"env:DALSEGNO_API_KEY\"\n"
                         "[models.small]\nendpoints = [\"here\"]\n"
                         "[agents.desk]\nmodel = \"small\"\nsystem = \"be kind\"\n";
  auto const ran = run("hello\n", {"--config", file, "--agent", "desk"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "2 messages, the last one: hello\n");
  EXPECT_EQ(run("hello\n", {"--config", file, "--agent", "dask"}).code, 2);
  EXPECT_EQ(run("hello\n", {"--config", file}).code, 2);
}

TEST_F(Talk, lets_old_turns_give_way_to_a_summary_of_another_model) {
  auto const file = (folder_.path() / "dalsegno.toml").string();
  std::ofstream(file) << "[endpoints.here]\nurl = \"" << server_.url()
                      << "\"\nmodel = \"small\"\n[endpoints.also]\nurl = \"" << server_.url()
                      << "\"\nmodel = \"scribe\"\n"
                         "[models.small]\nendpoints = [\"here\"]\n"
                         "[models.scribe]\nendpoints = [\"also\"]\n"
                         "[agents.desk]\nmodel = \"small\"\n"
                         "[agents.desk.context]\nmax_bytes = 4096\nkeep_turns = 1\n"
                         "summarizer = \"scribe\"\n";
  auto const talk = [&](std::string const& in) {
    return run(in, {"--config", file, "--agent", "desk"});
  };
  auto const first = talk("hello\n" + std::string(3'000, 'x') + "\nmy number is 7\n");
  EXPECT_EQ(first.code, 0) << first.err;
  auto const second = talk("and now?\n");
  EXPECT_EQ(second.code, 0) << second.err;
  std::vector<std::string> of_scribe;
  for (auto const& request : server_.requests())
    if (request.body.contains("\"scribe\"")) of_scribe.push_back(request.body);
  ASSERT_EQ(of_scribe.size(), 1U);
  EXPECT_THAT(of_scribe[0], HasSubstr("Summarize this conversation"));
  auto const last = server_.requests().back().body;
  EXPECT_THAT(last, HasSubstr("[Summary of the conversation so far]"));
  EXPECT_THAT(last, HasSubstr("turn 1: hello"));
  EXPECT_THAT(last, testing::Not(HasSubstr(std::string(2'000, 'x')))) << "turn 2 is referred to";
  EXPECT_THAT(last, HasSubstr("my number is 7"));
  auto const why = dalsegno({"why", "talk", "--data", (folder_.path() / "data").string()});
  EXPECT_EQ(why.code, 0) << why.out << why.err;
  EXPECT_THAT(why.out, HasSubstr("stands for turns 1 to 2"));
  EXPECT_THAT(why.out, HasSubstr("model scribe/summaries"));
}

TEST_F(Talk, does_not_show_a_summary_as_if_it_were_an_answer) {
  auto const file = (folder_.path() / "dalsegno.toml").string();
  std::ofstream(file) << "[endpoints.here]\nurl = \"" << server_.url()
                      << "\"\nmodel = \"small\"\n[models.small]\nendpoints = [\"here\"]\n"
                         "[agents.desk]\nmodel = \"small\"\n"
                         "[agents.desk.context]\nmax_bytes = 4096\nkeep_turns = 0\n";
  auto const ran =
      run(std::string(3'000, 'x') + "\nhello\n", {"--config", file, "--agent", "desk"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("2 messages, the last one: hello\n"));
  EXPECT_THAT(ran.out, testing::Not(HasSubstr("Summarize")));
  EXPECT_EQ(server_.requests().size(), 3U);
}

TEST_F(Talk, spends_no_more_than_its_budget_over_several_processes) {
  auto const file = (folder_.path() / "dalsegno.toml").string();
  std::ofstream(file) << "[endpoints.here]\nurl = \"" << server_.url()
                      << "\"\nmodel = \"small\"\n"
                         "[models.small]\nendpoints = [\"here\"]\nmax_tokens = 100\n"
                         "[prices.small]\ninput = 1000\noutput = 1000\n"
                         "[budgets.session]\nsoft_usd = 0.01\nhard_usd = 0.5\n"
                         "[agents.desk]\nmodel = \"small\"\n";
  std::string all;
  int code = 0;
  for (int i = 0; i < 20 && code == 0; ++i) {
    auto const ran = run("turn\n", {"--config", file, "--agent", "desk"});
    code = ran.code;
    all += ran.err;
  }
  EXPECT_NE(code, 0);
  EXPECT_THAT(all, HasSubstr("has its soft limit"));
  EXPECT_THAT(all, HasSubstr("budget_exhausted: the budget of session default/talk has 0."));
  EXPECT_GT(server_.requests().size(), 1U);
}

TEST_F(Talk, says_what_the_environment_lacks) {
  ::unsetenv("DALSEGNO_MODEL");
  auto const ran = run("hello\n");
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("DALSEGNO_MODEL"));
}

TEST_F(Talk, makes_no_more_calls_of_a_tool_at_once_than_its_section_allows) {
  // Two tools of one far side, which holds all their calls back until the gate opens.
  auto const tool = [&](std::string const& name, std::string const& more) {
    return "[http_tools." + name + "]\nurl = \"" + server_.url() +
           "/embeddings\"\nmethod = \"POST\"\nrisk = \"read\"\neffect = \"idempotent\"\n" +
           "parameters = "
           "'{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"array\"}}}'\n" +
           more;
  };
  auto const file = (folder_.path() / "dalsegno.toml").string();
  write_file(file,
             "[endpoints.here]\nurl = \"" + server_.url() +
                 "\"\nmodel = \"small\"\n[models.small]\nendpoints = [\"here\"]\n" +
                 tool("slow", "concurrency = 1\n") + tool("quick", "") +
                 "[agents.desk]\nmodel = \"small\"\ntools = [\"slow\", \"quick\"]\n");
  server_.script(R"([{"tool_calls":[
      {"id":"1","name":"slow","arguments":{"input":["slow 1"]}},
      {"id":"2","name":"slow","arguments":{"input":["slow 2"]}},
      {"id":"3","name":"quick","arguments":{"input":["quick"]}}]},
      {"gate":"held"},{"gate":"held"},{"gate":"held"}])");
  std::thread opener([this] {
    server_.wait_for_requests(3);
    server_.open_gate("held");
  });
  auto const ran = run("go\n", {"--config", file, "--agent", "desk"});
  opener.join();
  EXPECT_EQ(ran.code, 0) << ran.err;
  auto const requests = server_.requests();
  ASSERT_EQ(requests.size(), 5U);
  std::vector<std::string> held{requests[1].body, requests[2].body};
  EXPECT_THAT(held, testing::UnorderedElementsAre(HasSubstr("slow 1"), HasSubstr("quick")));
  EXPECT_THAT(requests[3].body, HasSubstr("slow 2")) << "not before the first had its answer";
}

}  // namespace
}  // namespace dalsegno::test
