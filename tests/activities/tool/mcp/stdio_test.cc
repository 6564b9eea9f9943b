// The client over the standard streams of a server that misbehaves in every way we know.

#include "activities/tool/mcp/client.h"
#include "activities/tool/mcp/stdio_transport.h"
#include "dalsegno/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dalsegno::mcp {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Stdio : public testing::Test {
 protected:
  Client& start(std::vector<std::string> modes = {}, ClientOptions client = {}) {
    options_.process.command = {MCP_SCRIPTED_SERVER};
    options_.process.command.insert(options_.process.command.end(), modes.begin(), modes.end());
    client_ = std::make_unique<Client>(
        [this](Peer& peer) {
          auto made = std::make_unique<StdioTransport>(options_, peer);
          transport_ = made.get();
          return made;
        },
        std::move(client));
    return *client_;
  }

  OrFault<Json> call(std::string_view tool,
                     RequestOptions const& how = {},
                     std::string_view text = "hello") {
    Json arguments;
    arguments.set("text", text);
    return client_->call_tool(tool, arguments, how);
  }
  static std::string text_of(OrFault<Json> const& result) {
    if (!result) return result.error().type + ": " + result.error().message;
    auto const& content = *result->find("content")->as_array();
    return content.empty() ? "" : std::string(content.front().text("text"));
  }

  StdioOptions options_;
  std::unique_ptr<Client> client_;
  StdioTransport* transport_ = nullptr;
};

/// Whether the process ends, waited for as long as a test may take.
bool ends(int pid) {
  int const handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U));
  if (handle < 0) return errno == ESRCH;
  pollfd waiting{.fd = handle, .events = POLLIN, .revents = 0};
  int const ready = ::poll(&waiting, 1, 60'000);
  ::close(handle);
  return ready == 1;
}

// ---- eras ----

TEST_F(Stdio, speaks_with_a_server_that_knows_sessions) {
  auto& client = start();
  EXPECT_EQ(text_of(call("echo")), "hello");
  EXPECT_EQ(client.era(), Era::sessions);
  EXPECT_EQ(client.version(), "2025-06-18");
  EXPECT_EQ(client.server().text("version"), "1");
  EXPECT_TRUE(client.ping());
}

TEST_F(Stdio, speaks_with_a_stateless_server) {
  auto& client = start({"stateless"});
  EXPECT_EQ(text_of(call("echo")), "hello");
  EXPECT_EQ(client.era(), Era::stateless);
  EXPECT_EQ(client.version(), stateless_version);
  EXPECT_EQ(client.server().text("version"), "2");
  EXPECT_TRUE(client.ping());
}

TEST_F(Stdio, finds_out_that_a_server_is_older_when_it_does_not_answer_at_all) {
  auto& client = start({"silent"}, {.discover_time = 50ms});
  EXPECT_EQ(text_of(call("echo")), "hello");
  EXPECT_EQ(client.era(), Era::sessions);
}

TEST_F(Stdio, reads_a_list_page_by_page) {
  auto const paged = start({"pages"}).list_tools();
  ASSERT_TRUE(paged);
  auto const whole = start().list_tools();
  ASSERT_TRUE(whole);
  ASSERT_EQ(paged->tools.size(), whole->tools.size());
  for (std::size_t i = 0; i < whole->tools.size(); ++i)
    EXPECT_EQ(paged->tools[i].name, whole->tools[i].name);
}

// ---- what a server says meanwhile ----

TEST_F(Stdio, passes_progress_on_in_its_order) {
  start();
  std::vector<std::int64_t> seen;
  auto const result = call("progress", {.on_progress = [&](Json const& params) {
                             seen.push_back(*params.find("progress")->as_integer());
                           }});
  EXPECT_EQ(text_of(result), "done");
  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
}

TEST_F(Stdio, counts_changes_of_the_list) {
  auto& client = start();
  ASSERT_TRUE(client.connect());
  auto const before = client.list_version();
  EXPECT_EQ(text_of(call("change")), "changed");
  EXPECT_EQ(client.list_version(), before + 1);
}

TEST_F(Stdio, declines_questions_unless_somebody_answers_them) {
  for (std::vector<std::string> const& modes : {std::vector<std::string>{}, {"stateless"}}) {
    start(modes);
    EXPECT_THAT(text_of(call("ask")), HasSubstr(R"({"action":"decline"})"));
    start(modes, {.on_elicitation = [](Json const& params) {
            EXPECT_EQ(params.text("message"), "Who?");
            return *parse_json(R"({"action":"accept","content":{"age":7}})");
          }});
    EXPECT_THAT(text_of(call("ask")), HasSubstr(R"("content":{"age":7,"name":"Anna"})"));
  }
}

TEST_F(Stdio, gives_the_state_of_a_question_back_as_it_came) {
  start({"stateless"}, {.on_elicitation = accept_defaults});
  EXPECT_THAT(text_of(call("ask")), HasSubstr("opaque "));
}

TEST_F(Stdio, takes_lines_that_are_no_messages_for_chatter) {
  start();
  EXPECT_EQ(text_of(call("chatter")), "calm");
  EXPECT_THAT(transport_->last_words(), HasSubstr("starting up"));
}

// ---- how calls fail ----

TEST_F(Stdio, says_that_a_killed_server_may_have_done_it_and_starts_it_again) {
  start();
  ASSERT_EQ(text_of(call("echo")), "hello");
  auto const first = transport_->pid();
  auto const result = call("die");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().type, "server_ended");
  EXPECT_TRUE(result.error().outcome_unknown);
  EXPECT_TRUE(result.error().retryable);
  EXPECT_THAT(result.error().message, HasSubstr("signal 9"));
  EXPECT_EQ(text_of(call("echo")), "hello");
  EXPECT_NE(transport_->pid(), first);
}

TEST_F(Stdio, notices_in_the_middle_of_a_call_that_somebody_kills_the_server) {
  start();
  ASSERT_EQ(text_of(call("echo")), "hello");
  // The server is killed at its first sign of being at it.
  auto const result =
      call("hang", {.on_progress = [&](Json const&) { ::kill(transport_->pid(), SIGKILL); }});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().type, "server_ended");
  EXPECT_TRUE(result.error().outcome_unknown);
}

TEST_F(Stdio, leaves_a_server_alone_that_ends_again_and_again) {
  options_.pause = 1h;
  options_.longest_pause = 1h;
  start({"ends"});
  OrFault<Json> result;
  for (int i = 0; i < 3; ++i) result = call("echo");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().type, "server_unavailable");
  EXPECT_FALSE(result.error().outcome_unknown);
  ASSERT_TRUE(result.error().retry_after);
  EXPECT_GT(*result.error().retry_after, 0ms);
  EXPECT_THAT(result.error().message, HasSubstr("exit code 3"));
  EXPECT_THAT(result.error().message, HasSubstr("no licence found"));
}

TEST_F(Stdio, says_so_when_there_is_no_such_program) {
  options_.process.command = {"/nowhere/server"};
  client_ = std::make_unique<Client>(
      [this](Peer& peer) { return std::make_unique<StdioTransport>(options_, peer); },
      ClientOptions{});
  auto const result = call("echo");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().type, "not_started");
  EXPECT_THAT(result.error().message, HasSubstr("/nowhere/server"));
}

TEST_F(Stdio, ends_a_server_that_gives_no_sign_of_life) {
  start({}, {.answer_time = 500ms});
  // Its first sign may take long on a busy machine; after it, none comes.
  while (!client_->connect()) {
  }
  auto const pid = transport_->pid();
  auto const result = call("stall");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().type, "timed_out");
  EXPECT_TRUE(result.error().outcome_unknown);
  EXPECT_TRUE(ends(pid));
}

TEST_F(Stdio, gives_up_a_call_that_nobody_waits_for_and_tells_the_server) {
  start();
  ASSERT_EQ(text_of(call("echo")), "hello");
  std::stop_source stop;
  stop.request_stop();
  auto const result = call("hang", {.stop = stop.get_token()});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().type, "cancelled");
  EXPECT_TRUE(result.error().outcome_unknown);
  EXPECT_EQ(text_of(call("odd.name")), "cancelled");
}

TEST_F(Stdio, refuses_an_answer_of_50_megabytes) {
  start();
  auto const result = call("flood");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().type, "too_large");
  EXPECT_THAT(result.error().message, HasSubstr("more than 16777216 bytes"));
  EXPECT_TRUE(result.error().outcome_unknown);
  EXPECT_EQ(text_of(call("echo")), "hello");
}

TEST_F(Stdio, refuses_what_is_not_utf_8) {
  start();
  auto const result = call("garbage");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().type, "malformed_answer");
  EXPECT_THAT(result.error().message, HasSubstr("UTF-8"));
  EXPECT_EQ(text_of(call("echo")), "hello");
}

TEST_F(Stdio, tells_an_error_of_the_protocol_from_one_of_a_tool) {
  start();
  auto const refused = call("refuse");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().type, "refused");
  EXPECT_EQ(refused.error().code, -32602);
  EXPECT_FALSE(refused.error().outcome_unknown);
  auto const failed = call("fail");
  ASSERT_TRUE(failed);
  EXPECT_TRUE(*failed->find("isError")->as_bool());
}

TEST_F(Stdio, serves_many_calls_at_once) {
  start();
  ASSERT_TRUE(client_->connect());
  std::vector<std::future<std::string>> running;
  for (int i = 0; i < 16; ++i)
    running.push_back(std::async(
        std::launch::async, [this, i] { return text_of(call("echo", {}, std::to_string(i))); }));
  for (int i = 0; i < 16; ++i)
    EXPECT_EQ(running[static_cast<std::size_t>(i)].get(), std::to_string(i));
}

TEST_F(Stdio, fails_calls_under_way_when_it_is_closed) {
  start();
  ASSERT_EQ(text_of(call("echo")), "hello");
  auto waiting = std::async(std::launch::async, [&] { return call("hang"); });
  client_->close();
  auto const result = waiting.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().type, "cancelled");
}

// ---- what the process is given ----

TEST_F(Stdio, gives_the_server_its_own_variables_and_none_of_our_descriptors) {
  ASSERT_EQ(::setenv("DALSEGNO_TEST_SECRET", "hunter2", 1), 0);
  int const ours = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  ASSERT_GE(ours, 0);
  options_.process.environment = {{"GIVEN", "yes"}};
  options_.process.cpu_time = 77s;
  // Far above what a sanitizer's shadow takes.
  options_.process.memory_bytes = std::uint64_t{1} << 50U;
  start();
  auto const result = call("report");
  ::close(ours);
  ASSERT_TRUE(result) << result.error().message;
  auto const& report = *result->find("structuredContent");
  EXPECT_EQ(to_string(*report.find("environment")), R"(["GIVEN=yes"])");
  EXPECT_EQ(to_string(*report.find("descriptors")), "[]");
  EXPECT_EQ(*report.find("cpu"), Json(77));
  EXPECT_EQ(*report.find("memory"), Json(std::uint64_t{1} << 50U));
  EXPECT_TRUE(*report.find("is_leader")->as_bool());
}

TEST_F(Stdio, ends_what_the_server_has_started_with_it) {
  options_.close_time = 50ms;
  start();
  auto const started = std::stoi(text_of(call("spawn")));
  auto const server = transport_->pid();
  client_.reset();
  EXPECT_TRUE(ends(server));
  EXPECT_TRUE(ends(started));
}

TEST_F(Stdio, keeps_no_more_of_what_is_said_than_it_may) {
  ByteTail tail(8);
  tail.add("0123");
  tail.add("456789");
  EXPECT_EQ(tail.text(), "23456789");
  tail.add(std::string(100, 'x') + "end");
  EXPECT_EQ(tail.text(), "xxxxxend");
}

}  // namespace
}  // namespace dalsegno::mcp
