#include "storage/rocksdb/store_reader.h"

#include "dalsegno/try.h"
#include "storage/log/bytes.h"
#include "storage/log/records.h"
#include "storage/log/step_key.h"
#include "storage/rocksdb/commits.h"
#include "storage/rocksdb/cursor.h"
#include "storage/rocksdb/meta_keys.h"
#include "storage/rocksdb/status.h"

#include <rocksdb/iterator.h>

#include <limits>
#include <utility>

namespace dalsegno::storage {
namespace {

Error misplaced(std::string_view what) {
  return {Errc::corrupt, "a key among the " + std::string(what) + " cannot be read"};
}

/// Who reads more steps than these in one go does not come back for them soon: they should not push
/// out of the cache what is read often.
constexpr std::size_t cached_steps = 64;

/// The last sequence of stored steps.
Result<Sequence> last_sequence_of(std::string_view bytes, Sequence first) {
  TRY(auto const events, event_hashes(bytes));
  return first + events.size() - 1;
}

}  // namespace

Result<std::optional<std::string>> get(Database const& database,
                                       Table table,
                                       std::string_view key) {
  std::string value;
  auto const status = database.db().Get(
      rocksdb::ReadOptions(), database[table], rocksdb::Slice(key.data(), key.size()), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) {
    return error_from(status,
                      "reading from " + std::string(table_names[static_cast<std::size_t>(table)]));
  }
  return std::optional(std::move(value));
}

Result<std::optional<Description>> read_description(Database const& database) {
  TRY(auto const format, get(database, Table::meta, meta_format));
  if (!format) return std::optional<Description>();
  ByteReader number(*format);
  Description description;
  description.format = number.u16be();
  if (!number.done() || description.format == 0)
    return Error{Errc::corrupt, "the store's format number cannot be read"};
  if (description.format > current_format) {
    return Error{Errc::newer_format,
                 "the store has format " + std::to_string(description.format) +
                     "; this program knows formats up to " + std::to_string(current_format)};
  }
  TRY(auto const log_id, get(database, Table::meta, meta_log_id));
  TRY(auto const partitions, get(database, Table::meta, meta_partitions));
  TRY(auto const hash, get(database, Table::meta, meta_hash));
  TRY(auto const epoch, get(database, Table::meta, meta_epoch));
  if (!log_id || !partitions || !hash || !epoch)
    return Error{Errc::corrupt, "the store's description is incomplete"};
  auto const numbers = *log_id + *partitions + *epoch;
  ByteReader rest(numbers);
  description.log_id.bytes = rest.array<16>();
  description.partitions = rest.u32be();
  description.epoch = rest.u64be();
  bool const in_range =
      description.partitions >= 1 && description.partitions <= first_reserved_partition;
  if (!rest.done() || !in_range)
    return Error{Errc::corrupt, "the store's description cannot be read"};
  if (*hash != partition_hash) {
    return Error{Errc::corrupt,
                 "the store's sessions are spread by \"" + *hash + "\", this program knows \"" +
                     std::string(partition_hash) + "\""};
  }
  return std::optional(description);
}

StoreReader::StoreReader(std::unique_ptr<Database> database, StoreInfo const& info)
    : database_(std::move(database)), partitions_(info.partitions), info_(info) {}

StoreInfo StoreReader::info() const {
  std::lock_guard const lock(mutex_);
  return info_;
}

void StoreReader::set_info(StoreInfo const& info) {
  std::lock_guard const lock(mutex_);
  info_ = info;
}

std::uint32_t StoreReader::partition(SessionId const& session) const {
  return partition_of(session, partitions_);
}

Result<std::optional<Head>> StoreReader::head(SessionId const& session) const {
  TRY(auto const bytes,
      get(database(), Table::sessions, session_prefix(partition(session), session)));
  if (!bytes) return std::optional<Head>();
  TRY(auto head, decode_head(*bytes));
  return std::optional(std::move(head));
}

Result<> StoreReader::scan_heads(HeadVisitor const& visit) const {
  Cursor cursor(database(), Table::sessions, "", "");
  for (cursor.first(); cursor.valid(); cursor.next()) {
    auto const session = parse_session_prefix(cursor.key());
    if (!session) return misplaced("heads");
    TRY(auto const head, decode_head(cursor.value()));
    if (!visit(*session, head)) return {};
  }
  return cursor.status("reading heads");
}

Result<> StoreReader::read_steps(SessionId const& session,
                                 RunId const& run,
                                 Sequence from,
                                 StepVisitor const& visit) const {
  auto const prefix = run_prefix(partition(session), session, run);
  auto const wanted = step_key(partition(session), session, run, from);
  Cursor cursor(database(), Table::steps, prefix, after_prefix(prefix));
  cursor.at_or_before(wanted);
  if (!cursor.valid()) {
    TRY_VOID(cursor.status("reading steps"));
    cursor.first();
  } else if (auto const place = parse_step_key(cursor.key());
             place && place->first_sequence < from) {
    // The step before may end before `from`: possible only behind the run's last step, or at a
    // hole.
    TRY(auto const last, last_sequence_of(cursor.value(), place->first_sequence));
    if (last < from) cursor.next();
  }
  for (std::size_t steps = 0; cursor.valid() && steps < cached_steps; cursor.next(), ++steps) {
    if (!visit(cursor.value())) return {};
  }
  TRY_VOID(cursor.status("reading steps"));
  if (!cursor.valid()) return {};
  Cursor rest(
      database(), Table::steps, std::string(cursor.key()), after_prefix(prefix), Caching::pass);
  for (rest.first(); rest.valid(); rest.next()) {
    if (!visit(rest.value())) return {};
  }
  return rest.status("reading steps");
}

Result<std::vector<RunId>> StoreReader::runs(SessionId const& session) const {
  auto const prefix = session_prefix(partition(session), session);
  Cursor cursor(database(), Table::steps, prefix, after_prefix(prefix));
  std::vector<RunId> runs;
  cursor.first();
  while (cursor.valid()) {
    auto const place = parse_step_key(cursor.key());
    if (!place) return misplaced("steps");
    runs.push_back(place->run);
    cursor.at_or_after(after_prefix(run_prefix(place->partition, session, place->run)));
  }
  TRY_VOID(cursor.status("reading steps"));
  return runs;
}

Result<std::vector<Timer>> StoreReader::timers(Time from, Time until, std::size_t limit) const {
  std::vector<Timer> timers;
  if (until < from) return timers;
  // Nothing is due after the latest time there is.
  bool const last = until == Time::max();
  Cursor cursor(database(),
                Table::timers,
                timer_key_prefix(from),
                last ? "" : timer_key_prefix(until + std::chrono::microseconds{1}));
  for (cursor.first(); cursor.valid() && timers.size() < limit; cursor.next()) {
    auto timer = parse_timer_key(cursor.key());
    if (!timer) return misplaced("timers");
    timers.push_back(std::move(*timer));
  }
  TRY_VOID(cursor.status("reading timers"));
  return timers;
}

Result<> StoreReader::scan_errands(ErrandVisitor const& visit) const {
  std::string const prefix(meta_errands);
  Cursor cursor(database(), Table::meta, prefix, after_prefix(prefix));
  for (cursor.first(); cursor.valid(); cursor.next()) {
    auto const key = cursor.key().substr(prefix.size());
    auto const kind = key.empty() ? '\xFF' : key.front();
    auto const place = key.empty() ? std::nullopt : parse_step_key(key.substr(1));
    if (!place || kind < 0 || kind > static_cast<char>(ErrandKind::report))
      return misplaced("errands");
    Errand const errand{static_cast<ErrandKind>(kind),
                        place->session,
                        place->run,
                        OperationId{place->first_sequence}};
    if (!visit(errand)) return {};
  }
  return cursor.status("reading errands");
}

Result<std::optional<Sequence>> StoreReader::find_producer_key(SessionId const& session,
                                                               std::string_view key) const {
  TRY(auto const bytes,
      get(database(), Table::keys, producer_key_key(partition(session), session, key)));
  if (!bytes) return std::optional<Sequence>();
  TRY(auto const sequence, decode_sequence(*bytes));
  return std::optional(sequence);
}

Result<std::optional<StoredCheckpoint>> StoreReader::newest_checkpoint(SessionId const& session,
                                                                       RunId const& run,
                                                                       Sequence at_most) const {
  auto const prefix = run_prefix(partition(session), session, run);
  Cursor cursor(database(), Table::checkpoints, prefix, after_prefix(prefix));
  cursor.at_or_before(checkpoint_key(partition(session), session, run, at_most));
  if (!cursor.valid()) {
    TRY_VOID(cursor.status("reading checkpoints"));
    return std::optional<StoredCheckpoint>();
  }
  TRY(auto const sequence, decode_sequence(cursor.key().substr(prefix.size())));
  return std::optional(
      StoredCheckpoint{.sequence = sequence, .bytes = std::string(cursor.value())});
}

Result<std::vector<Sequence>> StoreReader::checkpoints(SessionId const& session,
                                                       RunId const& run) const {
  auto const prefix = run_prefix(partition(session), session, run);
  Cursor cursor(database(), Table::checkpoints, prefix, after_prefix(prefix));
  std::vector<Sequence> sequences;
  for (cursor.first(); cursor.valid(); cursor.next()) {
    TRY(auto const sequence, decode_sequence(cursor.key().substr(prefix.size())));
    sequences.push_back(sequence);
  }
  TRY_VOID(cursor.status("reading checkpoints"));
  return sequences;
}

Result<std::string> StoreReader::artifact(SessionId const& session, Digest const& digest) const {
  TRY(auto bytes,
      get(database(), Table::artifacts, artifact_key(partition(session), session, digest)));
  if (!bytes)
    return Error{Errc::not_found, to_string(session) + " has no artifact " + to_hex(digest)};
  return std::move(*bytes);
}

Result<SessionSecret> StoreReader::secret(SessionId const& session) const {
  TRY(auto const bytes, get(database(), Table::vault, session_prefix(partition(session), session)));
  if (!bytes) return Error{Errc::not_found, to_string(session) + " has no secret"};
  return decode_secret(*bytes);
}

Result<std::optional<std::string>> StoreReader::vault_record(SessionId const& session,
                                                             std::string_view name) const {
  return get(database(), Table::vault, vault_key(partition(session), session, name));
}

Result<> StoreReader::scan_vault(SessionId const& session, VaultVisitor const& visit) const {
  auto const prefix = session_prefix(partition(session), session);
  Cursor cursor(database(), Table::vault, prefix, after_prefix(prefix));
  for (cursor.first(); cursor.valid(); cursor.next()) {
    if (cursor.key() == prefix) continue;  // the session's secret
    if (!visit({std::string(cursor.key().substr(prefix.size())), std::string(cursor.value())}))
      return {};
  }
  return cursor.status("reading a vault");
}

Result<> StoreReader::read_commits(std::uint64_t from, CommitVisitor const& visit) const {
  auto const now = info();
  auto const number_after_last = now.last_commit + 1;
  Cursor cursor(database(),
                Table::steps,
                commit_key(now.generation, from),
                commit_key(now.generation, number_after_last));
  auto expected = from == 0 ? 1 : from;
  for (cursor.first(); cursor.valid(); cursor.next(), ++expected) {
    TRY(auto const commit, read_commit(database(), cursor.key(), cursor.value()));
    if (commit.record.number != expected)
      return missing_commits(now.generation, expected, commit.record.number - 1);
    if (!visit(commit.record, commit.digest)) return {};
  }
  TRY_VOID(cursor.status("reading commit records"));
  if (expected < number_after_last)
    return missing_commits(now.generation, expected, now.last_commit);
  return {};
}

Result<std::string> StoreReader::step_at(std::string_view key) const {
  auto const place = parse_step_key(key);
  if (!place) return Error{Errc::not_found, "this is not the key of a step"};
  TRY(auto bytes, get(database(), Table::steps, key));
  if (!bytes) {
    return Error{Errc::not_found,
                 to_string(place->session) + " run " + to_string(place->run) + " has no step at " +
                     std::to_string(place->first_sequence)};
  }
  return std::move(*bytes);
}

Result<std::optional<std::string>> StoreReader::get_meta(std::string_view key) const {
  return get(database(), Table::meta, runtime_meta_key(key));
}

}  // namespace dalsegno::storage
