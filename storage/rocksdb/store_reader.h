#pragma once

// The reading half of the log, the same for a store that is written to and for one that is only
// looked at. Included by sources of this folder only.

#include "storage/log/event_log.h"
#include "storage/rocksdb/database.h"

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace dalsegno::storage {

/// What the meta table says about the store itself.
struct Description {
  std::uint16_t format = current_format;
  RunId log_id;
  std::uint32_t partitions = 0;
  std::uint64_t epoch = 0;
};

/// Nothing when the store was never described. Errors: Errc::newer_format, Errc::corrupt, Errc::io.
[[nodiscard]] Result<std::optional<Description>> read_description(Database const& database);

class StoreReader : public EventLog {
 public:
  [[nodiscard]] StoreInfo info() const override;
  [[nodiscard]] Result<std::optional<Head>> head(SessionId const& session) const override;
  [[nodiscard]] Result<> scan_heads(HeadVisitor const& visit) const override;
  [[nodiscard]] Result<> read_steps(SessionId const& session,
                                    RunId const& run,
                                    Sequence from,
                                    StepVisitor const& visit) const override;
  [[nodiscard]] Result<std::vector<RunId>> runs(SessionId const& session) const override;
  [[nodiscard]] Result<std::vector<Timer>> timers(Time from,
                                                  Time until,
                                                  std::size_t limit) const override;
  [[nodiscard]] Result<> scan_errands(ErrandVisitor const& visit) const override;
  [[nodiscard]] Result<std::optional<Sequence>> find_producer_key(
      SessionId const& session, std::string_view key) const override;
  [[nodiscard]] Result<std::optional<StoredCheckpoint>> newest_checkpoint(
      SessionId const& session, RunId const& run, Sequence at_most) const override;
  [[nodiscard]] Result<std::vector<Sequence>> checkpoints(SessionId const& session,
                                                          RunId const& run) const override;
  [[nodiscard]] Result<std::string> artifact(SessionId const& session,
                                             Digest const& digest) const override;
  [[nodiscard]] Result<SessionSecret> secret(SessionId const& session) const override;
  [[nodiscard]] Result<std::optional<std::string>> vault_record(
      SessionId const& session, std::string_view name) const override;
  [[nodiscard]] Result<> scan_vault(SessionId const& session,
                                    VaultVisitor const& visit) const override;
  [[nodiscard]] Result<> read_commits(std::uint64_t from,
                                      CommitVisitor const& visit) const override;
  [[nodiscard]] Result<std::string> step_at(std::string_view key) const override;
  [[nodiscard]] Result<std::optional<std::string>> get_meta(std::string_view key) const override;

 protected:
  StoreReader(std::unique_ptr<Database> database, StoreInfo const& info);

  [[nodiscard]] std::uint32_t partition(SessionId const& session) const;
  [[nodiscard]] Database& database() const { return *database_; }
  void set_info(StoreInfo const& info);

 private:
  // Set in the constructor.
  std::unique_ptr<Database> database_;
  std::uint32_t partitions_;
  // Guarded by mutex_.
  mutable std::mutex mutex_;
  StoreInfo info_;
};

// Reading single values; the error says what was being read.
[[nodiscard]] Result<std::optional<std::string>> get(Database const& database,
                                                     Table table,
                                                     std::string_view key);

}  // namespace dalsegno::storage
