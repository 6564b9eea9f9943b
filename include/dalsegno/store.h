#pragma once

#include "dalsegno/result.h"

#include <filesystem>
#include <memory>

namespace dalsegno {

namespace storage {
class EventLog;
}

/// A place where sessions are recorded. Move-only; closes when it goes.
class Store {
 public:
  /// Opens or creates the embedded store (RocksDB) in `folder`. One process at a time; needs no
  /// server. Errors: Errc::locked, Errc::foreign (the folder holds something else),
  /// Errc::newer_format, Errc::corrupt, Errc::data_loss (it holds less than it had acknowledged),
  /// Errc::io, Errc::no_space.
  [[nodiscard]] static Result<Store> open(std::filesystem::path const& folder);
  /// A store in memory, for tests: nothing survives it.
  [[nodiscard]] static Store in_memory();

  Store(std::unique_ptr<storage::EventLog> log, std::filesystem::path folder);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  Store(Store const&) = delete;
  Store& operator=(Store const&) = delete;
  ~Store();

  // For the runtime.
  [[nodiscard]] storage::EventLog& log() const { return *log_; }
  /// Empty when it is in memory.
  [[nodiscard]] std::filesystem::path const& folder() const { return folder_; }

 private:
  std::unique_ptr<storage::EventLog> log_;
  std::filesystem::path folder_;
};

}  // namespace dalsegno
