#pragma once

#include "storage/log/event_log.h"

#include <memory>

namespace dalsegno::storage {

/// A log in memory with the contract of the others, for tests and simulation. Nothing survives it.
/// `log_id_seed` makes the log id; a second log over `shared` state stands for a reopened store
/// (next epoch).
class MemoryStore;
[[nodiscard]] std::shared_ptr<MemoryStore> make_memory_store(std::uint64_t log_id_seed,
                                                             std::uint32_t partitions = 64);
/// Takes the next epoch. An older log over the same store is fenced from then on.
[[nodiscard]] std::unique_ptr<EventLog> open_memory(std::shared_ptr<MemoryStore> store);

/// The store as it is now, for a test that wants to have it again.
[[nodiscard]] std::shared_ptr<MemoryStore> copy_memory_store(MemoryStore const& store);

}  // namespace dalsegno::storage
