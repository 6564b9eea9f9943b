// The client over HTTP, against a far side that a test writes.

#include "activities/tool/mcp/http_transport.h"

#include "activities/tool/mcp/client.h"
#include "activities/tool/mcp/client_credentials.h"
#include "tests/activities/http/far_side.h"
#include "tests/activities/http/http_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace dalsegno::mcp {
namespace {

using namespace std::chrono_literals;
using http::test::FarSide;
using http::test::Peer;
using http::test::reply;
using testing::HasSubstr;

constexpr std::string_view json_type = "Content-Type: application/json\r\n";
constexpr std::string_view stream_type = "Content-Type: text/event-stream\r\n";

/// A request that the far side was sent.
struct Asked {
  std::string text;  ///< the whole of it
  Message message;

  [[nodiscard]] bool is(std::string_view method) const { return text.starts_with(method); }
};

std::string result(Message const& message, std::string_view json) {
  return reply(write_result(message.id, *parse_json(json)), json_type);
}

/// The handshake of a server with sessions; "" for all else.
std::string handshake(Asked const& asked, std::string_view session = "") {
  auto headers = std::string(json_type);
  if (!session.empty()) headers += "Mcp-Session-Id: " + std::string(session) + "\r\n";
  if (asked.is("GET")) return reply("", "", "405 Method Not Allowed");
  if (asked.is("DELETE")) return reply("", "", "204 No Content");
  if (asked.message.method == "server/discover")
    return reply(write_error({}, -32000, "Bad Request: no session"), json_type, "400 Bad Request");
  if (asked.message.method == "initialize")
    return reply(
        write_result(
            asked.message.id,
            *parse_json(
                R"({"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"far","version":"1"}})")),
        headers);
  if (asked.message.kind == Message::Kind::notification) return reply("", "", "202 Accepted");
  return {};
}

class McpHttp : public testing::Test {
 protected:
  using Answer = std::function<std::string(Asked const&)>;

  /// Client and far side for the life of this object, and no longer: what the answers refer to ends
  /// after it.
  class Running {
   public:
    explicit Running(McpHttp& test) : test_(test) {}
    ~Running() {
      test_.client_.reset();
      test_.far_.reset();
    }
    Running(Running const&) = delete;
    Running& operator=(Running const&) = delete;
    Client* operator->() const { return test_.client_.get(); }

   private:
    McpHttp& test_;
  };

  /// `answer` is asked on each request; "" closes the connection.
  [[nodiscard]] Running start(Answer answer,
                              ClientOptions client = {},
                              std::function<void(HttpOptions&)> const& change = {}) {
    far_ = std::make_unique<FarSide>([this, answer = std::move(answer)](Peer& peer) {
      for (;;) {
        Asked asked{.text = peer.read_request(), .message = {}};
        if (asked.text.empty()) return;
        auto const body = asked.text.substr(asked.text.find("\r\n\r\n") + 4);
        if (auto message = read_message(body)) asked.message = std::move(*message);
        {
          std::scoped_lock const lock(mutex_);
          requests_.push_back(asked.text);
        }
        auto const text = answer(asked);
        if (text.empty() || !peer.write(text)) return;
        // An answer without a length ends with its connection.
        if (!text.contains("Content-Length")) peer.wait_for_close();
      }
    });
    HttpOptions options{.url = "http://127.0.0.1:" + far_->text_port() + "/mcp"};
    if (change) change(options);
    client_ = std::make_unique<Client>(
        [&](mcp::Peer& peer) {
          return std::make_unique<HttpTransport>(http_, options, nullptr, peer);
        },
        std::move(client));
    return Running(*this);
  }

  /// The requests so far that hold this.
  [[nodiscard]] std::vector<std::string> requests(std::string_view part) const {
    std::scoped_lock const lock(mutex_);
    auto all = requests_;
    std::erase_if(all, [&](std::string const& text) { return !text.contains(part); });
    return all;
  }

  http::SystemResolver resolver_;
  http::EgressGuard guard_{http::test::loopback_rules(), resolver_};
  std::unique_ptr<http::NetworkTransport> network_ = http::test::transport();
  http::Client http_{guard_, *network_};
  std::unique_ptr<FarSide> far_;
  std::unique_ptr<Client> client_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;  // guarded by mutex_
};

TEST_F(McpHttp, keeps_the_session_and_ends_it) {
  auto const client = start([](Asked const& asked) {
    auto out = handshake(asked, "s-1");
    return out.empty() ? result(asked.message, R"({"content":[]})") : out;
  });
  ASSERT_TRUE(client->call_tool("echo", {}));
  client->close();
  for (std::string_view const part : {"tools/call", "DELETE"}) {
    ASSERT_EQ(requests(part).size(), 1U);
    EXPECT_THAT(requests(part).front(), HasSubstr("Mcp-Session-Id: s-1\r\n"));
    EXPECT_THAT(requests(part).front(), HasSubstr("MCP-Protocol-Version: 2025-11-25\r\n"));
  }
}

TEST_F(McpHttp, begins_anew_when_the_server_has_forgotten_the_session) {
  std::atomic<int> sessions = 0;
  std::atomic<int> calls = 0;
  auto const client = start([&](Asked const& asked) {
    if (asked.message.method == "initialize") ++sessions;
    auto out = handshake(asked, "s-" + std::to_string(sessions.load()));
    if (!out.empty()) return out;
    ++calls;
    return asked.text.contains("Mcp-Session-Id: s-1\r\n") && calls > 1
               ? reply(write_error({}, -32001, "Session not found"), json_type, "404 Not Found")
               : result(asked.message, R"({"content":[]})");
  });
  ASSERT_TRUE(client->call_tool("echo", {}));
  auto const again = client->call_tool("echo", {});
  EXPECT_TRUE(again) << again.error().type << again.error().message;
  EXPECT_EQ(sessions, 2);
  EXPECT_EQ(calls, 3);
}

TEST_F(McpHttp, speaks_with_a_stateless_server_in_headers_too) {
  auto const client = start([](Asked const& asked) {
    if (asked.message.method == "tools/list")
      return result(asked.message,
                    R"({"tools":[{"name":"say","inputSchema":{"type":"object","properties":
          {"who":{"type":"string","x-mcp-header":"Who"}}}}]})");
    return result(asked.message, R"({"supportedVersions":["2026-07-28"],"content":[]})");
  });
  ASSERT_TRUE(client->list_tools());
  ASSERT_TRUE(client->call_tool("say", *parse_json(R"({"who":"Zoë"})")));
  auto const request = requests("").back();
  EXPECT_THAT(request, HasSubstr("Mcp-Method: tools/call\r\n"));
  EXPECT_THAT(request, HasSubstr("Mcp-Name: say\r\n"));
  EXPECT_THAT(request, HasSubstr("Mcp-Param-Who: =?base64?Wm/Dqw==?=\r\n"));
  EXPECT_THAT(request, HasSubstr("MCP-Protocol-Version: 2026-07-28\r\n"));
  EXPECT_EQ(client->era(), Era::stateless);
  EXPECT_EQ(requests("GET /").size(), 0U);
}

TEST_F(McpHttp, answers_what_is_asked_on_the_stream_beside_the_calls) {
  // The trap of older servers: the question comes only there, and the call waits for its answer.
  std::promise<void> answered;
  auto const has_answer = answered.get_future().share();
  auto const client = start(
      [&](Asked const& asked) -> std::string {
        if (asked.is("GET"))
          return "HTTP/1.1 200 OK\r\n" + std::string(stream_type) +
                 "\r\ndata: "
                 "{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"elicitation/"
                 "create\",\"params\":{}}\n\n";
        if (asked.message.kind == Message::Kind::result) {
          answered.set_value();
          return reply("", "", "202 Accepted");
        }
        auto out = handshake(asked);
        if (!out.empty()) return out;
        has_answer.wait();
        return result(asked.message, R"({"content":[]})");
      },
      {.on_elicitation = accept_defaults});
  EXPECT_TRUE(client->call_tool("ask", {}));
}

TEST_F(McpHttp, says_of_a_stream_that_breaks_off_that_the_outcome_is_unknown) {
  auto const client = start([](Asked const& asked) {
    auto out = handshake(asked);
    return out.empty() ? reply(": nothing yet\n\n", stream_type) : out;
  });
  auto const called = client->call_tool("echo", {});
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().type, "cut_off");
  EXPECT_TRUE(called.error().outcome_unknown);
  EXPECT_TRUE(called.error().retryable);
}

TEST_F(McpHttp, takes_an_answer_up_again_where_its_stream_broke_off) {
  std::atomic<std::int64_t> id = 0;
  auto const client = start([&](Asked const& asked) {
    if (asked.is("GET") && asked.text.contains("Last-Event-ID: e7\r\n"))
      return reply("data: " + write_result(id.load(), *parse_json(R"({"content":[]})")) + "\n\n",
                   stream_type);
    auto out = handshake(asked);
    if (!out.empty()) return out;
    id = *asked.message.id.as_integer();
    return reply("id: e7\nretry: 1\ndata:\n\n", stream_type);
  });
  auto const called = client->call_tool("echo", {});
  EXPECT_TRUE(called) << called.error().type << ": " << called.error().message;
}

TEST_F(McpHttp, gives_up_on_an_answer_that_is_never_taken_up_again) {
  auto const client = start([&](Asked const& asked) {
    if (asked.is("GET") && asked.text.contains("Last-Event-ID")) return reply("", stream_type);
    auto out = handshake(asked);
    return out.empty() ? reply("id: e7\nretry: 1\ndata:\n\n", stream_type) : out;
  });
  auto const called = client->call_tool("echo", {});
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().type, "cut_off");
  EXPECT_EQ(requests("Last-Event-ID").size(), 5U);
}

TEST_F(McpHttp, refuses_answers_of_50_megabytes_and_what_is_no_utf_8) {
  std::string const large(50U << 20U, 'x');
  for (std::string_view const type : {json_type, stream_type}) {
    auto const client = start([&](Asked const& asked) {
      auto out = handshake(asked);
      if (!out.empty()) return out;
      return asked.text.contains("flood")
                 ? reply("data: {\"jsonrpc\":\"2.0\",\"x\":\"" + large + "\"}\n\n", type)
                 : reply(std::string(type == stream_type ? "data: " : "") +
                             "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"\xff\"}\n\n",
                         type);
    });
    auto const flood = client->call_tool("flood", {});
    ASSERT_FALSE(flood);
    EXPECT_EQ(flood.error().type, "too_large");
    EXPECT_TRUE(flood.error().outcome_unknown);
    auto const garbage = client->call_tool("garbage", {});
    ASSERT_FALSE(garbage);
    EXPECT_EQ(garbage.error().type, "malformed_answer") << garbage.error().message;
  }
}

TEST_F(McpHttp, waits_as_long_as_the_server_asks_and_never_repeats_what_is_forbidden) {
  auto const client = start([](Asked const& asked) {
    auto out = handshake(asked);
    if (!out.empty()) return out;
    return asked.text.contains("busy") ? reply("", "Retry-After: 7\r\n", "429 Too Many Requests")
                                       : reply("", "", "403 Forbidden");
  });
  auto const busy = client->call_tool("busy", {});
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().type, "rate_limited");
  EXPECT_EQ(busy.error().retry_after, 7s);
  EXPECT_FALSE(busy.error().outcome_unknown);
  auto const forbidden = client->call_tool("else", {});
  ASSERT_FALSE(forbidden);
  EXPECT_EQ(forbidden.error().type, "forbidden");
  EXPECT_FALSE(forbidden.error().retryable);
}

TEST_F(McpHttp, ends_a_call_that_nobody_waits_for) {
  std::stop_source stop;
  auto const client = start([&](Asked const& asked) {
    auto out = handshake(asked);
    if (out.empty()) stop.request_stop();
    return out.empty() ? "HTTP/1.1 200 OK\r\n" + std::string(stream_type) + "\r\n" : out;
  });
  auto const called = client->call_tool("echo", {}, {.stop = stop.get_token()});
  ASSERT_FALSE(called);
  EXPECT_THAT(called.error().type, testing::AnyOf("cancelled", "cut_off"));
  EXPECT_TRUE(called.error().outcome_unknown);
}

TEST_F(McpHttp, goes_nowhere_that_the_guard_does_not_permit) {
  auto const client =
      start([](Asked const& asked) { return handshake(asked); },
            {},
            [](HttpOptions& options) { options.url = "http://169.254.169.254/mcp"; });
  auto const called = client->call_tool("echo", {});
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().type, "denied");
  EXPECT_FALSE(called.error().outcome_unknown);
}

TEST(ChallengeParameter, reads_one_value_of_several) {
  auto const* const challenge =
      R"(Bearer error="a, \"b\"", resource_metadata="http://a/b?c=d", scope=x)";
  EXPECT_EQ(challenge_parameter(challenge, "resource_metadata"), "http://a/b?c=d");
  EXPECT_EQ(challenge_parameter(challenge, "error"), R"(a, "b")");
  EXPECT_EQ(challenge_parameter(challenge, "scope"), "x");
  EXPECT_EQ(challenge_parameter(challenge, "metadata"), "");
}

}  // namespace
}  // namespace dalsegno::mcp
