#include "storage/vault/secret_key.h"

#include "dalsegno/try.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace dalsegno::vault {
namespace {

std::size_t page_size() {
  static auto const size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

Result<SecretKey> SecretKey::empty() {
  auto* const page =
      mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return Error{Errc::io, "no memory for a key"};
  // Each of these may be refused (limits, old kernels); the key is as good without.
  (void)mlock(page, page_size());
  (void)madvise(page, page_size(), MADV_DONTDUMP);
  (void)madvise(page, page_size(), MADV_WIPEONFORK);
  return SecretKey(static_cast<std::uint8_t*>(page));
}

Result<SecretKey> SecretKey::random() {
  TRY(auto key, empty());
  if (RAND_priv_bytes(key.page_, key_bytes) != 1)
    return Error{Errc::io, "the operating system gave no random bytes for a key"};
  return key;
}

Result<SecretKey> SecretKey::copy_of(std::span<std::uint8_t const> bytes) {
  if (bytes.size() != key_bytes)
    return Error{Errc::invalid, "a key has 32 bytes, not " + std::to_string(bytes.size())};
  TRY(auto key, empty());
  std::ranges::copy(bytes, key.page_);
  return key;
}

SecretKey::SecretKey(SecretKey&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  std::swap(page_, other.page_);
  return *this;
}

SecretKey::~SecretKey() {
  if (page_ == nullptr) return;
  OPENSSL_cleanse(page_, page_size());
  munmap(page_, page_size());
}

}  // namespace dalsegno::vault
