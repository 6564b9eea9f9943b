#include "activities/model/client/record.h"

#include <chrono>
#include <utility>

namespace dalsegno::activities {
namespace {

std::int64_t microseconds(Time later, Time earlier) { return (later - earlier).count(); }

Json usage_of(Usage const& usage) {
  Json out;
  out.set("input", usage.input).set("cached", usage.cached).set("cache_write", usage.cache_write);
  out.set("output", usage.output).set("reasoning", usage.reasoning);
  return out;
}

Json cost_of(Cost const& cost) {
  Json out;
  out.set("usd", cost.total()).set("input", cost.input).set("output", cost.output);
  if (cost.request > 0) out.set("request", cost.request);
  return out.set("prices", cost.version);
}

Json routing_of(CallFacts const& facts) {
  auto const& choice = facts.chosen.choice;
  Json out;
  out.set("binding", name_of(choice.binding)).set("blocks", choice.blocks);
  out.set("predicted_blocks", choice.predicted_blocks);
  if (facts.cache) {
    out.set("reported_blocks", facts.cache->reported_blocks);
    out.set("miss", name_of(facts.cache->cause));
    if (facts.cache->changed_at)
      out.set("changed_message", std::uint64_t{facts.prompt.message_of(*facts.cache->changed_at)});
  }
  Json::Array rejected;
  constexpr std::size_t most = 16;  // of many endpoints the rest says nothing more
  for (auto const& candidate : choice.candidates) {
    if (!candidate.rejected || rejected.size() == most) continue;
    Json entry;
    entry.set("endpoint", facts.pool.endpoint(candidate.endpoint).name);
    entry.set("reason", name_of(*candidate.rejected));
    entry.set("predicted_blocks", candidate.predicted_blocks).set("cost_s", candidate.cost);
    rejected.push_back(std::move(entry));
  }
  if (!choice.candidates.empty()) out.set("cost_s", choice.candidates[choice.endpoint].cost);
  if (!rejected.empty()) out.set("rejected", std::move(rejected));
  return out;
}

}  // namespace

std::string details_of(FailedFacts const& facts) {
  Json call;
  call.set("endpoint", facts.endpoint);
  if (facts.usage) call.set("usage", usage_of(*facts.usage));
  if (facts.cost) call.set("cost", cost_of(*facts.cost));
  return canonical(Json().set("call", std::move(call)));
}

ActivityReply reply_of(ModelAnswer const& answer,
                       std::string const& model,
                       CallFacts const& facts) {
  Json call;
  call.set("endpoint", facts.pool.endpoint(facts.chosen.endpoint).name);
  if (!answer.id.empty()) call.set("answer_id", answer.id);
  call.set("prompt_bytes", std::uint64_t{facts.prompt.bytes});
  if (facts.first_token)
    call.set("first_token_us", microseconds(*facts.first_token, facts.started));
  call.set("elapsed_us", microseconds(facts.ended, facts.started));
  if (answer.usage) call.set("usage", usage_of(*answer.usage));
  if (facts.cost) call.set("cost", cost_of(*facts.cost));
  if (!facts.budget.is_null()) call.set("budget", facts.budget);
  if (!facts.route.is_null()) call.set("route", facts.route);
  call.set("affinity", routing_of(facts));

  Json payload;
  bool const refuses = !answer.refusal.empty() && answer.content.value_or("").empty();
  if (refuses)
    payload.set("content", answer.refusal);
  else if (answer.content)
    payload.set("content", *answer.content);
  Json::Array calls;
  for (auto const& asked : answer.tool_calls) {
    Json entry;
    entry.set("id", asked.id).set("name", asked.name).set("arguments", asked.arguments);
    calls.push_back(std::move(entry));
  }
  payload.set("tool_calls", std::move(calls));
  if (!answer.refusal.empty()) payload.set("refusal", answer.refusal);
  if (!answer.reasoning.empty()) payload.set("reasoning", answer.reasoning);
  if (!answer.reasoning_blocks.empty()) payload.set("reasoning_blocks", answer.reasoning_blocks);
  payload.set("call", std::move(call));

  ActivityReply reply;
  reply.payload = canonical(payload);
  reply.model = answer.model.empty() ? model : answer.model;
  reply.finish = refuses && answer.finish == "stop" ? "refusal" : answer.finish;
  if (answer.usage) {
    reply.input_tokens = answer.usage->input;
    reply.output_tokens = answer.usage->output;
    reply.cached_tokens = answer.usage->cached;
  }
  return reply;
}

ActivityReply reply_of(EmbeddingsAnswer const& answer, EmbeddingsFacts const& facts) {
  Json call;
  call.set("endpoint", facts.endpoint).set("prompt_bytes", std::uint64_t{facts.prompt_bytes});
  call.set("elapsed_us", std::int64_t{facts.elapsed.count()});
  if (answer.usage) call.set("usage", usage_of(*answer.usage));
  if (facts.cost) call.set("cost", cost_of(*facts.cost));
  if (!facts.budget.is_null()) call.set("budget", facts.budget);
  Json::Array vectors;
  vectors.reserve(answer.vectors.size());
  for (auto const& vector : answer.vectors)
    vectors.emplace_back(Json::Array(vector.begin(), vector.end()));
  Json payload;
  payload.set("vectors", std::move(vectors)).set("call", std::move(call));
  ActivityReply reply;
  reply.payload = canonical(payload);
  reply.model = answer.model.empty() ? facts.model : answer.model;
  if (answer.usage) {
    reply.input_tokens = answer.usage->input;
    reply.cached_tokens = answer.usage->cached;
  }
  return reply;
}

}  // namespace dalsegno::activities
