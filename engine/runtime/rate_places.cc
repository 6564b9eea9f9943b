#include "engine/runtime/rate_places.h"

#include <algorithm>
#include <cassert>

namespace dalsegno::engine {
namespace {

constexpr std::size_t buckets_of_span = 512;

std::chrono::microseconds width_of(RateLimit const& rate) {
  return std::chrono::microseconds(rate.per) / buckets_of_span;  // a second and more: never zero
}

/// When the calls of the bucket that holds `at` no longer count.
Time end_of(RateLimit const& rate, Time begin) { return begin + width_of(rate) + rate.per; }

}  // namespace

/// Unit separators stand in no id.
std::string RatePlaces::key_of(std::string_view tenant, std::string_view rule) {
  return std::string(tenant) + '\x1f' + std::string(rule);
}

RateUse RatePlaces::take(std::string_view tenant, RateKey const& key, Time now) {
  assert(key.limit.calls > 0 && "a rate that permits nothing");
  std::lock_guard const lock(mutex_);
  auto const& buckets = buckets_[key_of(tenant, key.rule)];
  RateUse use;
  // A clock that was set back sees what lies ahead of it as well: that frees no place.
  for (auto const& bucket : buckets)
    if (end_of(key.limit, bucket.begin) > now) use.calls += bucket.calls;
  if (use.calls < key.limit.calls) {
    add_to(tenant, key.rule, key.limit, now);
    return use;
  }
  auto left = use.calls;
  for (auto const& bucket : buckets) {
    if (end_of(key.limit, bucket.begin) <= now) continue;
    left -= bucket.calls;
    use.free_at = end_of(key.limit, bucket.begin);
    if (left < key.limit.calls) break;
  }
  return use;
}

void RatePlaces::add(std::string_view tenant, std::string_view rule, Time at) {
  auto const rate = rates_.find(rule);
  if (rate == rates_.end()) return;
  std::lock_guard const lock(mutex_);
  add_to(tenant, rule, rate->second, at);
}

void RatePlaces::add_to(std::string_view tenant,
                        std::string_view rule,
                        RateLimit const& rate,
                        Time at) {
  auto& buckets = buckets_[key_of(tenant, rule)];
  auto const width = width_of(rate);
  auto const begin = Time(at.time_since_epoch() / width * width);
  auto const place = std::ranges::lower_bound(buckets, begin, {}, &Bucket::begin);
  if (place != buckets.end() && place->begin == begin) {
    ++place->calls;
  } else {
    buckets.insert(place, {begin, 1});
  }
  while (end_of(rate, buckets.front().begin) <= begin) buckets.pop_front();
  constexpr std::size_t look_through_after = 65'536;
  if (++added_ < look_through_after) return;
  added_ = 0;
  forget_before(at - longest());
}

void RatePlaces::forget_before(Time oldest) {
  std::erase_if(buckets_, [oldest](auto const& entry) {
    return entry.second.empty() || entry.second.back().begin < oldest;
  });
}

void RatePlaces::give_back(std::string_view tenant, std::string_view rule, Time at) {
  auto const rate = rates_.find(rule);
  if (rate == rates_.end()) return;
  auto const width = width_of(rate->second);
  auto const begin = Time(at.time_since_epoch() / width * width);
  std::lock_guard const lock(mutex_);
  auto const found = buckets_.find(key_of(tenant, rule));
  if (found == buckets_.end()) return;
  auto const bucket = std::ranges::find(found->second, begin, &Bucket::begin);
  if (bucket == found->second.end()) return;
  if (bucket->calls > 1) {
    --bucket->calls;
  } else {
    found->second.erase(bucket);
  }
}

std::chrono::microseconds RatePlaces::longest() const {
  std::chrono::microseconds longest{};
  for (auto const& [rule, rate] : rates_)
    longest = std::max(longest, std::chrono::microseconds(rate.per) + width_of(rate));
  return longest;
}

}  // namespace dalsegno::engine
