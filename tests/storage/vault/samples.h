#pragma once

// Texts with secrets in them. Nothing here is or was valid; values are put together here, so that
// no scanner takes this file for a leak.

#include <rapidcheck.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::vault::test {

constexpr std::string_view alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view hex = "0123456789abcdef";

/// `size` bytes of `alphabet` that look random and are always the same.
inline std::string dummy(std::size_t size, std::string_view alphabet = alnum, unsigned seed = 1) {
  std::string out;
  unsigned state = seed * 2654435761U + 12345U;
  while (out.size() < size) {
    state = state * 1664525U + 1013904223U;
    out.push_back(alphabet[(state >> 16U) % alphabet.size()]);
  }
  return out;
}

inline std::string github_pat(unsigned seed = 1) {
  return "gh"
         "p_" +
         dummy(36, alnum, seed);
}
inline std::string slack_token() {
  return "xox"
         "b-482913740215-7240052918606-" +
         dummy(24);
}
inline std::string pem_block() {
  return "-----BEGIN RSA "
         "PRIVATE KEY-----\n" +
         dummy(64) + "\n" + dummy(64, alnum, 7) +
         "\n-----END RSA "
         "PRIVATE KEY-----";
}

/// A text of pieces: words, numbers, fields, secrets of many kinds, punctuation, odd bytes.
inline rc::Gen<std::string> text_gen() {
  static std::vector<std::string> const pieces{"the",
                                               "password",
                                               "token",
                                               "is",
                                               "policy",
                                               "order",
                                               "shipped",
                                               "and",
                                               "key",
                                               "My card ",
                                               "naïve",
                                               "结果",
                                               " ",
                                               "  ",
                                               "\n",
                                               ", ",
                                               ". ",
                                               ": ",
                                               "=",
                                               " = ",
                                               "\"",
                                               "'",
                                               "`",
                                               "\\\"",
                                               "(",
                                               ")",
                                               "<",
                                               ">",
                                               "@",
                                               "://",
                                               "-",
                                               "/",
                                               "{\"password\": \"",
                                               "\"}",
                                               "DB_PASSWORD=",
                                               "api_key: ",
                                               "Authorization: Bearer ",
                                               "if (\"",
                                               "\" == secret)",
                                               github_pat(),
                                               github_pat(2),
                                               slack_token(),
                                               pem_block(),
                                               "-----BEGIN "
                                               "PRIVATE KEY-----\n" +
                                                   dummy(40),
                                               "4111 1111 1111 1111",
                                               "4111111111111111",
                                               "DE89 3704 0044 0532 0130 00",
                                               "GB29NWBK60161331926819",
                                               "078-05-1123",
                                               "192.168.2.1",
                                               "2001:db8::1",
                                               "00:1A:2B:3C:4D:5E",
                                               "jane@example.org",
                                               "+1 415 555 0132",
                                               "postgres://app:" + dummy(12) + "@db:5432/x",
                                               "hunter2",
                                               dummy(40),
                                               dummy(32, hex),
                                               "12345",
                                               "007",
                                               "3.14159",
                                               "[secret:github_pat:0123456789abcdef]",
                                               "[secret:",
                                               "]",
                                               "\xff\xfe",
                                               "x"};
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces)),
                      [](std::vector<std::string> const& chosen) {
                        std::string text;
                        for (auto const& piece : chosen) text += piece;
                        return text;
                      });
}

}  // namespace dalsegno::vault::test
