#pragma once

// A log that shows another one's content, changed on the way: what a damaged or forged store looks
// like to a reader.

#include "storage/log/event_log.h"

#include <functional>
#include <string>

namespace dalsegno::forensics::test {

class TamperedLog final : public storage::EventLog {
 public:
  explicit TamperedLog(storage::EventLog const& inner) : inner_(inner) {}

  std::function<void(std::string& step)> change_step;
  std::function<void(storage::CommitRecord& record, storage::Digest& digest)> change_commit;
  std::function<void(storage::StoreInfo& info)> change_info;

  storage::StoreInfo info() const override {
    auto info = inner_.info();
    if (change_info) change_info(info);
    return info;
  }
  Result<storage::CommitReceipt> append(std::span<storage::Append const>) override {
    return refused();
  }
  Result<std::optional<storage::Head>> head(SessionId const& session) const override {
    return inner_.head(session);
  }
  Result<> scan_heads(HeadVisitor const& visit) const override { return inner_.scan_heads(visit); }
  Result<> read_steps(SessionId const& session,
                      RunId const& run,
                      Sequence from,
                      StepVisitor const& visit) const override {
    return inner_.read_steps(session, run, from, [&](std::string_view bytes) {
      std::string copy(bytes);
      if (change_step) change_step(copy);
      return visit(copy);
    });
  }
  Result<std::vector<RunId>> runs(SessionId const& session) const override {
    return inner_.runs(session);
  }
  Result<std::vector<storage::Timer>> timers(Time from,
                                             Time until,
                                             std::size_t limit) const override {
    return inner_.timers(from, until, limit);
  }
  Result<> scan_errands(ErrandVisitor const& visit) const override {
    return inner_.scan_errands(visit);
  }
  Result<std::optional<Sequence>> find_producer_key(SessionId const& session,
                                                    std::string_view key) const override {
    return inner_.find_producer_key(session, key);
  }
  Result<std::optional<storage::StoredCheckpoint>> newest_checkpoint(
      SessionId const& session, RunId const& run, Sequence at_most) const override {
    return inner_.newest_checkpoint(session, run, at_most);
  }
  Result<std::vector<Sequence>> checkpoints(SessionId const& session,
                                            RunId const& run) const override {
    return inner_.checkpoints(session, run);
  }
  Result<std::string> artifact(SessionId const& session,
                               storage::Digest const& digest) const override {
    return inner_.artifact(session, digest);
  }
  Result<storage::SessionSecret> secret(SessionId const& session) const override {
    return inner_.secret(session);
  }
  Result<std::optional<std::string>> vault_record(SessionId const& session,
                                                  std::string_view name) const override {
    return inner_.vault_record(session, name);
  }
  Result<> scan_vault(SessionId const& session, VaultVisitor const& visit) const override {
    return inner_.scan_vault(session, visit);
  }
  Result<> put_vault(SessionId const&, std::span<storage::VaultRecord const>) override {
    return refused();
  }
  Result<> destroy_vault(SessionId const&, std::span<storage::VaultRecord const>) override {
    return refused();
  }
  Result<> read_commits(std::uint64_t from, CommitVisitor const& visit) const override {
    return inner_.read_commits(
        from, [&](storage::CommitRecord const& record, storage::Digest const& digest) {
          auto record_copy = record;
          auto digest_copy = digest;
          if (change_commit) change_commit(record_copy, digest_copy);
          return visit(record_copy, digest_copy);
        });
  }
  Result<std::string> step_at(std::string_view key) const override { return inner_.step_at(key); }
  Result<> put_meta(std::string_view, std::string_view) override { return refused(); }
  Result<std::optional<std::string>> get_meta(std::string_view key) const override {
    return inner_.get_meta(key);
  }
  Result<> room_for_new_sessions() const override { return refused(); }
  Result<> compact() override { return refused(); }

 private:
  static Error refused() { return {Errc::invalid, "for reading only"}; }

  storage::EventLog const& inner_;
};

}  // namespace dalsegno::forensics::test
