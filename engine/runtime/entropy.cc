#include "engine/runtime/entropy.h"

#include <array>
#include <cstdlib>
#include <cstring>

#include <sys/random.h>

namespace dalsegno::engine {

/// Drawn in blocks, for one system call a block; a thread never gives out the same bytes twice.
void system_entropy(std::span<std::uint8_t> out) {
  thread_local std::array<std::uint8_t, 4096> block;
  thread_local std::size_t left = 0;
  if (left < out.size()) {
    for (std::size_t have = 0; have < block.size();) {
      auto const got = getrandom(block.data() + have, block.size() - have, 0);
      if (got < 0) std::abort();  // cannot happen once the system has booted
      have += static_cast<std::size_t>(got);
    }
    left = block.size();
  }
  left -= out.size();
  std::memcpy(out.data(), block.data() + left, out.size());
  std::memset(block.data() + left, 0, out.size());
}

RunId fresh_run_id(Entropy const& entropy) {
  RunId id;
  entropy(id.bytes);
  return id;
}

storage::SessionSecret fresh_secret(Entropy const& entropy) {
  storage::SessionSecret secret;
  entropy(secret.bytes);
  return secret;
}

std::uint64_t fresh_seed(Entropy const& entropy) {
  std::array<std::uint8_t, 8> bytes{};
  entropy(bytes);
  std::uint64_t seed = 0;
  std::memcpy(&seed, bytes.data(), sizeof seed);
  return seed;
}

}  // namespace dalsegno::engine
