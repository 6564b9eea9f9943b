#pragma once

// A walk over a range of one table. Included by sources of this folder only.

#include "dalsegno/result.h"
#include "storage/rocksdb/database.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace dalsegno::storage {

/// The smallest key after all that begin with `prefix`; empty when there is none.
[[nodiscard]] std::string after_prefix(std::string prefix);

/// Whether the blocks that a walk reads stay in the cache.
enum class Caching : std::uint8_t { keep, pass };

/// Keys with lower <= key < upper; an empty `upper` is no bound. Sees the table as it was when it
/// was made.
class Cursor {
 public:
  Cursor(Database const& database,
         Table table,
         std::string lower,
         std::string upper,
         Caching caching = Caching::keep);
  Cursor(Cursor const&) = delete;
  Cursor& operator=(Cursor const&) = delete;
  ~Cursor();

  void first();
  void last();
  void at_or_after(std::string_view key);
  void at_or_before(std::string_view key);
  void next();
  void back();

  [[nodiscard]] bool valid() const;
  // Valid until the cursor moves.
  [[nodiscard]] std::string_view key() const;
  [[nodiscard]] std::string_view value() const;
  /// What ended the walk: the range, or an error.
  [[nodiscard]] Result<> status(std::string_view doing) const;

 private:
  std::string lower_;
  std::string upper_;
  rocksdb::Slice lower_slice_;
  rocksdb::Slice upper_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace dalsegno::storage
