#include "tests/activities/http/http_fixture.h"
#include "tests/support/temporary_folder.h"

#include <gtest/gtest.h>

#include <string>

namespace dalsegno::http {
namespace {

using test::failure_of;
using test::FarSide;
using test::Peer;
using test::reply;

/// An authority that the client believes, and servers with certificates of any kind.
class HttpTls : public testing::Test {
 protected:
  HttpTls() {
    addresses_.set("a.test", {{"127.0.0.1"}});
    addresses_.set("x.a.test", {{"127.0.0.1"}});
  }

  /// What a client gets from https://HOST at a server with this certificate.
  [[nodiscard]] Answer get_from(test::Certificate const& certificate,
                                std::string const& host = "a.test") {
    FarSide far(
        [&](Peer& peer) {
          far.note(peer.read_request());
          peer.write(reply("over TLS"));
        },
        certificate);
    auto answer = Client(guard_, *transport_)
                      .send({.url = "https://" + host + ':' + far.text_port() + '/',
                             .headers = {{"Authorization", "secret"}}});
    requests_ = far.requests().size();
    return answer;
  }
  [[nodiscard]] test::Certificate signed_for(test::CertificateRequest const& request) {
    return test::make_certificate(folder_.path(), "leaf", request, &authority_);
  }
  void expect_refused(Answer const& answer, std::string_view why) {
    EXPECT_EQ(failure_of(answer), "tls_failed");
    if (answer.failure)
      EXPECT_TRUE(answer.failure->message.contains(why)) << answer.failure->message;
    EXPECT_EQ(requests_, 0) << "the request was sent all the same";
  }

  dalsegno::test::TemporaryFolder folder_;
  test::Certificate authority_ =
      test::make_certificate(folder_.path(), "authority", {.is_authority = true});
  std::unique_ptr<NetworkTransport> transport_ =
      test::transport({.system_roots = false, .ca_file = authority_.certificate});
  test::NamedAddresses addresses_;
  EgressGuard guard_{test::loopback_rules(), addresses_};
  std::size_t requests_ = 0;
};

TEST_F(HttpTls, a_kept_connection_serves_its_own_name_only) {
  FarSide const far(
      [](Peer& peer) {
        while (!peer.read_request().empty()) peer.write(reply("over TLS"));
      },
      signed_for({.names = {"DNS:a.test", "DNS:x.a.test"}}));
  auto const connections_after = [&](std::string const& host) {
    auto const answer =
        Client(guard_, *transport_)
            .send({.url = "https://" + host + ':' + far.text_port() + '/'}, {.keep_alive = true});
    EXPECT_EQ(answer.response.body, "over TLS") << failure_of(answer);
    return far.connections();
  };
  EXPECT_EQ(connections_after("a.test"), 1);
  EXPECT_EQ(connections_after("a.test"), 1);
  EXPECT_EQ(connections_after("x.a.test"), 2) << "the certificate was verified for another name";
}

TEST_F(HttpTls, reaches_the_true_name_at_the_pinned_address) {
  auto const answer = get_from(signed_for({.names = {"DNS:a.test"}}));
  EXPECT_EQ(answer.response.body, "over TLS") << (answer.failure ? answer.failure->message : "");
  EXPECT_EQ(get_from(signed_for({.names = {"DNS:*.a.test"}}), "x.a.test").response.body,
            "over TLS");
  EXPECT_EQ(get_from(signed_for({.names = {"IP:127.0.0.1"}}), "127.0.0.1").response.body,
            "over TLS");
}

TEST_F(HttpTls, refuses_a_certificate_for_another_name) {
  expect_refused(get_from(signed_for({.names = {"DNS:b.test"}})), "hostname mismatch");
  expect_refused(get_from(signed_for({.names = {"DNS:*.a.test"}})), "hostname mismatch");
  // The address is where it is, not who it is.
  expect_refused(get_from(signed_for({.names = {"IP:127.0.0.1"}})), "hostname mismatch");
  expect_refused(get_from(signed_for({.names = {"DNS:a.test"}}), "127.0.0.1"),
                 "IP address mismatch");
  // A common name is for people.
  expect_refused(get_from(test::make_certificate(folder_.path(), "a.test", {}, &authority_)),
                 "hostname mismatch");
}

TEST_F(HttpTls, refuses_a_certificate_that_has_expired_or_is_not_valid_yet) {
  using std::chrono::hours;
  expect_refused(
      get_from(signed_for({.names = {"DNS:a.test"}, .from = hours(-48), .until = hours(-24)})),
      "certificate has expired");
  expect_refused(
      get_from(signed_for({.names = {"DNS:a.test"}, .from = hours(24), .until = hours(48)})),
      "not yet valid");
}

TEST_F(HttpTls, refuses_a_certificate_that_nobody_it_believes_has_signed) {
  expect_refused(
      get_from(test::make_certificate(folder_.path(), "self", {.names = {"DNS:a.test"}})),
      "self-signed");
  auto const other = test::make_certificate(folder_.path(), "other", {.is_authority = true});
  expect_refused(
      get_from(test::make_certificate(folder_.path(), "leaf", {.names = {"DNS:a.test"}}, &other)),
      "unable to get local issuer");
}

TEST_F(HttpTls, says_that_a_server_does_not_speak_tls) {
  FarSide const far([](Peer& peer) {
    (void)peer.read();
    peer.write(reply("plain"));
  });
  auto const answer =
      Client(guard_, *transport_).send({.url = "https://a.test:" + far.text_port() + "/"});
  EXPECT_EQ(failure_of(answer), "tls_failed");
}

TEST_F(HttpTls, does_not_take_a_cut_connection_for_the_end_of_an_answer) {
  auto const certificate = signed_for({.names = {"DNS:a.test"}});
  FarSide far(
      [&](Peer& peer) {
        (void)peer.read_request();
        peer.write("HTTP/1.1 200 OK\r\n\r\nhalf of it");
        far.cut_all();
      },
      certificate);
  auto const answer =
      Client(guard_, *transport_).send({.url = "https://a.test:" + far.text_port() + "/"});
  EXPECT_EQ(failure_of(answer), "cut_off");
}

TEST_F(HttpTls, says_that_a_file_holds_no_authorities) {
  auto const made = NetworkTransport::make({.system_roots = false, .ca_file = "/dev/null"});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::invalid);
}

}  // namespace
}  // namespace dalsegno::http
