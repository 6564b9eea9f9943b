#include "storage/rocksdb/commits.h"

#include "dalsegno/try.h"
#include "storage/rocksdb/cursor.h"
#include "storage/rocksdb/store_reader.h"

#include <string>
#include <utility>
#include <vector>

namespace dalsegno::storage {
namespace {

std::string commits_text(std::uint64_t from, std::uint64_t to) {
  if (from == to) return "commit " + std::to_string(from);
  return "commits " + std::to_string(from) + " to " + std::to_string(to);
}

constexpr std::string_view advice =
    ". Copy the folder first; `dalsegno accept-loss` opens it without them";

Loss gap(std::uint32_t generation, std::uint64_t from, std::uint64_t to) {
  auto error = missing_commits(generation, from, to);
  error.detail += advice;
  return {.error = std::move(error), .acknowledged_commit = to, .first_missing = from};
}

/// Walks back from the last commit over all that was recovered from the write-ahead log and one
/// commit more.
Result<std::optional<Loss>> check_links(Database const& database,
                                        Cursor& cursor,
                                        CommitPlace last) {
  std::uint64_t checked = 0;  // entries of the steps table
  auto expected = last.number;
  std::optional<Digest> wanted;  // of the commit at hand, as its successor names it
  bool beyond_recovered = false;
  for (; cursor.valid(); cursor.back()) {
    auto const place = parse_commit_key(cursor.key());
    if (!place) break;
    bool const same_generation = place->generation == last.generation;
    if (same_generation && place->number != expected) {
      return std::optional(gap(last.generation, place->number + 1, expected));
    }
    if (!same_generation && expected != 0) return std::optional(gap(last.generation, 1, expected));
    TRY(auto const commit, read_commit(database, cursor.key(), cursor.value()));
    if (wanted && commit.digest != *wanted) {
      return Error{Errc::corrupt,
                   "commit " + std::to_string(place->number) + " of generation " +
                       std::to_string(place->generation) +
                       " is not the one that its successor names"};
    }
    if (!same_generation || beyond_recovered) return std::optional<Loss>();
    wanted = commit.record.previous;
    checked += 1 + commit.record.steps.size();
    beyond_recovered = checked > database.recovered_steps();
    --expected;
  }
  TRY_VOID(cursor.status("reading commit records"));
  if (expected != 0) return std::optional(gap(last.generation, 1, expected));
  return std::optional<Loss>();
}

Loss beyond_end(LogEnd const& end, Mark const& mark) {
  bool const same = mark.generation == end.generation;
  auto const from = same ? end.last_commit + 1 : 1;
  std::string detail =
      commits_text(from, mark.commit) + " were acknowledged and are missing (store " +
      std::to_string(end.generation) + "/" + std::to_string(end.last_commit) + ", watermark " +
      std::to_string(mark.generation) + "/" + std::to_string(mark.commit) + ")";
  detail += advice;
  return {.error = {Errc::data_loss, std::move(detail)},
          .acknowledged_commit = mark.commit,
          .first_missing = {}};
}

/// Whether the store reaches up to the mark, and is the one that the mark is about.
Result<std::optional<Loss>> check_mark(Database const& database,
                                       LogEnd const& end,
                                       Mark const& mark) {
  if (mark.generation < end.generation)
    return std::optional<Loss>();  // a loss was accepted after it
  if (mark.generation > end.generation || mark.commit > end.last_commit)
    return std::optional(beyond_end(end, mark));
  if (mark.commit > 0) {
    auto const key = commit_key(mark.generation, mark.commit);
    TRY(auto const value, get(database, Table::steps, key));
    if (!value) return std::optional(gap(mark.generation, mark.commit, mark.commit));
    TRY(auto const commit, read_commit(database, key, *value));
    if (commit.digest != mark.digest) {
      std::string detail = "commit " + std::to_string(mark.generation) + "/" +
                           std::to_string(mark.commit) +
                           " is not the one that was acknowledged (watermark " +
                           to_hex(mark.digest) + ", store " + to_hex(commit.digest) + ")";
      detail += advice;
      return std::optional(Loss{.error = {Errc::data_loss, std::move(detail)},
                                .acknowledged_commit = mark.commit,
                                .first_missing = {}});
    }
  }
  if (auto const newest = database.db().GetLatestSequenceNumber(); newest < mark.database) {
    std::string detail =
        "writes outside of commits (epochs, facts of the runtime) were acknowledged and are "
        "missing "
        "(store " +
        std::to_string(newest) + ", watermark " + std::to_string(mark.database) + ")";
    detail += advice;
    return std::optional(Loss{.error = {Errc::data_loss, std::move(detail)},
                              .acknowledged_commit = mark.commit,
                              .first_missing = {}});
  }
  return std::optional<Loss>();
}

Loss cut_manifest(Mark const& mark) {
  std::string detail =
      "RocksDB's list of files is damaged, cut or an older one: MANIFEST " +
      std::to_string(mark.manifest.number) + " does not begin with the " +
      std::to_string(mark.manifest.size_bytes) +
      " bytes that it had; what was in the files that it no longer names is missing";
  detail += advice;
  return {.error = {Errc::data_loss, std::move(detail)},
          .acknowledged_commit = mark.commit,
          .first_missing = {}};
}

Loss no_mark(LogEnd const& end, bool exists) {
  std::string detail =
      exists ? "both slots of the watermark are damaged" : "the watermark is missing";
  detail += ": whether commits after " + std::to_string(end.generation) + "/" +
            std::to_string(end.last_commit) +
            " were acknowledged cannot be known. Copy the folder first; `dalsegno accept-loss` "
            "opens it as it is";
  return {
      .error = {Errc::data_loss, std::move(detail)}, .acknowledged_commit = 0, .first_missing = {}};
}

}  // namespace

Error missing_commits(std::uint32_t generation, std::uint64_t from, std::uint64_t to) {
  return {Errc::data_loss,
          commits_text(from, to) + " of generation " + std::to_string(generation) +
              (from == to ? " is missing" : " are missing")};
}

Result<ReadCommit> read_commit(Database const& database,
                               std::string_view key,
                               std::string_view value) {
  TRY(auto record, decode_commit(key, value));
  std::vector<Digest> hashes;
  hashes.reserve(record.steps.size());
  for (auto const& step : record.steps) {
    TRY(auto const bytes, get(database, Table::steps, step.key));
    auto const commit =
        "commit " + std::to_string(record.generation) + "/" + std::to_string(record.number);
    if (!bytes) return Error{Errc::corrupt, commit + " names a step that is missing"};
    auto const hash = step_hash(*bytes);
    if (!hash) return Error{hash.error().code, commit + ": " + hash.error().detail};
    hashes.push_back(*hash);
  }
  auto const digest = commit_digest(key, value, hashes);
  return ReadCommit{.record = std::move(record), .digest = digest};
}

Result<LogEndCheck> check_end(Database const& database,
                              StoredMark const& mark,
                              ManifestFound manifest) {
  LogEndCheck check;
  auto const lower = commit_key(0, 0);
  Cursor cursor(database, Table::steps, lower, "");
  cursor.last();
  TRY_VOID(cursor.status("reading commit records"));
  if (cursor.valid()) {
    auto const place = parse_commit_key(cursor.key());
    if (!place || place->number == 0)
      return Error{Errc::corrupt, "the key of the last commit record cannot be read"};
    TRY(auto const last, read_commit(database, cursor.key(), cursor.value()));
    check.end = {
        .generation = place->generation, .last_commit = place->number, .digest = last.digest};
    TRY(check.loss, check_links(database, cursor, *place));
  } else {
    Cursor steps(database, Table::steps, "", lower);
    steps.first();
    TRY_VOID(steps.status("reading steps"));
    if (steps.valid()) return Error{Errc::corrupt, "there are steps but no commit records"};
  }
  if (check.loss) return check;
  if (mark.newest) {
    TRY(check.loss, check_mark(database, check.end, *mark.newest));
    if (!check.loss && manifest == ManifestFound::damaged) check.loss = cut_manifest(*mark.newest);
  } else if (check.end.last_commit > 0) {
    check.loss = no_mark(check.end, mark.exists);
  }
  return check;
}

}  // namespace dalsegno::storage
