#pragma once

// The originals of what was redacted, under a key for each session.

#include "dalsegno/ids.h"
#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "storage/vault/master_keys.h"
#include "storage/vault/redactor.h"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dalsegno::vault {

/// Who does something to a vault, and why.
struct Reason {
  std::string by;
  std::string reason;
  Time at;
};

/// What an erasure destroyed.
struct Erasure {
  std::size_t originals = 0;
  bool key = false;     ///< the session had a data key
  bool secret = false;  ///< the session had a secret: its digests can no longer be tested
};

struct Rotation {
  std::size_t rewrapped = 0;
  std::size_t current = 0;  ///< were under the current master key already
};

/// Whether tokens of this kind ("github_pat") may be opened.
using MayReveal = std::function<bool(std::string_view kind)>;

/// Seals originals under a data key of their session, which is wrapped by a master key; the records
/// lie in the log's vault (storage/format.md, "Vault"). Plaintext exists in memory only.
/// Thread: `seal`, `open` and `hold_on` any; `rotate`, `hold`, `lift` and `erase` one at a time, as
/// `EventLog::put_vault`.
class Vault {
 public:
  /// `log` outlives this. Without keys (`MasterKeys()`) sessions can be held and erased, not
  /// opened.
  Vault(storage::EventLog& log, MasterKeys keys) : log_(log), keys_(std::move(keys)) {}

  /// The key that this store's tokens are made with: the same for the store's life. Made at the
  /// first call, wrapped by the current master key. Errors: Errc::denied when no master key that is
  /// known unwraps it; Errc::not_found when there is none and the log is for reading only.
  [[nodiscard]] Result<storage::SessionSecret> redaction_key();

  /// The records that an Append of `session` has to carry so that `replaced` can be opened later:
  /// the data key if it is not in the store yet, and each original that is not. Redacting the same
  /// value again needs no further record.
  /// Errors: Errc::conflict when another value has the same token in this session (nothing may be
  /// appended then: redact with a commitment only); Errc::undecidable when the session was erased;
  /// those of `seal`.
  [[nodiscard]] Result<std::vector<storage::VaultRecord>> seal(
      SessionId const& session, std::span<Replacement const> replaced);

  /// The original of the token with these digits. Errors: Errc::not_found; Errc::undecidable when
  /// the session was erased; Errc::corrupt; Errc::denied when no master key that is known unwraps
  /// the session's.
  [[nodiscard]] Result<std::string> open(SessionId const& session, std::string_view digits) const;
  /// Whether `open` can be expected to give it, without opening it. Errors: those of `open`.
  [[nodiscard]] Result<> can_open(SessionId const& session, std::string_view digits) const;
  /// `text` with those tokens opened that may be, by their kind, and can be; the others stay. For a
  /// tool whose permit says `reveal`.
  [[nodiscard]] Result<std::string> reveal(SessionId const& session,
                                           std::string_view text,
                                           MayReveal const& may) const;

  /// Wraps every session's data key anew under the current master key. Interrupted, it is begun
  /// again; until it is through, both keys are needed.
  [[nodiscard]] Result<Rotation> rotate();

  /// Until it is lifted, the session cannot be erased.
  [[nodiscard]] Result<> hold(SessionId const& session, Reason const& reason);
  [[nodiscard]] Result<> lift(SessionId const& session);
  [[nodiscard]] Result<std::optional<Json>> hold_on(SessionId const& session) const;

  /// Destroys the session's data key, its originals and its secret, in memory and in all files of
  /// the store. The log stays as it is, and all its proofs hold.
  /// Errors: Errc::held while there is a legal hold; Errc::undecidable when it was erased before.
  [[nodiscard]] Result<Erasure> erase(SessionId const& session, Reason const& reason);

 private:
  using SharedKey = std::shared_ptr<SecretKey const>;
  struct Known {
    SharedKey key;
    std::string wrapped;  ///< the record
  };

  [[nodiscard]] Result<Known> key_of(SessionId const& session, std::string_view record) const;
  /// Wraps the key in this record anew, if it is there and not under the current master key.
  [[nodiscard]] Result<> rewrap(SessionId const& session,
                                std::string_view name,
                                Rotation& rotation);
  /// The session's key from the store; nothing when it has none.
  [[nodiscard]] Result<std::optional<Known>> stored_key(SessionId const& session) const;

  // Set in the constructor.
  storage::EventLog& log_;
  MasterKeys keys_;
  // Guarded by mutex_: keys whose records may not be in the store yet.
  std::mutex mutex_;
  std::map<SessionId, Known> fresh_;
};

}  // namespace dalsegno::vault
