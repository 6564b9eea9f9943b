#include "activities/model/affinity/cache_model.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <ranges>
#include <utility>

namespace dalsegno::activities {
namespace {

constexpr std::uint32_t root = 0;

}  // namespace

CacheModel::CacheModel(std::size_t endpoints, Capacity capacity) : endpoints_(endpoints) {
  assert(endpoints <= std::numeric_limits<std::uint16_t>::max());
  assert(capacity.tracked >= capacity.believed);
  for (auto& endpoint : endpoints_) endpoint.capacity = capacity;
  nodes_.emplace_back();
}

void CacheModel::match(std::span<BlockDigest const> prompt, Match& match) const {
  assert(prompt.size() < std::numeric_limits<std::uint32_t>::max());
  match.believed.assign(endpoints_.size(), 0);
  match.tracked.assign(endpoints_.size(), 0);
  match.nodes.clear();
  match.length = 0;
  NodeId at = root;
  while (match.length < prompt.size()) {
    auto const child = children_.find({.parent = at, .first = prompt[match.length]});
    if (child == children_.end()) return;
    at = child->second;
    auto const& node = nodes_[at];
    auto const rest = prompt.subspan(match.length);
    auto const same = std::ranges::mismatch(node.blocks, rest).in1 - node.blocks.begin();
    match.nodes.push_back(at);
    match.length += static_cast<std::uint32_t>(same);
    for (auto const& holder : node.holders) {
      auto const& endpoint = endpoints_[holder.endpoint];
      match.tracked[holder.endpoint] = std::min(match.length, endpoint.stack[holder.touch].end);
      auto const inside = endpoint.stack.inside_end(holder.touch, endpoint.cut);
      auto& believed = match.believed[holder.endpoint];
      believed = std::max(believed, std::min(match.length, inside));
    }
    if (match.length < node.end()) return;
  }
}

void CacheModel::depths(std::size_t endpoint,
                        Match const& match,
                        std::vector<DepthStep>& steps) const {
  steps.clear();
  auto const& stack = endpoints_[endpoint].stack;
  for (auto const id : match.nodes) {
    auto const& node = nodes_[id];
    auto const holder = std::ranges::find(node.holders, endpoint, &Holder::endpoint);
    if (holder == node.holders.end()) return;
    steps.push_back({node.begin, stack.depth(holder->touch, node.begin)});
  }
}

void CacheModel::touch(std::size_t endpoint,
                       std::span<BlockDigest const> prompt,
                       Match& match,
                       Time now) {
  if (prompt.empty()) return;
  if (!match.nodes.empty() && match.length < nodes_[match.nodes.back()].end())
    match.nodes.back() = split(match.nodes.back(), match.length);
  if (match.length < prompt.size()) {
    auto const parent = match.nodes.empty() ? root : match.nodes.back();
    match.nodes.push_back(add_node(parent, match.length, prompt.subspan(match.length)));
    match.length = static_cast<std::uint32_t>(prompt.size());
  }
  auto const touch = endpoints_[endpoint].stack.push(match.length, match.nodes.back(), now);
  for (auto const node : match.nodes) hold(endpoint, node, touch);
  settle(endpoint);
}

void CacheModel::set_capacity(std::size_t endpoint, Capacity capacity) {
  assert(capacity.tracked >= capacity.believed);
  endpoints_[endpoint].capacity = capacity;
  settle(endpoint);
}

void CacheModel::clear(std::size_t endpoint) {
  forget_to(endpoint, 0);
  settle(endpoint);
}

std::uint64_t CacheModel::tracked_blocks() const {
  std::uint64_t sum = 0;
  for (auto const& endpoint : endpoints_) sum += endpoint.stack.blocks();
  return sum;
}

CacheModel::NodeId CacheModel::add_node(NodeId parent,
                                        std::uint32_t begin,
                                        std::span<BlockDigest const> blocks) {
  NodeId id = 0;
  if (free_.empty()) {
    id = static_cast<NodeId>(nodes_.size());
    nodes_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  auto& node = nodes_[id];
  node.begin = begin;
  node.parent = parent;
  node.blocks.assign(blocks.begin(), blocks.end());
  children_[{.parent = parent, .first = blocks.front()}] = id;
  return id;
}

// The first `length` positions of the path become a node of their own, which is the result; `node`
// keeps the rest and its children.
CacheModel::NodeId CacheModel::split(NodeId node, std::uint32_t length) {
  auto const count = length - nodes_[node].begin;
  auto const blocks = std::exchange(nodes_[node].blocks, {});
  auto const upper =
      add_node(nodes_[node].parent, nodes_[node].begin, std::span(blocks).first(count));
  auto& lower = nodes_[node];
  lower.parent = upper;
  lower.begin = length;
  lower.blocks.assign(blocks.begin() + count, blocks.end());
  children_[{.parent = upper, .first = lower.blocks.front()}] = node;
  nodes_[upper].holders = lower.holders;
  std::erase_if(lower.holders, [&](Holder const& holder) {
    auto& stack = endpoints_[holder.endpoint].stack;
    if (stack[holder.touch].end > length) return false;
    stack.set_leaf(holder.touch, upper);
    return true;
  });
  assert(!lower.holders.empty());
  return upper;
}

void CacheModel::hold(std::size_t endpoint, NodeId node, RecencyStack::TouchId touch) {
  auto& holders = nodes_[node].holders;
  auto const holder = std::ranges::find(holders, endpoint, &Holder::endpoint);
  if (holder == holders.end()) {
    holders.push_back({.endpoint = static_cast<std::uint32_t>(endpoint), .touch = touch});
    return;
  }
  endpoints_[endpoint].stack.advance(std::exchange(holder->touch, touch), nodes_[node].end());
}

void CacheModel::let_go(std::size_t endpoint, NodeId node) {
  auto& holders = nodes_[node].holders;
  auto const holder = std::ranges::find(holders, endpoint, &Holder::endpoint);
  assert(holder != holders.end());
  *holder = holders.back();
  holders.pop_back();
  if (!holders.empty()) return shorten(node);
  // Whoever holds a child holds its parent: there are no children left.
  children_.erase({.parent = nodes_[node].parent, .first = nodes_[node].blocks.front()});
  nodes_[node].blocks.clear();
  free_.push_back(node);
}

void CacheModel::forget_to(std::size_t endpoint, std::uint64_t blocks) {
  auto& stack = endpoints_[endpoint].stack;
  while (stack.blocks() > blocks) {
    auto const touch = stack.oldest();
    auto const range = stack[touch];
    auto const size = std::uint64_t{range.end} - range.begin;
    auto const end =
        range.end - static_cast<std::uint32_t>(std::min(size, stack.blocks() - blocks));
    auto node = range.leaf;
    while (node != root && nodes_[node].begin >= end) {
      auto const parent = nodes_[node].parent;
      let_go(endpoint, node);
      node = parent;
    }
    stack.set_leaf(touch, node);
    stack.trim(touch, end);
    if (end > range.begin) shorten(node);
  }
}

// Blocks at the end of `node` that nobody holds need not be kept.
void CacheModel::shorten(NodeId node) {
  std::uint32_t end = 0;
  for (auto const& holder : nodes_[node].holders)
    end = std::max(end, endpoints_[holder.endpoint].stack[holder.touch].end);
  if (end < nodes_[node].end()) nodes_[node].blocks.resize(end - nodes_[node].begin);
}

void CacheModel::settle(std::size_t endpoint) {
  auto& changed = endpoints_[endpoint];
  forget_to(endpoint, changed.capacity.tracked);
  changed.cut = changed.stack.cut(changed.capacity.believed);
}

}  // namespace dalsegno::activities
