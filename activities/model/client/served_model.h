#pragma once

#include "activities/http/client.h"
#include "activities/http/egress_guard.h"
#include "activities/http/network_transport.h"
#include "activities/model/client/client.h"
#include "activities/model/client/endpoint_pool.h"
#include "activities/model/price_table.h"
#include "dalsegno/activity.h"
#include "dalsegno/embeddings.h"
#include "dalsegno/json.h"
#include "dalsegno/model.h"
#include "dalsegno/registry.h"
#include "dalsegno/result.h"
#include "storage/vault/redactor.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace dalsegno::activities {

/// One model: the endpoints that serve it, how they are called, and what that costs.
/// Thread: any; each call blocks its own.
class ServedModel {
 public:
  /// `redactor` is that of deltas; null: they get one whose tokens have other digits than the
  /// log's. Errors: those of model::add_model.
  [[nodiscard]] static Result<std::shared_ptr<ServedModel>> make(model::Options const& options,
                                                                 vault::Redactor const* redactor);

  /// Makes one attempt with a prompt. `route` says in the record why this model was chosen; null:
  /// nobody chose. Throws ActivityError.
  [[nodiscard]] ActivityReply perform(ActivityContext const& context,
                                      std::vector<PromptMessage> messages,
                                      Json route = {});

  /// Makes one attempt of a call for embeddings. Throws ActivityError.
  [[nodiscard]] ActivityReply embed(ActivityContext const& context,
                                    model::EmbeddingsRequest const& request,
                                    model::EmbeddingsEncoding encoding);

  /// False while each of its endpoints is left alone.
  [[nodiscard]] bool takes_calls(Time now) const { return pool_->takes_calls(now); }
  /// What every call has in common.
  [[nodiscard]] ModelCall const& settings() const { return settings_; }

 private:
  ServedModel(model::Options options,
              ModelCall settings,
              http::EgressRules rules,
              std::unique_ptr<http::NetworkTransport> transport,
              std::unique_ptr<EndpointPool> pool,
              vault::Redactor const* redactor);

  [[nodiscard]] ModelCalled send(ActivityContext const& context,
                                 ModelCall call,
                                 std::size_t endpoint);
  [[nodiscard]] std::optional<Cost> price(model::Endpoint const& endpoint,
                                          Usage const& usage,
                                          Time at) const;
  /// The most that a call should cost, wherever it goes; nothing where it has no price.
  [[nodiscard]] std::optional<Cost> foresee(std::uint64_t prompt_tokens,
                                            std::uint64_t output_tokens,
                                            Time at) const;
  /// What every attempt has in common.
  [[nodiscard]] ModelCallOptions sending(ActivityContext const& context) const;

  // Set in the constructor.
  model::Options options_;
  ModelCall settings_;
  std::vector<ModelTarget> targets_;
  ModelLimits limits_;
  http::SystemResolver resolver_;
  http::EgressGuard guard_;
  std::unique_ptr<http::NetworkTransport> transport_;
  http::Client http_;
  ModelClient client_;
  vault::Redactor own_redactor_;
  vault::Redactor const& redactor_;  // of deltas
  // Guards itself.
  std::unique_ptr<EndpointPool> pool_;
};

}  // namespace dalsegno::activities
