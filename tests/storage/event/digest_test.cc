#include "storage/event/digest.h"

#include <gtest/gtest.h>

namespace dalsegno::storage {
namespace {

TEST(Sha256, gives_the_digests_of_the_standard) {  // FIPS 180-4 examples
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256({"abc"})),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256({"abcdbcdecdefdefgefghfghighij", "hijkijkljklmklmnlmnomnopnopq"})),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(KeyedDigester, gives_the_digests_of_the_standard) {
  // HMAC-SHA-256 of "Hi There" under 32 bytes 0x0b, and of "" under 32 zeros (Python's hmac).
  SessionSecret secret;
  EXPECT_EQ(to_hex(KeyedDigester(secret).digest("")),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  secret.bytes.fill(0x0b);
  EXPECT_EQ(to_hex(KeyedDigester(secret).digest("Hi There")),
            "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7");
}

TEST(KeyedDigester, may_be_copied_and_used_again) {
  SessionSecret secret;
  secret.bytes.fill(7);
  KeyedDigester const digester(secret);
  auto copy = digester;
  EXPECT_EQ(copy.digest("a"), digester.digest("a"));
  EXPECT_EQ(copy.digest("a"), digester.digest("a"));
  copy = KeyedDigester(SessionSecret{});
  EXPECT_NE(copy.digest("a"), digester.digest("a"));
}

TEST(Digest, reads_its_own_hexadecimal_only) {
  auto const digest = sha256({"x"});
  auto const hex = to_hex(digest);
  EXPECT_EQ(parse_digest(hex), digest);
  EXPECT_FALSE(parse_digest(hex.substr(1)));
  EXPECT_FALSE(parse_digest(hex + "0"));
  EXPECT_FALSE(parse_digest("G" + hex.substr(1)));
  EXPECT_FALSE(parse_digest("A" + hex.substr(1)));
}

}  // namespace
}  // namespace dalsegno::storage
