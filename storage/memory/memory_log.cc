#include "storage/memory/memory_log.h"

#include "dalsegno/try.h"
#include "storage/log/append_rules.h"
#include "storage/log/records.h"

#include <cassert>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <shared_mutex>
#include <tuple>
#include <utility>

namespace dalsegno::storage {
namespace {

/// Shared with readers that are still visiting it when the store goes on.
using Bytes = std::shared_ptr<std::string const>;

struct Commit {
  CommitRecord record;
  Digest digest;
};

/// The order of sessions: (partition, tenant, name).
using SessionPlace = std::pair<std::uint32_t, SessionId>;

}  // namespace

class MemoryStore {
 public:
  MemoryStore(RunId log_id, std::uint32_t count) : identity(log_id), partitions(count) {}
  MemoryStore(MemoryStore const&) = delete;
  MemoryStore& operator=(MemoryStore const&) = delete;

  // Set in the constructor.
  RunId const identity;
  std::uint32_t const partitions;

  mutable std::shared_mutex mutex;
  // Guarded by mutex.
  std::uint64_t epoch = 0;
  std::map<SessionPlace, Head> heads;
  std::map<std::string, Bytes, std::less<>> steps;  // by step_key
  std::vector<Commit> commits;
  std::set<Timer> timers;
  std::set<std::tuple<ErrandKind, SessionPlace, Errand>> errands;
  std::map<std::pair<SessionId, std::string>, Sequence> producer_keys;
  std::map<std::tuple<SessionId, RunId, Sequence>, Bytes> checkpoints;
  std::map<std::pair<SessionId, Digest>, Bytes> artifacts;
  std::map<SessionId, SessionSecret> secrets;
  std::map<SessionId, std::map<std::string, std::string, std::less<>>> vaults;
  std::map<std::string, std::string, std::less<>> meta;
};

namespace {

Bytes shared(std::string const& bytes) { return std::make_shared<std::string const>(bytes); }

class MemoryLog final : public EventLog {
 public:
  MemoryLog(std::shared_ptr<MemoryStore> store,
            std::uint64_t epoch,
            std::uint64_t commit_at_opening)
      : store_(std::move(store)), epoch_(epoch), commit_at_opening_(commit_at_opening) {}

  StoreInfo info() const override {
    std::shared_lock const lock(store_->mutex);
    StoreInfo info;
    info.log_id = store_->identity;
    info.partitions = store_->partitions;
    info.epoch = epoch_;
    info.last_commit = store_->commits.size();
    if (!store_->commits.empty()) info.last_commit_digest = store_->commits.back().digest;
    info.watermark_commit = commit_at_opening_;
    return info;
  }

  Result<CommitReceipt> append(std::span<Append const> batch) override {
    std::unique_lock const lock(store_->mutex);
    CommitReceipt receipt;
    CommitRecord record;
    std::vector<Digest> hashes;
    for (auto const& append : batch) {
      auto outcome = take(append, record);
      if (outcome) hashes.push_back(append.step.hash);
      receipt.each.push_back(std::move(outcome));
    }
    if (!record.steps.empty()) receipt.number = commit(std::move(record), hashes);
    return receipt;
  }

  Result<std::optional<Head>> head(SessionId const& session) const override {
    std::shared_lock const lock(store_->mutex);
    return find_head(session);
  }

  Result<> scan_heads(HeadVisitor const& visit) const override {
    for (auto const& [place, head] : copy_of(store_->heads))
      if (!visit(place.second, head)) break;
    return {};
  }

  Result<> read_steps(SessionId const& session,
                      RunId const& run,
                      Sequence from,
                      StepVisitor const& visit) const override {
    auto const steps = steps_of(session, run, from);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (i == 0) {  // it begins at `from` or before: does it reach it?
        auto const last = last_sequence(*steps[i]);
        if (last && *last < from) continue;
      }
      if (!visit(*steps[i])) break;
    }
    return {};
  }

  Result<std::vector<RunId>> runs(SessionId const& session) const override {
    std::shared_lock const lock(store_->mutex);
    std::vector<RunId> runs;
    auto const prefix = session_prefix(partition(session), session);
    for (auto it = store_->steps.lower_bound(prefix);
         it != store_->steps.end() && it->first.starts_with(prefix);
         ++it) {
      auto const key = parse_step_key(it->first);
      assert(key);
      if (runs.empty() || runs.back() != key->run) runs.push_back(key->run);
    }
    return runs;
  }

  Result<std::vector<Timer>> timers(Time from, Time until, std::size_t limit) const override {
    std::shared_lock const lock(store_->mutex);
    std::vector<Timer> due;
    auto it = store_->timers.lower_bound(Timer{from, {"", ""}, {}, OperationId::none});
    for (; it != store_->timers.end() && it->due <= until && due.size() < limit; ++it)
      due.push_back(*it);
    return due;
  }

  Result<> scan_errands(ErrandVisitor const& visit) const override {
    for (auto const& [kind, place, errand] : copy_of(store_->errands))
      if (!visit(errand)) break;
    return {};
  }

  Result<std::optional<Sequence>> find_producer_key(SessionId const& session,
                                                    std::string_view key) const override {
    std::shared_lock const lock(store_->mutex);
    auto const it = store_->producer_keys.find({session, std::string(key)});
    return it == store_->producer_keys.end() ? std::nullopt : std::optional(it->second);
  }

  Result<std::optional<StoredCheckpoint>> newest_checkpoint(SessionId const& session,
                                                            RunId const& run,
                                                            Sequence at_most) const override {
    std::shared_lock const lock(store_->mutex);
    auto it = store_->checkpoints.upper_bound({session, run, at_most});
    if (it == store_->checkpoints.begin()) return std::nullopt;
    auto const& [key, bytes] = *--it;
    if (std::get<SessionId>(key) != session || std::get<RunId>(key) != run) return std::nullopt;
    return StoredCheckpoint{std::get<Sequence>(key), *bytes};
  }

  Result<std::vector<Sequence>> checkpoints(SessionId const& session,
                                            RunId const& run) const override {
    std::shared_lock const lock(store_->mutex);
    std::vector<Sequence> sequences;
    for (auto it = store_->checkpoints.lower_bound({session, run, 0});
         it != store_->checkpoints.end();
         ++it) {
      auto const& [its_session, its_run, sequence] = it->first;
      if (its_session != session || its_run != run) break;
      sequences.push_back(sequence);
    }
    return sequences;
  }

  Result<std::string> artifact(SessionId const& session, Digest const& digest) const override {
    std::shared_lock const lock(store_->mutex);
    auto const it = store_->artifacts.find({session, digest});
    if (it == store_->artifacts.end())
      return Error{Errc::not_found, to_string(session) + " has no artifact " + to_hex(digest)};
    return *it->second;
  }

  Result<SessionSecret> secret(SessionId const& session) const override {
    std::shared_lock const lock(store_->mutex);
    auto const it = store_->secrets.find(session);
    if (it == store_->secrets.end())
      return Error{Errc::not_found, to_string(session) + " has no secret"};
    return it->second;
  }

  Result<std::optional<std::string>> vault_record(SessionId const& session,
                                                  std::string_view name) const override {
    std::shared_lock const lock(store_->mutex);
    auto const vault = store_->vaults.find(session);
    if (vault == store_->vaults.end()) return std::nullopt;
    auto const it = vault->second.find(name);
    return it == vault->second.end() ? std::nullopt : std::optional(it->second);
  }

  Result<> scan_vault(SessionId const& session, VaultVisitor const& visit) const override {
    auto const vaults = copy_of(store_->vaults);
    auto const vault = vaults.find(session);
    if (vault == vaults.end()) return {};
    for (auto const& [name, bytes] : vault->second)
      if (!visit({name, bytes})) break;
    return {};
  }

  Result<> put_vault(SessionId const& session, std::span<VaultRecord const> records) override {
    TRY_VOID(check_vault_names(records));
    std::unique_lock const lock(store_->mutex);
    if (epoch_ != store_->epoch) return Error{Errc::fenced, "a newer log has the store"};
    keep(session, records);
    return {};
  }

  Result<> destroy_vault(SessionId const& session, std::span<VaultRecord const> kept) override {
    TRY_VOID(check_vault_names(kept));
    std::unique_lock const lock(store_->mutex);
    if (epoch_ != store_->epoch) return Error{Errc::fenced, "a newer log has the store"};
    store_->secrets.erase(session);
    store_->vaults.erase(session);
    keep(session, kept);
    return {};
  }

  Result<> read_commits(std::uint64_t from, CommitVisitor const& visit) const override {
    for (auto const& [record, digest] : copy_of(store_->commits))
      if (record.number >= from && !visit(record, digest)) break;
    return {};
  }

  Result<std::string> step_at(std::string_view key) const override {
    std::shared_lock const lock(store_->mutex);
    auto const it = store_->steps.find(key);
    if (it == store_->steps.end()) return Error{Errc::not_found, "no step has this key"};
    return *it->second;
  }

  Result<> put_meta(std::string_view key, std::string_view value) override {
    std::unique_lock const lock(store_->mutex);
    if (epoch_ != store_->epoch) return Error{Errc::fenced, "a newer log has the store"};
    store_->meta.insert_or_assign(std::string(key), std::string(value));
    return {};
  }

  Result<std::optional<std::string>> get_meta(std::string_view key) const override {
    std::shared_lock const lock(store_->mutex);
    auto const it = store_->meta.find(key);
    return it == store_->meta.end() ? std::nullopt : std::optional(it->second);
  }

  Result<> room_for_new_sessions() const override { return {}; }
  Result<> compact() override { return {}; }

 private:
  std::uint32_t partition(SessionId const& session) const {
    return partition_of(session, store_->partitions);
  }
  SessionPlace place(SessionId const& session) const { return {partition(session), session}; }

  /// What is visited is copied first: `visit` may call the log again.
  template <class Container>
  Container copy_of(Container const& container) const {
    std::shared_lock const lock(store_->mutex);
    return container;
  }

  // The rest is called with the mutex held.

  void keep(SessionId const& session, std::span<VaultRecord const> records) {
    for (auto const& record : records)
      store_->vaults[session].insert_or_assign(record.name, record.bytes);
  }

  std::optional<Head> find_head(SessionId const& session) const {
    auto const it = store_->heads.find(place(session));
    return it == store_->heads.end() ? std::nullopt : std::optional(it->second);
  }

  /// Checks one append and applies it.
  Result<> take(Append const& append, CommitRecord& record) {
    if (epoch_ != store_->epoch)
      return Error{Errc::fenced,
                   "epoch " + std::to_string(epoch_) + " of this log is older than the store's, " +
                       std::to_string(store_->epoch)};
    if (auto may = check_append(find_head(append.session), append, store_->epoch); !may) return may;
    auto key =
        step_key(partition(append.session), append.session, append.run, append.first_sequence);
    store_->steps.emplace(key, shared(append.step.bytes));
    store_->heads.insert_or_assign(place(append.session), append.head);
    for (auto const& timer : append.timers_set) store_->timers.insert(timer);
    for (auto const& timer : append.timers_cleared) store_->timers.erase(timer);
    for (auto const& errand : append.errands_set)
      store_->errands.insert({errand.kind, place(errand.session), errand});
    for (auto const& errand : append.errands_done)
      store_->errands.erase({errand.kind, place(errand.session), errand});
    for (auto const& [name, sequence] : append.producer_keys)
      store_->producer_keys.insert_or_assign({append.session, name}, sequence);
    for (auto const& [sequence, bytes] : append.checkpoints)
      store_->checkpoints.insert_or_assign({append.session, append.run, sequence}, shared(bytes));
    for (auto const& [digest, bytes] : append.artifacts)
      store_->artifacts.insert_or_assign({append.session, digest}, shared(bytes));
    if (append.secret) store_->secrets.insert_or_assign(append.session, *append.secret);
    keep(append.session, append.vault);
    record.steps.push_back({std::move(key), append.head.last_sequence});
    return {};
  }

  std::uint64_t commit(CommitRecord record, std::span<Digest const> hashes) {
    record.number = store_->commits.size() + 1;
    if (!store_->commits.empty()) record.previous = store_->commits.back().digest;
    auto const stored = encode_commit(record);
    auto const digest = commit_digest(stored.key, stored.value, hashes);
    store_->commits.push_back({std::move(record), digest});
    return store_->commits.size();
  }

  /// The steps of a run from the last one that begins at `from` or before.
  std::vector<Bytes> steps_of(SessionId const& session, RunId const& run, Sequence from) const {
    std::shared_lock const lock(store_->mutex);
    auto const prefix = run_prefix(partition(session), session, run);
    auto const begin = store_->steps.lower_bound(prefix);
    auto it = store_->steps.upper_bound(step_key(partition(session), session, run, from));
    if (it != begin) --it;
    std::vector<Bytes> steps;
    for (; it != store_->steps.end() && it->first.starts_with(prefix); ++it)
      steps.push_back(it->second);
    return steps;
  }

  // Set in the constructor.
  std::shared_ptr<MemoryStore> const store_;  // shared: it outlives each log that is opened over it
  std::uint64_t const epoch_;
  std::uint64_t const commit_at_opening_;
};

}  // namespace

std::shared_ptr<MemoryStore> make_memory_store(std::uint64_t log_id_seed,
                                               std::uint32_t partitions) {
  std::mt19937_64 random(log_id_seed);
  RunId log_id;
  for (auto& byte : log_id.bytes) byte = static_cast<std::uint8_t>(random());
  return std::make_shared<MemoryStore>(log_id, partitions);
}

std::shared_ptr<MemoryStore> copy_memory_store(MemoryStore const& store) {
  auto copy = std::make_shared<MemoryStore>(store.identity, store.partitions);
  std::shared_lock const lock(store.mutex);
  copy->epoch = store.epoch;
  copy->heads = store.heads;
  copy->steps = store.steps;
  copy->commits = store.commits;
  copy->timers = store.timers;
  copy->errands = store.errands;
  copy->producer_keys = store.producer_keys;
  copy->checkpoints = store.checkpoints;
  copy->artifacts = store.artifacts;
  copy->secrets = store.secrets;
  copy->vaults = store.vaults;
  copy->meta = store.meta;
  return copy;
}

std::unique_ptr<EventLog> open_memory(std::shared_ptr<MemoryStore> store) {
  std::unique_lock lock(store->mutex);
  auto const epoch = ++store->epoch;
  auto const commit = static_cast<std::uint64_t>(store->commits.size());
  lock.unlock();
  return std::make_unique<MemoryLog>(std::move(store), epoch, commit);
}

}  // namespace dalsegno::storage
