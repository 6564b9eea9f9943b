#pragma once

#include "dalsegno/model.h"
#include "dalsegno/result.h"
#include "engine/policy/policy.h"
#include "tools/dalsegno/globals.h"
#include "tools/dalsegno/redaction_options.h"

#include <functional>
#include <optional>
#include <string>

namespace dalsegno::command {

struct TalkOptions {
  std::string session = "talk";
  std::string system;  ///< the system message; "": none
  std::string model = "default";
  std::uint32_t checkpoint_every = 4;
  /// How the model is called; nothing: as the environment says.
  std::optional<model::Options> settings;
};

/// A conversation in the terminal with a model: each line of stdin is a turn, its answer is shown
/// as it comes. It ends with stdin and goes on when it is begun again; a turn that an earlier
/// process was killed in is answered first. `policy_for` says which policy decides.
[[nodiscard]] Result<int> talk(
    Globals const& globals,
    TalkOptions const& options,
    RedactionOptions const& redaction,
    std::function<Result<engine::PolicySet>(storage::EventLog const&)> const& policy_for);

}  // namespace dalsegno::command
