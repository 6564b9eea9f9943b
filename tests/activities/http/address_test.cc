#include "activities/http/address.h"

#include "activities/http/address_class.h"
#include "activities/http/egress_rules.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>

namespace dalsegno::http {
namespace {

TEST(Address, of_ipv4_is_four_decimal_numbers_and_nothing_else) {
  EXPECT_EQ(parse_ipv4("192.0.2.1"), Address::v4(0xc0000201));
  for (auto const* const text :
       {"",         "1.2.3",     "1.2.3.4.", "1.2.3.4.5",  "01.2.3.4", "1.2.3.256", "0x1.2.3.4",
        "1.2.3.4 ", " 1.2.3.4",  "1..3.4",   "1.2.3.-4",   "+1.2.3.4", "127.1",     "2130706433",
        "1.2.3.04", "1.2.3.4/8", "::1",      "1.2.3.0004", "1,2,3,4",  "１.2.3.4"})
    EXPECT_FALSE(parse_ipv4(text)) << text;
}

TEST(Address, of_ipv6_is_printed_in_its_shortest_form) {
  auto const printed = [](std::string_view text) {
    auto const address = parse_ipv6(text);
    return address ? to_string(*address) : "refused";
  };
  EXPECT_EQ(printed("0:0:0:0:0:0:0:0"), "::");
  EXPECT_EQ(printed("2001:DB8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
  EXPECT_EQ(printed("1:0:2:3:4:5:6:7"), "1:0:2:3:4:5:6:7");
  EXPECT_EQ(printed("1:2:3:4:5:6:7::"), "1:2:3:4:5:6:7:0");
  EXPECT_EQ(printed("::ffff:192.0.2.1"), "::ffff:c000:201");
  for (auto const* const text : {":",
                                 "1",
                                 "1:2:3:4:5:6:7",
                                 "1:2:3:4:5:6:7:8:9",
                                 ":::",
                                 "1::2::3",
                                 "12345::",
                                 "::1%eth0",
                                 "::g",
                                 ":1::",
                                 "1:2:3:4:5:6:7:8::",
                                 "::1.2.3",
                                 "::01.2.3.4",
                                 "1.2.3.4::",
                                 "[::1]",
                                 "::1 ",
                                 "::-1",
                                 "0x1::",
                                 "::1.2.3.4:5",
                                 "1:2:3:4:5:6:7:1.2.3.4"})
    EXPECT_EQ(printed(text), "refused") << text;
}

rc::Gen<Address> any_v6() {
  // Zeros are frequent, as they are what forms differ in; so are the prefixes that mean something.
  auto const byte =
      rc::gen::oneOf(rc::gen::just<std::uint8_t>(0), rc::gen::arbitrary<std::uint8_t>());
  return rc::gen::map(rc::gen::pair(rc::gen::container<std::vector<std::uint8_t>>(16, byte),
                                    rc::gen::element<std::string>("",
                                                                  "::ffff:0:0",
                                                                  "64:ff9b::",
                                                                  "2002::",
                                                                  "2001::",
                                                                  "fe80::",
                                                                  "fd00:ec2::254",
                                                                  "ff02::",
                                                                  "64:ff9b:1::",
                                                                  "2001:db8::",
                                                                  "100::",
                                                                  "::ffff:0:0:0",
                                                                  "fec0::")),
                      [](auto const& pair) {
                        auto const& [random, prefix] = pair;
                        Address::Bytes bytes{};
                        std::ranges::copy(random, bytes.begin());
                        if (auto const fixed = parse_ipv6(prefix))
                          for (std::size_t i = 0; i < bytes.size(); ++i)
                            if (fixed->bytes()[i] != 0 || i < 2) bytes[i] = fixed->bytes()[i];
                        return Address::v6(bytes);
                      });
}

rc::Gen<Address> any_v4() {
  auto const edge = rc::gen::element<std::uint32_t>(0x00000000,
                                                    0x0a000000,
                                                    0x64400000,
                                                    0x647fffff,
                                                    0x64800000,
                                                    0x7f000000,
                                                    0x80000000,
                                                    0xa9fe0000,
                                                    0xa9fea9fe,
                                                    0xac100000,
                                                    0xac200000,
                                                    0xc0000000,
                                                    0xc0a80000,
                                                    0xc6120000,
                                                    0xe0000000,
                                                    0xffffffff);
  auto const near = rc::gen::map(
      rc::gen::pair(edge, rc::gen::inRange(-2, 3)),
      [](auto const& pair) { return pair.first + static_cast<std::uint32_t>(pair.second); });
  return rc::gen::map(rc::gen::oneOf(near, rc::gen::arbitrary<std::uint32_t>()),
                      [](std::uint32_t value) { return Address::v4(value); });
}

rc::Gen<Address> any_address() { return rc::gen::oneOf(any_v4(), any_v6()); }

RC_GTEST_PROP(Address, is_read_as_it_was_printed, ()) {
  auto const address = *any_address();
  RC_ASSERT(parse_address(to_string(address)) == address);
}

RC_GTEST_PROP(Address, of_ipv6_is_what_the_system_reads, (std::string const& noise)) {
  auto const address = *any_v6();
  auto const text = to_string(address) + (*rc::gen::inRange(0, 3) == 0 ? noise : "");
  in6_addr theirs{};
  bool const is_theirs =
      text.find('\0') == std::string::npos && inet_pton(AF_INET6, text.c_str(), &theirs) == 1;
  auto const ours = parse_ipv6(text);
  RC_ASSERT(ours.has_value() == is_theirs);
  if (ours) RC_ASSERT(std::memcmp(ours->bytes().data(), &theirs, 16) == 0);
}

/// The second opinion: networks as the IANA registries list them, compared bit by bit as text.
std::string bits_of(std::string const& text) {
  std::string bits;
  unsigned char bytes[16];
  bool const is_v6 = text.contains(':');
  EXPECT_EQ(inet_pton(is_v6 ? AF_INET6 : AF_INET, text.c_str(), bytes), 1) << text;
  for (int i = 0; i < (is_v6 ? 16 : 4); ++i)
    for (int bit = 7; bit >= 0; --bit) bits += (bytes[i] >> bit & 1) != 0 ? '1' : '0';
  return bits;
}

bool is_denied_by_oracle(Address const& address) {
  static std::vector<std::string> const networks = {
      "0.0.0.0/8",        "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",     "169.254.0.0/16",
      "172.16.0.0/12",    "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24",  "192.168.0.0/16",
      "198.18.0.0/15",    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",     "240.0.0.0/4",
      "168.63.129.16/32", "::/96",           "::ffff:0:0/96",  "::ffff:0:0:0/96", "64:ff9b::/96",
      "64:ff9b:1::/48",   "100::/64",        "100:0:0:1::/64", "2001::/23",       "2001:db8::/32",
      "2002::/16",        "3fff::/20",       "5f00::/16",      "fc00::/7",        "fe80::/10",
      "fec0::/10",        "ff00::/8"};
  auto const bits = bits_of(to_string(address));
  return std::ranges::any_of(networks, [&](std::string const& network) {
    auto const slash = network.find('/');
    auto const first = bits_of(network.substr(0, slash));
    auto const length = static_cast<std::size_t>(std::stoi(network.substr(slash + 1)));
    return first.size() == bits.size() && bits.starts_with(first.substr(0, length));
  });
}

RC_GTEST_PROP(AddressClass, is_global_where_no_registry_says_otherwise, ()) {
  auto const address = *any_address();
  RC_ASSERT((classify(address) != AddressClass::global) == is_denied_by_oracle(address));
}

RC_GTEST_PROP(AddressPredicate, permits_no_special_address_unless_it_was_named, ()) {
  AddressPredicate predicate;
  predicate.add_global();
  auto const named = *any_address();
  bool const with_name = *rc::gen::arbitrary<bool>();
  if (with_name) predicate.add({named, named.bits()});
  auto const address = *rc::gen::oneOf(any_address(), rc::gen::just(named));
  if (is_denied_by_oracle(address)) {
    auto const inner = embedded_ipv4(address);
    RC_ASSERT(predicate.permits(address) ==
              (with_name && address == named && (!inner || !is_denied_by_oracle(*inner))));
  } else {
    RC_ASSERT(predicate.permits(address));
  }
}

TEST(AddressPredicate, opens_no_way_round_through_addresses_that_stand_for_others) {
  AddressPredicate predicate;
  predicate.add(*parse_network("64:ff9b::/96"));
  EXPECT_TRUE(predicate.permits(*parse_address("64:ff9b::8.8.8.8")));
  EXPECT_FALSE(predicate.permits(*parse_address("64:ff9b::10.1.2.3")));
  predicate.add(*parse_network("10.1.0.0/16"));
  EXPECT_TRUE(predicate.permits(*parse_address("64:ff9b::10.1.2.3")));
  EXPECT_FALSE(predicate.permits(*parse_address("64:ff9b::169.254.169.254")));
}

TEST(AddressPredicate, permits_a_metadata_address_only_if_it_is_named_alone) {
  AddressPredicate predicate;
  predicate.add(*parse_network("169.254.0.0/16"));
  EXPECT_TRUE(predicate.permits(*parse_address("169.254.1.1")));
  EXPECT_FALSE(predicate.permits(*parse_address("169.254.169.254")));
  predicate.add(*parse_network("169.254.169.254"));
  EXPECT_TRUE(predicate.permits(*parse_address("169.254.169.254")));
}

TEST(EmbeddedIpv4, is_found_wherever_it_is_hidden) {
  for (auto const* const text : {"::ffff:192.0.2.33",
                                 "::192.0.2.33",
                                 "::ffff:0:192.0.2.33",
                                 "64:ff9b::192.0.2.33",
                                 "2002:c000:221::1",
                                 "2001:0:1234::3fff:fdde"})
    EXPECT_EQ(embedded_ipv4(*parse_ipv6(text)), parse_ipv4("192.0.2.33")) << text;
  EXPECT_FALSE(embedded_ipv4(*parse_ipv6("2606:4700::1111")));
}

TEST(Network, has_no_bits_beyond_its_prefix) {
  EXPECT_TRUE(parse_network("10.0.0.0/8"));
  EXPECT_TRUE(parse_network("fc00::/7"));
  EXPECT_EQ(to_string(*parse_network("192.0.2.1")), "192.0.2.1/32");
  for (auto const* const text : {"10.1.0.0/8",
                                 "10.0.0.0/33",
                                 "10.0.0.0/",
                                 "10.0.0.0/08",
                                 "fc00::1/7",
                                 "::/129",
                                 "10/8",
                                 "/8"})
    EXPECT_FALSE(parse_network(text)) << text;
}

}  // namespace
}  // namespace dalsegno::http
