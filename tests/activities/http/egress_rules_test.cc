#include "activities/http/egress_rules.h"

#include <gtest/gtest.h>

#include <string>

namespace dalsegno::http {
namespace {

EgressRules rules(std::string const& list) {
  auto parsed = EgressRules::parse(R"({"dalsegno_egress":1,"rules":[)" + list + "]}");
  EXPECT_TRUE(parsed) << parsed.error().detail;
  return parsed.value_or(EgressRules());
}

EgressDecision decide(EgressRules const& rules, std::string_view url) {
  auto const plan = DialPlan::parse(url);
  EXPECT_TRUE(plan) << url << ": " << plan.error().detail;
  return rules.decide(*plan);
}

bool permits(EgressRules const& rules, std::string_view url) {
  return decide(rules, url).permitted;
}

std::string complaint(std::string_view document) {
  auto const parsed = EgressRules::parse(document, "egress.json");
  return parsed ? "none" : parsed.error().detail;
}

TEST(EgressRules, deny_what_they_do_not_name) {
  EXPECT_FALSE(permits(EgressRules(), "https://example.com/"));
  auto const some = rules(R"({"id":"a","hosts":["api.example.com"]})");
  EXPECT_TRUE(permits(some, "https://api.example.com/x"));
  EXPECT_EQ(decide(some, "https://api.example.com/x").rules, std::vector<std::string>{"a"});
  for (auto const* const url : {"https://example.com/",
                                "https://xapi.example.com/",
                                "https://api.example.com.evil.test/",
                                "https://x.api.example.com/",
                                "http://api.example.com/",
                                "https://api.example.com:444/",
                                "https://93.184.215.14/"})
    EXPECT_FALSE(permits(some, url)) << url;
}

TEST(EgressRules, take_a_star_for_one_label_or_more) {
  auto const some = rules(R"({"id":"a","hosts":["*.svc.example.net"]})");
  EXPECT_TRUE(permits(some, "https://a.svc.example.net/"));
  EXPECT_TRUE(permits(some, "https://a.b.svc.example.net/"));
  EXPECT_FALSE(permits(some, "https://svc.example.net/"));
  EXPECT_FALSE(permits(some, "https://xsvc.example.net/"));
}

TEST(EgressRules, with_a_star_alone_mean_the_public_internet) {
  auto const all =
      rules(R"({"id":"all","hosts":["*"],"ports":["1-65535"],"schemes":["http","https"]})");
  EXPECT_TRUE(permits(all, "https://example.org:8443/"));
  EXPECT_TRUE(permits(all, "http://8.8.8.8/"));
  for (auto const* const url : {"http://localhost/",
                                "http://foo.localhost/",
                                "http://intranet/",
                                "http://printer.local/",
                                "http://metadata.google.internal/",
                                "http://127.0.0.1/",
                                "http://10.0.0.1/",
                                "http://169.254.169.254/",
                                "http://168.63.129.16/",
                                "http://100.100.100.200/",
                                "http://[::1]/",
                                "http://[::ffff:8.8.8.8]/",
                                "http://[64:ff9b::8.8.8.8]/",
                                "http://[fd00:ec2::254]/",
                                "http://[fe80::1]/"})
    EXPECT_FALSE(permits(all, url)) << url;
}

TEST(EgressRules, permit_a_special_place_that_they_name) {
  auto const some = rules(
      R"({"id":"here","hosts":["localhost","ollama","127.0.0.1"],"schemes":["http"],"ports":[11434],
          "addresses":["127.0.0.0/8","::1"]})");
  EXPECT_TRUE(permits(some, "http://localhost:11434/"));
  EXPECT_TRUE(permits(some, "http://ollama:11434/"));
  EXPECT_TRUE(permits(some, "http://127.0.0.1:11434/"));
  EXPECT_FALSE(permits(some, "http://127.0.0.2:11434/")) << "an address of the network is no host";
  auto const decision = decide(some, "http://localhost:11434/");
  EXPECT_TRUE(decision.addresses.permits(*parse_address("127.0.0.1")));
  EXPECT_TRUE(decision.addresses.permits(*parse_address("::1")));
  EXPECT_FALSE(decision.addresses.permits(*parse_address("10.0.0.1")));
  EXPECT_FALSE(decision.addresses.permits(*parse_address("8.8.8.8")))
      << "addresses are the only ones";
}

TEST(EgressRules, without_hosts_permit_addresses_as_hosts) {
  auto const some = rules(R"({"id":"net","addresses":["10.1.0.0/16"]})");
  EXPECT_TRUE(permits(some, "https://10.1.2.3/"));
  EXPECT_FALSE(permits(some, "https://10.2.0.1/"));
  EXPECT_FALSE(permits(some, "https://name.example/"));
}

TEST(EgressRules, add_up_where_several_name_a_host) {
  auto const some = rules(R"({"id":"all","hosts":["*"]},
                             {"id":"vpn","hosts":["*.corp.example"],"addresses":["10.0.0.0/8"]})");
  auto const decision = decide(some, "https://git.corp.example/");
  EXPECT_EQ(decision.rules, (std::vector<std::string>{"all", "vpn"}));
  EXPECT_TRUE(decision.addresses.permits(*parse_address("10.1.1.1")));
  EXPECT_TRUE(decision.addresses.permits(*parse_address("8.8.8.8")));
  EXPECT_FALSE(
      decide(some, "https://other.example/").addresses.permits(*parse_address("10.1.1.1")));
}

TEST(EgressRules, say_how_near_a_denied_url_was) {
  auto const some = rules(R"({"id":"a","hosts":["api.example.com","*"]})");
  EXPECT_EQ(decide(some, "https://api.example.com:8080/").reason,
            "api.example.com is denied: rule a does not permit port 8080");
  EXPECT_EQ(decide(some, "http://api.example.com/").reason,
            "api.example.com is denied: rule a does not permit http");
  EXPECT_EQ(decide(some, "https://10.0.0.1/").reason,
            "10.0.0.1 is denied: the address is private_use, and rule a does not name it");
  EXPECT_EQ(decide(some, "https://a.local/").reason,
            "a.local is denied: no rule names it, and names like it (local) must be named to be "
            "permitted");
}

TEST(EgressRules, are_refused_with_the_place_of_each_mistake) {
  EXPECT_EQ(
      complaint(R"({"dalsegno_egress":1,"rules":[{"id":"a","host":["x"]}]})").substr(0, 80),
      "egress.json:1:31: a rule needs \"hosts\" or \"addresses\"\negress.json:1:41: unknown ");
  for (auto const* const rule :
       {R"({"hosts":["a.example"]})",
        R"({"id":"A","hosts":["a.example"]})",
        R"({"id":"a","hosts":[]})",
        R"({"id":"a","hosts":["a b"]})",
        R"({"id":"a","hosts":["*.*.example"]})",
        R"({"id":"a","hosts":["a*.example"]})",
        R"({"id":"a","hosts":["127.1"]})",
        R"({"id":"a","hosts":["http://a.example"]})",
        R"({"id":"a","hosts":["a.example:443"]})",
        R"({"id":"a","hosts":["a.example"],"ports":[0]})",
        R"({"id":"a","hosts":["a.example"],"ports":["9-8"]})",
        R"({"id":"a","hosts":["a.example"],"ports":[65536]})",
        R"({"id":"a","hosts":["a.example"],"schemes":["ftp"]})",
        R"({"id":"a","hosts":["a.example"],"addresses":["0.0.0.0/0"]})",
        R"({"id":"a","hosts":["a.example"],"addresses":["10.1.0.0/8"]})",
        R"({"id":"a","hosts":["a.example"],"reason":1})",
        R"({"id":"a","hosts":["a.example"]},{"id":"a","hosts":["b.example"]})"})
    EXPECT_NE(complaint(R"({"dalsegno_egress":1,"rules":[)" + std::string(rule) + "]}"), "none")
        << rule;
  EXPECT_NE(complaint(R"({"rules":[]})"), "none");
  EXPECT_NE(complaint("{"), "none");
  EXPECT_EQ(complaint(R"({"dalsegno_egress":1,"name":"n","rules":[]})"), "none");
}

}  // namespace
}  // namespace dalsegno::http
