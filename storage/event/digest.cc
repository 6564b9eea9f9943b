// The low-level functions: they are deprecated because they bypass OpenSSL's providers, which is
// what we want here. An EVP digest costs more to set up than to hash one event.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "storage/event/digest.h"

#include "storage/event/hex.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace dalsegno::storage {
namespace {

Digest finish(SHA256_CTX& context) {
  Digest digest;
  SHA256_Final(digest.bytes.data(), &context);
  return digest;
}

/// Begins a hash with one block: the key, exclusive or'ed with `pad` (RFC 2104).
void begin_keyed(SHA256_CTX& context, SessionSecret const& secret, std::uint8_t pad) {
  static_assert(sizeof(SessionSecret) <= SHA256_CBLOCK);
  std::array<std::uint8_t, SHA256_CBLOCK> block{};
  block.fill(pad);
  for (std::size_t i = 0; i < secret.bytes.size(); ++i) block[i] ^= secret.bytes[i];
  SHA256_Init(&context);
  SHA256_Update(&context, block.data(), block.size());
  OPENSSL_cleanse(block.data(), block.size());
}

}  // namespace

std::string to_hex(Digest const& digest) { return hex_text(digest.bytes); }

std::optional<Digest> parse_digest(std::string_view hex) {
  auto const bytes = parse_hex<32>(hex);
  return bytes ? std::optional(Digest{*bytes}) : std::nullopt;
}

Digest sha256(std::initializer_list<std::string_view> parts) {
  SHA256_CTX context;
  SHA256_Init(&context);
  for (auto const part : parts) SHA256_Update(&context, part.data(), part.size());
  return finish(context);
}

struct KeyedDigester::State {
  SHA256_CTX inner{};
  SHA256_CTX outer{};

  State() = default;
  State(State const&) = default;
  State& operator=(State const&) = default;
  ~State() {
    OPENSSL_cleanse(&inner, sizeof inner);
    OPENSSL_cleanse(&outer, sizeof outer);
  }
};

KeyedDigester::KeyedDigester(SessionSecret const& secret) : state_(std::make_unique<State>()) {
  begin_keyed(state_->inner, secret, 0x36);
  begin_keyed(state_->outer, secret, 0x5c);
}

KeyedDigester::KeyedDigester(KeyedDigester const& other)
    : state_(std::make_unique<State>(*other.state_)) {}

KeyedDigester& KeyedDigester::operator=(KeyedDigester const& other) {
  if (this != &other) state_ = std::make_unique<State>(*other.state_);
  return *this;
}

KeyedDigester::KeyedDigester(KeyedDigester&&) noexcept = default;
KeyedDigester& KeyedDigester::operator=(KeyedDigester&&) noexcept = default;
KeyedDigester::~KeyedDigester() = default;

Digest KeyedDigester::digest(std::string_view bytes) const {
  auto context = state_->inner;
  SHA256_Update(&context, bytes.data(), bytes.size());
  auto const inner = finish(context);
  context = state_->outer;
  SHA256_Update(&context, inner.bytes.data(), inner.bytes.size());
  return finish(context);
}

}  // namespace dalsegno::storage
