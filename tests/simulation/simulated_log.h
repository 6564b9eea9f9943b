#pragma once

#include "storage/memory/memory_log.h"
#include "tests/simulation/canary.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/truth.h"
#include "tests/support/forwarding_log.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::simulation {

/// What may go wrong with the disk. Each number: once in so many appends; 0: never.
struct DiskFaults {
  std::uint64_t fail = 0;              ///< nothing is written, and the writer is told
  std::uint64_t write_and_fail = 0;    ///< all is written, and the writer is told that it is not
  std::uint64_t power_cut_before = 0;  ///< nothing is written, and there is nobody to be told
  std::uint64_t power_cut_after = 0;   ///< all is written, and there is nobody to be told
  std::uint64_t fail_read = 0;         ///< of reads: this one fails, and the next may not
};

/// What outlives the processes: the store, what is true of it, and the newest epoch.
struct Disk {
  std::shared_ptr<storage::MemoryStore> store;  // shared: as `open_memory` wants it
  std::shared_ptr<storage::MemoryStore> before_newest_commit;
  Truth& truth;
  std::uint64_t newest_epoch = 0;
};

/// The log as one simulated process has it open: shows Truth what is written, and fails as it is
/// told to. Some planted bugs live here.
class SimulatedLog final : public dalsegno::test::ForwardingLog {
 public:
  using LatestClock = std::function<Time()>;

  /// Opens the store: the newest epoch is this log's. `disk` outlives it.
  SimulatedLog(
      Disk& disk, DiskFaults const& faults, Canary canary, Dice dice, LatestClock latest_clock);

  /// The power failed within an append: this process must be destroyed before it does anything.
  [[nodiscard]] bool power_is_cut() const { return power_is_cut_; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  /// From now on nothing fails that has not failed yet.
  void heal() { faults_ = {}; }
  /// How many reads failed.
  [[nodiscard]] std::uint64_t failed_reads() const { return failed_reads_; }
  /// For as long as it lives no read fails: who checks is not to be disturbed.
  class Undisturbed {
   public:
    explicit Undisturbed(SimulatedLog const& log) : log_(log) { ++log_.undisturbed_; }
    Undisturbed(Undisturbed const&) = delete;
    Undisturbed& operator=(Undisturbed const&) = delete;
    ~Undisturbed() { --log_.undisturbed_; }

   private:
    SimulatedLog const& log_;
  };

  Result<storage::CommitReceipt> append(std::span<storage::Append const> batch) override;
  Result<std::optional<storage::Head>> head(SessionId const& session) const override;
  Result<> scan_heads(HeadVisitor const& visit) const override;
  Result<> scan_errands(ErrandVisitor const& visit) const override;
  Result<std::string> artifact(SessionId const& session,
                               storage::Digest const& digest) const override;
  Result<storage::SessionSecret> secret(SessionId const& session) const override;
  Result<std::optional<std::string>> vault_record(SessionId const& session,
                                                  std::string_view name) const override;
  Result<> read_steps(SessionId const& session,
                      RunId const& run,
                      Sequence from,
                      StepVisitor const& visit) const override;
  Result<std::vector<storage::Timer>> timers(Time from,
                                             Time until,
                                             std::size_t limit) const override;
  Result<std::optional<Sequence>> find_producer_key(SessionId const& session,
                                                    std::string_view key) const override;
  Result<std::optional<storage::StoredCheckpoint>> newest_checkpoint(
      SessionId const& session, RunId const& run, Sequence at_most) const override;

 private:
  [[nodiscard]] Result<storage::CommitReceipt> write(std::span<storage::Append const> batch);
  [[nodiscard]] Result<storage::CommitReceipt> write_with_canary(
      std::span<storage::Append const> batch);
  void show(std::span<storage::Append const> batch, storage::CommitReceipt const& receipt);
  [[nodiscard]] Result<storage::CommitReceipt> stop(Error error);
  [[nodiscard]] std::optional<Error> fails_to_read() const;

  Disk& disk_;
  DiskFaults faults_;
  Canary canary_;
  Dice dice_;
  LatestClock latest_clock_;
  std::uint64_t epoch_;
  std::optional<Error> stopped_;
  bool power_is_cut_ = false;
  std::map<SessionId, storage::Head> heads_before_;
  // Reading changes nothing but the chance of its own failure.
  mutable Dice read_dice_;
  mutable std::uint64_t failed_reads_ = 0;
  mutable unsigned undisturbed_ = 0;
};

}  // namespace dalsegno::simulation
