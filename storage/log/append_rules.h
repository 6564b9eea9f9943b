#pragma once

#include "dalsegno/result.h"
#include "storage/log/event_log.h"

#include <cstdint>
#include <optional>
#include <span>

namespace dalsegno::storage {

/// Whether `append` may follow `current`, the session's head as it would be just before it (absent:
/// no such session). Pure; every backend asks it, so that all of them refuse the same.
///
/// `store_epoch` is the newest epoch that anybody took from the store.
/// Errors, the first that applies: Errc::invalid when the append contradicts itself (its sequences,
/// its head, its step, its session's name), Errc::too_large (step or artifact), Errc::fenced when
/// its epoch is below the store's or the head's, Errc::conflict when it wants to begin a session
/// that exists, or a run of it before the last one has ended, Errc::stale when it does not continue
/// or follow the head.
[[nodiscard]] Result<> check_append(std::optional<Head> const& current,
                                    Append const& append,
                                    std::uint64_t store_epoch);

/// Errors: Errc::invalid.
[[nodiscard]] Result<> check_vault_names(std::span<VaultRecord const> records);

}  // namespace dalsegno::storage
