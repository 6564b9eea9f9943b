// How fast secrets are looked for: in text that has none, and in prompts of 8 KiB that have some.

#include "bench/figure.h"
#include "bench/limits.h"
#include "storage/vault/redactor.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace dalsegno::bench {
namespace {

storage::SessionSecret const key{{1, 2, 3}};

/// What a session's prompt is made of: prose, calls with their answers in JSON, listings; about one
/// thing in 1 KiB has to go.
std::string prompt(std::size_t bytes, unsigned seed) {
  std::array<std::string, 6> const pieces{
      words(400, seed) + ".\n",
      R"({"tool":"get_order_details","args":{"order_id":"#W4817420","limit":20}})"
      "\n",
      R"({"order_id":"#W4817420","items":[{"name":"Lamp","item_id":"6817146515","price":153.23},)"
      R"({"name":"Chair","item_id":"4794339885","price":497.36}],"status":"delivered"})"
      "\n",
      R"({"name":{"first":"Jane","last":"Doe"},"email":"jane.doe)" + std::to_string(seed) +
          R"(@example.org","zip":"98138"})"
          "\n",
      "2026-07-12T10:00:00Z INFO request 25d1a83f-cec4-4761-a793-b5aa4308a4f8 took 0.237057 s\n",
      words(300, seed + 1) + "?\n"};
  std::string text;
  for (std::size_t i = 0; text.size() < bytes; ++i) text += pieces[i % pieces.size()];
  text.resize(bytes);
  return text;
}

double megabytes_per_second(std::size_t bytes, Clock::time_point start) {
  return static_cast<double>(bytes) / microseconds_since(start);
}

std::vector<Figure> measure_speed(std::filesystem::path const&) {
  vault::Redactor const redactor(key, {.spared = {}, .max_bytes = 64ULL << 20U});
  auto const text = words(32ULL << 20U, 1);
  std::string copy(text.size(), '\0');
  auto const copying = Clock::now();
  std::memcpy(copy.data(), text.data(), text.size());
  auto const limit = megabytes_per_second(text.size(), copying);
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    auto const start = Clock::now();
    if (!redactor.text(copy).replaced.empty())
      throw std::runtime_error("there is a secret in the words");
    best = std::max(best, megabytes_per_second(text.size(), start));
  }
  return {{"redaction_speed", best, "MB/s", limit}};
}

std::vector<Figure> measure_prompt(std::filesystem::path const&) {
  vault::Redactor const redactor(key);
  constexpr std::size_t count = 10'000;
  std::vector<double> samples;
  std::size_t replaced = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto const text = prompt(8192, static_cast<unsigned>(i));
    // The best of three: what else the machine does meanwhile is no part of it.
    double best = 1e9;
    for (int round = 0; round < 3; ++round) {
      auto const start = Clock::now();
      auto const result = redactor.text(text);
      best = std::min(best, microseconds_since(start));
      if (round == 0) replaced += result.replaced.size();
    }
    samples.push_back(best);
  }
  return {{"redaction_prompt", quantile(samples, 0.5), "us", {}},
          {"redaction_prompt_p99", quantile(samples, 0.99), "us", {}},
          {"redaction_prompt_found", static_cast<double>(replaced) / count, "a prompt", {}}};
}

}  // namespace

Benchmark redaction_speed() { return {"redaction_speed", measure_speed}; }
Benchmark redaction_prompt() { return {"redaction_prompt", measure_prompt}; }

}  // namespace dalsegno::bench
