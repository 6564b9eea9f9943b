// A conversation in the terminal with a model server and two MCP servers that others have written,
// configured by a dalsegno.toml. It is killed with SIGKILL again and again and goes on.

#include "storage/log/crash_point.h"
#include "tests/activities/tool/mcp/node.h"
#include "tests/e2e/command.h"
#include "tests/support/model_server/model_server.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace dalsegno::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string quoted(std::string const& text) { return "\"" + text + "\""; }

std::string read_file(fs::path const& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class TalkTools : public testing::Test {
 protected:
  void SetUp() override {
    if (!mcp::test::are_installed())
      GTEST_SKIP() << "the servers are not installed: ./dev test does that";
    fs::create_directory(root());
    write_file(config(),
               "[endpoints.here]\nurl = " + quoted(server_.url()) +
                   "\nmodel = \"small\"\n[models.small]\nendpoints = [\"here\"]\n"
                   "[prices.small]\ninput = 1\noutput = 10\n" +
                   tool("notes", "mcp-server-memory", "") +
                   "environment = { MEMORY_FILE_PATH = " + quoted(memory().string()) +
                   ", PATH = " + quoted(mcp::test::programs().string() + ":/usr/bin:/bin") +
                   " }\n[tools.notes.each.create_entities]\nrisk = \"write\"\n" +
                   tool("files", "mcp-server-filesystem", root().string()) +
                   "only = [\"write_file\", \"read_text_file\"]\n"
                   "[agents.desk]\nmodel = \"small\"\nsystem = \"be brief\"\n"
                   "checkpoint_every = 2\ntools = [\"notes\", \"files\"]\n");
    turns_ = {"hello",
              "call create_entities {\"entities\":[{\"name\":\"n1\",\"entityType\":\"note\","
              "\"observations\":[\"one\"]}]}",
              "call write_file {\"path\":" + quoted((root() / "b.txt").string()) +
                  ",\"content\":\"words\"}",
              "call read_text_file {\"path\":" + quoted((root() / "b.txt").string()) + "}",
              "thanks"};
  }

  [[nodiscard]] static std::string tool(std::string const& name,
                                        std::string const& program,
                                        std::string const& argument) {
    std::string words;
    for (auto const& word : mcp::test::node(program)) words += quoted(word) + ", ";
    if (!argument.empty()) words += quoted(argument);
    return "[tools." + name + "]\ncommand = [" + words + "]\neffect = \"idempotent\"\n";
  }

  [[nodiscard]] fs::path root() const { return fs::canonical(folder_.path()) / "root"; }
  [[nodiscard]] fs::path memory() const { return folder_.path() / "memory.jsonl"; }
  [[nodiscard]] fs::path config() const { return folder_.path() / "dalsegno.toml"; }

  /// The same command each time; `crash_at`: where it is killed, "": nowhere.
  [[nodiscard]] Ran run(std::string const& in, std::string const& crash_at = "") const {
    if (!crash_at.empty()) ::setenv("DALSEGNO_CRASH_AT", crash_at.c_str(), 1);
    auto ran = dalsegno({"run",
                         "--data",
                         (folder_.path() / "data").string(),
                         "--config",
                         config().string(),
                         "--agent",
                         "desk"},
                        in);
    ::unsetenv("DALSEGNO_CRASH_AT");
    return ran;
  }
  [[nodiscard]] std::string lines_from(std::size_t turn) const {
    std::string lines;
    for (auto i = turn; i < turns_.size(); ++i) lines += turns_[i] + "\n";
    return lines;
  }
  /// How many turns the session has taken.
  [[nodiscard]] std::size_t turns_taken() const {
    auto const shown =
        dalsegno({"show", "talk", "--data", (folder_.path() / "data").string(), "--json"});
    std::size_t taken = 0;
    for (std::size_t at = 0;
         (at = shown.out.find("\"type\":\"InputReceived\"", at)) != std::string::npos;
         ++at)
      ++taken;
    return taken;
  }

  /// All was said and done, and as often as it should be.
  void expect_whole(std::string const& where) const {
    auto const remembered = read_file(memory());
    EXPECT_EQ(remembered,
              "{\"type\":\"entity\",\"name\":\"n1\",\"entityType\":\"note\",\"observations\":["
              "\"one\"]}")
        << where;
    EXPECT_EQ(read_file(root() / "b.txt"), "words") << where;
    std::set<std::string> prompts;
    for (auto const& request : server_.requests()) prompts.insert(request.body);
    EXPECT_EQ(prompts.size(), 8U) << where << ": a prompt was built in two ways";
    auto const data = (folder_.path() / "data").string();
    auto const verified = dalsegno({"verify", "--data", data});
    EXPECT_EQ(verified.code, 0) << where << ": " << verified.out << verified.err;
    auto const why = dalsegno({"why", "talk", "#4", "--data", data});
    EXPECT_EQ(why.code, 0) << where << ": " << why.out << why.err;
    EXPECT_THAT(why.out, HasSubstr("read_text_file")) << where;
  }

  TemporaryFolder folder_;
  ModelServer server_;
  std::vector<std::string> turns_;
};

TEST_F(TalkTools, are_called_as_policy_permits_and_shown) {
  auto const ran = run(lines_from(0));
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("2 messages, the last one: hello\n"));
  EXPECT_THAT(ran.out, HasSubstr("the tools said: {\"content\":\"words\"}\n"));
  EXPECT_THAT(ran.err, HasSubstr("tool write_file {\"content\":\"words\""));
  EXPECT_THAT(ran.err, HasSubstr(": permitted by permit-all"));
  EXPECT_EQ(server_.requests().size(), 8U);
  expect_whole("in peace");
  // The model was told of the tools that the file lists, and of no other.
  auto const told = server_.requests().front().body;
  EXPECT_THAT(told, HasSubstr("\"read_text_file\""));
  EXPECT_THAT(told, testing::Not(HasSubstr("\"move_file\"")));
}

TEST_F(TalkTools, that_policy_denies_are_not_called) {
  auto const policy = (folder_.path() / "policy.json").string();
  write_file(policy, R"({"dalsegno_policy":1,"name":"readers","rules":[
    {"id":"models","effect":"permit","actions":["model.call"]},
    {"id":"reading","effect":"permit","actions":["tool.call"],
     "resources":["read_*"]}]})");
  auto const ran = dalsegno({"run",
                             "--data",
                             (folder_.path() / "data").string(),
                             "--config",
                             config().string(),
                             "--agent",
                             "desk",
                             "--policy",
                             policy},
                            turns_[2] + "\n");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("denied by no rule"));
  EXPECT_THAT(ran.out, HasSubstr("denied by policy"));
  EXPECT_FALSE(fs::exists(root() / "b.txt"));
}

/// Each place, at passes that lie apart, in one conversation.
class TalkToolsKilledAt : public TalkTools, public testing::WithParamInterface<std::string_view> {};

TEST_P(TalkToolsKilledAt, it_goes_on_where_it_was) {
  std::string const place(GetParam());
  std::size_t kills = 0;
  std::size_t taken = 0;
  for (int const pass : {2, 3, 5, 8, 13}) {
    auto const killed = run(lines_from(taken), place + ":" + std::to_string(pass));
    if (killed.signal != SIGKILL) {
      EXPECT_EQ(killed.code, 0) << killed.err;
      break;
    }
    ++kills;
    taken = turns_taken();
  }
  if (kills == 0) GTEST_SKIP() << "this build has no crash points";
  auto const last = run(lines_from(turns_taken()));
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_THAT(last.err, HasSubstr("session talk goes on after "));
  EXPECT_EQ(turns_taken(), turns_.size());
  expect_whole(place);
}

constexpr std::array<std::string_view, 4> places = {"attempt.before_effect",
                                                    "attempt.after_effect",
                                                    "commit.before_watermark",
                                                    "commit.after_release"};
INSTANTIATE_TEST_SUITE_P(Places,
                         TalkToolsKilledAt,
                         testing::ValuesIn(places),
                         [](auto const& test) {
                           std::string name(test.param);
                           for (auto& c : name)
                             if (c == '.') c = '_';
                           return name;
                         });

}  // namespace
}  // namespace dalsegno::test
