#pragma once

// What the verbs that govern a store share: opening it, and acting on it as an operator.

#include "dalsegno/result.h"
#include "engine/govern/operate.h"
#include "storage/log/event_log.h"
#include "tools/dalsegno/credential_options.h"
#include "tools/dalsegno/globals.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace dalsegno::command {

enum class Absent : std::uint8_t { refuse, create };

/// A store that operators act on.
struct GovernedStore {
  std::unique_ptr<storage::EventLog> log;        ///< for engine::operate
  std::unique_ptr<storage::EventLog> operators;  ///< the same as operators may write it
};

/// Opens the store of `globals.data` for writing, for this process alone. `absent`: what to do in a
/// folder that holds none. Errors: those of open_rocksdb; the detail says what to do.
[[nodiscard]] Result<GovernedStore> open_to_govern(Globals const& globals,
                                                   Absent absent = Absent::refuse);

/// A reason as it may be recorded: what looks like a secret or a person's data is replaced by
/// tokens that nothing can open. The operators' session is never erased.
[[nodiscard]] std::string recordable(std::string_view reason);

/// engine::operate with what the options show.
[[nodiscard]] Result<engine::Actor> operate(storage::EventLog& log,
                                            Globals const& globals,
                                            CredentialOptions const& options,
                                            engine::OperatorAction action);

}  // namespace dalsegno::command
