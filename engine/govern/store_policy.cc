#include "engine/govern/store_policy.h"

#include "dalsegno/json.h"
#include "dalsegno/try.h"
#include "storage/access/operator_acted.h"
#include "storage/access/token_table.h"
#include "storage/event/codec.h"
#include "storage/log/journal.h"

#include <utility>
#include <variant>

namespace dalsegno::engine {
namespace {

Result<PolicySet> parsed(std::string const& document, storage::Digest const& digest) {
  auto policy = PolicySet::parse(document, "policy in the store");
  if (!policy)
    return Error{Errc::corrupt,
                 "policy " + storage::to_hex(digest) +
                     " in the store cannot be read: " + policy.error().detail};
  if (policy->digest() != digest)
    return Error{Errc::corrupt,
                 "policy " + storage::to_hex(digest) + " in the store has another digest"};
  return policy;
}

Result<PolicySet> stored(storage::EventLog const& log, storage::Digest const& digest) {
  TRY(auto const document, log.artifact(storage::journal_session(), digest));
  return parsed(document, digest);
}

/// The digests that an action names as shadows; nullopt: it is about something else.
std::optional<std::vector<storage::Digest>> named_shadows(storage::OperatorActed const& acted) {
  if (acted.action != "operator.policy" || access::was_refused(acted)) return std::nullopt;
  auto const details = parse_json(acted.details);
  auto const* const listed = details ? details->find(shadow_detail) : nullptr;
  if (listed == nullptr || listed->as_array() == nullptr) return std::nullopt;
  std::vector<storage::Digest> digests;
  for (auto const& item : *listed->as_array())
    if (auto const* const hex = item.as_string())
      if (auto const digest = storage::parse_digest(*hex)) digests.push_back(*digest);
  return digests;
}

}  // namespace

Result<std::string> document_of(storage::EventLog const& log,
                                storage::PolicyActivated const& activated) {
  if (!activated.document.artifact) return activated.document.bytes;
  return log.artifact(storage::journal_session(), activated.document.artifact->digest);
}

Result<StorePolicies> read_store_policies(storage::EventLog const& log) {
  TRY(auto const events, storage::read_journal(log));
  std::optional<storage::PolicyActivated> newest;
  std::vector<storage::Digest> shadows;
  for (auto const& event : events) {
    if (auto const* const activated = std::get_if<storage::PolicyActivated>(&event.body))
      newest = *activated;
    if (auto const* const acted = std::get_if<storage::OperatorActed>(&event.body))
      if (auto named = named_shadows(*acted)) shadows = std::move(*named);
  }
  StorePolicies policies;
  if (newest) {
    TRY(auto const document, document_of(log, *newest));
    TRY(policies.active, parsed(document, newest->digest));
  }
  for (auto const& digest : shadows) {
    TRY(auto policy, stored(log, digest));
    policies.shadows.push_back(std::move(policy));
  }
  return policies;
}

Activation activation_of(PolicySet const& policy) {
  Activation activation;
  auto& event = activation.event;
  event.digest = policy.digest();
  event.name = policy.name();
  auto const& document = policy.document();
  if (document.size() <= storage::max_inline_payload_bytes) {
    event.document.bytes = document;
  } else {
    event.document.artifact = {policy.digest(), document.size()};
    activation.artifacts.push_back({policy.digest(), document});
  }
  return activation;
}

Result<> activate_at_start(storage::EventLog& log, PolicySet const& policy, Time now) {
  TRY(auto const policies, read_store_policies(log));
  if (policies.active && policies.active->digest() == policy.digest()) return {};
  TRY(auto const tokens, access::TokenTable::read(log));
  if (tokens.has_operators())
    return Error{Errc::denied,
                 "policy " + storage::to_hex(policy.digest()) +
                     " is not the active one, and this store's operators activate its policies: "
                     "run without a policy of your own, or have them activate this one "
                     "(dalsegno policy activate)"};
  auto activation = activation_of(policy);
  return storage::append_to_journal(
      log, {std::move(activation.event)}, now, std::move(activation.artifacts));
}

std::vector<storage::StoredArtifact> shadow_artifacts(std::vector<PolicySet> const& shadows) {
  std::vector<storage::StoredArtifact> artifacts;
  artifacts.reserve(shadows.size());
  for (auto const& shadow : shadows) artifacts.push_back({shadow.digest(), shadow.document()});
  return artifacts;
}

}  // namespace dalsegno::engine
