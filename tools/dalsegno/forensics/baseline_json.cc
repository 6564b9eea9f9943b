#include "tools/dalsegno/forensics/baseline.h"
#include "tools/dalsegno/forensics/percentile.h"

#include <utility>

namespace dalsegno::forensics {

namespace {

Json spread_json(std::vector<std::chrono::microseconds> const& sorted) {
  Json out;
  out.set("measured", std::uint64_t{sorted.size()});
  if (sorted.empty()) return out;
  out.set("p50_us", std::int64_t{percentile(sorted, 0.5).count()});
  out.set("p95_us", std::int64_t{percentile(sorted, 0.95).count()});
  return out.set("p99_us", std::int64_t{percentile(sorted, 0.99).count()});
}

Json counts_json(std::map<std::string, std::uint64_t> const& counts) {
  Json object = Json::Object{};
  for (auto const& [name, count] : counts) object.set(name, count);
  return object;
}

void set_counts(Json& out, CallFigures const& figures) {
  out.set("requested", figures.requested).set("completed", figures.completed);
  out.set("errors", figures.errors).set("failed", figures.failed).set("denied", figures.denied);
  out.set("attempts", figures.attempts).set("retries", figures.retries);
  out.set("failed_attempts", figures.failed_attempts).set("orphaned_attempts", figures.orphaned);
  // Of all that were asked for: answers that were errors count, too.
  out.set("error_share", share_of(figures.errors + figures.failed, figures.requested));
  out.set("attempt_error_share", share_of(figures.failed_attempts, figures.attempts));
  out.set("retries_per_call", share_of(figures.retries, figures.requested));
}

Json usage_json(RecordedUsage const& usage) {
  Json out;
  out.set("input", usage.input).set("cached", usage.cached).set("cache_write", usage.cache_write);
  return out.set("output", usage.output).set("reasoning", usage.reasoning);
}

Json usd_json(UsdSum const& sum) {
  Json out;
  return out.set("usd", sum.usd()).set("micro_usd", sum.micro());
}

/// Sums divided by the answers that they are known of.
Json per_answer_json(CallGroup const& group) {
  Json out = Json::Object{};
  if (auto const known = group.calls - group.without_usage; known > 0) {
    out.set("input", share_of(group.usage.input, known));
    out.set("output", share_of(group.usage.output, known));
  }
  if (auto const known = group.calls - group.summaries - group.without_cost; known > 0)
    out.set("usd", group.cost.usd() / static_cast<double>(known));
  return out;
}

Json models_json(WorkflowBaseline const& workflow) {
  auto const& group = workflow.models;
  Json out;
  set_counts(out, together(workflow, "model"));
  out.set("answers", group.calls).set("summaries", group.summaries);
  out.set("failures", counts_json(workflow.failures));
  out.set("latency", spread_json(group.latency)).set("first_token", spread_json(group.first_token));
  out.set("without_usage", group.without_usage).set("without_cost", group.without_cost);
  out.set("summaries_without_cost", group.summaries_without_cost);
  out.set("failed_with_usage", group.failed_with_usage);
  out.set("failed_without_cost", group.failed_without_cost);
  out.set("usage", usage_json(group.usage)).set("failed_usage", usage_json(group.failed_usage));
  if (group.usage.input > 0) out.set("cached_share", group.cached_share());
  out.set("cost", usd_json(group.cost)).set("failed_cost", usd_json(group.failed_cost));
  out.set("summary_cost", usd_json(group.summary_cost));
  return out.set("per_answer", per_answer_json(group));
}

Json workflow_json(WorkflowBaseline const& workflow) {
  std::uint64_t count = 0;
  for (auto const& [status, some] : workflow.sessions) count += some;
  Json sessions;
  sessions.set("count", count).set("by_status", counts_json(workflow.sessions));
  sessions.set("duration", spread_json(workflow.durations));
  Json::Array calls;
  for (auto const& [name, figures] : workflow.calls) {
    if (name.starts_with("model ")) continue;
    auto const space = name.find(' ');
    Json call;
    call.set("kind", name.substr(0, space)).set("name", name.substr(space + 1));
    set_counts(call, figures);
    calls.push_back(std::move(call.set("duration", spread_json(figures.latencies))));
  }
  Json out;
  out.set("sessions", std::move(sessions)).set("models", models_json(workflow));
  return out.set("calls", std::move(calls));
}

}  // namespace

Json as_json(Baseline const& baseline) {
  Json workflows = Json::Object{};
  for (auto const& [name, workflow] : baseline.workflows)
    workflows.set(name, workflow_json(workflow));
  Json out;
  out.set("sessions", baseline.sessions).set("steps", baseline.steps);
  out.set("verified", baseline.broken.empty());
  if (baseline.first) out.set("first", to_string(*baseline.first));
  if (baseline.last) out.set("last", to_string(*baseline.last));
  return out.set("workflows", std::move(workflows));
}

}  // namespace dalsegno::forensics
