#pragma once

// Opening a store to look at it, and finding sessions in it.

#include "dalsegno/result.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/forensics/history.h"
#include "tools/dalsegno/forensics/status_name.h"
#include "tools/dalsegno/globals.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dalsegno::command {

using forensics::name_of;

/// A store that is read and never written.
struct OpenStore {
  std::unique_ptr<storage::EventLog> log;
  std::string loss;  ///< which acknowledged commits are missing; "": none
};

/// Opens the store in `globals.data` for reading, beside a live writer or not. Says on stderr when
/// commits are missing. Errors: those of open_rocksdb_for_reading; the detail names the folder.
[[nodiscard]] Result<OpenStore> open_store(Globals const& globals);

struct FoundSession {
  SessionId id;
  storage::Head head;
};

/// The session that `text` means: a name within the tenant, "tenant/name", or a prefix of a name or
/// of a run's id that only one session has. Errors: Errc::not_found; Errc::invalid when several
/// sessions begin with it.
[[nodiscard]] Result<FoundSession> find_session(storage::EventLog const& log,
                                                std::string_view tenant,
                                                std::string_view text);

/// The same; when acknowledged commits are missing, Errc::data_loss instead of Errc::not_found: it
/// may have been in them.
[[nodiscard]] Result<FoundSession> find_session(OpenStore const& store,
                                                Globals const& globals,
                                                std::string_view text);

/// The session as one of its runs left it: `text` is the beginning of that run's id; "": the
/// newest. Errors: Errc::not_found; Errc::invalid when several runs begin with it; those of the
/// log.
[[nodiscard]] Result<FoundSession> find_run(OpenStore const& store,
                                            FoundSession session,
                                            std::string_view text);

/// All sessions, or those that `texts` name; in the order of the store. The journal only when it is
/// named.
[[nodiscard]] Result<std::vector<FoundSession>> find_sessions(
    OpenStore const& store, Globals const& globals, std::vector<std::string> const& texts);

/// Says what an answer from this history rests on; returns the exit code that follows from it.
[[nodiscard]] int rests_on(OpenStore const& store, forensics::History const& history);

/// Says what an answer rests on: "verified: chain of 12 steps to commit 7 (not sealed)".
/// Errc::data_loss's exit code when acknowledged commits are missing: then nothing is verified.
[[nodiscard]] int say_verified(OpenStore const& store, std::uint64_t steps);
/// "NOT VERIFIED: …"
void say_not_verified(std::string_view why);

}  // namespace dalsegno::command
