#pragma once

#include "storage/log/event_log.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::command {

/// A log without errands, for a program that is not to do them: what sessions owe each other stays
/// for the next runtime. All else goes to `log`, which outlives this.
class ErrandlessLog final : public storage::EventLog {
 public:
  explicit ErrandlessLog(storage::EventLog& log) : log_(log) {}

  Result<> scan_errands(ErrandVisitor const&) const override { return {}; }

  storage::StoreInfo info() const override { return log_.info(); }
  Result<storage::CommitReceipt> append(std::span<storage::Append const> batch) override {
    return log_.append(batch);
  }
  Result<std::optional<storage::Head>> head(SessionId const& session) const override {
    return log_.head(session);
  }
  Result<> scan_heads(HeadVisitor const& visit) const override { return log_.scan_heads(visit); }
  Result<> read_steps(SessionId const& session,
                      RunId const& run,
                      Sequence from,
                      StepVisitor const& visit) const override {
    return log_.read_steps(session, run, from, visit);
  }
  Result<std::vector<RunId>> runs(SessionId const& session) const override {
    return log_.runs(session);
  }
  Result<std::vector<storage::Timer>> timers(Time from,
                                             Time until,
                                             std::size_t limit) const override {
    return log_.timers(from, until, limit);
  }
  Result<std::optional<Sequence>> find_producer_key(SessionId const& session,
                                                    std::string_view key) const override {
    return log_.find_producer_key(session, key);
  }
  Result<std::optional<storage::StoredCheckpoint>> newest_checkpoint(
      SessionId const& session, RunId const& run, Sequence at_most) const override {
    return log_.newest_checkpoint(session, run, at_most);
  }
  Result<std::vector<Sequence>> checkpoints(SessionId const& session,
                                            RunId const& run) const override {
    return log_.checkpoints(session, run);
  }
  Result<std::string> artifact(SessionId const& session,
                               storage::Digest const& digest) const override {
    return log_.artifact(session, digest);
  }
  Result<storage::SessionSecret> secret(SessionId const& session) const override {
    return log_.secret(session);
  }
  Result<std::optional<std::string>> vault_record(SessionId const& session,
                                                  std::string_view name) const override {
    return log_.vault_record(session, name);
  }
  Result<> scan_vault(SessionId const& session, VaultVisitor const& visit) const override {
    return log_.scan_vault(session, visit);
  }
  Result<> put_vault(SessionId const& session,
                     std::span<storage::VaultRecord const> records) override {
    return log_.put_vault(session, records);
  }
  Result<> destroy_vault(SessionId const& session,
                         std::span<storage::VaultRecord const> kept) override {
    return log_.destroy_vault(session, kept);
  }
  Result<> read_commits(std::uint64_t from, CommitVisitor const& visit) const override {
    return log_.read_commits(from, visit);
  }
  Result<std::string> step_at(std::string_view key) const override { return log_.step_at(key); }
  Result<> put_meta(std::string_view key, std::string_view value) override {
    return log_.put_meta(key, value);
  }
  Result<std::optional<std::string>> get_meta(std::string_view key) const override {
    return log_.get_meta(key);
  }
  Result<> room_for_new_sessions() const override { return log_.room_for_new_sessions(); }
  Result<> compact() override { return log_.compact(); }

 private:
  storage::EventLog& log_;
};

}  // namespace dalsegno::command
