#include "activities/http/dial_plan.h"

#include "activities/http/host_name.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include <arpa/inet.h>

namespace dalsegno::http {
namespace {

std::string read(std::string_view url) {
  auto const plan = DialPlan::parse(url);
  return plan ? to_string(*plan) : "refused";
}

std::string followed(std::string_view base, std::string_view reference) {
  auto const plan = DialPlan::parse(base)->follow(reference);
  return plan ? to_string(*plan) : "refused";
}

TEST(DialPlan, holds_the_parts_of_a_url_in_their_one_form) {
  auto const plan = DialPlan::parse("HTTPS://API.Example.COM.:8443/a/./b/../c%7e?q=1 2#top");
  ASSERT_TRUE(plan) << plan.error().detail;
  EXPECT_EQ(plan->scheme(), Scheme::https);
  EXPECT_EQ(plan->host(), "api.example.com");
  EXPECT_EQ(plan->port(), 8443);
  EXPECT_EQ(plan->target(), "/a/c%7e?q=1%202");
  EXPECT_EQ(plan->authority(), "api.example.com:8443");
  EXPECT_FALSE(plan->literal());
  EXPECT_EQ(redacted(*plan), "https://api.example.com:8443/a/c%7e?redacted");
}

TEST(DialPlan, leaves_out_the_port_that_is_the_schemes_own) {
  EXPECT_EQ(read("http://h.example:80"), "http://h.example/");
  EXPECT_EQ(read("http://h.example:443/"), "http://h.example:443/");
  EXPECT_EQ(read("https://h.example:443/?a"), "https://h.example/?a");
}

TEST(DialPlan, takes_addresses_in_their_own_spelling_only) {
  EXPECT_EQ(read("http://192.0.2.1/"), "http://192.0.2.1/");
  EXPECT_EQ(read("http://[2001:DB8::0:1]:8080/"), "http://[2001:db8::1]:8080/");
  for (auto const* const host : {"127.1",        "0177.0.0.1",
                                 "0x7f.0.0.1",   "2130706433",
                                 "0x7f000001",   "017700000001",
                                 "127.0.0.1.",   "1.2.3.4.5",
                                 "256.1.1.1",    "foo.1",
                                 "foo.0x1f",     "0x",
                                 "[::1%25eth0]", "[::1%eth0]",
                                 "[::1",         "::1",
                                 "[1.2.3.4]",    "[::1]x",
                                 "[v1.a]",       "[]",
                                 "1.2.3.08",     "0.0x0",
                                 "127.0.0.1:",   "１２７.0.0.1",
                                 "127。0。0。1", "[::ffff:1.2.3.999]"})
    EXPECT_EQ(read("http://" + std::string(host) + "/"), "refused") << host;
}

TEST(DialPlan, refuses_what_readers_of_urls_differ_in) {
  for (std::string const url : {"",
                                "example.com",
                                "//example.com/",
                                "http:example.com",
                                "http:/example.com",
                                "http:///example.com/",
                                "http://",
                                "http://?q",
                                "http://user@example.com/",
                                "http://user:password@example.com/",
                                "http://@example.com/",
                                "http://example.com@evil.test/",
                                "http://example.com\\@evil.test/",
                                "http://example.com/\\evil",
                                "http:\\\\example.com/",
                                "http://exa%6dple.com/",
                                "http://example.com:/",
                                "http://example.com:0/",
                                "http://example.com:080/",
                                "http://example.com:65536/",
                                "http://example.com:+80/",
                                "http://example.com:80:80/",
                                " http://example.com/",
                                "http://example.com/ ",
                                "http://example.com/\n",
                                "http://exa\tmple.com/",
                                "ht\ntp://example.com/",
                                "http://example..com/",
                                "http://.example.com/",
                                "http://exam ple.com/",
                                "http://example.com|evil/",
                                "http://[example.com]/",
                                "ftp://example.com/",
                                "file:///etc/passwd",
                                "gopher://example.com/",
                                "javascript://example.com/",
                                "ws://example.com/",
                                "http://ⓔⓧⓐⓜⓟⓛⓔ.com/",
                                "http://ｅxample.com/",
                                "http://example。com/",
                                "http://xn--/",
                                "http://xn--a/",
                                "http://0\u00e0.\u05d0/",
                                "http://a\u200bb.com/"})
    EXPECT_EQ(read(url), "refused") << url;
  EXPECT_EQ(read(std::string("http://exam\0ple.com/", 20)), "refused");
  EXPECT_EQ(read("http://h.example/" + std::string(max_url_bytes, 'a')), "refused");
  EXPECT_EQ(read("http://h\xff.example/"), "refused");
}

TEST(DialPlan, refuses_a_line_end_in_every_place) {
  std::string const url = "https://api.example.com:8443/path/x?query=1#fragment";
  for (auto const* const end : {"\r", "\n", "\r\n", "\r\nHost: evil.test\r\n"})
    for (std::size_t at = 0; at <= url.size(); ++at) {
      auto changed = url;
      changed.insert(at, end);
      EXPECT_EQ(read(changed), "refused") << at;
      EXPECT_EQ(followed("https://a.example/", changed), "refused") << at;
    }
}

TEST(DialPlan, encodes_what_may_not_stand_in_a_requests_head) {
  EXPECT_EQ(read("http://h.example/é \"<>`{}|^[]%?é%zz%4"),
            "http://h.example/%C3%A9%20%22%3C%3E%60%7B%7D%7C%5E%5B%5D%25?%C3%A9%25zz%254");
  EXPECT_EQ(read("http://h.example/%0d%0aHost:%20evil"), "http://h.example/%0d%0aHost:%20evil");
  EXPECT_EQ(read("http://h.example/?a=\\b"), "http://h.example/?a=%5Cb");
}

TEST(DialPlan, resolves_dot_segments_however_they_are_written) {
  EXPECT_EQ(read("http://h.example/a/%2e%2E/b"), "http://h.example/b");
  EXPECT_EQ(read("http://h.example/../../x"), "http://h.example/x");
  EXPECT_EQ(read("http://h.example/a/b/.."), "http://h.example/a/");
  EXPECT_EQ(read("http://h.example/a//../b/."), "http://h.example/a/b/");
  EXPECT_EQ(read("http://h.example/.../%2e%2e%2e"), "http://h.example/.../%2e%2e%2e");
}

TEST(DialPlan, takes_international_names_as_they_are_asked_for) {
  EXPECT_EQ(read("http://bücher.example/"), "http://xn--bcher-kva.example/");
  EXPECT_EQ(read("http://xn--bcher-kva.example/"), "http://xn--bcher-kva.example/");
  EXPECT_EQ(read("http://faß.example/"), "http://xn--fa-hia.example/");
  EXPECT_EQ(read("http://אב.example/"), "http://xn--4dbc.example/");
}

TEST(DialPlan, follows_references_as_rfc_3986_has_it) {
  std::string const base = "http://h.example:81/b/c/d?q";
  EXPECT_EQ(followed(base, "g"), "http://h.example:81/b/c/g");
  EXPECT_EQ(followed(base, "./g"), "http://h.example:81/b/c/g");
  EXPECT_EQ(followed(base, "../../../g"), "http://h.example:81/g");
  EXPECT_EQ(followed(base, "/g?x"), "http://h.example:81/g?x");
  EXPECT_EQ(followed(base, "?y"), "http://h.example:81/b/c/d?y");
  EXPECT_EQ(followed(base, "#s"), "http://h.example:81/b/c/d?q");
  EXPECT_EQ(followed(base, ""), "http://h.example:81/b/c/d?q");
  EXPECT_EQ(followed(base, "//g.example/x"), "http://g.example/x");
  EXPECT_EQ(followed(base, "https://g.example"), "https://g.example/");
  for (auto const* const reference : {"http:g",
                                      "///g.example",
                                      "/\\g.example",
                                      "\\\\g.example",
                                      "g:h",
                                      "1:2",
                                      "//user@g.example",
                                      "//127.1/",
                                      "file:///etc/passwd",
                                      "//",
                                      " //g.example"})
    EXPECT_EQ(followed(base, reference), "refused") << reference;
}

TEST(DialPlan, says_what_is_wrong_without_repeating_the_url) {
  auto const plan = DialPlan::parse("https://user:hunter2@example.com/");
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().detail, "the URL holds a user name or a password");
}

/// Texts made of what URLs are made of, half of them with something in them that they are attacked
/// with.
rc::Gen<std::string> url_like() {
  auto const scheme =
      rc::gen::element<std::string>("http://", "https://", "HTTP://", "https://", "//");
  auto const host = rc::gen::element<std::string>("h.example",
                                                  "127.0.0.1",
                                                  "8.8.8.8",
                                                  "[::1]",
                                                  "[2001:DB8::1]",
                                                  "xn--bcher-kva.example",
                                                  "bücher.example",
                                                  "localhost",
                                                  "a_b.example.",
                                                  "א.example",
                                                  "127.1",
                                                  "0x7f.1");
  auto const port = rc::gen::element<std::string>("", "", ":80", ":443", ":8443");
  auto const piece = rc::gen::element<std::string>("/",
                                                   "/a",
                                                   "/..",
                                                   "/.",
                                                   "/%2e%2E",
                                                   "//",
                                                   "?",
                                                   "#",
                                                   "é",
                                                   " ",
                                                   "%",
                                                   "%2",
                                                   "%00",
                                                   "[",
                                                   "\"",
                                                   "=&",
                                                   ":",
                                                   "@",
                                                   "a");
  auto const attack = rc::gen::element<std::string>("",
                                                    "",
                                                    "",
                                                    "\r\n",
                                                    "\t",
                                                    "\\",
                                                    "@",
                                                    ":",
                                                    "[",
                                                    "]",
                                                    "%",
                                                    "。",
                                                    "ｅ",
                                                    "\xff",
                                                    "127.0.0.1",
                                                    "\u200b",
                                                    ".",
                                                    "0177",
                                                    "::",
                                                    " ");
  return rc::gen::exec([=] {
    auto text = *scheme + *host + *port + *rc::gen::element<std::string>("", "/", "?", "#");
    for (auto const& each : *rc::gen::container<std::vector<std::string>>(piece)) text += each;
    if (*rc::gen::arbitrary<bool>()) return text;
    auto const at = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
    return text.insert(at, *attack);
  });
}

void expect_sound(DialPlan const& plan) {
  // Printed, it is read as the same plan; and nothing in it can end a line or a field of a head.
  auto const again = DialPlan::parse(to_string(plan));
  RC_ASSERT(again);
  RC_ASSERT(*again == plan);
  auto const is_plain = [](char c) { return c > 0x20 && c < 0x7f; };
  RC_ASSERT(std::ranges::all_of(to_string(plan), is_plain));
  RC_ASSERT(plan.target().starts_with('/'));
  RC_ASSERT(plan.port() != 0);
  // What the C library takes for an address is that address for us, and is not resolved as a name.
  in_addr theirs{};
  if (inet_aton(plan.host().c_str(), &theirs) != 0)
    RC_ASSERT(plan.literal() == Address::v4(ntohl(theirs.s_addr)));
  RC_ASSERT(plan.literal().has_value() ==
            (plan.host().starts_with('[') || ends_in_number(plan.host())));
}

RC_GTEST_PROP(DialPlan, is_read_again_as_it_was_printed, ()) {
  auto const plan = DialPlan::parse(*url_like());
  RC_CLASSIFY(plan.has_value());
  if (plan) expect_sound(*plan);
}

RC_GTEST_PROP(DialPlan, of_a_reference_is_as_sound_as_that_of_a_url, ()) {
  auto const base = DialPlan::parse("https://h.example/a/b?c");
  auto const plan = base->follow(*url_like());
  RC_CLASSIFY(plan.has_value());
  if (!plan) return;
  expect_sound(*plan);
  // To follow what it prints from anywhere leads to it.
  RC_ASSERT(*base->follow(to_string(*plan)) == *plan);
}

}  // namespace
}  // namespace dalsegno::http
