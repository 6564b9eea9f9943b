#include "activities/model/affinity/recency_stack.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>
#include <utility>

namespace dalsegno::activities {
namespace {

constexpr RecencyStack::TouchId none = std::numeric_limits<RecencyStack::TouchId>::max();
constexpr std::size_t least_orders = 64;

}  // namespace

RecencyStack::RecencyStack() : by_order_(least_orders, none), sums_(least_orders, 0) {}

RecencyStack::TouchId RecencyStack::push(std::uint32_t end, std::uint32_t leaf, Time at) {
  assert(end > 0);
  if (next_order_ == by_order_.size()) renumber();
  TouchId touch = 0;
  if (free_.empty()) {
    touch = static_cast<TouchId>(touches_.size());
    touches_.emplace_back();
  } else {
    touch = free_.back();
    free_.pop_back();
  }
  touches_[touch] = {.order = next_order_++, .begin = 0, .end = end, .leaf = leaf, .at = at};
  by_order_[touches_[touch].order] = touch;
  ++live_;
  blocks_ += end;
  add(touches_[touch].order, end);
  return touch;
}

void RecencyStack::advance(TouchId touch, std::uint32_t begin) {
  auto& range = touches_[touch];
  auto const to = std::min(begin, range.end);
  if (to <= range.begin) return;
  auto const gone = to - range.begin;
  range.begin = to;
  blocks_ -= gone;
  add(range.order, -std::int64_t{gone});
  if (range.begin == range.end) release(touch);
}

void RecencyStack::trim(TouchId touch, std::uint32_t end) {
  auto& range = touches_[touch];
  assert(end >= range.begin && end <= range.end);
  auto const gone = range.end - end;
  range.end = end;
  blocks_ -= gone;
  add(range.order, -std::int64_t{gone});
  if (range.begin == range.end) release(touch);
}

RecencyStack::TouchId RecencyStack::oldest() const {
  assert(live_ > 0);
  return by_order_[oldest_order_];
}

std::uint64_t RecencyStack::depth(TouchId touch, std::uint32_t position) const {
  auto const& range = touches_[touch];
  assert(position >= range.begin && position < range.end);
  return blocks_ - sum_to(range.order) + (position - range.begin);
}

RecencyStack::Cut RecencyStack::cut(std::uint64_t capacity) const {
  if (blocks_ <= capacity) return {.at = Time::min()};
  auto left = blocks_ - capacity;
  std::uint32_t order = 0;  // the greatest order such that all touches up to it are outside
  for (auto step = std::bit_floor(sums_.size() - 1); step > 0; step /= 2) {
    auto const next = order + static_cast<std::uint32_t>(step);
    if (next >= sums_.size() || sums_[next] > left) continue;
    order = next;
    left -= sums_[next];
  }
  return {.order = order + 1,
          .outside = static_cast<std::uint32_t>(left),
          .at = touches_[by_order_[order + 1]].at};
}

void RecencyStack::add(std::uint32_t order, std::int64_t blocks) {
  for (std::size_t i = order; i < sums_.size(); i += i & (~i + 1))
    sums_[i] += static_cast<std::uint64_t>(blocks);  // modulo 2^64: a negative one subtracts
}

std::uint64_t RecencyStack::sum_to(std::uint32_t order) const {
  std::uint64_t sum = 0;
  for (std::size_t i = order; i > 0; i -= i & (~i + 1)) sum += sums_[i];
  return sum;
}

void RecencyStack::renumber() {
  auto const orders = std::max(least_orders, std::size_t{live_} * 2 + 2);
  auto const before = std::exchange(by_order_, std::vector<TouchId>(orders, none));
  sums_.assign(orders, 0);
  next_order_ = 1;
  oldest_order_ = 1;
  for (auto const touch : before) {
    if (touch == none) continue;
    auto& range = touches_[touch];
    range.order = next_order_++;
    by_order_[range.order] = touch;
    add(range.order, range.end - range.begin);
  }
}

void RecencyStack::release(TouchId touch) {
  by_order_[touches_[touch].order] = none;
  free_.push_back(touch);
  --live_;
  while (oldest_order_ < next_order_ && by_order_[oldest_order_] == none) ++oldest_order_;
}

}  // namespace dalsegno::activities
