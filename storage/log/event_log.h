#pragma once

// The log as the engine sees it. Backends: storage/rocksdb, storage/memory. All of them run the
// suite in tests/storage/log/event_log_suite.h.

#include "dalsegno/result.h"
#include "storage/event/codec.h"
#include "storage/event/event.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::storage {

/// Numbers are on disk.
enum class SessionStatus : std::uint8_t {
  open = 0,
  completed = 1,
  failed = 2,
  held = 3,
  cancelled = 4,
  continued = 5  ///< of a run; its session goes on in the next one
};

/// What is known of a session without reading its steps. Can be rebuilt from them.
struct Head {
  RunId run;
  std::string workflow;
  SessionStatus status = SessionStatus::open;
  bool paused = false;         ///< its code does not run until somebody resumes it
  Sequence last_sequence = 0;  ///< of the run
  Digest hash;                 ///< of the run's last step
  std::uint64_t epoch = 0;     ///< of that step's writer
  Time started_at;
  Time updated_at;
  std::uint64_t steps = 0;
  Sequence checkpoint = 0;          ///< newest CheckpointTaken of the run; 0: none
  std::uint32_t open_attempts = 0;  ///< attempts started and not ended

  friend bool operator==(Head const&, Head const&) = default;
};

/// An armed timer. Ordered by (due, session, run, operation).
struct Timer {
  Time due;
  SessionId session;
  RunId run;
  OperationId operation = OperationId::none;

  friend auto operator<=>(Timer const&, Timer const&) = default;
};

/// What a run may owe another session. Numbers are on disk.
enum class ErrandKind : std::uint8_t {
  start = 0,  ///< to start the session that the operation asks for
  tell = 1,   ///< to tell that one that it is to end, or that nobody waits for it any more
  report = 2  ///< to tell the one that asked for this session how it ended; no operation
};

/// Something that a durable step promised another session: it is there until a durable step says
/// that it was done. What exactly it is, the run tells.
struct Errand {
  ErrandKind kind = ErrandKind::start;
  SessionId session;
  RunId run;
  OperationId operation = OperationId::none;

  friend auto operator<=>(Errand const&, Errand const&) = default;
};

/// The end of the run that a new run of its session follows.
struct Predecessor {
  RunId run;
  Digest hash;  ///< of its last step

  friend bool operator==(Predecessor const&, Predecessor const&) = default;
};

struct StoredCheckpoint {
  Sequence sequence = 0;  ///< of its CheckpointTaken
  std::string bytes;
};

struct StoredArtifact {
  Digest digest;
  std::string bytes;
};

/// A record of a session's vault (storage/vault/vault.h says which there are). `name`: 1 to 64 of
/// a-z, 0-9, '/' and '_'.
struct VaultRecord {
  std::string name;
  std::string bytes;

  friend bool operator==(VaultRecord const&, VaultRecord const&) = default;
};

struct ProducerKey {
  std::string key;
  Sequence sequence = 0;  ///< of the InputReceived that carried it
};

/// One step of one session and everything that changes with it.
struct Append {
  SessionId session;
  RunId run;
  Sequence expected_sequence =
      0;  ///< the run's last sequence before this step; 0: the step begins a run, and the session
          ///< must not exist, or its head must be the end of the run that `follows` names
  Sequence first_sequence = 0;  ///< expected_sequence + 1
  std::uint64_t epoch = 0;
  EncodedStep step;
  Head head;  ///< after the step
  std::vector<Timer> timers_set;
  std::vector<Timer> timers_cleared;  ///< wins over `timers_set`: a timer in both is not armed
  std::vector<ProducerKey> producer_keys;
  std::vector<StoredCheckpoint> checkpoints;
  std::vector<StoredArtifact> artifacts;
  std::optional<SessionSecret> secret;  ///< with the first step: goes to the vault
  std::vector<VaultRecord> vault;       ///< one of a name that is there already is replaced
  std::optional<Predecessor> follows;   ///< with the first step of each run but the session's first
  std::vector<Errand> errands_set;
  std::vector<Errand> errands_done;  ///< also of other sessions; wins over `errands_set`
};

/// A run of one session's steps within a commit.
struct CommittedStep {
  std::string key;  ///< the step's key in the steps column family (storage/format.md)
  Sequence last_sequence = 0;
};

/// What the committer wrote in one atomic batch. `previous` is the digest of the commit before it:
/// SHA-256("dalsegno/commit/1" ‖ key ‖ value ‖ hash of each step in order); see `commit_digest`
/// (records.h).
struct CommitRecord {
  std::uint32_t generation = 1;
  std::uint64_t number = 1;  ///< without gaps within a generation
  Digest previous;
  std::vector<CommittedStep> steps;
};

struct StoreInfo {
  RunId log_id;
  std::uint16_t format = current_format;
  std::uint32_t partitions = 0;
  std::uint64_t epoch = 0;
  std::uint32_t generation = 1;
  std::uint64_t last_commit = 0;
  Digest last_commit_digest;
  std::uint64_t watermark_commit =
      0;  ///< newest commit known to have been acknowledged, when the store was opened
};

struct CommitReceipt {
  std::uint64_t number = 0;    ///< of the commit; 0 when nothing was appended
  std::vector<Result<>> each;  ///< one for each Append, in order
};

/// Thread: const members from any number of threads at once, also beside `append`; `append`,
/// `put_meta`, `put_vault`, `destroy_vault` and `compact` one call at a time.
class EventLog {
 public:
  EventLog() = default;
  EventLog(EventLog const&) = delete;
  EventLog& operator=(EventLog const&) = delete;
  virtual ~EventLog() = default;

  [[nodiscard]] virtual StoreInfo info() const = 0;

  /// Appends all steps that may be appended, in one atomic synced write together with one commit
  /// record. When it returns they are durable. Several steps of one session may stand in one batch,
  /// in order. Errors of one Append (the others are not touched, and nothing of it is written):
  /// Errc::stale when `expected_sequence` or `run` is not the head's, Errc::fenced when `epoch` is
  /// below the head's or the store's, Errc::conflict when expected_sequence is 0 and the session
  /// exists and the Append follows none of its runs, or one that has not ended, Errc::stale when it
  /// follows another end than the head, Errc::too_large, Errc::invalid when the Append contradicts
  /// itself (append_rules.h).
  /// Errors of the whole: Errc::io, Errc::no_space: whether the batch is there is unknown until the
  /// store is reopened and read. After one of these every later append fails with the same error:
  /// the writer has stopped.
  [[nodiscard]] virtual Result<CommitReceipt> append(std::span<Append const> batch) = 0;

  [[nodiscard]] virtual Result<std::optional<Head>> head(SessionId const& session) const = 0;
  /// Calls `visit` for each session in (partition, tenant, name) order until it returns false.
  using HeadVisitor = std::function<bool(SessionId const&, Head const&)>;
  [[nodiscard]] virtual Result<> scan_heads(HeadVisitor const& visit) const = 0;

  /// Calls `visit` with the stored bytes of each step of the run, from the one that contains `from`
  /// on, in order, until it returns false. Nothing when `from` is past the end. The bytes live
  /// until `visit` returns. In all visits (also below) `visit` may call the log's const members.
  using StepVisitor = std::function<bool(std::string_view bytes)>;
  [[nodiscard]] virtual Result<> read_steps(SessionId const& session,
                                            RunId const& run,
                                            Sequence from,
                                            StepVisitor const& visit) const = 0;
  /// The runs of a session that have steps, in key order.
  [[nodiscard]] virtual Result<std::vector<RunId>> runs(SessionId const& session) const = 0;

  /// Armed timers with from <= due <= until in (due, session, run, operation) order, at most
  /// `limit`.
  [[nodiscard]] virtual Result<std::vector<Timer>> timers(Time from,
                                                          Time until,
                                                          std::size_t limit) const = 0;

  /// What is still to be done, in (kind, partition of the session, session, run, operation) order,
  /// until `visit` returns false.
  using ErrandVisitor = std::function<bool(Errand const&)>;
  [[nodiscard]] virtual Result<> scan_errands(ErrandVisitor const& visit) const = 0;

  [[nodiscard]] virtual Result<std::optional<Sequence>> find_producer_key(
      SessionId const& session, std::string_view key) const = 0;
  /// The newest checkpoint of the run with sequence <= `at_most`.
  [[nodiscard]] virtual Result<std::optional<StoredCheckpoint>> newest_checkpoint(
      SessionId const& session, RunId const& run, Sequence at_most) const = 0;
  [[nodiscard]] virtual Result<std::vector<Sequence>> checkpoints(SessionId const& session,
                                                                  RunId const& run) const = 0;
  /// Errc::not_found when it is not there.
  [[nodiscard]] virtual Result<std::string> artifact(SessionId const& session,
                                                     Digest const& digest) const = 0;
  /// Errc::not_found when the session has none (or it was destroyed).
  [[nodiscard]] virtual Result<SessionSecret> secret(SessionId const& session) const = 0;

  /// The record of this name in the session's vault; nothing when there is none.
  [[nodiscard]] virtual Result<std::optional<std::string>> vault_record(
      SessionId const& session, std::string_view name) const = 0;
  /// The records of the session's vault by name, until `visit` returns false. Without the secret.
  using VaultVisitor = std::function<bool(VaultRecord const&)>;
  [[nodiscard]] virtual Result<> scan_vault(SessionId const& session,
                                            VaultVisitor const& visit) const = 0;
  /// Writes records into the session's vault, all or none, synced. Not part of the log.
  [[nodiscard]] virtual Result<> put_vault(SessionId const& session,
                                           std::span<VaultRecord const> records) = 0;
  /// Removes the session's secret and all records of its vault, and leaves `kept` in their place.
  /// When it returns, what was removed is in no file of the store either: it was overwritten by
  /// compaction and the files that held it are gone (what the disk itself keeps of deleted files is
  /// beyond reach). Blocks. Errors: as `append`; after Errc::io the removal may be there or not.
  [[nodiscard]] virtual Result<> destroy_vault(SessionId const& session,
                                               std::span<VaultRecord const> kept) = 0;

  /// Commit records of the current generation from `from` on, in order, with each one's digest.
  using CommitVisitor = std::function<bool(CommitRecord const&, Digest const& digest)>;
  [[nodiscard]] virtual Result<> read_commits(std::uint64_t from,
                                              CommitVisitor const& visit) const = 0;
  /// The bytes of the step with this key (as in CommittedStep); Errc::not_found.
  [[nodiscard]] virtual Result<std::string> step_at(std::string_view key) const = 0;

  /// Small facts of the runtime (marks against poisoned runs), synced.
  /// Not part of the log.
  [[nodiscard]] virtual Result<> put_meta(std::string_view key, std::string_view value) = 0;
  [[nodiscard]] virtual Result<std::optional<std::string>> get_meta(std::string_view key) const = 0;

  /// Whether there is room for new sessions: Errc::no_space below the floor of free space.
  [[nodiscard]] virtual Result<> room_for_new_sessions() const = 0;
  /// Rewrites the store compactly (bench, maintenance). Blocks.
  [[nodiscard]] virtual Result<> compact() = 0;
};

}  // namespace dalsegno::storage
