#include "storage/vault/seal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <memory>

namespace dalsegno::vault {
namespace {

constexpr char format = 1;
constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t overhead = 1 + nonce_bytes + tag_bytes;
constexpr std::size_t most_bytes = 64ULL << 20U;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

unsigned char const* bytes_of(std::string_view text) {
  return reinterpret_cast<unsigned char const*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

Error wrong() {
  return {Errc::corrupt,
          "a sealed value does not open: it was changed, or belongs to another key or place"};
}

}  // namespace

Result<std::string> seal(SecretKey const& key,
                         std::string_view plaintext,
                         std::string_view associated) {
  if (plaintext.size() > most_bytes)
    return Error{Errc::too_large, "a value to seal has more than 64 MiB"};
  std::string out(overhead + plaintext.size(), '\0');
  out[0] = format;
  auto* const nonce = bytes_of(out) + 1;
  auto* const body = nonce + nonce_bytes;
  if (RAND_bytes(nonce, nonce_bytes) != 1) return Error{Errc::io, "no random bytes for a nonce"};
  Context const context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int size = 0;
  bool const done =
      context &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.bytes().data(), nonce) ==
          1 &&
      EVP_EncryptUpdate(context.get(),
                        nullptr,
                        &size,
                        bytes_of(associated),
                        static_cast<int>(associated.size())) == 1 &&
      EVP_EncryptUpdate(
          context.get(), body, &size, bytes_of(plaintext), static_cast<int>(plaintext.size())) ==
          1 &&
      EVP_EncryptFinal_ex(context.get(), body + size, &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(
          context.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, body + plaintext.size()) == 1;
  if (!done) return Error{Errc::io, "AES-256-GCM is not available"};
  return out;
}

Result<std::string> unseal(SecretKey const& key,
                           std::string_view sealed,
                           std::string_view associated) {
  if (sealed.empty()) return wrong();
  if (sealed[0] != format)
    return Error{
        Errc::newer_format,
        "a sealed value has format " + std::to_string(sealed[0]) + ", this program knows 1"};
  if (sealed.size() < overhead || sealed.size() - overhead > most_bytes) return wrong();
  auto const nonce = sealed.substr(1, nonce_bytes);
  auto const body = sealed.substr(1 + nonce_bytes, sealed.size() - overhead);
  std::array<unsigned char, tag_bytes> tag{};
  sealed.substr(sealed.size() - tag_bytes).copy(reinterpret_cast<char*>(tag.data()), tag_bytes);
  std::string out(body.size(), '\0');
  Context const context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int size = 0;
  bool const opened =
      context &&
      EVP_DecryptInit_ex(
          context.get(), EVP_aes_256_gcm(), nullptr, key.bytes().data(), bytes_of(nonce)) == 1 &&
      EVP_DecryptUpdate(context.get(),
                        nullptr,
                        &size,
                        bytes_of(associated),
                        static_cast<int>(associated.size())) == 1 &&
      EVP_DecryptUpdate(
          context.get(), bytes_of(out), &size, bytes_of(body), static_cast<int>(body.size())) ==
          1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), bytes_of(out) + size, &size) == 1;
  if (!opened) {
    OPENSSL_cleanse(out.data(), out.size());
    return wrong();
  }
  return out;
}

}  // namespace dalsegno::vault
