#pragma once

#include "activities/model/client/client.h"
#include "activities/model/client/endpoint_pool.h"
#include "activities/model/embeddings.h"
#include "activities/model/price_table.h"
#include "dalsegno/json.h"
#include "dalsegno/registry.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace dalsegno::activities {

/// All that is known of a call when it has brought an answer.
struct CallFacts {
  EndpointPool const& pool;
  EndpointPool::Chosen const& chosen;
  PromptBlocks const& prompt;
  std::optional<MissAccount> cache;  ///< predicted against reported
  Time started;
  std::optional<Time> first_token;
  Time ended;
  std::optional<Cost> cost;
  Json budget = {};  ///< what is left; null: there are none
  Json route = {};   ///< why this model was chosen; null: nobody chose
};

/// What the log keeps of an attempt that brought no answer, as the details of its heartbeat
/// (docs/models.md, "What is recorded"): where it went, what the server says it used, what that
/// cost.
struct FailedFacts {
  std::string endpoint;
  std::optional<Usage> usage = {};
  std::optional<Cost> cost = {};
};
[[nodiscard]] std::string details_of(FailedFacts const& facts);

/// What the log keeps of an answer: an agent::ModelReply with more beside it (docs/models.md, "What
/// is recorded"). A refusal is the content of an answer that has none.
[[nodiscard]] ActivityReply reply_of(ModelAnswer const& answer,
                                     std::string const& model,
                                     CallFacts const& facts);

/// The same of an answer with embeddings.
struct EmbeddingsFacts {
  std::string endpoint;
  std::string model;  ///< as the endpoint is asked for it
  std::size_t prompt_bytes = 0;
  std::chrono::microseconds elapsed{0};
  std::optional<Cost> cost = {};
  Json budget = {};  ///< what is left; null: there are none
};
[[nodiscard]] ActivityReply reply_of(EmbeddingsAnswer const& answer, EmbeddingsFacts const& facts);

}  // namespace dalsegno::activities
