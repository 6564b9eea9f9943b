// Servers that others have written, over both transports.

#include "activities/http/network_transport.h"
#include "activities/tool/mcp/client.h"
#include "activities/tool/mcp/http_transport.h"
#include "activities/tool/mcp/stdio_transport.h"
#include "tests/activities/http/far_side.h"
#include "tests/activities/http/http_fixture.h"
#include "tests/activities/tool/mcp/node.h"
#include "tests/support/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::mcp {
namespace {

using testing::Contains;
using testing::HasSubstr;

std::string text_of(OrFault<Json> const& result) {
  if (!result) return result.error().type + ": " + result.error().message;
  std::string out;
  for (auto const& block : *result->find("content")->as_array()) out += block.text("text");
  return out;
}

bool is_error(OrFault<Json> const& result) {
  return result && result->find("isError") != nullptr && *result->find("isError")->as_bool();
}

std::vector<std::string> names_of(OrFault<ToolList> const& list) {
  std::vector<std::string> names;
  if (!list) {
    ADD_FAILURE() << list.error().message;
    return names;
  }
  for (auto const& tool : list->tools) names.push_back(tool.name);
  return names;
}

Json json(std::string_view text) { return *parse_json(text); }

class RealServer : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::are_installed())
      GTEST_SKIP() << "the servers are not installed: ./dev test does that";
  }
  Client& start(std::string const& program,
                std::vector<std::string> const& arguments = {},
                ClientOptions client = {}) {
    StdioOptions options;
    options.process = {.command = test::node(program, arguments),
                       .environment = test::variables(),
                       .memory_bytes = std::uint64_t{4} << 30U};
    options.process.environment.emplace_back("MEMORY_FILE_PATH",
                                             (folder_.path() / "memory.jsonl").string());
    client_ = std::make_unique<Client>(
        [&](Peer& peer) {
          auto made = std::make_unique<StdioTransport>(options, peer);
          transport_ = made.get();
          return made;
        },
        std::move(client));
    return *client_;
  }

  dalsegno::test::TemporaryFolder folder_;
  std::unique_ptr<Client> client_;
  StdioTransport* transport_ = nullptr;
};

/// What server-everything can do, over whichever transport.
void expect_everything(Client& client) {
  EXPECT_THAT(names_of(client.list_tools()), Contains("get-sum"));
  EXPECT_EQ(text_of(client.call_tool("echo", json(R"({"message":"hi"})"))), "Echo: hi");
  EXPECT_EQ(text_of(client.call_tool("get-sum", json(R"({"a":2,"b":3})"))),
            "The sum of 2 and 3 is 5.");
  EXPECT_TRUE(is_error(client.call_tool("get-sum", json(R"({"a":"x"})"))));
  auto const weather =
      client.call_tool("get-structured-content", json(R"({"location":"New York"})"));
  ASSERT_TRUE(weather) << weather.error().message;
  EXPECT_NE(weather->find("structuredContent")->find("temperature"), nullptr);
  int steps = 0;
  auto const long_one = client.call_tool("trigger-long-running-operation",
                                         json(R"({"duration":0.2,"steps":4})"),
                                         {.on_progress = [&](Json const&) { ++steps; }});
  EXPECT_THAT(text_of(long_one), HasSubstr("completed"));
  EXPECT_EQ(steps, 4);
  EXPECT_THAT(text_of(client.call_tool("trigger-elicitation-request", {})),
              HasSubstr("Favorite Integer: 42"));
}

TEST_F(RealServer, everything_over_its_standard_streams) {
  auto& client = start("mcp-server-everything", {"stdio"}, {.on_elicitation = accept_defaults});
  expect_everything(client);
  EXPECT_EQ(client.version(), session_version);
}

TEST_F(RealServer, everything_over_http) {
  // Another program may take the port that was free a moment ago.
  std::string port;
  std::unique_ptr<ChildProcess> server;
  for (int attempt = 0; attempt < 5 && !server; ++attempt) {
    port = http::test::FarSide([](http::test::Peer&) {}).text_port();
    auto variables = test::variables();
    variables.emplace_back("PORT", port);
    auto started =
        ChildProcess::start({.command = test::node("mcp-server-everything", {"streamableHttp"}),
                             .environment = variables});
    ASSERT_TRUE(started) << started.error().detail;
    if (test::listen(**started, "listening on port").contains("listening on port"))
      server = std::move(*started);
  }
  ASSERT_NE(server, nullptr);

  http::SystemResolver resolver;
  http::EgressGuard const guard(http::test::loopback_rules(), resolver);
  auto const network = http::test::transport();
  http::Client const http(guard, *network);
  HttpOptions const options{.url = "http://127.0.0.1:" + port + "/mcp"};
  {
    Client client(
        [&](Peer& peer) { return std::make_unique<HttpTransport>(http, options, nullptr, peer); },
        {.on_elicitation = accept_defaults});
    expect_everything(client);
    EXPECT_EQ(client.era(), Era::sessions);
  }
  // Its session was ended in order: the server says so.
  EXPECT_THAT(test::listen(*server, "ermination"), HasSubstr("ermination"));
}

TEST_F(RealServer, filesystem_writes_where_it_may_and_nowhere_else) {
  auto const root = std::filesystem::canonical(folder_.path()) / "root";
  std::filesystem::create_directory(root);
  auto& client = start("mcp-server-filesystem", {root.string()});
  Json write;
  write.set("path", (root / "b.txt").string()).set("content", "words");
  EXPECT_THAT(text_of(client.call_tool("write_file", write)), HasSubstr("Successfully wrote"));
  std::ifstream file(root / "b.txt");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "words");
  Json outside;
  outside.set("path", "/etc/passwd");
  auto const denied = client.call_tool("read_text_file", outside);
  EXPECT_TRUE(is_error(denied));
  EXPECT_THAT(text_of(denied), HasSubstr("Access denied"));
}

TEST_F(RealServer, memory_remembers_over_a_kill_what_it_had_answered) {
  auto& client = start("mcp-server-memory");
  auto const one = json(R"({"entities":[{"name":"n1","entityType":"t","observations":["o"]}]})");
  auto const created = client.call_tool("create_entities", one);
  ASSERT_TRUE(created) << created.error().message;
  ::kill(transport_->pid(), SIGKILL);
  // The first call may still have gone to the one that was killed.
  auto graph = client.call_tool("read_graph", {});
  if (!graph) graph = client.call_tool("read_graph", {});
  ASSERT_TRUE(graph) << graph.error().message;
  EXPECT_EQ(graph->find("structuredContent")->find("entities")->as_array()->size(), 1U);
}

}  // namespace
}  // namespace dalsegno::mcp
