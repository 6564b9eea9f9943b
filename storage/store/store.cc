#include "dalsegno/store.h"

#include "dalsegno/try.h"
#include "storage/log/event_log.h"
#include "storage/memory/memory_log.h"
#include "storage/rocksdb/rocksdb_log.h"

#include <utility>

namespace dalsegno {

Store::Store(std::unique_ptr<storage::EventLog> log, std::filesystem::path folder)
    : log_(std::move(log)), folder_(std::move(folder)) {}

Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(std::filesystem::path const& folder) {
  TRY(auto log, storage::open_rocksdb(folder));
  return Store(std::move(log), folder);
}

Store Store::in_memory() { return {storage::open_memory(storage::make_memory_store(0)), {}}; }

}  // namespace dalsegno
