#include "activities/http/client.h"

#include "activities/http/connect_policy.h"
#include "tests/activities/http/http_fixture.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <latch>
#include <stdexcept>
#include <string>
#include <vector>

namespace dalsegno::http {
namespace {

using namespace std::chrono_literals;
using test::failure_of;
using test::FarSide;
using test::Peer;
using test::reply;

/// An answer, and the contacts that were reported on the way to it.
struct Sent : Answer {
  std::vector<Contact> contacts;
};

/// A client that reaches loopback under any name of .test.
class HttpClient : public testing::Test {
 protected:
  HttpClient() {
    addresses_.set("a.test", {{"127.0.0.1"}});
    addresses_.set("b.test", {{"127.0.0.1"}});
  }

  [[nodiscard]] Sent send(Request request, SendOptions options = {}) {
    Sent sent;
    options.on_contact = [&](Contact contact) { sent.contacts.push_back(std::move(contact)); };
    static_cast<Answer&>(sent) = Client(guard_, *transport_).send(std::move(request), options);
    return sent;
  }
  [[nodiscard]] Sent get(std::string url, Limits const& limits = {}) {
    return send({.url = std::move(url)}, {.limits = limits});
  }

  test::NamedAddresses addresses_;
  std::unique_ptr<NetworkTransport> transport_ = test::transport();
  EgressGuard guard_{test::loopback_rules(), addresses_};
};

/// Always gives the same answer, and keeps the requests.
class Constant {
 public:
  explicit Constant(std::string answer)
      : side_([this, answer = std::move(answer)](Peer& peer) {
          side_.note(peer.read_request());
          peer.write(answer);
        }) {}
  [[nodiscard]] std::string url(std::string_view host, std::string_view path = "/") const {
    return "http://" + std::string(host) + ':' + side_.text_port() + std::string(path);
  }
  [[nodiscard]] FarSide const& side() const { return side_; }

 private:
  FarSide side_;
};

std::string redirect_to(std::string_view location, std::string_view status = "302 Found") {
  return reply("moved", "Location: " + std::string(location) + "\r\n", status);
}

// ---- plain exchanges ----

TEST_F(HttpClient, sends_a_request_and_records_the_contact) {
  Constant const far(reply("hello", "X-Kind: greeting\r\n"));
  auto const answer = send({.method = "POST",
                            .url = far.url("a.test", "/say?to=world"),
                            .headers = {{"Content-Type", "text/plain"}},
                            .body = "hi"});
  EXPECT_EQ(failure_of(answer), "none");
  EXPECT_EQ(answer.response.status, 200);
  EXPECT_EQ(answer.response.body, "hello");
  EXPECT_EQ(header(answer.response.headers, "x-kind"), "greeting");
  auto const request = far.side().requests().at(0);
  EXPECT_TRUE(request.starts_with(
      "POST /say?to=world HTTP/1.1\r\nHost: a.test:" + far.side().text_port() + "\r\n"))
      << request;
  EXPECT_TRUE(request.contains("\r\nContent-Length: 2\r\n")) << request;
  EXPECT_TRUE(request.ends_with("\r\n\r\nhi")) << request;

  ASSERT_EQ(answer.contacts.size(), 1);
  auto const& contact = answer.contacts[0];
  EXPECT_EQ(contact.method, "POST");
  EXPECT_EQ(contact.url, far.url("a.test", "/say?redacted"));
  EXPECT_EQ(contact.host, "a.test");
  EXPECT_EQ(contact.port, far.side().port());
  EXPECT_EQ(contact.answers, std::vector<std::string>{"127.0.0.1"});
  EXPECT_EQ(contact.address, "127.0.0.1");
  EXPECT_EQ(contact.rules, std::vector<std::string>{"here"});
  EXPECT_EQ(contact.outcome, "answered");
  EXPECT_EQ(contact.status, 200);
  EXPECT_EQ(contact.bytes_sent, request.size());
  EXPECT_EQ(contact.bytes_received, reply("hello", "X-Kind: greeting\r\n").size());
}

TEST_F(HttpClient, gives_a_body_away_piece_by_piece) {
  std::latch first_piece_is_here(1);
  FarSide const far([&](Peer& peer) {
    (void)peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n");
    first_piece_is_here.wait();  // so it does not wait for the whole
    peer.write("4\r\n one\r\n0\r\n\r\n");
  });
  std::string body;
  unsigned status = 0;
  auto const answer = send({.url = "http://a.test:" + far.text_port() + "/"},
                           {.on_head = [&](Response const& head) { status = head.status; },
                            .on_body =
                                [&](std::string_view piece) {
                                  EXPECT_EQ(status, 200);
                                  if (body.empty()) first_piece_is_here.count_down();
                                  body += piece;
                                  return true;
                                }});
  EXPECT_EQ(failure_of(answer), "none");
  EXPECT_EQ(body, "data: one");
  EXPECT_EQ(answer.response.body, "");
}

TEST_F(HttpClient, stops_when_no_more_is_wanted) {
  FarSide const far([](Peer& peer) {
    (void)peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nenough");
    peer.wait_for_close();
  });
  auto const answer = send({.url = "http://a.test:" + far.text_port() + "/"},
                           {.on_body = [](std::string_view) { return false; }});
  EXPECT_EQ(failure_of(answer), "none");
}

TEST_F(HttpClient, reports_the_contact_when_what_takes_the_answer_throws) {
  Constant const far(reply("hello"));
  auto const throws = [](auto const&) -> bool { throw std::runtime_error("too much"); };
  for (bool const at_head : {true, false}) {
    std::vector<Contact> contacts;
    SendOptions options{.on_contact = [&](Contact contact) { contacts.push_back(contact); }};
    if (at_head) {
      options.on_head = throws;
    } else {
      options.on_body = throws;
    }
    EXPECT_THROW((void)Client(guard_, *transport_).send({.url = far.url("a.test")}, options),
                 std::runtime_error);
    ASSERT_EQ(contacts.size(), 1);
    EXPECT_EQ(contacts[0].outcome, "exception");
    EXPECT_EQ(contacts[0].reason, "too much");
    EXPECT_EQ(contacts[0].address, "127.0.0.1");
    EXPECT_GT(contacts[0].bytes_sent, 0);
  }
}

TEST_F(HttpClient, closes_the_connection_when_it_is_cancelled) {
  std::stop_source stop;
  std::latch closed(1);
  FarSide const far([&](Peer& peer) {
    (void)peer.read_request();
    stop.request_stop();
    peer.wait_for_close();
    closed.count_down();
  });
  auto const answer =
      send({.url = "http://a.test:" + far.text_port() + "/"}, {.stop = stop.get_token()});
  EXPECT_EQ(failure_of(answer), "cancelled");
  closed.wait();
}

TEST_F(HttpClient, tries_the_next_address_when_one_does_not_answer) {
  Constant const far(reply("here"));
  addresses_.set("two.test", {{"127.0.0.99", "127.0.0.1"}});
  auto const answer = get(far.url("two.test"));
  EXPECT_EQ(answer.response.body, "here") << failure_of(answer);
  EXPECT_EQ(answer.contacts.at(0).answers, (std::vector<std::string>{"127.0.0.99", "127.0.0.1"}));
  EXPECT_EQ(answer.contacts.at(0).address, "127.0.0.1");
}

TEST_F(HttpClient, says_that_nobody_listens) {
  std::uint16_t port = 0;
  {
    FarSide const gone([](Peer&) {});
    port = gone.port();
  }
  auto const answer = get("http://a.test:" + std::to_string(port) + "/");
  EXPECT_EQ(failure_of(answer), "unreachable");
  EXPECT_EQ(answer.contacts.at(0).outcome, "unreachable");
  EXPECT_EQ(answer.contacts.at(0).address, "");
}

TEST_F(HttpClient, reads_the_answer_after_interim_ones) {
  Constant const far("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" +
                     reply("at last"));
  EXPECT_EQ(get(far.url("a.test")).response.body, "at last");
}

TEST_F(HttpClient, reads_no_body_after_head_or_204) {
  Constant const head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(failure_of(send({.method = "HEAD", .url = head.url("a.test")})), "none");
  Constant const none("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(failure_of(get(none.url("a.test"))), "none");
}

TEST_F(HttpClient, does_not_look_at_the_environments_proxies) {
  Constant const proxy(reply("from the proxy"));
  Constant const far(reply("from the far side"));
  for (auto const* const name :
       {"http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"})
    ::setenv(name, proxy.url("127.0.0.1").c_str(), 1);
  auto const answer = get(far.url("a.test"));
  for (auto const* const name :
       {"http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"})
    ::unsetenv(name);
  EXPECT_EQ(answer.response.body, "from the far side");
  EXPECT_EQ(proxy.side().connections(), 0);
}

// ---- where it goes ----

TEST_F(HttpClient, asks_the_resolver_once_and_dials_what_it_answered_then) {
  Constant const far(reply("first answer"));
  addresses_.set("rebind.test", {{"127.0.0.1"}, {"10.0.0.1"}});
  auto const answer = get(far.url("rebind.test"));
  EXPECT_EQ(answer.response.body, "first answer");
  EXPECT_EQ(addresses_.asked("rebind.test"), 1);
  // The second request is a new contact, vetted anew.
  auto const second = get(far.url("rebind.test"));
  EXPECT_EQ(failure_of(second), "denied");
  EXPECT_EQ(second.contacts.at(0).answers, std::vector<std::string>{"10.0.0.1"});
  EXPECT_EQ(far.side().connections(), 1);
}

TEST_F(HttpClient, refuses_a_name_when_one_of_its_addresses_is_denied) {
  Constant const far(reply("never"));
  addresses_.set("mixed.test", {{"127.0.0.1", "169.254.169.254"}});
  auto const answer = get(far.url("mixed.test"));
  EXPECT_EQ(failure_of(answer), "denied");
  EXPECT_EQ(answer.contacts.at(0).outcome, "denied");
  EXPECT_TRUE(answer.contacts.at(0).reason.contains("169.254.169.254 (metadata)"));
  EXPECT_EQ(far.side().connections(), 0);
}

/// Policy, as a test says it.
class Judge final : public detail::AttemptHost {
 public:
  void contacted(Contact) override {}
  std::optional<PolicyAnswer> decide(std::string_view action,
                                     std::string_view resource,
                                     Json const& attributes) const override {
    asked.push_back(std::string(action) + ' ' + std::string(resource) + ' ' +
                    to_string(attributes));
    if (resource.starts_with("c.test")) return std::nullopt;
    bool const permitted = resource.starts_with("a.test");
    return PolicyAnswer{permitted, "d1", {permitted ? "net" : "no-b"}, "b is not ours"};
  }

  mutable std::vector<std::string> asked;  // on the thread of the test
};

TEST_F(HttpClient, asks_the_attempts_policy_about_each_address) {
  addresses_.set("a.test", {{"127.0.0.1", "127.0.0.2"}});
  addresses_.set("c.test", {{"127.0.0.1"}});
  Constant const far(reply("ok"));
  Judge judge;
  ActivityContext context;
  context.host = &judge;
  SendOptions const options{.policy = connect_policy(context)};
  auto const permitted = send({.url = far.url("a.test", "/x?y=z")}, options);
  EXPECT_EQ(failure_of(permitted), "none");
  EXPECT_EQ(permitted.contacts.at(0).policy, "d1");
  EXPECT_EQ(permitted.contacts.at(0).policy_rules, std::vector<std::string>{"net"});
  auto const about = [&](std::string const& address) {
    return "net.connect a.test:" + far.side().text_port() +
           R"( {"scheme":"http","host":"a.test","port":)" + far.side().text_port() +
           R"(,"address":")" + address + R"(","method":"GET","path":"/x"})";
  };
  EXPECT_EQ(judge.asked, (std::vector{about("127.0.0.1"), about("127.0.0.2")}));
  auto const denied = send({.url = far.url("b.test")}, options);
  EXPECT_EQ(failure_of(denied), "denied");
  EXPECT_EQ(denied.contacts.at(0).policy_rules, std::vector<std::string>{"no-b"});
  EXPECT_EQ(denied.contacts.at(0).reason, "b.test is denied by policy: b is not ours");
  EXPECT_EQ(far.side().connections(), 1);
  // Where policy says nothing the rules alone decide.
  auto const unsaid = send({.url = far.url("c.test")}, options);
  EXPECT_EQ(failure_of(unsaid), "none");
  EXPECT_EQ(unsaid.contacts.at(0).policy, "");
}

// ---- redirects ----

TEST_F(HttpClient, does_not_follow_a_redirect_to_a_metadata_address) {
  Constant const far(redirect_to("http://169.254.169.254/latest/meta-data/?token=1"));
  auto const answer = get(far.url("a.test"));
  EXPECT_EQ(failure_of(answer), "none") << "it is an answer, to be decided upon";
  EXPECT_EQ(answer.response.status, 302);
  EXPECT_EQ(answer.response.body, "moved");
  EXPECT_EQ(answer.redirect, "http://169.254.169.254/latest/meta-data/?redacted");
  ASSERT_EQ(answer.contacts.size(), 2);
  EXPECT_EQ(answer.contacts[1].outcome, "denied");
  EXPECT_EQ(answer.contacts[1].address, "");
}

TEST_F(HttpClient, does_not_follow_a_redirect_to_a_name_that_lives_at_a_denied_address) {
  addresses_.set("inside.test", {{"192.168.1.1"}});
  Constant const far(redirect_to("http://inside.test/"));
  auto const answer = get(far.url("a.test"));
  EXPECT_EQ(answer.response.status, 302);
  EXPECT_EQ(answer.redirect, "http://inside.test/");
}

TEST_F(HttpClient, drops_credentials_on_the_way_to_another_origin) {
  Constant const second(reply("arrived"));
  Constant const first(redirect_to(second.url("b.test", "/x")));
  auto const answer = send({.url = first.url("a.test"),
                            .headers = {{"Authorization", "Bearer secret"},
                                        {"Cookie", "id=1"},
                                        {"X-Api-Key", "secret"},
                                        {"Accept", "text/plain"}}});
  EXPECT_EQ(answer.response.body, "arrived") << failure_of(answer);
  EXPECT_TRUE(first.side().requests().at(0).contains("Bearer secret"));
  auto const request = second.side().requests().at(0);
  EXPECT_FALSE(request.contains("secret")) << request;
  EXPECT_FALSE(request.contains("Cookie")) << request;
  EXPECT_TRUE(request.contains("Accept: text/plain")) << request;
  EXPECT_EQ(answer.contacts.size(), 2);
}

TEST_F(HttpClient, takes_another_port_for_another_origin) {
  Constant const second(reply("arrived"));
  Constant const first(redirect_to(second.url("a.test")));
  (void)send({.url = first.url("a.test"), .headers = {{"Authorization", "secret"}}});
  EXPECT_FALSE(second.side().requests().at(0).contains("secret"));
}

TEST_F(HttpClient, keeps_credentials_within_one_origin) {
  FarSide far([&](Peer& peer) {
    auto const request = peer.read_request();
    far.note(request);
    peer.write(request.starts_with("GET /start") ? redirect_to("end?x#y") : reply("arrived"));
  });
  auto const answer = send({.url = "http://a.test:" + far.text_port() + "/start",
                            .headers = {{"Authorization", "secret"}}});
  EXPECT_EQ(answer.response.body, "arrived") << failure_of(answer);
  EXPECT_TRUE(far.requests().at(1).starts_with("GET /end?x HTTP/1.1\r\n"));
  EXPECT_TRUE(far.requests().at(1).contains("secret"));
}

TEST_F(HttpClient, sends_no_body_to_another_origin) {
  Constant const second(reply("never"));
  for (auto const* const status : {"307 Temporary Redirect", "308 Permanent Redirect"}) {
    Constant const first(redirect_to(second.url("b.test"), status));
    auto const answer = send({.method = "POST", .url = first.url("a.test"), .body = "secret"});
    EXPECT_EQ(answer.redirect, second.url("b.test"));
  }
  EXPECT_EQ(second.side().connections(), 0);
  Constant const first(redirect_to(second.url("b.test"), "303 See Other"));
  auto const answer = send({.method = "POST", .url = first.url("a.test"), .body = "secret"});
  EXPECT_EQ(answer.response.body, "never");
  EXPECT_TRUE(second.side().requests().at(0).starts_with("GET / HTTP/1.1"));
  EXPECT_FALSE(second.side().requests().at(0).contains("secret"));
}

TEST_F(HttpClient, does_not_guess_the_method_after_a_redirected_put) {
  Constant const far(redirect_to("/elsewhere"));
  auto const answer = send({.method = "PUT", .url = far.url("a.test"), .body = "x"});
  EXPECT_EQ(answer.redirect, far.url("a.test", "/elsewhere"));
  EXPECT_EQ(far.side().connections(), 1);
}

TEST_F(HttpClient, follows_five_redirects_and_no_more) {
  Constant const far(redirect_to("/again"));
  auto const answer = get(far.url("a.test"));
  EXPECT_EQ(failure_of(answer), "too_many_redirects");
  EXPECT_EQ(answer.contacts.size(), 6);
}

TEST_F(HttpClient, leaves_a_location_that_it_cannot_read_to_the_caller) {
  for (auto const* const location : {"http://user@b.test/",
                                     "http:b.test",
                                     "\\\\b.test",
                                     "file:///etc/passwd",
                                     "http://127.1/"}) {
    Constant const far(redirect_to(location));
    auto const answer = get(far.url("a.test"));
    EXPECT_EQ(answer.response.status, 302) << location;
    EXPECT_EQ(answer.redirect, "(a Location that cannot be read)") << location;
    EXPECT_EQ(answer.contacts.size(), 1) << location;
  }
}

// ---- injection ----

TEST_F(HttpClient, lets_no_line_end_into_its_request_from_anywhere) {
  Constant const far(reply("never"));
  auto const url = far.url("a.test");
  std::string const attack = "x\r\nX-Injected: 1";
  std::vector<Request> const requests = {
      {.method = "GET / HTTP/1.1\r\nX-Injected: 1\r\n", .url = url},
      {.method = attack, .url = url},
      {.url = url + attack},
      {.url = url + "?q=" + attack},
      {.url = url + "#" + attack},
      {.url = "http://a.test\r\nX-Injected: 1:" + far.side().text_port()},
      {.url = url, .headers = {{"X-Good", attack}}},
      {.url = url, .headers = {{attack, "x"}}},
      {.url = url, .headers = {{"X-Good:", "x"}}},
      {.url = url, .headers = {{"X-Good", "x\n y"}}},
      {.url = url, .headers = {{"X-Good", "x\ry"}}},
      {.url = url, .headers = {{"X-Good", std::string("x\0y", 3)}}},
      {.url = url, .headers = {{"", "x"}}},
      {.url = url, .headers = {{"Host", "evil.test"}}},
      {.url = url, .headers = {{"hOST", "evil.test"}}},
      {.method = "POST", .url = url, .headers = {{"Content-Length", "0"}}},
      {.method = "POST", .url = url, .headers = {{"Transfer-Encoding", "chunked"}}},
      {.url = url, .headers = {{"Connection", "keep-alive"}}},
      {.url = url, .headers = {{"Expect", "100-continue"}}},
      {.method = "CONNECT", .url = url},
      {.method = "TRACE", .url = url},
      {.method = "get", .url = url},
      {.method = "", .url = url},
      {.url = url, .body = "GET has none"},
  };
  for (std::size_t i = 0; i < requests.size(); ++i)
    EXPECT_EQ(failure_of(send(requests[i])), "invalid_request") << "request " << i;
  EXPECT_EQ(far.side().connections(), 0);
}

TEST_F(HttpClient, never_repeats_a_headers_value_in_an_error) {
  auto const answer =
      send({.url = "http://a.test/", .headers = {{"Authorization", "Bearer hunter2\r\n"}}});
  ASSERT_TRUE(answer.failure);
  EXPECT_FALSE(answer.failure->message.contains("hunter2")) << answer.failure->message;
}

// ---- limits ----

TEST_F(HttpClient, gives_up_on_a_head_that_comes_too_slowly) {
  FarSide const far([](Peer& peer) {
    (void)peer.read_request();
    // A byte now and then would keep a limit between two bytes alive for ever.
    std::string const head = reply("never", "X-Padding: " + std::string(100'000, 'x') + "\r\n");
    for (char const c : head)
      if (!peer.write({&c, 1}) || peer.closes_within(5ms)) return;
  });
  auto const answer = get("http://a.test:" + far.text_port() + "/", {.head = 150ms});
  EXPECT_EQ(failure_of(answer), "timed_out");
  EXPECT_EQ(answer.contacts.at(0).outcome, "timed_out");
  EXPECT_GT(answer.contacts.at(0).bytes_received, 0);
}

TEST_F(HttpClient, gives_up_on_a_body_that_stops_coming) {
  FarSide const far([](Peer& peer) {
    (void)peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer.wait_for_close();
  });
  auto const answer = get("http://a.test:" + far.text_port() + "/", {.idle = 100ms});
  EXPECT_EQ(failure_of(answer), "timed_out");
  EXPECT_EQ(answer.failure->message, "the next piece of the body took longer than 100 ms");
  EXPECT_EQ(answer.response.body, "half");
}

TEST_F(HttpClient, gives_up_on_a_body_that_trickles_for_ever) {
  FarSide const far([](Peer& peer) {
    (void)peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (peer.write("1\r\nx\r\n") && !peer.closes_within(5ms)) {
    }
  });
  auto const answer = get("http://a.test:" + far.text_port() + "/", {.idle = 10s, .total = 200ms});
  EXPECT_EQ(failure_of(answer), "timed_out");
}

TEST_F(HttpClient, gives_up_on_a_body_that_never_ends) {
  FarSide const far([](Peer& peer) {
    (void)peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\n\r\n");
    while (peer.write(std::string(16'384, 'x'))) {
    }
  });
  auto const answer = get("http://a.test:" + far.text_port() + "/", {.body_bytes = 100'000});
  EXPECT_EQ(failure_of(answer), "too_large");
  EXPECT_LE(answer.response.body.size(), 100'000);
}

TEST_F(HttpClient, gives_up_on_a_head_that_is_too_large) {
  Constant const long_line("HTTP/1.1 200 OK\r\nX: " + std::string(200'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(failure_of(get(long_line.url("a.test"))), "too_large");
  // Many short lines get round a limit that Beast checks by the line.
  std::string lines = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 50'000; ++i) lines += "a:\r\n";
  Constant const many(lines + "\r\n");
  EXPECT_EQ(failure_of(get(many.url("a.test"), {.header_count = 1'000'000})), "too_large");
  EXPECT_EQ(failure_of(get(many.url("a.test"))), "too_large");
}

TEST_F(HttpClient, gives_up_on_chunks_whose_lines_never_end) {
  std::string const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::string const& start : {head + "1;", head + "1\r\nx\r\n0\r\n"}) {
    FarSide const far([&](Peer& peer) {
      (void)peer.read_request();
      peer.write(start);
      while (
          peer.write("name: " + std::string(1'000, 'x') + (start.ends_with(';') ? "" : "\r\n"))) {
      }
    });
    EXPECT_EQ(failure_of(get("http://a.test:" + far.text_port() + "/")), "too_large") << start;
  }
}

TEST_F(HttpClient, ends_at_once_when_a_sink_throws) {
  Constant const far(reply("hello"));
  EXPECT_THROW((void)send({.url = far.url("a.test")}, {.on_body = [](std::string_view) -> bool {
                            throw std::runtime_error("no");
                          }}),
               std::runtime_error);
}

TEST_F(HttpClient, tells_a_whole_answer_from_one_that_was_cut_off) {
  std::string const whole = reply("0123456789");
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    Constant const far(whole.substr(0, length));
    EXPECT_EQ(failure_of(get(far.url("a.test"))), "cut_off") << length;
  }
  Constant const chunked("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  EXPECT_EQ(failure_of(get(chunked.url("a.test"))), "cut_off");
  Constant const until_close("HTTP/1.1 200 OK\r\n\r\nhello");
  EXPECT_EQ(get(until_close.url("a.test")).response.body, "hello");
}

TEST_F(HttpClient, takes_nothing_for_http_that_is_none) {
  for (std::string const answer :
       {"hello\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\x01z\r\nContent-Length: 0\r\n\r\n"}) {
    Constant const far(answer);
    EXPECT_EQ(failure_of(get(far.url("a.test"))), "malformed") << answer;
  }
}

}  // namespace
}  // namespace dalsegno::http
