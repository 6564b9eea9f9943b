#include "tools/dalsegno/forensics/call_record.h"

#include "dalsegno/json.h"

namespace dalsegno::forensics {

namespace {

/// A count or a duration; nothing when it is absent, no integer, or less than 0.
std::optional<std::uint64_t> count_of(Json const& object, std::string_view name) {
  auto const* const member = object.find(name);
  auto const* const number = member == nullptr ? nullptr : member->as_integer();
  if (number == nullptr || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

std::optional<std::chrono::microseconds> duration_of(Json const& object, std::string_view name) {
  auto const count = count_of(object, name);
  if (!count) return std::nullopt;
  return std::chrono::microseconds(*count);
}

std::optional<RecordedUsage> usage_of(Json const* usage) {
  if (usage == nullptr) return std::nullopt;
  auto const input = count_of(*usage, "input");
  auto const output = count_of(*usage, "output");
  if (!input || !output) return std::nullopt;
  return RecordedUsage{*input,
                       count_of(*usage, "cached").value_or(0),
                       count_of(*usage, "cache_write").value_or(0),
                       *output,
                       count_of(*usage, "reasoning").value_or(0)};
}

std::optional<RecordedPrediction> prediction_of(Json const* affinity) {
  if (affinity == nullptr) return std::nullopt;
  auto const blocks = count_of(*affinity, "blocks");
  auto const predicted = count_of(*affinity, "predicted_blocks");
  auto const reported = count_of(*affinity, "reported_blocks");
  if (!blocks || !predicted || !reported) return std::nullopt;
  return RecordedPrediction{*blocks, *predicted, *reported, std::string(affinity->text("miss"))};
}

}  // namespace

std::optional<CallRecord> read_call_record(std::string_view result) {
  auto const json = parse_json(result);
  auto const* const call = json ? json->find("call") : nullptr;
  if (call == nullptr || call->as_object() == nullptr) return std::nullopt;
  CallRecord record;
  record.endpoint = call->text("endpoint");
  record.first_token = duration_of(*call, "first_token_us");
  record.elapsed = duration_of(*call, "elapsed_us");
  record.usage = usage_of(call->find("usage"));
  if (auto const* const cost = call->find("cost"))
    if (auto const* const usd = cost->find("usd")) record.usd = usd->as_double();
  record.prediction = prediction_of(call->find("affinity"));
  return record;
}

}  // namespace dalsegno::forensics
