#include "storage/access/token.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>

#include <sys/random.h>

namespace dalsegno::access {
namespace {

constexpr std::string_view alphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static_assert(alphabet.size() == 62);

constexpr std::array<TokenKind, 3> kinds = {
    TokenKind::operators, TokenKind::runtimes, TokenKind::auditors};

bool is_base62(std::string_view text) {
  return text.find_first_not_of(alphabet) == std::string_view::npos;
}

/// CRC-32 with the polynomial of IEEE 802.3, bits reflected.
std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (char const byte : bytes) {
    crc ^= static_cast<std::uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0U ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

std::string check_of(std::string_view text) {
  std::string check(token_check_characters, '0');
  auto rest = crc32(text);
  for (auto digit = check.rbegin(); digit != check.rend(); ++digit) {
    *digit = alphabet[rest % alphabet.size()];
    rest /= static_cast<std::uint32_t>(alphabet.size());
  }
  return check;
}

void fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    auto const got = getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) std::abort();  // cannot happen once the system has booted
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

Error no_token(std::string const& why) { return {Errc::invalid, "this is no token: " + why}; }

}  // namespace

std::string_view prefix_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::operators:
      return "dsg_op_";
    case TokenKind::runtimes:
      return "dsg_rt_";
    case TokenKind::auditors:
      return "dsg_aud_";
  }
  std::abort();
}

std::string_view name_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::operators:
      return "operator";
    case TokenKind::runtimes:
      return "runtime";
    case TokenKind::auditors:
      return "auditor";
  }
  std::abort();
}

Token Token::make(TokenKind kind) {
  // A byte from 248 on would make some characters likelier than others.
  constexpr auto fair = 256 / alphabet.size() * alphabet.size();
  std::string body;
  body.reserve(token_body_characters);
  while (body.size() < token_body_characters) {
    std::array<std::uint8_t, token_body_characters> random{};
    fill(random);
    for (auto const byte : random)
      if (byte < fair && body.size() < token_body_characters)
        body.push_back(alphabet[byte % alphabet.size()]);
    OPENSSL_cleanse(random.data(), random.size());
  }
  auto token = with_body(kind, body);
  OPENSSL_cleanse(body.data(), body.size());
  return token;
}

Token Token::with_body(TokenKind kind, std::string_view body) {
  assert(body.size() == token_body_characters && is_base62(body));
  std::string text;
  text.reserve(prefix_of(kind).size() + token_body_characters + token_check_characters);
  text.append(prefix_of(kind)).append(body);
  text += check_of(text);
  return {kind, std::move(text)};
}

Result<Token> Token::parse(std::string_view text) {
  for (auto const kind : kinds) {
    auto const prefix = prefix_of(kind);
    if (!text.starts_with(prefix)) continue;
    auto const rest = text.substr(prefix.size());
    if (rest.size() != token_body_characters + token_check_characters)
      return no_token("behind " + std::string(prefix) + " it has " + std::to_string(rest.size()) +
                      " characters, not " +
                      std::to_string(token_body_characters + token_check_characters));
    if (!is_base62(rest)) return no_token("it has a character that is no letter and no digit");
    auto const checked = text.size() - token_check_characters;
    if (check_of(text.substr(0, checked)) != text.substr(checked))
      return no_token("its last six characters do not fit the others; it was mistyped or cut");
    return Token(kind, std::string(text));
  }
  return no_token("it begins with none of dsg_op_, dsg_rt_ and dsg_aud_");
}

Token::Token(Token&& other) noexcept : kind_(other.kind_), text_(std::move(other.text_)) {
  other.wipe();
}

Token& Token::operator=(Token&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  kind_ = other.kind_;
  text_ = std::move(other.text_);
  other.wipe();
  return *this;
}

Token::~Token() { wipe(); }

void Token::wipe() {
  OPENSSL_cleanse(text_.data(), text_.size());
  text_.clear();
}

bool same_digest(storage::Digest const& a, storage::Digest const& b) {
  return CRYPTO_memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

}  // namespace dalsegno::access
