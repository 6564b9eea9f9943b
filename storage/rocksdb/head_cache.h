#pragma once

#include "storage/log/event_log.h"

#include <cstddef>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace dalsegno::storage {

/// Heads of the sessions used last, so that an append does not read the disk. Holds at most twice
/// `generation_size`.
///
/// Two maps: the young one takes what is used; when it is full the old one is forgotten and they
/// change places. Thread: any.
class HeadCache {
 public:
  explicit HeadCache(std::size_t generation_size = 4 * 1024) : generation_size_(generation_size) {}

  [[nodiscard]] std::optional<Head> find(SessionId const& session);
  void put(SessionId const& session, Head const& head);

 private:
  void put_locked(SessionId const& session, Head const& head);

  // Set in the constructor.
  std::size_t generation_size_;
  // Guarded by mutex_.
  std::mutex mutex_;
  std::unordered_map<SessionId, Head> young_;
  std::unordered_map<SessionId, Head> old_;
};

}  // namespace dalsegno::storage
