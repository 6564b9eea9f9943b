#pragma once

#include "engine/policy/policy.h"
#include "storage/event/event.h"
#include "storage/log/event_log.h"

#include <optional>
#include <string>
#include <vector>

namespace dalsegno::engine {

/// The policies of a store, as its operators' session tells.
struct StorePolicies {
  std::optional<PolicySet> active;  ///< activated last; none: nobody has activated one yet
  std::vector<PolicySet> shadows;   ///< asked beside it
};

/// Errors: those of reading the session; Errc::corrupt when a document is missing, cannot be read
/// or does not have its digest.
[[nodiscard]] Result<StorePolicies> read_store_policies(storage::EventLog const& log);

/// The document of a policy that was activated, wherever it lies. Errors: those of
/// EventLog::artifact.
[[nodiscard]] Result<std::string> document_of(storage::EventLog const& log,
                                              storage::PolicyActivated const& activated);

/// The event that makes a policy decide. A document beyond max_inline_payload_bytes is an artifact
/// of the operators' session, under the document's own digest.
struct Activation {
  storage::PolicyActivated event;
  std::vector<storage::StoredArtifact> artifacts;
};
[[nodiscard]] Activation activation_of(PolicySet const& policy);

/// What a runtime does at its start: the policy that decides is in the log before its first
/// decision. Nothing when it is the active one already. Errors: Errc::denied when the store has
/// operators: then they activate policies; those of the log.
[[nodiscard]] Result<> activate_at_start(storage::EventLog& log, PolicySet const& policy, Time now);

/// The policies beside the active one: an operator's action names their digests, its step carries
/// the documents.
inline constexpr std::string_view shadow_detail = "shadow";
[[nodiscard]] std::vector<storage::StoredArtifact> shadow_artifacts(
    std::vector<PolicySet> const& shadows);

}  // namespace dalsegno::engine
