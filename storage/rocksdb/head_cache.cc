#include "storage/rocksdb/head_cache.h"

#include <utility>

namespace dalsegno::storage {

std::optional<Head> HeadCache::find(SessionId const& session) {
  std::lock_guard const lock(mutex_);
  if (auto const found = young_.find(session); found != young_.end()) return found->second;
  auto const found = old_.find(session);
  if (found == old_.end()) return std::nullopt;
  auto head = found->second;
  put_locked(session, head);
  return head;
}

void HeadCache::put(SessionId const& session, Head const& head) {
  std::lock_guard const lock(mutex_);
  put_locked(session, head);
}

void HeadCache::put_locked(SessionId const& session, Head const& head) {
  young_.insert_or_assign(session, head);
  if (young_.size() < generation_size_) return;
  old_ = std::move(young_);
  young_.clear();
}

}  // namespace dalsegno::storage
