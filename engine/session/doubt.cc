#include "engine/session/doubt.h"

#include "dalsegno/json.h"
#include "storage/event/codec.h"

#include <string>

namespace dalsegno::engine {

bool is_in_doubt(OpenOperation const& operation) {
  return operation.doubt && !operation.doubt->resolution;
}

Result<storage::DoubtResolved> check_resolution(SessionState const& state,
                                                ResolveInput const& input) {
  auto const name = "operation " + std::to_string(static_cast<std::uint64_t>(input.operation)) +
                    " of session " + to_string(state.session);
  auto const found = state.operations.find(input.operation);
  if (found == state.operations.end() || !found->second.doubt)
    return Error{Errc::not_found, name + " is not in doubt"};
  if (auto const& said = found->second.doubt->resolution)
    return Error{Errc::conflict, name + " has been resolved by " + said->by};
  if (input.by.empty()) return Error{Errc::invalid, "say who resolves " + name};
  if (input.reason.empty()) return Error{Errc::invalid, "say why " + name + " is resolved so"};
  if (input.by.size() + input.credential.size() + input.reason.size() > max_resolution_bytes)
    return Error{Errc::too_large,
                 "who resolves " + name + " and why have together more than " +
                     std::to_string(max_resolution_bytes) + " bytes"};
  if (input.resolution == storage::DoubtResolution::completed) {
    if (auto const json = parse_json(input.result); !json)
      return Error{Errc::invalid, "the result of " + name + " is not JSON: " + json.error().detail};
    if (input.result.size() > storage::max_artifact_bytes)
      return Error{Errc::too_large,
                   "the result of " + name + " has " + std::to_string(input.result.size()) +
                       " bytes; at most " + std::to_string(storage::max_artifact_bytes) +
                       " are allowed"};
  }
  return storage::DoubtResolved{input.resolution, input.by, input.credential, input.reason, {}};
}

}  // namespace dalsegno::engine
