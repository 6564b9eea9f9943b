#pragma once

// Random policy documents and requests over a small world, so that rules and requests often meet.

#include "engine/policy/document.h"
#include "engine/policy/policy.h"

#include <rapidcheck.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dalsegno::engine::test {

/// A request that owns what it looks at, and what its surroundings answer.
class World final : public PolicyAmbient {
 public:
  static std::shared_ptr<World> generate();

  [[nodiscard]] PolicyRequest request() const;

  [[nodiscard]] Time now() const override { return time; }
  [[nodiscard]] std::optional<std::uint64_t> counter(CounterKey const& key) const override {
    auto const found = counters.find(name_of(key));
    if (found == counters.end()) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] std::optional<Json> attribute(std::string_view name) const override {
    if (name == "path") return resolved;
    return std::nullopt;
  }
  [[nodiscard]] ObligationKinds fulfils() const override { return able; }

  std::string kind, id, tenant, action, resource, session, workflow;
  std::vector<std::string> roles;
  std::vector<Attribute> attributes;
  std::optional<std::string> arguments;
  std::uint32_t attempt = 0;
  Time time;
  std::map<std::string, std::uint64_t> counters;
  std::optional<Json> resolved;
  ObligationKinds able;
};

[[nodiscard]] PolicyDocument generate_document();
[[nodiscard]] Condition generate_condition(int depth);

}  // namespace dalsegno::engine::test
