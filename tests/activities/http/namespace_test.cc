// The guard with its rules for the public internet, on a machine where public and metadata
// addresses exist: a network of its own, which only root can make. Each has a server that would
// answer.

#include "tests/activities/http/http_fixture.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <thread>

#include <sched.h>
#include <unistd.h>

namespace dalsegno::http {
namespace {

using test::failure_of;
using test::FarSide;
using test::Peer;
using test::reply;

constexpr char const* public_address = "93.184.215.14";
constexpr char const* metadata_address = "169.254.169.254";
constexpr char const* private_address = "10.1.2.3";

/// Makes a network for this thread and those that it starts, with these addresses in it.
bool enter_own_network() {
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNET) != 0) return false;
  std::string command = "ip link set lo up";
  for (auto const* const address : {public_address, metadata_address, private_address})
    command += " && ip addr add " + std::string(address) + "/32 dev lo";
  return std::system((command + " 2>/dev/null").c_str()) == 0;  // NOLINT: a constant command
}

EgressRules public_internet() {
  return test::parsed_rules(R"({"id":"all","hosts":["*"],"ports":["1-65535"],"schemes":["http"]})");
}

/// Runs `test` in such a network; false where that cannot be.
template <class Test>
bool in_own_network(Test test) {
  bool is_there = false;
  // A thread, as the process goes on in its old network.
  std::thread([&] {
    is_there = enter_own_network();
    if (is_there) test();
  }).join();
  return is_there;
}

#define REQUIRE_NETWORK(expression) \
  if (!(expression)) GTEST_SKIP() << "needs root, network namespaces and the program ip"

TEST(EgressOnARealNetwork, reaches_a_public_address_and_no_other_however_it_is_led) {
  REQUIRE_NETWORK(in_own_network([] {
    FarSide const metadata(
        [](Peer& peer) { peer.write(reply("credentials")); }, {}, metadata_address, 80);
    FarSide const inside([](Peer& peer) { peer.write(reply("secrets")); }, {}, private_address, 80);
    FarSide const loopback([](Peer& peer) { peer.write(reply("secrets")); }, {}, "127.0.0.1", 80);
    FarSide const site(
        [](Peer& peer) {
          auto const request = peer.read_request();
          if (request.starts_with("GET /to-metadata "))
            peer.write(reply("", "Location: http://169.254.169.254/latest/\r\n", "302 Found"));
          else if (request.starts_with("GET /to-inside "))
            peer.write(reply("", "Location: http://inside.example/\r\n", "307 Temporary Redirect"));
          else
            peer.write(reply("public"));
        },
        {},
        public_address,
        80);
    test::NamedAddresses addresses;
    addresses.set("site.example", {{public_address}});
    addresses.set("inside.example", {{private_address}});
    addresses.set("rebind.example", {{public_address}, {metadata_address}, {"127.0.0.1"}});
    addresses.set("mixed.example", {{public_address, private_address}});
    auto const transport = test::transport();
    EgressGuard const guard(public_internet(), addresses);
    Client const client(guard, *transport);
    auto const get = [&](std::string const& url) { return client.send({.url = url}); };

    EXPECT_EQ(get("http://site.example/").response.body, "public");
    EXPECT_EQ(get("http://93.184.215.14/").response.body, "public");
    EXPECT_EQ(get("http://site.example/to-metadata").redirect, "http://169.254.169.254/latest/");
    EXPECT_EQ(get("http://site.example/to-inside").redirect, "http://inside.example/");
    EXPECT_EQ(get("http://rebind.example/").response.body, "public");
    EXPECT_EQ(failure_of(get("http://rebind.example/")), "denied");
    EXPECT_EQ(failure_of(get("http://rebind.example/")), "denied");
    for (auto const* const url : {"http://mixed.example/",
                                  "http://inside.example/",
                                  "http://169.254.169.254/",
                                  "http://10.1.2.3/",
                                  "http://127.0.0.1/",
                                  "http://[::ffff:169.254.169.254]/",
                                  "http://[::ffff:10.1.2.3]/"})
      EXPECT_EQ(failure_of(get(url)), "denied") << url;
    for (auto const* const url : {"http://2852039166/",
                                  "http://0xa9fea9fe/",
                                  "http://0251.0376.0251.0376/",
                                  "http://127.1/"})
      EXPECT_EQ(failure_of(get(url)), "invalid_request") << url;

    EXPECT_EQ(metadata.connections(), 0);
    EXPECT_EQ(inside.connections(), 0);
    EXPECT_EQ(loopback.connections(), 0);
  }));
}

}  // namespace
}  // namespace dalsegno::http
