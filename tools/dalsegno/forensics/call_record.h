#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dalsegno::forensics {

/// Tokens; the cached ones are part of the input.
struct RecordedUsage {
  std::uint64_t input = 0;
  std::uint64_t cached = 0;
  std::uint64_t cache_write = 0;
  std::uint64_t output = 0;
  std::uint64_t reasoning = 0;
};

/// How much of a prompt the router hoped to be cached, and how much was.
struct RecordedPrediction {
  std::uint64_t blocks = 0;
  std::uint64_t predicted = 0;
  std::uint64_t reported = 0;
  std::string miss;
};

/// What the result of a model call says of the call itself.
/// Source: docs/models.md, "What is recorded".
struct CallRecord {
  std::string endpoint;
  std::optional<std::chrono::microseconds> first_token;
  std::optional<std::chrono::microseconds> elapsed;
  std::optional<RecordedUsage> usage;
  std::optional<double> usd;
  std::optional<RecordedPrediction> prediction;  ///< only where the server reported what was cached
};

/// Nothing when `result` is no JSON or has no such part. A member that is not what it should be
/// counts as not there: the bytes may be anybody's.
[[nodiscard]] std::optional<CallRecord> read_call_record(std::string_view result);

}  // namespace dalsegno::forensics
