#include "activities/model/affinity/block_digest.h"

#include "storage/event/digest.h"

#include <cassert>
#include <cstring>

namespace dalsegno::activities {

std::vector<BlockDigest> digest_blocks(std::string_view prompt, std::size_t block_bytes) {
  assert(block_bytes > 0);
  std::vector<BlockDigest> chain;
  chain.reserve(prompt.size() / block_bytes + 1);
  storage::Digest before;
  for (std::size_t at = 0; at < prompt.size(); at += block_bytes) {
    std::string_view const head(reinterpret_cast<char const*>(before.bytes.data()),
                                before.bytes.size());
    before = storage::sha256({head, prompt.substr(at, block_bytes)});
    std::uint64_t first = 0;
    std::memcpy(&first, before.bytes.data(), sizeof first);
    chain.push_back(BlockDigest{first});
  }
  return chain;
}

}  // namespace dalsegno::activities
