#include "storage/rocksdb/repair.h"

#include "dalsegno/try.h"
#include "storage/log/records.h"
#include "storage/log/step_key.h"
#include "storage/rocksdb/cursor.h"
#include "storage/rocksdb/session_fold.h"
#include "storage/rocksdb/status.h"

#include <rocksdb/write_batch.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dalsegno::storage {
namespace {

/// Writes of a repair, in one batch: until it is written nothing has changed.
class Changes {
 public:
  explicit Changes(Database const& database) : database_(database) {}

  void put(Table table, std::string_view key, std::string_view value) {
    note(writes_.Put(database_[table], {key.data(), key.size()}, {value.data(), value.size()}));
  }
  void remove(Table table, std::string_view key) {
    note(writes_.Delete(database_[table], {key.data(), key.size()}));
  }

  Result<> write() {
    rocksdb::WriteOptions synced;
    synced.sync = true;
    if (status_.ok()) status_ = database_.db().Write(synced, &writes_);
    if (!status_.ok()) return error_from(status_, "repairing the store");
    writes_.Clear();
    return {};
  }

 private:
  void note(rocksdb::Status const& status) {
    if (status_.ok()) status_ = status;
  }

  Database const& database_;
  rocksdb::WriteBatch writes_;
  rocksdb::Status status_;
};

using Sessions = std::set<SessionId>;

/// Removes commits of the last generation from `first` on, with their steps.
Result<> remove_commits(Database const& database,
                        LogEnd const& end,
                        std::uint64_t first,
                        Sessions& touched) {
  Changes changes(database);
  Cursor cursor(database, Table::steps, commit_key(end.generation, first), "");
  for (cursor.first(); cursor.valid(); cursor.next()) {
    TRY(auto const record, decode_commit(cursor.key(), cursor.value()));
    for (auto const& step : record.steps) {
      changes.remove(Table::steps, step.key);
      if (auto const place = parse_step_key(step.key)) touched.insert(place->session);
    }
    changes.remove(Table::steps, cursor.key());
  }
  TRY_VOID(cursor.status("reading commit records"));
  return changes.write();
}

/// Whether the head's last step is there and is the run's last.
Result<bool> fits(Database const& database,
                  std::uint32_t partition,
                  SessionId const& session,
                  Head const& head) {
  auto const prefix = run_prefix(partition, session, head.run);
  Cursor cursor(database, Table::steps, prefix, after_prefix(prefix));
  cursor.last();
  TRY_VOID(cursor.status("reading steps"));
  if (!cursor.valid()) return false;
  TRY(auto const hash, step_hash(cursor.value()));
  return hash == head.hash;
}

Result<Sessions> sessions_that_do_not_fit(Database const& database, std::uint32_t partitions) {
  Sessions found;
  Cursor cursor(database, Table::sessions, "", "");
  for (cursor.first(); cursor.valid(); cursor.next()) {
    auto const session = parse_session_prefix(cursor.key());
    if (!session) return Error{Errc::corrupt, "a key among the heads cannot be read"};
    TRY(auto const head, decode_head(cursor.value()));
    TRY(auto const fit, fits(database, partition_of(*session, partitions), *session, head));
    if (!fit) found.insert(*session);
  }
  TRY_VOID(cursor.status("reading heads"));
  return found;
}

/// The run that no other follows; of several (the newest runs of each were lost) the one that began
/// last.
SessionFold newest_of(std::vector<SessionFold> runs, SessionId const& session) {
  std::set<RunId> followed;
  for (auto const& run : runs)
    if (run.follows()) followed.insert(*run.follows());
  SessionFold newest(session);
  Time newest_start = Time::min();
  for (auto& run : runs) {
    auto const head = run.head();
    if (followed.contains(head->run) || head->started_at < newest_start) continue;
    newest_start = head->started_at;
    newest = std::move(run);
  }
  return newest;
}

/// Of the runs that have their first step the one that no other follows, folded up to its first
/// hole. Steps behind a hole are removed.
Result<SessionFold> fold_session(Database const& database,
                                 std::uint32_t partition,
                                 SessionId const& session,
                                 Changes& changes) {
  auto const prefix = session_prefix(partition, session);
  std::vector<SessionFold> runs;
  SessionFold fold(session);
  RunId run;
  bool hole = false;
  Cursor cursor(database, Table::steps, prefix, after_prefix(prefix));
  auto const end_run = [&] {
    if (fold.head()) runs.push_back(fold);
  };
  for (cursor.first(); cursor.valid(); cursor.next()) {
    TRY(auto const step, decode(cursor.value(), Reading::show));
    if (step.step.header.run != run) {
      end_run();
      fold = SessionFold(session);
      run = step.step.header.run;
      hole = false;
    }
    hole = hole || !fold.add(step);
    if (hole) changes.remove(Table::steps, cursor.key());
  }
  TRY_VOID(cursor.status("reading steps"));
  end_run();
  return newest_of(std::move(runs), session);
}

Result<> remove_later(Database const& database,
                      Table table,
                      std::string const& prefix,
                      Sequence last,
                      Changes& changes) {
  Cursor cursor(database, table, prefix, after_prefix(prefix));
  for (cursor.first(); cursor.valid(); cursor.next()) {
    auto const number =
        table == Table::keys ? cursor.value() : cursor.key().substr(cursor.key().size() - 8);
    TRY(auto const sequence, decode_sequence(number));
    if (sequence > last) changes.remove(table, cursor.key());
  }
  return cursor.status("reading what belongs to a session");
}

Result<> rebuild(Database const& database, std::uint32_t partition, SessionId const& session) {
  Changes changes(database);
  TRY(auto const fold, fold_session(database, partition, session, changes));
  auto const prefix = session_prefix(partition, session);
  auto const head = fold.head();
  if (head) {
    changes.put(Table::sessions, prefix, encode_head(*head));
    // Sequences of keys are of the runs that their signals came to: of several runs it cannot be
    // said here which, so all stay.
    if (!fold.follows())
      TRY_VOID(remove_later(database, Table::keys, prefix, head->last_sequence, changes));
    TRY_VOID(remove_later(database,
                          Table::checkpoints,
                          run_prefix(partition, session, head->run),
                          head->last_sequence,
                          changes));
  } else {
    changes.remove(Table::sessions, prefix);
    Cursor vault(database, Table::vault, prefix, after_prefix(prefix));
    for (vault.first(); vault.valid(); vault.next()) changes.remove(Table::vault, vault.key());
    TRY_VOID(vault.status("reading a vault"));
    TRY_VOID(remove_later(database, Table::keys, prefix, 0, changes));
    TRY_VOID(remove_later(database, Table::checkpoints, prefix, 0, changes));
  }
  Cursor timers(database, Table::timers, "", "");
  for (timers.first(); timers.valid(); timers.next()) {
    auto const timer = parse_timer_key(timers.key());
    if (timer && timer->session == session) changes.remove(Table::timers, timers.key());
  }
  TRY_VOID(timers.status("reading timers"));
  for (auto const& timer : fold.timers()) changes.put(Table::timers, timer_key(timer), "");
  return changes.write();
}

}  // namespace

Result<LogEnd> repair(Database const& database,
                      std::uint32_t partitions,
                      LogEnd const& end,
                      Loss const& loss) {
  Sessions touched;
  auto repaired = end;
  if (loss.first_missing) {
    TRY_VOID(remove_commits(database, end, *loss.first_missing, touched));
    TRY(auto const check, check_end(database, StoredMark{}));
    repaired = check.end;
  }
  TRY(auto const others, sessions_that_do_not_fit(database, partitions));
  touched.insert(others.begin(), others.end());
  for (auto const& session : touched)
    TRY_VOID(rebuild(database, partition_of(session, partitions), session));
  return repaired;
}

}  // namespace dalsegno::storage
