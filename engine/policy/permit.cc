#include "engine/policy/permit.h"

namespace dalsegno::engine {

std::optional<Permit> Permit::from(RunId const& run,
                                   OperationId operation,
                                   storage::PolicyDecided const& decision) {
  if (decision.effect != storage::DecisionEffect::permit) return std::nullopt;
  return Permit(run, operation, decision.attempt, decision.input_digest);
}

bool Permit::covers(RunId const& run,
                    OperationId operation,
                    std::uint32_t attempt,
                    storage::Digest const& input) const {
  return run_ == run && operation_ == operation && attempt_ == attempt && input_ == input;
}

}  // namespace dalsegno::engine
