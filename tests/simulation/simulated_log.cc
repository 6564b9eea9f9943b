#include "tests/simulation/simulated_log.h"

#include "dalsegno/try.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace dalsegno::simulation {
namespace {

bool happens(Dice& dice, std::uint64_t once_in) { return once_in != 0 && dice.one_in(once_in); }

constexpr std::chrono::milliseconds too_early{1};

}  // namespace

SimulatedLog::SimulatedLog(
    Disk& disk, DiskFaults const& faults, Canary canary, Dice dice, LatestClock latest_clock)
    : ForwardingLog(storage::open_memory(disk.store)),
      disk_(disk),
      faults_(faults),
      canary_(canary),
      dice_(dice),
      latest_clock_(std::move(latest_clock)),
      epoch_(info().epoch),
      read_dice_(dice_.split()) {
  disk_.newest_epoch = epoch_;
}

Result<storage::CommitReceipt> SimulatedLog::stop(Error error) {
  stopped_ = error;
  return error;
}

Result<storage::CommitReceipt> SimulatedLog::append(std::span<storage::Append const> batch) {
  if (stopped_) return *stopped_;
  if (happens(dice_, faults_.power_cut_before)) {
    power_is_cut_ = true;
    return stop({Errc::io, "the power failed before the write"});
  }
  if (happens(dice_, faults_.fail)) {
    if (canary_ == Canary::acknowledge_before_write) {
      storage::CommitReceipt receipt;
      receipt.each.resize(batch.size());
      return receipt;
    }
    return stop({dice_.one_in(2) ? Errc::io : Errc::no_space, "the disk refused the write"});
  }
  TRY(auto receipt, write(batch));
  if (happens(dice_, faults_.power_cut_after)) {
    power_is_cut_ = true;
    return stop({Errc::io, "the power failed after the write"});
  }
  if (happens(dice_, faults_.write_and_fail))
    return stop({Errc::io, "the disk said that it did not write"});
  return receipt;
}

Result<storage::CommitReceipt> SimulatedLog::write(std::span<storage::Append const> batch) {
  if (canary_ == Canary::lose_newest_commit)
    disk_.before_newest_commit = storage::copy_memory_store(*disk_.store);
  if (canary_ != Canary::none) return write_with_canary(batch);
  TRY(auto receipt, beneath().append(batch));
  show(batch, receipt);
  return receipt;
}

Result<storage::CommitReceipt> SimulatedLog::write_with_canary(
    std::span<storage::Append const> batch) {
  auto& log = beneath();
  std::vector<storage::Append> changed(batch.begin(), batch.end());
  std::unique_ptr<storage::EventLog> unfenced;
  if (canary_ == Canary::no_fence && epoch_ != disk_.newest_epoch) {
    unfenced = storage::open_memory(disk_.store);
    disk_.newest_epoch = unfenced->info().epoch;
    for (auto& append : changed) append.epoch = append.head.epoch = disk_.newest_epoch;
  }
  for (auto& append : changed) {
    if (canary_ == Canary::lose_a_timer)
      std::erase_if(append.timers_set, [&](auto const&) { return dice_.one_in(8); });
    if (canary_ == Canary::lose_errands) append.errands_set.clear();
    if (canary_ == Canary::leave_timers_armed) append.timers_cleared.clear();
    if (canary_ == Canary::read_stale_heads) {
      if (auto head = log.head(append.session); head && *head)
        heads_before_.insert_or_assign(append.session, **head);
    }
  }
  bool const loses = canary_ == Canary::lose_part_of_a_batch && changed.size() > 1;
  auto const whole = changed.size();
  if (loses) changed.pop_back();
  TRY(auto receipt, (unfenced ? *unfenced : log).append(changed));
  show(batch, receipt);
  receipt.each.resize(whole);
  return receipt;
}

/// Truth sees what was written.
void SimulatedLog::show(std::span<storage::Append const> batch,
                        storage::CommitReceipt const& receipt) {
  for (std::size_t i = 0; i < receipt.each.size(); ++i) {
    if (receipt.each[i]) disk_.truth.applied(batch[i], disk_.newest_epoch, latest_clock_());
  }
}

std::optional<Error> SimulatedLog::fails_to_read() const {
  if (undisturbed_ > 0 || !happens(read_dice_, faults_.fail_read)) return std::nullopt;
  ++failed_reads_;
  return Error{Errc::io, "the disk refused the read"};
}

Result<std::optional<storage::Head>> SimulatedLog::head(SessionId const& session) const {
  if (auto error = fails_to_read()) {
    if (canary_ == Canary::take_a_failed_read_for_nothing) return std::optional<storage::Head>();
    return *error;
  }
  if (auto const before = heads_before_.find(session); before != heads_before_.end())
    return std::optional(before->second);
  return ForwardingLog::head(session);
}

Result<> SimulatedLog::scan_heads(HeadVisitor const& visit) const {
  if (auto error = fails_to_read()) return *error;
  return ForwardingLog::scan_heads(visit);
}

Result<> SimulatedLog::scan_errands(ErrandVisitor const& visit) const {
  if (auto error = fails_to_read()) {
    if (canary_ == Canary::take_a_failed_read_for_nothing) return {};
    return *error;
  }
  return ForwardingLog::scan_errands(visit);
}

Result<std::string> SimulatedLog::artifact(SessionId const& session,
                                           storage::Digest const& digest) const {
  if (auto error = fails_to_read()) return *error;
  return ForwardingLog::artifact(session, digest);
}

Result<storage::SessionSecret> SimulatedLog::secret(SessionId const& session) const {
  if (auto error = fails_to_read()) return *error;
  return ForwardingLog::secret(session);
}

Result<std::optional<std::string>> SimulatedLog::vault_record(SessionId const& session,
                                                              std::string_view name) const {
  if (auto error = fails_to_read()) return *error;
  return ForwardingLog::vault_record(session, name);
}

Result<> SimulatedLog::read_steps(SessionId const& session,
                                  RunId const& run,
                                  Sequence from,
                                  StepVisitor const& visit) const {
  if (auto error = fails_to_read()) return *error;
  if (canary_ != Canary::skip_a_step) return ForwardingLog::read_steps(session, run, from, visit);
  std::size_t number = 0;
  return ForwardingLog::read_steps(
      session, run, from, [&](std::string_view bytes) { return ++number == 2 || visit(bytes); });
}

Result<std::vector<storage::Timer>> SimulatedLog::timers(Time from,
                                                         Time until,
                                                         std::size_t limit) const {
  if (auto error = fails_to_read()) {
    if (canary_ == Canary::take_a_failed_read_for_nothing) return std::vector<storage::Timer>();
    return *error;
  }
  if (canary_ == Canary::fire_timers_early && until < Time::max() - too_early) until += too_early;
  return ForwardingLog::timers(from, until, limit);
}

Result<std::optional<Sequence>> SimulatedLog::find_producer_key(SessionId const& session,
                                                                std::string_view key) const {
  if (auto error = fails_to_read()) {
    if (canary_ == Canary::take_a_failed_read_for_nothing) return std::optional<Sequence>();
    return *error;
  }
  if (canary_ == Canary::forget_producer_keys) return std::optional<Sequence>();
  return ForwardingLog::find_producer_key(session, key);
}

Result<std::optional<storage::StoredCheckpoint>> SimulatedLog::newest_checkpoint(
    SessionId const& session, RunId const& run, Sequence at_most) const {
  if (auto error = fails_to_read()) return *error;
  TRY(auto checkpoint, ForwardingLog::newest_checkpoint(session, run, at_most));
  if (checkpoint && canary_ == Canary::older_checkpoint_under_newer_name) {
    TRY(auto const all, checkpoints(session, run));
    TRY(auto first, ForwardingLog::newest_checkpoint(session, run, all.front()));
    if (first) checkpoint->bytes = std::move(first->bytes);
  }
  return checkpoint;
}

}  // namespace dalsegno::simulation
