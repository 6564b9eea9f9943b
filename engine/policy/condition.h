#pragma once

#include "dalsegno/ids.h"
#include "dalsegno/json.h"
#include "engine/policy/ambient.h"
#include "engine/policy/grammar.h"

#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace dalsegno::engine {

/// An attribute of the request against a literal; the document's reader has compared their types.
struct AttributeTest {
  AttributeName attribute{};
  Operator op{};
  Json literal;
  friend bool operator==(AttributeTest const&, AttributeTest const&) = default;
};

/// A part of the arguments against a literal.
struct ArgumentTest {
  std::string pointer;  ///< RFC 6901
  Operator op{};
  Json literal;
  friend bool operator==(ArgumentTest const&, ArgumentTest const&) = default;
};

/// Whether the moment of the decision lies in a window. All that is given must hold.
struct TimeTest {
  std::optional<Time> after;   ///< at or after
  std::optional<Time> before;  ///< before
  /// Of the local day, [from, to); from > to goes over midnight. Both or neither.
  std::optional<std::chrono::minutes> from;
  std::optional<std::chrono::minutes> to;
  std::bitset<7> days;       ///< of the local moment, Monday first; none: any
  std::string zone = "UTC";  ///< of `from`, `to`, `days`
  friend bool operator==(TimeTest const&, TimeTest const&) = default;
};

/// Whether fewer calls than `below` were made before.
struct CounterTest {
  CounterScope per = CounterScope::session;
  /// A name, "*" for all calls of the action; "" for calls of what the request calls.
  std::string resource;
  std::optional<std::chrono::seconds> window;
  std::uint64_t below = 0;
  friend bool operator==(CounterTest const&, CounterTest const&) = default;
};

struct Condition;
/// Judged from left to right up to the first that settles it.
struct All {
  std::vector<Condition> of;
  friend bool operator==(All const&, All const&) = default;
};
struct Any {
  std::vector<Condition> of;
  friend bool operator==(Any const&, Any const&) = default;
};
struct Not {
  std::vector<Condition> of;  ///< one
  friend bool operator==(Not const&, Not const&) = default;
};

struct Condition {
  std::variant<All, Any, Not, AttributeTest, ArgumentTest, TimeTest, CounterTest> node;
  friend bool operator==(Condition const&, Condition const&) = default;
};

}  // namespace dalsegno::engine
