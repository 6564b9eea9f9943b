#include "storage/vault/literals.h"

#include "storage/vault/ascii.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cassert>

namespace dalsegno::vault {

void LiteralSet::add(std::string_view text, Case letters, std::uint32_t tag) {
  assert(text.size() >= 3 && "a literal has three bytes or more");
  if (buckets_.empty()) buckets_.assign(bucket_count, none);
  std::array<char, 4> const head{text[0], text[1], text[2], 0};
  auto const slot = slot_of(head.data());
  bits_[slot >> 6U] |= std::uint64_t{1} << (slot & 63U);
  auto& bucket = buckets_[slot % bucket_count];
  literals_.push_back(
      {letters == Case::ignored ? lower(text) : std::string(text), letters, tag, bucket});
  longest_ = std::max(longest_, text.size());
  bucket = static_cast<std::uint32_t>(literals_.size() - 1);
}

bool LiteralSet::agree(std::string_view text, Literal const& literal) {
  auto const size = std::min(text.size(), literal.text.size());
  if (literal.letters == Case::exact)
    return text.substr(0, size) == std::string_view(literal.text).substr(0, size);
  for (std::size_t i = 0; i < size; ++i)
    if (lower(text[i]) != literal.text[i]) return false;
  return true;
}

bool LiteralSet::begins_with(std::string_view text) const {
  return std::ranges::any_of(literals_, [&](Literal const& literal) {
    return literal.text.size() > text.size() && agree(text, literal);
  });
}

void LiteralSet::wipe() {
  for (auto& literal : literals_) OPENSSL_cleanse(literal.text.data(), literal.text.size());
  literals_.clear();
  buckets_.clear();
  bits_ = {};
}

}  // namespace dalsegno::vault
