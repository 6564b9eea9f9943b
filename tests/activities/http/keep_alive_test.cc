// Connections that are kept, and those that must not be.

#include "tests/activities/http/http_fixture.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace dalsegno::http {
namespace {

using namespace std::chrono_literals;
using test::failure_of;
using test::FarSide;
using test::Peer;
using test::reply;

/// Answers every request of a connection alike, until the client closes.
FarSide::Serve always(std::string answer) {
  return [answer = std::move(answer)](Peer& peer) {
    while (!peer.read_request().empty())
      if (!peer.write(answer)) return;
  };
}

class KeepAlive : public testing::Test {
 protected:
  KeepAlive() { addresses_.set("a.test", {{"127.0.0.1"}}); }

  [[nodiscard]] Answer get(FarSide const& far, SendOptions options = {}) {
    options.keep_alive = true;
    return Client(guard_, *transport_)
        .send({.method = "POST", .url = "http://a.test:" + far.text_port() + "/", .body = "x"},
              options);
  }

  /// So many connections take two requests.
  int connections_for_two(std::string const& answer, SendOptions const& options = {}) {
    FarSide const far(always(answer));
    for (int i = 0; i < 2; ++i) {
      auto const got = get(far, options);
      EXPECT_EQ(failure_of(got), "none") << (got.failure ? got.failure->message : "");
    }
    return far.connections();
  }

  test::NamedAddresses addresses_;
  std::unique_ptr<NetworkTransport> transport_ = test::transport();
  EgressGuard guard_{test::loopback_rules(), addresses_};
};

TEST_F(KeepAlive, a_kept_connection_serves_the_next_request) {
  EXPECT_EQ(connections_for_two(reply("pong")), 1);
  EXPECT_EQ(connections_for_two("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "4\r\npong\r\n0\r\n\r\n"),
            1);
  EXPECT_EQ(connections_for_two("HTTP/1.1 204 No Content\r\n\r\n"), 1);
}

TEST_F(KeepAlive, a_connection_is_kept_only_if_the_end_of_its_answer_is_certain) {
  EXPECT_EQ(connections_for_two(reply("pong", "Connection: close\r\n")), 2);
  EXPECT_EQ(connections_for_two("HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\npong"), 2);
  EXPECT_EQ(connections_for_two(reply("pong") + reply("more")), 2);
  EXPECT_EQ(connections_for_two(reply("pong"), {.on_body = [](std::string_view) { return false; }}),
            2);
}

TEST_F(KeepAlive, an_exchange_that_does_not_ask_has_a_connection_of_its_own) {
  FarSide const far(always(reply("pong")));
  auto const url = "http://a.test:" + far.text_port() + "/";
  Client const client(guard_, *transport_);
  (void)get(far);
  EXPECT_EQ(failure_of(client.send({.url = url})), "none");
  EXPECT_EQ(far.connections(), 2);
}

TEST_F(KeepAlive, what_came_meanwhile_is_not_the_answer_to_the_next_request) {
  std::latch first_is_answered(1);
  std::latch stray_is_sent(1);
  std::atomic<int> connection = 0;
  FarSide const far([&](Peer& peer) {
    bool const is_first = connection++ == 0;
    (void)peer.read_request();
    peer.write(reply(is_first ? "one" : "two"));
    if (is_first) {
      first_is_answered.wait();
      peer.write(reply("stray", "", "408 Request Timeout"));
      stray_is_sent.count_down();
    }
    peer.wait_for_close();
  });
  EXPECT_EQ(get(far).response.body, "one");
  first_is_answered.count_down();
  stray_is_sent.wait();
  EXPECT_EQ(get(far).response.body, "two");
}

TEST_F(KeepAlive, a_kept_connection_serves_only_where_its_address_is_admitted_again) {
  FarSide const far(always(reply("pong")));
  addresses_.set("a.test", {{"127.0.0.1"}, {"127.0.0.2"}});
  EXPECT_EQ(failure_of(get(far)), "none");
  EXPECT_EQ(failure_of(get(far)), "unreachable") << "nobody listens at the new address";
}

TEST_F(KeepAlive, nothing_is_kept_beyond_its_time_or_number) {
  auto const connections_with = [&](KeepLimits const& keep, std::string const& headers) {
    auto made = NetworkTransport::make({.system_roots = false}, keep);
    EXPECT_TRUE(made);
    transport_ = std::move(*made);
    return connections_for_two(reply("pong", headers));
  };
  EXPECT_EQ(connections_with({.life = 0ms}, ""), 2);
  EXPECT_EQ(connections_with({.connections = 0}, ""), 2);
  EXPECT_EQ(connections_with({.life = 1h}, "Keep-Alive: timeout=1, max=5\r\n"), 2);
  EXPECT_EQ(connections_with({.life = 1h}, "Keep-Alive: timeout=100\r\n"), 1);
}

TEST_F(KeepAlive, a_stop_closes_a_kept_connection_too) {
  std::stop_source stop;
  std::latch closed(1);
  FarSide const far([&](Peer& peer) {
    (void)peer.read_request();
    peer.write(reply("pong"));
    (void)peer.read_request();
    stop.request_stop();
    peer.wait_for_close();
    closed.count_down();
  });
  EXPECT_EQ(failure_of(get(far)), "none");
  EXPECT_EQ(failure_of(get(far, {.stop = stop.get_token()})), "cancelled");
  closed.wait();
  EXPECT_EQ(far.connections(), 1);
}

TEST_F(KeepAlive, many_threads_share_the_kept_connections) {
  FarSide const far(always(reply("pong")));
  std::vector<std::jthread> threads;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 25; ++n)
        if (get(far).response.body == "pong") ++answered;
    });
  threads.clear();
  EXPECT_EQ(answered, 100);
  EXPECT_LE(far.connections(), 4);
}

// ---- the pace of a body ----

TEST_F(KeepAlive, signs_of_life_do_not_count_where_the_pace_says_so) {
  FarSide const far([&](Peer& peer) {
    (void)peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (peer.write("2\r\n:\n\r\n")) {
    }
  });
  auto const deadline = std::chrono::steady_clock::now() + 20ms;
  auto const answer =
      get(far, {.body_pace = [&] { return BodyDeadline{deadline, "the first token"}; }});
  ASSERT_EQ(failure_of(answer), "timed_out");
  EXPECT_EQ(answer.failure->message, "the first token did not come in time");
}

}  // namespace
}  // namespace dalsegno::http
