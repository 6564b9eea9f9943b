#pragma once

#include "dalsegno/ids.h"
#include "engine/policy/ambient.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace dalsegno::engine {

/// The rates of a policy by the ids of their rules.
using Rates = std::map<std::string, RateLimit, std::less<>>;

/// How far the rates of a policy's rules are used up by the calls of each tenant, for one store.
///
/// Calls are kept in buckets of 1/512 of a rate's span, and each counts until its whole bucket is
/// older than the span: so in no span of time are there more calls than the rate says, and a place
/// becomes free at most 1/512 of the span late. Memory: 514 buckets for each tenant and rule.
/// Thread: any.
class RatePlaces {
 public:
  explicit RatePlaces(Rates rates) : rates_(std::move(rates)) {}
  RatePlaces(RatePlaces const&) = delete;
  RatePlaces& operator=(RatePlaces const&) = delete;

  /// How far the rate is used up; where there is room for one more, that place is taken at once.
  [[nodiscard]] RateUse take(std::string_view tenant, RateKey const& key, Time now);
  /// A call that started. Nothing where the policy has no such rate.
  void add(std::string_view tenant, std::string_view rule, Time at);
  /// Frees a place of a call that did not start after all.
  void give_back(std::string_view tenant, std::string_view rule, Time at);
  /// Where a call that started before then no longer counts for any rate.
  [[nodiscard]] std::chrono::microseconds longest() const;

 private:
  struct Bucket {
    Time begin;
    std::uint64_t calls = 0;
  };
  using Buckets = std::deque<Bucket>;  // by time

  [[nodiscard]] static std::string key_of(std::string_view tenant, std::string_view rule);
  void add_to(std::string_view tenant, std::string_view rule, RateLimit const& rate, Time at);
  void forget_before(Time now);

  // Set in the constructor.
  Rates rates_;
  // Guarded by mutex_.
  std::mutex mutex_;
  std::map<std::string, Buckets, std::less<>> buckets_;
  std::size_t added_ = 0;  // since buckets were last looked through
};

}  // namespace dalsegno::engine
